/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's memory, and the pieces of it that deciding and explaining share. Internal to control/route. */
#pragma once

#include "control/route/engine.h"
#include "control/route/graph.h"
#include "control/route/view.h"

/* Of one destination and class. */
struct route_slot {
	struct route_choice choice;
	bool pinned;                  /* the primary is there because of a rule */
	bool broken;                  /* a link of the primary was removed since the last run */
	uint64_t better_since;        /* a path has been better by enough since; 0: there is none */
	uint8_t hurried;              /* improvements in a row that did not last */
	uint64_t worse_since;         /* direct has been cheaper since; 0: it is not */
	struct route_path distrusted; /* its packets have shown it to be worse than direct; n_links 0: none is */
	uint64_t distrusted_until;
	uint64_t due_ns;                /* when a wait of these ends; UINT64_MAX: none does */
	uint32_t distrusts;             /* in a row */
	struct route_path told_primary; /* what the last change said */
	struct route_path told_backup;
};

struct route_engine {
	uint16_t self; /* index */
	uint64_t now_ns;
	uint64_t expiry_ns; /* of the rule that expires next, as of the last run */
	bool upset;         /* policy, POPs or links have been changed since the last run, beyond what they measure */
	bool everything;    /* this run decides for all destinations */
	struct route_graph graph;
	struct route_policy policy;
	struct route_slot *slot[ROUTE_MAX_POPS]; /* by index; each ROUTE_MAX_CLASSES long */
	double clock[ROUTE_MAX_POPS];
	struct route_priced priced;
	struct route_view common[ROUTE_MAX_CLASSES]; /* under no rule */
	struct route_view ruled;                     /* under the rule that is being followed */
	struct route_view apart;                     /* and without a primary's providers */
	struct route_found backup_any[ROUTE_MAX_POPS];
	struct route_change *change;
	uint32_t n_changes;
	uint32_t change_capacity;
};

/* ---- decide.c ---- */

/* What was found in a matrix of the view, as a path; n_links 0: nothing was. */
void route_path_found(struct route_engine *engine, const struct route_view *view, const struct route_matrix *matrix,
    uint16_t to, const struct route_found *found, struct route_path *ret_path);

/* Whether to move the primary; `rule` is the view's, a pin, or NULL. *next_ns: when to ask again, if that is sooner.
 * 0 or -ENOMEM. */
int route_decide_primary(struct route_engine *engine, struct route_view *view, const struct route_rule *rule,
    uint16_t to, struct route_slot *slot, uint64_t *next_ns);

/* Whether it may not be taken yet because its packets have shown it to be worse than direct. */
bool route_slot_distrusts(const struct route_slot *slot, const struct route_path *path, uint64_t now_ns);

/* How long a path to an index must have been better. */
uint64_t route_slot_settle_ns(
    const struct route_engine *engine, const struct route_slot *slot, uint16_t to, uint64_t now_ns);

/* ---- backup.c ---- */

void route_disjoint_with(
    const struct route_graph *graph, const struct route_path *primary, struct route_disjoint *ret_disjoint);

/* The backups of destinations mine[0..n), after view->primary and view->backup are those of now. 0 or -ENOMEM. */
int route_decide_backups(struct route_engine *engine, struct route_view *view, uint8_t class, const bool *mine);

/* ---- path.c ---- */

/* Fill in cost, RTT and MTU; `clock` as route_graph_clocks() gave it. Adds up the terms if term is not NULL. */
void route_path_price(const struct route_graph *graph, const double *clock, const struct route_class *class,
    const struct route_rule *rule, struct route_path *path, float term[ROUTE_TERMS]);

/* Sum of what its links cost, and whether that or its RTT is beyond the rule's limits. */
float route_path_money(const struct route_graph *graph, const struct route_path *path);
bool route_path_is_beyond(
    const struct route_graph *graph, const struct route_rule *rule, const struct route_path *path);

/* What the path costs now (moment 0), or is expected to at a step of the forecast (moment 1 and on). It was priced. */
float route_path_cost_at(const struct route_graph *graph, const struct route_path *path, unsigned moment);

/* How much more it costs by the evidence of its own packets than by its links' estimates; 0 where there is none. */
float route_path_evidence_ms(
    const struct route_graph *graph, const struct route_class *class, const struct route_path *path, uint64_t now_ns);

/* Whether `path` is better than the one in use by enough for a change, now and at every step of the forecast; the older
 * its measurements, the more that must be. */
bool route_path_lasts(const struct route_graph *graph, const struct route_class *class, const struct route_path *in_use,
    const struct route_path *path, uint64_t now_ns);

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

/* ---- rule.c; rule NULL: none. pop is an index ---- */

bool route_rule_avoids_pop(const struct route_graph *graph, const struct route_rule *rule, uint16_t pop);
bool route_rule_avoids_link(const struct route_rule *rule, const struct route_link *link);

/* How much cheaper a path is for this link, and for leaving the relay (if it is one) that the link leaves. */
float route_rule_bonus_ms(
    const struct route_graph *graph, const struct route_rule *rule, const struct route_link *link, bool from_relay);
