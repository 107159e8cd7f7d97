/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's memory, and the pieces of it that deciding and explaining share. Internal to control/route. */
#pragma once

#include "control/route/engine.h"
#include "control/route/graph.h"
#include "control/route/view.h"

/* Of one destination and class. */
struct route_slot {
	struct route_choice choice;
	bool pinned;                    /* the primary is there because of a rule */
	bool broken;                    /* a link of the primary was removed since the last run */
	uint64_t better_since;          /* a path has been better by enough since; 0: there is none */
	uint64_t worse_since;           /* direct has been cheaper since; 0: it is not */
	struct route_path told_primary; /* what the last change said */
	struct route_path told_backup;
};

struct route_engine {
	uint16_t self; /* index */
	uint64_t now_ns;
	struct route_graph graph;
	struct route_policy policy;
	struct route_slot *slot[ROUTE_MAX_POPS]; /* by index; each ROUTE_MAX_CLASSES long */
	double clock[ROUTE_MAX_POPS];
	struct route_priced priced;
	struct route_view common[ROUTE_MAX_CLASSES]; /* under no rule */
	struct route_view ruled;
	struct route_disjoint disjoint[ROUTE_MAX_POPS];
	struct route_found backup_calm[ROUTE_MAX_POPS];
	struct route_found backup_any[ROUTE_MAX_POPS];
	struct route_change *change;
	uint32_t n_changes;
	uint32_t change_capacity;
};

/* ---- path.c ---- */

/* Fill in cost, RTT and MTU; `clock` as route_graph_clocks() gave it. Adds up the terms if term is not NULL. */
void route_path_price(const struct route_graph *graph, const double *clock, const struct route_class *class,
    struct route_path *path, float term[ROUTE_TERMS]);

/* What the path costs now (moment 0), or is expected to at a step of the forecast (moment 1 and on). It was priced. */
float route_path_cost_at(const struct route_graph *graph, const struct route_path *path, unsigned moment);

/* Whether `path` is better than the one in use by enough for a change, now and at every step of the forecast. */
bool route_path_lasts(const struct route_graph *graph, const struct route_class *class, const struct route_path *in_use,
    const struct route_path *path);

bool route_path_same(const struct route_path *a, const struct route_path *b); /* the same links */

/* A path of these links; ends and relays are filled in. */
void route_path_of_links(const struct route_graph *graph, const uint32_t *link, uint8_t n, struct route_path *ret_path);

/* May it be used under this rule (or NULL)? Returns ROUTE_REASON_COUNT if so, else why not: FAILED, DRAINED or RULE.
 * *ret_blame, if not NULL, is the link in question. */
enum route_reason route_path_fault(const struct route_graph *graph, const struct route_class *class,
    const struct route_rule *rule, const struct route_path *path, uint32_t *ret_blame);

/* How much cheaper another path must be for a change. */
float route_threshold(
    const struct route_graph *graph, const struct route_class *class, const struct route_path *in_use);

bool route_rule_avoids_pop(const struct route_rule *rule, uint16_t pop);
bool route_rule_avoids_link(const struct route_rule *rule, const struct route_link *link);
