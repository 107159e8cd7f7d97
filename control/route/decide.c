/* SPDX-License-Identifier: BSD-2-Clause */
/* One run: for each class, weigh all links, find the best paths, and decide for each destination whether to move. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/cost.h"
#include "control/route/policy.h"
#include "control/route/state.h"

/* Less is noise, not a reason to say that a path is worse than direct. */
#define WORSE_THAN_DIRECT_MS 0.1f

#define PERSISTENT 0.99f /* as good as 1 */

/* ---- from what was found to paths ---- */

static uint32_t link_at(const struct route_matrix *matrix, uint16_t from, uint16_t to)
{
	return matrix->link[(size_t)from * matrix->n + to];
}

static void to_path(struct route_engine *engine, const struct route_view *view, const struct route_matrix *matrix,
    uint16_t to, const struct route_found *found, struct route_path *ret_path)
{
	uint32_t link[ROUTE_MAX_LINKS];
	uint8_t n = 0;
	uint16_t at = matrix->self;
	*ret_path = (struct route_path){0};
	if (isinf(found->cost))
		return;
	for (unsigned i = 0; i < found->n_relays; at = found->relay[i++])
		link[n++] = link_at(matrix, at, found->relay[i]);
	link[n++] = found->second ? matrix->second_link[to] : link_at(matrix, at, to);
	route_path_of_links(&engine->graph, link, n, ret_path);
	route_path_price(&engine->graph, engine->clock, view->class, ret_path, NULL);
}

/* The direct path by a link that one may move to; n_links 0: there is none. */
static void direct_path(
    struct route_engine *engine, const struct route_view *view, uint16_t to, struct route_path *ret_path)
{
	uint32_t link = link_at(&view->calm, engine->self, to);
	*ret_path = (struct route_path){0};
	if (!link)
		return;
	route_path_of_links(&engine->graph, &link, 1, ret_path);
	route_path_price(&engine->graph, engine->clock, view->class, ret_path, NULL);
}

/* ---- the primary ---- */

static void take(struct route_slot *slot, const struct route_path *path, enum route_reason reason, uint64_t now_ns)
{
	slot->choice = (struct route_choice){
	    .primary = *path, .backup = slot->choice.backup, .reason = reason, .since_ns = now_ns};
	slot->better_since = slot->worse_since = 0;
}

/* The pinned path, by the best links that are up; n_links 0 if it cannot be had. */
static void pinned_path(struct route_engine *engine, const struct route_view *view, const struct route_rule *rule,
    const struct route_path *in_use, struct route_path *ret_path)
{
	const struct route_graph *graph = &engine->graph;
	uint32_t link[WIRE_PATH_MAX_HOPS];
	uint8_t n = (uint8_t)(rule->n_pops - 1);
	bool same_pops = in_use->n_links == n && !memcmp(in_use->pop, rule->pops + 1, n * sizeof(in_use->pop[0]));
	*ret_path = (struct route_path){0};
	if (same_pops && route_path_fault(graph, view->class, rule, in_use, NULL) == ROUTE_REASON_COUNT) {
		*ret_path = *in_use;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint16_t from = graph->index[rule->pops[i]], to = graph->index[rule->pops[i + 1]];
		link[i] = from == ROUTE_NO_POP || to == ROUTE_NO_POP ? 0 : link_at(view->any, from, to);
		if (!link[i])
			return;
	}
	route_path_of_links(graph, link, n, ret_path);
	route_path_price(graph, engine->clock, view->class, ret_path, NULL);
}

/* Whether the path in use, which works, is to be left for `best`, or for the direct one. *next_ns: when that may become
 * so. */
static enum route_reason improvement(struct route_engine *engine, const struct route_view *view,
    struct route_slot *slot, const struct route_path *best, const struct route_path *direct, uint64_t *next_ns)
{
	const struct route_path *in_use = &slot->choice.primary;
	uint64_t now = engine->now_ns;
	bool other = best->n_links && !route_path_same(best, in_use);
	bool better = other && route_path_lasts(&engine->graph, view->class, in_use, best);
	bool worse = in_use->n_links > 1 && direct->n_links &&
	             route_path_cost_at(&engine->graph, in_use, 0) >
	                 route_path_cost_at(&engine->graph, direct, 0) + WORSE_THAN_DIRECT_MS;
	if (!better)
		slot->better_since = 0;
	else if (!slot->better_since)
		slot->better_since = now;
	if (!worse)
		slot->worse_since = 0;
	else if (!slot->worse_since)
		slot->worse_since = now;
	if (better && now - slot->better_since >= ROUTE_SETTLE_NS)
		return ROUTE_REASON_BETTER;
	if (worse && now - slot->worse_since >= ROUTE_WORSE_THAN_DIRECT_NS)
		return ROUTE_REASON_DIRECT;
	if (better && slot->better_since + ROUTE_SETTLE_NS < *next_ns)
		*next_ns = slot->better_since + ROUTE_SETTLE_NS;
	if (worse && slot->worse_since + ROUTE_WORSE_THAN_DIRECT_NS < *next_ns)
		*next_ns = slot->worse_since + ROUTE_WORSE_THAN_DIRECT_NS;
	return ROUTE_REASON_COUNT;
}

static int decide_primary(struct route_engine *engine, struct route_view *view, const struct route_rule *rule,
    uint16_t to, struct route_slot *slot, uint64_t *next_ns)
{
	struct route_path *in_use = &slot->choice.primary;
	struct route_path best;
	route_path_price(&engine->graph, engine->clock, view->class, in_use, NULL);
	if (rule && rule->action == ROUTE_PIN) {
		int error = route_view_need_any(engine, view);
		if (error)
			return error;
		pinned_path(engine, view, rule, in_use, &best);
		if (best.n_links) {
			if (!route_path_same(&best, in_use) || !slot->pinned)
				take(slot, &best, ROUTE_REASON_PINNED, engine->now_ns);
			slot->pinned = true;
			return 0;
		}
	}
	enum route_reason why = !in_use->n_links
	                            ? (slot->broken ? ROUTE_REASON_FAILED : ROUTE_REASON_NEW)
	                            : route_path_fault(&engine->graph, view->class, view->rule, in_use, NULL);
	if (why == ROUTE_REASON_COUNT && slot->pinned)
		why = ROUTE_REASON_RULE;
	slot->pinned = slot->broken = false;
	to_path(engine, view, &view->calm, to, &view->calm_best[to], &best);
	if (why == ROUTE_REASON_COUNT) {
		struct route_path direct;
		direct_path(engine, view, to, &direct);
		why = improvement(engine, view, slot, &best, &direct, next_ns);
		if (why != ROUTE_REASON_COUNT)
			take(slot, why == ROUTE_REASON_DIRECT ? &direct : &best, why, engine->now_ns);
		return 0;
	}
	if (!best.n_links) {
		int error = route_view_need_any(engine, view);
		if (error)
			return error;
		to_path(engine, view, view->any, to, &view->any_best[to], &best);
	}
	if (best.n_links && route_path_same(&best, in_use))
		return 0;
	if (best.n_links || in_use->n_links || why == ROUTE_REASON_FAILED)
		take(slot, &best, best.n_links ? why : ROUTE_REASON_LOST, engine->now_ns);
	return 0;
}

/* ---- the backup ---- */

static void disjoint_with(const struct route_graph *graph, const struct route_path *primary, struct route_disjoint *ret)
{
	*ret = (struct route_disjoint){.direct = primary->n_links == 1, .direct_link = primary->link[0]};
	for (unsigned i = 0; i + 1u < primary->n_links; i++)
		ret->relay[ret->n++] = graph->index[primary->pop[i]];
}

static bool are_disjoint(const struct route_path *a, const struct route_path *b)
{
	if (a->n_links == 1 && b->n_links == 1)
		return a->link[0] != b->link[0];
	for (unsigned i = 0; i + 1u < a->n_links; i++)
		for (unsigned j = 0; j + 1u < b->n_links; j++)
			if (a->pop[i] == b->pop[j])
				return false;
	return true;
}

static void decide_backup(
    struct route_engine *engine, const struct route_view *view, struct route_slot *slot, const struct route_path *best)
{
	struct route_path *in_use = &slot->choice.backup;
	route_path_price(&engine->graph, engine->clock, view->class, in_use, NULL);
	bool keeps = in_use->n_links && slot->choice.primary.n_links && are_disjoint(in_use, &slot->choice.primary) &&
	             route_path_fault(&engine->graph, view->class, view->rule, in_use, NULL) == ROUTE_REASON_COUNT;
	bool better =
	    best->n_links && in_use->cost - best->cost >= route_threshold(&engine->graph, view->class, in_use);
	if (!keeps || better)
		*in_use = *best;
}

/* The best backup of destinations [from, end), which all follow the rule of this view (or none). */
static int decide_backups(
    struct route_engine *engine, struct route_view *view, uint8_t class, uint16_t first, uint16_t end, const bool *mine)
{
	bool lacking = false;
	route_search_disjoint(&view->calm, engine->disjoint, engine->backup_calm);
	for (uint16_t to = first; to < end; to++)
		lacking = lacking || (mine[to] && isinf(engine->backup_calm[to].cost));
	if (lacking) {
		int error = route_view_need_any(engine, view);
		if (error)
			return error;
		route_search_disjoint(view->any, engine->disjoint, engine->backup_any);
	}
	for (uint16_t to = first; to < end; to++) {
		struct route_path best = {0};
		if (!mine[to])
			continue;
		if (!engine->slot[to][class].choice.primary.n_links)
			;
		else if (!isinf(engine->backup_calm[to].cost))
			to_path(engine, view, &view->calm, to, &engine->backup_calm[to], &best);
		else
			to_path(engine, view, view->any, to, &engine->backup_any[to], &best);
		decide_backup(engine, view, &engine->slot[to][class], &best);
	}
	return 0;
}

/* ---- the run ---- */

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

static bool is_destination(const struct route_engine *engine, uint16_t index)
{
	return index != engine->self && engine->graph.pop[index].used && !engine->graph.pop[index].leaving;
}

static int run_class(struct route_engine *engine, uint8_t class, uint64_t *next_ns)
{
	const struct route_class *about = &engine->policy.class[class];
	uint16_t n = engine->graph.n;
	bool common[ROUTE_MAX_POPS];
	const struct route_rule *rule[ROUTE_MAX_POPS] = {NULL};
	struct route_view *common_view = &engine->common[class];
	int error = 0;
	for (uint16_t to = 0; to < n && !error; to++) {
		common[to] = is_destination(engine, to);
		if (!common[to])
			continue;
		rule[to] = route_policy_rule(&engine->policy, about, engine->graph.pop[engine->self].id,
		    engine->graph.pop[to].id, engine->now_ns);
		bool avoid = rule[to] && rule[to]->action == ROUTE_AVOID;
		common[to] = !avoid;
		struct route_view *view = avoid ? &engine->ruled : common_view;
		if (avoid)
			error = route_view_open(engine, view, about, rule[to]);
		if (!error)
			error = decide_primary(engine, view, rule[to], to, &engine->slot[to][class], next_ns);
		disjoint_with(&engine->graph, &engine->slot[to][class].choice.primary, &engine->disjoint[to]);
		bool mine[ROUTE_MAX_POPS] = {[0] = false};
		mine[to] = true;
		if (avoid && !error)
			error = decide_backups(engine, view, class, to, (uint16_t)(to + 1), mine);
	}
	if (!error)
		error = decide_backups(engine, common_view, class, 0, n, common);
	return error;
}

/* A class or POP that is no more: its routes are taken back. */
static void clear_leftovers(struct route_engine *engine)
{
	for (uint16_t to = 0; to < engine->graph.n; to++)
		for (uint32_t class = 0; class < ROUTE_MAX_CLASSES && engine->slot[to]; class ++)
			if (!is_destination(engine, to) || class >= engine->policy.n_classes)
				engine->slot[to][class].choice = (struct route_choice){.reason = ROUTE_REASON_LOST};
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

int route_run(
    struct route_engine *engine, uint64_t now_ns, const struct route_change **ret_changes, uint64_t *ret_next_ns)
{
	uint64_t next = route_policy_next_expiry(&engine->policy, now_ns);
	engine->now_ns = now_ns;
	engine->n_changes = 0;
	route_graph_clocks(&engine->graph, engine->self, engine->clock);
	expect_reports(engine);
	clear_leftovers(engine);
	int error = route_view_update(engine, &next);
	for (uint32_t class = 0; class < engine->policy.n_classes && !error; class ++)
		error = run_class(engine, (uint8_t) class, &next);
	for (uint16_t to = 0; to < engine->graph.n && !error; to++)
		for (uint32_t class = 0; class < ROUTE_MAX_CLASSES && !error && engine->slot[to]; class ++)
			error = tell(engine, to, (uint8_t) class);
	if (error)
		return error;
	forget_leaving(engine);
	*ret_next_ns = next;
	*ret_changes = engine->change;
	return (int)engine->n_changes;
}
