/* SPDX-License-Identifier: BSD-2-Clause */
/* What paths cost a class of traffic: matrices of links by their cost, and the best paths in them, kept up to date row by
 * row. Internal to control/route.
 *
 * Invariants, after route_view_update():
 * - an entry is what route_link_price() says of the best link that may be used, with the clocks of struct route_priced: they are
 *   near the engine's, and cancel in the comparison of paths with the same ends;
 * - a row is priced anew only when something about its links, or their calm, has changed;
 * - what is found in a view is the best there is, and costs no more to keep so than what has changed. */
#pragma once

#include "control/route/search.h"

struct route_engine;

struct route_view {
	const struct route_class *class;
	const struct route_rule *rule; /* ROUTE_STEER, or NULL */
	struct route_matrix calm;      /* links that one may move to: fresh and not damped */
	struct route_matrix restless;  /* all that are up; filled when somebody is left without a path */
	bool has_any;
	struct route_found calm_best[ROUTE_MAX_POPS];
	bool best_moved[ROUTE_MAX_POPS]; /* in this run */
	struct route_found restless_best[ROUTE_MAX_POPS];
	/* All that are up and the best paths in them: the calm ones, if there are no others. Valid with has_any. */
	const struct route_matrix *any;
	const struct route_found *any_best;
	/* Backups for the primaries, of the calm links. */
	struct route_disjoint primary[ROUTE_MAX_POPS];
	struct route_found backup[ROUTE_MAX_POPS];
	bool backup_moved[ROUTE_MAX_POPS]; /* primary[] in this run, then backup[] */
};

/* The links of one row that are up, by what they cost. */
struct route_row {
	uint16_t from;
	uint32_t n;
	uint32_t capacity;
	struct {
		struct route_factors factors;
		uint32_t id;
		uint16_t to;
		bool calm;
	} * link;
};

/* What was known when the rows of the common views were priced. */
struct route_priced {
	bool all;   /* nothing is priced, or not with these classes and clocks */
	uint16_t n; /* POPs */
	float persistence;
	float exposure_ms;
	double clock[ROUTE_MAX_POPS];      /* ns */
	float arrival[ROUTE_MAX_POPS];     /* mean chance of a report */
	uint64_t until_ns[ROUTE_MAX_POPS]; /* when a link of the row becomes stale, or may be moved to again */
	uint32_t restless[ROUTE_MAX_POPS]; /* links of the row that are up but not calm */
	bool relays[ROUTE_MAX_POPS];       /* may relay, for all that no rule says otherwise */
	bool anew[ROUTE_MAX_POPS];         /* rows that were priced in this run */
	bool everything;                   /* so much has changed in this run that all is to be decided anew */
	struct route_row row;              /* the one that is being priced */
};

/* Bring the common views of all classes up to date; *ret_next_ns becomes the time when a row changes by itself, if that is
 * sooner. 0 or -ENOMEM. */
int route_view_update(struct route_engine *engine, uint64_t *ret_next_ns);

/* The run is over, and all that has changed was looked at. */
void route_view_settled(struct route_engine *engine);

/* A view of a class under a rule of its own. 0 or -ENOMEM. */
int route_view_open(struct route_engine *engine, struct route_view *view, const struct route_class *class,
    const struct route_rule *rule);

/* Search a matrix of the view for all, within the limits of its rule. */
void route_view_search(const struct route_engine *engine, const struct route_view *view,
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found);

/* Fill in `any`. 0 or -ENOMEM. */
int route_view_need_any(struct route_engine *engine, struct route_view *view);

void route_view_free(struct route_view *view);
void route_priced_free(struct route_priced *priced);
