/* SPDX-License-Identifier: BSD-2-Clause */
/* The primary: for one destination and class, whether to move. */
#include <math.h>
#include <string.h>

#include "control/route/state.h"

/* Less is noise, not a reason to say that a path is worse than direct. */
#define WORSE_THAN_DIRECT_MS 0.1f

/* ---- from what was found to paths ---- */

static uint32_t link_at(const struct route_matrix *matrix, uint16_t from, uint16_t to)
{
	return matrix->link[(size_t)from * matrix->n + to];
}

void route_path_found(struct route_engine *engine, const struct route_view *view, const struct route_matrix *matrix,
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
	route_path_price(&engine->graph, engine->clock, view->class, view->rule, ret_path, NULL);
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
	route_path_price(&engine->graph, engine->clock, view->class, view->rule, ret_path, NULL);
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
	route_path_price(graph, engine->clock, view->class, view->rule, ret_path, NULL);
}

/* The cheapest direct path that is up, whatever a rule says of it; n_links 0: there is none. */
static void fallback_path(
    struct route_engine *engine, const struct route_view *view, uint16_t to, struct route_path *ret_path)
{
	const struct route_graph *graph = &engine->graph;
	*ret_path = (struct route_path){0};
	for (uint32_t i = 0; i < graph->pop[engine->self].n_out; i++) {
		struct route_path path;
		uint32_t id = graph->pop[engine->self].out[i];
		if (graph->link[id].to != to || !route_link_usable(&graph->link[id]))
			continue;
		route_path_of_links(graph, &id, 1, &path);
		route_path_price(graph, engine->clock, view->class, NULL, &path, NULL);
		if (!ret_path->n_links || path.cost < ret_path->cost)
			*ret_path = path;
	}
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

/* The rule leaves nothing that is up. */
static int fall_back(struct route_engine *engine, const struct route_view *view, uint16_t to, struct route_slot *slot)
{
	struct route_path path;
	fallback_path(engine, view, to, &path);
	bool had = slot->choice.primary.n_links || slot->broken;
	bool same = path.n_links && route_path_same(&path, &slot->choice.primary);
	slot->broken = false;
	if (path.n_links ? !same || slot->choice.reason != ROUTE_REASON_FALLBACK : had)
		take(slot, &path, path.n_links ? ROUTE_REASON_FALLBACK : ROUTE_REASON_LOST, engine->now_ns);
	return 0;
}

int route_decide_primary(struct route_engine *engine, struct route_view *view, const struct route_rule *rule,
    uint16_t to, struct route_slot *slot, uint64_t *next_ns)
{
	struct route_path *in_use = &slot->choice.primary;
	struct route_path best;
	route_path_price(&engine->graph, engine->clock, view->class, view->rule, in_use, NULL);
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
	if (rule && rule->action == ROUTE_PIN && rule->fallback_direct) {
		slot->pinned = false;
		return fall_back(engine, view, to, slot);
	}
	enum route_reason why = !in_use->n_links
	                            ? (slot->broken ? ROUTE_REASON_FAILED : ROUTE_REASON_NEW)
	                            : route_path_fault(&engine->graph, view->class, view->rule, in_use, NULL);
	if (why == ROUTE_REASON_COUNT && slot->pinned)
		why = ROUTE_REASON_RULE;
	slot->pinned = slot->broken = false;
	route_path_found(engine, view, &view->calm, to, &view->calm_best[to], &best);
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
		route_path_found(engine, view, view->any, to, &view->any_best[to], &best);
	}
	if (!best.n_links && rule && rule->fallback_direct)
		return fall_back(engine, view, to, slot);
	if (best.n_links && route_path_same(&best, in_use))
		return 0;
	if (best.n_links || in_use->n_links || why == ROUTE_REASON_FAILED)
		take(slot, &best, best.n_links ? why : ROUTE_REASON_LOST, engine->now_ns);
	return 0;
}
