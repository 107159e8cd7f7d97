/* SPDX-License-Identifier: BSD-2-Clause */
/* The cheapest paths with at most two relays in a dense matrix, by whole rows. Internal to control/route. Pure.
 *
 * Going round in a circle never pays: clock offsets cancel in it, and delay is positive. So with C the matrix and s the
 * source, the best first halves s -> i -> k, kept ROUTE_SEARCH_HALVES deep for each k, are enough to find the best path to
 * every destination, and the best that avoids up to ROUTE_SEARCH_AVOID relays, in O(n^2) altogether. */
#pragma once

#include "control/route/graph.h"

#define ROUTE_SEARCH_AVOID  (WIRE_PATH_MAX_HOPS - 1u) /* the relays of a primary, however long it was pinned */
#define ROUTE_SEARCH_HALVES (ROUTE_SEARCH_AVOID + 2u) /* those may be avoided, and the destination: one is left */

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
/* No link from this POP. */
void route_matrix_clear_row(struct route_matrix *matrix, uint16_t from);
void route_matrix_free(struct route_matrix *matrix);
static inline void route_matrix_offer(
    struct route_matrix *matrix, uint16_t from, uint16_t to, uint32_t link, float cost)
{
	size_t at = (size_t)from * matrix->n + to;
	if (cost < matrix->cost[at]) {
		if (from == matrix->self) {
			matrix->second_cost[to] = matrix->cost[at];
			matrix->second_link[to] = matrix->link[at];
		}
		matrix->cost[at] = cost;
		matrix->link[at] = link;
	} else if (from == matrix->self && cost < matrix->second_cost[to]) {
		matrix->second_cost[to] = cost;
		matrix->second_link[to] = link;
	}
}

/* Fill found[0..n): the best path to each. Prepares the matrix for route_search_disjoint(). */
void route_search_best(struct route_matrix *matrix, struct route_found *found);

/* Fill found[0..n): the best path to each that is disjoint with what is given for it. */
void route_search_disjoint(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found);
