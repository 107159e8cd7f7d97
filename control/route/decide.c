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

static bool is_improvement(enum route_reason reason)
{
	return reason == ROUTE_REASON_BETTER || reason == ROUTE_REASON_DIRECT || reason == ROUTE_REASON_EVIDENCE;
}

/* How many improvements in a row have not lasted; holding a path makes up for one after the other. */
static uint8_t hurry(const struct route_slot *slot, uint64_t now_ns)
{
	uint64_t held = (now_ns - slot->choice.since_ns) / ROUTE_SETTLED_NS;
	return held < slot->hurried ? (uint8_t)(slot->hurried - held) : 0;
}

/* Of `longest`, between none and all, another share for each POP, destination and try. */
static uint64_t spread_ns(
    const struct route_engine *engine, const struct route_slot *slot, uint16_t to, uint64_t longest)
{
	const struct route_pop *pop = engine->graph.pop;
	uint64_t mixed = (uint64_t)pop[engine->self].id << 32 | (uint64_t)pop[to].id << 8 | slot->hurried;
	mixed *= 0x9e3779b97f4a7c15ull; /* Fibonacci hashing: Knuth, TAOCP volume 3, section 6.4 */
	return longest / 1024 * (mixed >> 54);
}

static void take(struct route_slot *slot, const struct route_path *path, enum route_reason reason, uint64_t now_ns)
{
	slot->hurried = is_improvement(slot->choice.reason) ? hurry(slot, now_ns) : 0;
	if (is_improvement(slot->choice.reason) && is_improvement(reason) && slot->hurried < ROUTE_SETTLE_DOUBLINGS)
		slot->hurried++;
	uint32_t returns = slot->choice.returns + (reason == ROUTE_REASON_DIRECT || reason == ROUTE_REASON_EVIDENCE);
	slot->choice = (struct route_choice){
	    .primary = *path, .backup = slot->choice.backup, .reason = reason, .since_ns = now_ns, .returns = returns};
	slot->better_since = slot->worse_since = 0;
	slot->due_ns = UINT64_MAX;
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

bool route_slot_distrusts(const struct route_slot *slot, const struct route_path *path, uint64_t now_ns)
{
	return slot->distrusted.n_links && now_ns < slot->distrusted_until && route_path_same(path, &slot->distrusted);
}

/* The path in use is left for what its packets say of it. */
static void distrust(struct route_slot *slot, uint64_t now_ns)
{
	bool again = slot->distrusts && now_ns - slot->distrusted_until < ROUTE_DISTRUST_MAX_NS;
	slot->distrusts = again ? slot->distrusts + 1 : 1;
	uint64_t wait_ns = ROUTE_DISTRUST_MAX_NS;
	if (slot->distrusts < 6)
		wait_ns = ROUTE_DISTRUST_NS << (slot->distrusts - 1);
	slot->distrusted = slot->choice.primary;
	slot->distrusted_until = now_ns + wait_ns;
}

uint64_t route_slot_settle_ns(
    const struct route_engine *engine, const struct route_slot *slot, uint16_t to, uint64_t now_ns)
{
	uint64_t longest = ROUTE_SETTLE_NS << hurry(slot, now_ns);
	return longest == ROUTE_SETTLE_NS ? longest : longest / 2 + spread_ns(engine, slot, to, longest);
}

/* How long the path in use must have been worse than direct. */
static uint64_t return_ns(const struct route_engine *engine, const struct route_slot *slot, uint16_t to)
{
	bool calm = !hurry(slot, engine->now_ns);
	return ROUTE_WORSE_THAN_DIRECT_NS + (calm ? 0 : spread_ns(engine, slot, to, 2 * ROUTE_WORSE_THAN_DIRECT_NS));
}

static void watch(uint64_t *since_ns, bool is_so, uint64_t now_ns)
{
	*since_ns = !is_so ? 0 : *since_ns ? *since_ns : now_ns;
}

/* Whether a wait of a watch is over; if not, *next_ns is when it will be. */
static bool is_over(uint64_t since_ns, uint64_t wait_ns, uint64_t now_ns, uint64_t *next_ns)
{
	if (since_ns && now_ns - since_ns < wait_ns && since_ns + wait_ns < *next_ns)
		*next_ns = since_ns + wait_ns;
	return since_ns && now_ns - since_ns >= wait_ns;
}

/* Whether the relayed path in use is to be left for the direct one, for what its links or its packets say. */
static enum route_reason return_to_direct(struct route_engine *engine, const struct route_view *view, uint16_t to,
    struct route_slot *slot, const struct route_path *direct, uint64_t *next_ns)
{
	const struct route_graph *graph = &engine->graph;
	const struct route_path *in_use = &slot->choice.primary;
	uint64_t now = engine->now_ns;
	float by_links = 0, by_packets = 0;
	if (in_use->n_links > 1 && direct->n_links) {
		by_links = route_path_cost_at(graph, in_use, 0) - route_path_cost_at(graph, direct, 0);
		by_packets = by_links + route_path_evidence_ms(graph, view->class, in_use, now) -
		             route_path_evidence_ms(graph, view->class, direct, now);
	}
	bool links_say = by_links > WORSE_THAN_DIRECT_MS;
	watch(&slot->worse_since, links_say || by_packets > WORSE_THAN_DIRECT_MS, now);
	uint64_t wait_ns = links_say ? return_ns(engine, slot, to) : ROUTE_WORSE_THAN_DIRECT_NS;
	if (!is_over(slot->worse_since, wait_ns, now, next_ns))
		return ROUTE_REASON_COUNT;
	if (!links_say)
		distrust(slot, now);
	return links_say ? ROUTE_REASON_DIRECT : ROUTE_REASON_EVIDENCE;
}

/* Whether the path in use, which works, is to be left for `best`, or for the direct one. *next_ns: when that may become
 * so. */
static enum route_reason improvement(struct route_engine *engine, const struct route_view *view, uint16_t to,
    struct route_slot *slot, const struct route_path *best, const struct route_path *direct, uint64_t *next_ns)
{
	const struct route_path *in_use = &slot->choice.primary;
	uint64_t now = engine->now_ns;
	bool distrusted = route_slot_distrusts(slot, best, now);
	bool other = best->n_links && !distrusted && !route_path_same(best, in_use);
	watch(&slot->better_since, other && route_path_lasts(&engine->graph, view->class, in_use, best, now), now);
	if (distrusted && slot->distrusted_until < *next_ns)
		*next_ns = slot->distrusted_until;
	if (is_over(slot->better_since, route_slot_settle_ns(engine, slot, to, now), now, next_ns))
		return ROUTE_REASON_BETTER;
	return return_to_direct(engine, view, to, slot, direct, next_ns);
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
	slot->due_ns = UINT64_MAX;
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
		why = improvement(engine, view, to, slot, &best, &direct, &slot->due_ns);
		*next_ns = slot->due_ns < *next_ns ? slot->due_ns : *next_ns;
		if (why != ROUTE_REASON_COUNT)
			take(slot, why == ROUTE_REASON_BETTER ? &best : &direct, why, engine->now_ns);
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
