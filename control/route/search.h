/* SPDX-License-Identifier: BSD-2-Clause */
/* The cheapest paths with at most two relays in a dense matrix, by whole rows. Internal to control/route. Pure.
 *
 * Going round in a circle never pays: clock offsets cancel in it, and delay is positive. So with C the matrix and s the
 * source, the best first halves s -> i -> k, kept ROUTE_SEARCH_HALVES deep for each k, are enough to find the best path to
 * every destination, and the best that avoids up to ROUTE_SEARCH_AVOID relays, in O(n^2) altogether.
 *
 * The matrix notes which of its entries have changed, and paths that were found before are kept up to date: only
 * destinations whose path has led over such an entry are looked at anew, O(n) each, and what passes through the others
 * is offered to all. Rows are written whole: begin, offer, end. */
#pragma once

#include "control/route/graph.h"

#define ROUTE_SEARCH_AVOID  (WIRE_PATH_MAX_HOPS - 1u) /* the relays of a primary, however long it was pinned */
#define ROUTE_SEARCH_HALVES (ROUTE_SEARCH_AVOID + 2u) /* those may be avoided, and the destination: one is left */

/* Entries that may change between two searches; after more, everything is searched anew. */
#define ROUTE_SEARCH_FEW 64u

struct route_half {
	float cost; /* to the second relay, the first relay's penalty included */
	uint16_t relay;
};

/* Entries [from * n + to]; cost INFINITY: no link. */
struct route_matrix {
	uint16_t n;
	uint16_t self;
	float *cost;
	uint32_t *link;
	/* The second best link from ourselves to each POP, for a backup that is direct as well. */
	float *second_cost;
	uint32_t *second_link;
	bool *relays; /* may this POP relay? */
	float relay_penalty;
	uint8_t max_relays;
	struct route_half *half; /* [k * ROUTE_SEARCH_HALVES], cheapest first */
	uint32_t capacity;       /* POPs that the arrays have room for */

	/* The row that is being written: in its place if everything is searched anew, else beside it to be compared. */
	float *row_cost;
	uint32_t *row_link;
	float *beside_cost;
	uint32_t *beside_link;

	/* Since route_matrix_settled(). */
	bool all;           /* everything may be another */
	uint16_t n_changed; /* entries, if not all */
	struct route_entry {
		uint16_t from;
		uint16_t to;
	} changed[ROUTE_SEARCH_FEW];
	uint16_t n_stirred; /* POPs whose halves are others, once these were looked at */
	uint16_t stirred[ROUTE_SEARCH_FEW];
};

struct route_found {
	float cost; /* INFINITY: nothing found */
	uint8_t n_relays;
	bool second; /* direct by the second best link */
	uint16_t relay[ROUTE_MAX_RELAYS];
};

/* What a backup may not use. */
struct route_disjoint {
	uint8_t n;
	bool direct; /* the primary is direct */
	uint32_t direct_link;
	uint16_t relay[ROUTE_SEARCH_AVOID];
};

/* Room for n POPs; all entries are reset to "no link". 0 or -ENOMEM. */
int route_matrix_reset(struct route_matrix *matrix, uint16_t n, uint16_t self);
void route_matrix_free(struct route_matrix *matrix);

/* Write the links of a POP anew: begin, offer each, end. */
void route_matrix_begin_row(struct route_matrix *matrix, uint16_t from);
static inline void route_matrix_offer(
    struct route_matrix *matrix, uint16_t from, uint16_t to, uint32_t link, float cost)
{
	if (cost < matrix->row_cost[to]) {
		if (from == matrix->self) {
			matrix->second_cost[to] = matrix->row_cost[to];
			matrix->second_link[to] = matrix->row_link[to];
		}
		matrix->row_cost[to] = cost;
		matrix->row_link[to] = link;
	} else if (from == matrix->self && cost < matrix->second_cost[to]) {
		matrix->second_cost[to] = cost;
		matrix->second_link[to] = link;
	}
}

void route_matrix_end_row(struct route_matrix *matrix, uint16_t from);

/* All that was changed has been searched for. */
void route_matrix_settled(struct route_matrix *matrix);

/* Make the halves those of the entries as they are now: before any search. */
void route_search_halves(struct route_matrix *matrix);

/* found[0..n) holds the best path to each destination that is disjoint with what avoid[0..n) gives for it, as it was
 * before the changes; make it that of now. avoid NULL: nothing is to be avoided. moved[0..n): in, destinations for
 * which avoid[] is another, or all if NULL; out, those whose path is another. */
void route_search(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found, bool *moved);

/* The best path to each among those of which all links together are allowed, by one naive look at every path that could
 * be better than the best so far. link[0..n): in order of travel. */
typedef bool route_search_allows(const void *arg, const uint32_t *link, uint8_t n);
void route_search_within(const struct route_matrix *matrix, const struct route_disjoint *avoid,
    route_search_allows *allows, const void *arg, struct route_found *found);

/* The same without a past: search for all. */
void route_search_anew(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found);
