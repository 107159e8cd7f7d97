/* SPDX-License-Identifier: BSD-2-Clause */
/* One run: find the best paths of each class, and decide for each destination that something has happened to. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/policy.h"
#include "control/route/state.h"

#define PERSISTENT 0.99f /* as good as 1 */

/* ---- what the caller is told ---- */

static bool same_for_data_plane(const struct route_path *a, const struct route_path *b)
{
	return route_path_same(a, b) && a->mtu == b->mtu;
}

static int tell(struct route_engine *engine, uint16_t to, uint8_t class)
{
	struct route_slot *slot = &engine->slot[to][class];
	bool primary = same_for_data_plane(&slot->choice.primary, &slot->told_primary);
	if (primary && same_for_data_plane(&slot->choice.backup, &slot->told_backup))
		return 0;
	if (engine->n_changes == engine->change_capacity) {
		uint32_t capacity = engine->change_capacity ? engine->change_capacity * 2 : 64;
		struct route_change *more = realloc(engine->change, capacity * sizeof(*more));
		if (!more)
			return -ENOMEM;
		engine->change = more;
		engine->change_capacity = capacity;
	}
	engine->change[engine->n_changes++] = (struct route_change){.to = engine->graph.pop[to].id,
	    .class = class,
	    .reason = !slot->choice.primary.n_links ? ROUTE_REASON_LOST
	              : primary                     ? ROUTE_REASON_BACKUP
	                                            : slot->choice.reason,
	    .primary = slot->choice.primary,
	    .backup = slot->choice.backup};
	slot->told_primary = slot->choice.primary;
	slot->told_backup = slot->choice.backup;
	return 0;
}

/* ---- a class ---- */

static bool is_destination(const struct route_engine *engine, uint16_t index)
{
	return index != engine->self && engine->graph.pop[index].used && !engine->graph.pop[index].leaving;
}

static bool is_steered(const struct route_rule *rule)
{
	return rule && rule->action == ROUTE_STEER;
}

/* Whether anything about the links that leave the relays of a path has changed. */
static bool has_news(const struct route_engine *engine, const struct route_path *path)
{
	for (unsigned i = 0; i + 1u < path->n_links; i++)
		if (engine->priced.anew[engine->graph.index[path->pop[i]]])
			return true;
	return false;
}

/* Whether nothing that is decided on is another than in the last run. */
static bool is_quiet(const struct route_engine *engine, const struct route_view *view, uint16_t to, uint8_t class)
{
	const struct route_slot *slot = &engine->slot[to][class];
	return !engine->everything && !engine->priced.anew[engine->self] && !view->best_moved[to] &&
	       !isinf(view->calm_best[to].cost) && !slot->pinned && !slot->broken && engine->now_ns < slot->due_ns &&
	       slot->choice.backup.n_links && !has_news(engine, &slot->choice.primary) &&
	       !has_news(engine, &slot->choice.backup);
}

static bool same_disjoint(const struct route_disjoint *a, const struct route_disjoint *b)
{
	return a->n == b->n && a->direct == b->direct && a->direct_link == b->direct_link &&
	       !memcmp(a->relay, b->relay, a->n * sizeof(a->relay[0]));
}

/* The primaries of mine[], which all follow the view's rule, and what their backups must be disjoint with. */
static int decide_primaries(struct route_engine *engine, struct route_view *view, const struct route_rule *const *rule,
    uint8_t class, const bool *mine, uint64_t *next_ns)
{
	int error = 0;
	for (uint16_t to = 0; to < engine->graph.n && !error; to++) {
		struct route_slot *slot = &engine->slot[to][class];
		struct route_disjoint was = view->primary[to];
		view->backup_moved[to] = false;
		if (!mine[to])
			continue;
		error = route_decide_primary(engine, view, rule[to], to, slot, next_ns);
		route_disjoint_with(&engine->graph, &slot->choice.primary, &view->primary[to]);
		view->backup_moved[to] = !same_disjoint(&was, &view->primary[to]);
	}
	return error;
}

/* Destinations that follow no rule, or a pin. */
static int run_common(
    struct route_engine *engine, const struct route_rule *const *rule, uint8_t class, bool *decided, uint64_t *next_ns)
{
	struct route_view *view = &engine->common[class];
	bool mine[ROUTE_MAX_POPS] = {[0] = false};
	for (uint16_t to = 0; to < engine->graph.n; to++)
		mine[to] = is_destination(engine, to) && !is_steered(rule[to]) &&
		           (rule[to] || !is_quiet(engine, view, to, class));
	int error = decide_primaries(engine, view, rule, class, mine, next_ns);
	for (uint16_t to = 0; to < engine->graph.n && !error; to++)
		if (is_destination(engine, to) && !is_steered(rule[to]) && engine->slot[to][class].due_ns < *next_ns)
			*next_ns = engine->slot[to][class].due_ns;
	if (error)
		return error;
	route_search(&view->calm, view->primary, view->backup, view->backup_moved);
	for (uint16_t to = 0; to < engine->graph.n; to++) {
		mine[to] = mine[to] || (view->backup_moved[to] && is_destination(engine, to) && !is_steered(rule[to]));
		decided[to] = mine[to];
	}
	return route_decide_backups(engine, view, class, mine);
}

/* Destinations that follow this one. */
static int run_rule(struct route_engine *engine, const struct route_rule *const *rule, const struct route_rule *this,
    uint8_t class, bool *decided, uint64_t *next_ns)
{
	struct route_view *view = &engine->ruled;
	bool mine[ROUTE_MAX_POPS] = {[0] = false};
	for (uint16_t to = 0; to < engine->graph.n; to++)
		mine[to] = rule[to] == this;
	int error = route_view_open(engine, view, &engine->policy.class[class], this);
	if (!error)
		error = decide_primaries(engine, view, rule, class, mine, next_ns);
	if (error)
		return error;
	route_view_search(engine, view, &view->calm, view->primary, view->backup);
	for (uint16_t to = 0; to < engine->graph.n; to++)
		decided[to] = decided[to] || mine[to];
	return route_decide_backups(engine, view, class, mine);
}

static int run_class(struct route_engine *engine, uint8_t class, uint64_t *next_ns)
{
	const struct route_policy *policy = &engine->policy;
	const struct route_rule *rule[ROUTE_MAX_POPS] = {NULL};
	bool follows[ROUTE_MAX_RULES] = {[0] = false}, decided[ROUTE_MAX_POPS] = {[0] = false};
	uint16_t from = engine->graph.pop[engine->self].id;
	for (uint16_t to = 0; to < engine->graph.n && policy->n_rules; to++) {
		if (is_destination(engine, to))
			rule[to] = route_policy_rule(
			    policy, &policy->class[class], from, engine -> graph.pop[to].id, engine->now_ns);
		if (is_steered(rule[to]))
			follows[rule[to] - policy->rule] = true;
	}
	int error = run_common(engine, rule, class, decided, next_ns);
	for (uint32_t i = 0; i < policy->n_rules && !error; i++)
		if (follows[i])
			error = run_rule(engine, rule, &policy->rule[i], class, decided, next_ns);
	for (uint16_t to = 0; to < engine->graph.n && !error; to++)
		if (decided[to])
			error = tell(engine, to, class);
	return error;
}

/* ---- all ---- */

/* Classes and POPs that are no more: their routes are taken back. */
static int take_back(struct route_engine *engine)
{
	int error = 0;
	for (uint16_t to = 0; to < engine->graph.n; to++)
		for (uint32_t class = 0; class < ROUTE_MAX_CLASSES && engine->slot[to] && !error; class ++) {
			if (is_destination(engine, to) && class < engine->policy.n_classes)
				continue;
			engine->slot[to][class].choice = (struct route_choice){.reason = ROUTE_REASON_LOST};
			error = tell(engine, to, (uint8_t) class);
		}
	return error;
}

static void forget_leaving(struct route_engine *engine)
{
	for (uint16_t i = 0; i < engine->graph.n; i++) {
		if (!engine->graph.pop[i].used || !engine->graph.pop[i].leaving)
			continue;
		engine->graph.index[engine->graph.pop[i].id] = ROUTE_NO_POP;
		free(engine->graph.pop[i].out);
		engine->graph.pop[i] = (struct route_pop){0};
		free(engine->slot[i]);
		engine->slot[i] = NULL;
	}
}

/* When each POP will report again, and how much will be left then of what it said. Where delays persist as they do in a
 * cluster, nothing is forecast, and nothing need be priced anew because a report is due. */
static void expect_reports(struct route_engine *engine)
{
	float persistence = route_forecast_persistence(&engine->graph.forecast);
	engine->graph.persistence = persistence >= PERSISTENT ? 1 : persistence;
	engine->graph.exposure_ms = route_forecast_exposure_ms(&engine->graph.forecast, engine->graph.persistence);
	for (uint16_t i = 0; i < engine->graph.n; i++) {
		struct route_pop *pop = &engine->graph.pop[i];
		uint64_t age_ns = engine->now_ns > pop->reported_ns ? engine->now_ns - pop->reported_ns : 0;
		memset(pop->arrival, 0, sizeof(pop->arrival));
		if (pop->used && engine->graph.persistence < 1)
			route_forecast_arrival(&engine->graph.forecast, age_ns, pop->arrival);
	}
}

static int run(struct route_engine *engine, uint64_t *next_ns)
{
	int error = route_view_update(engine, next_ns);
	engine->everything = engine->upset || engine->priced.everything;
	for (uint32_t class = 0; class < engine->policy.n_classes && !error; class ++)
		error = run_class(engine, (uint8_t) class, next_ns);
	if (engine->upset && !error)
		error = take_back(engine);
	return error;
}

int route_run(
    struct route_engine *engine, uint64_t now_ns, const struct route_change **ret_changes, uint64_t *ret_next_ns)
{
	uint64_t next = route_policy_next_expiry(&engine->policy, now_ns);
	engine->upset = engine->upset || engine->expiry_ns <= now_ns;
	engine->expiry_ns = next;
	engine->now_ns = now_ns;
	engine->n_changes = 0;
	if (engine->graph.remeasured)
		route_graph_clocks(&engine->graph, engine->self, engine->clock);
	engine->graph.remeasured = false;
	expect_reports(engine);
	int error = run(engine, &next);
	engine->upset = engine->priced.all = error != 0; /* then all is done again */
	if (error)
		return error;
	route_view_settled(engine);
	forget_leaving(engine);
	*ret_next_ns = next;
	*ret_changes = engine->change;
	return (int)engine->n_changes;
}
