/* SPDX-License-Identifier: BSD-2-Clause */
/* The backup: disjoint with the primary in its relays and, if that can be had, in the providers of its links too. */
#include <math.h>
#include <string.h>

#include "control/route/state.h"

void route_disjoint_with(
    const struct route_graph *graph, const struct route_path *primary, struct route_disjoint *ret_disjoint)
{
	*ret_disjoint = (struct route_disjoint){.direct = primary->n_links == 1, .direct_link = primary->link[0]};
	for (unsigned i = 0; i + 1u < primary->n_links; i++)
		ret_disjoint->relay[ret_disjoint->n++] = graph->index[primary->pop[i]];
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

static bool names_provider(const struct route_set *set, const char *provider)
{
	for (unsigned i = 0; i < set->n_providers; i++)
		if (!strcmp(set->providers[i], provider))
			return true;
	return false;
}

/* The rule of a view, or none, and no link of the providers of a path. False: the path's links name none. */
static bool without_providers(const struct route_graph *graph, const struct route_rule *rule,
    const struct route_path *path, struct route_rule *ret_rule)
{
	bool named = false;
	*ret_rule = rule ? *rule : (struct route_rule){.action = ROUTE_STEER};
	struct route_set *avoid = &ret_rule->avoid;
	for (unsigned i = 0; i < path->n_links; i++) {
		const char *provider = graph->link[path->link[i]].config.provider;
		named = named || provider[0];
		if (provider[0] && !names_provider(avoid, provider) && avoid->n_providers < ROUTE_MAX_PROVIDERS)
			memcpy(avoid->providers[avoid->n_providers++], provider, ROUTE_NAME_SIZE);
	}
	return named;
}

static bool share_provider(const struct route_graph *graph, const struct route_path *a, const struct route_path *b)
{
	struct route_rule apart;
	if (!without_providers(graph, NULL, a, &apart))
		return false;
	for (unsigned i = 0; i < b->n_links; i++)
		if (route_rule_avoids_link(&apart, &graph->link[b->link[i]]))
			return true;
	return false;
}

/* Takes the best backup, or keeps the one in use if that is as good. */
static void decide(
    struct route_engine *engine, const struct route_view *view, struct route_slot *slot, const struct route_path *best)
{
	const struct route_graph *graph = &engine->graph;
	const struct route_path *primary = &slot->choice.primary;
	struct route_path *in_use = &slot->choice.backup;
	route_path_price(graph, engine->clock, view->class, view->rule, in_use, NULL);
	bool keeps = in_use->n_links && primary->n_links && are_disjoint(in_use, primary) &&
	             route_path_fault(graph, view->class, view->rule, in_use, NULL) == ROUTE_REASON_COUNT;
	bool sharing = keeps && share_provider(graph, primary, in_use);
	bool best_sharing = best->n_links && share_provider(graph, primary, best);
	bool better = best->n_links && in_use->cost - best->cost >= route_threshold(graph, view->class, in_use);
	if (!keeps || (sharing && best->n_links && !best_sharing) || (better && best_sharing <= sharing))
		*in_use = *best;
}

/* ---- apart from the primary's providers ---- */

/* Paths for all of mine[] whose providers are to be avoided as `rule` says; those destinations are no longer mine[]. */
static int find_apart(struct route_engine *engine, struct route_view *view, uint8_t class,
    const struct route_rule *rule, bool *mine, struct route_path *best)
{
	const struct route_graph *graph = &engine->graph;
	struct route_view *apart = &engine->apart;
	int error = route_view_open(engine, apart, view->class, rule);
	if (error)
		return error;
	route_view_search(engine, apart, &apart->calm, view->primary, apart->backup);
	for (uint16_t to = 0; to < graph->n; to++) {
		struct route_rule its;
		if (!mine[to])
			continue;
		without_providers(graph, view->rule, &engine->slot[to][class].choice.primary, &its);
		if (its.avoid.n_providers != rule->avoid.n_providers ||
		    memcmp(its.avoid.providers, rule->avoid.providers, sizeof(its.avoid.providers)) != 0)
			continue;
		mine[to] = false;
		if (!isinf(apart->backup[to].cost))
			route_path_found(engine, view, &apart->calm, to, &apart->backup[to], &best[to]);
	}
	return 0;
}

/* Where the best backup shares a provider with the primary, the best that does not, if there is one. */
static int keep_apart(
    struct route_engine *engine, struct route_view *view, uint8_t class, const bool *mine, struct route_path *best)
{
	const struct route_graph *graph = &engine->graph;
	bool sharing[ROUTE_MAX_POPS] = {[0] = false};
	int error = 0;
	for (uint16_t to = 0; to < graph->n; to++)
		sharing[to] = mine[to] && best[to].n_links &&
		              share_provider(graph, &engine->slot[to][class].choice.primary, &best[to]);
	for (uint16_t to = 0; to < graph->n && !error; to++) {
		struct route_rule rule;
		if (!sharing[to])
			continue;
		without_providers(graph, view->rule, &engine->slot[to][class].choice.primary, &rule);
		error = find_apart(engine, view, class, &rule, sharing, best);
	}
	return error;
}

/* ---- all of them ---- */

/* The best backup of each of mine[]: of calm links or, where there is none, of any that are up. */
static int find(
    struct route_engine *engine, struct route_view *view, uint8_t class, const bool *mine, struct route_path *best)
{
	bool lacking = false;
	for (uint16_t to = 0; to < engine->graph.n; to++)
		lacking = lacking || (mine[to] && isinf(view->backup[to].cost));
	if (lacking) {
		int error = route_view_need_any(engine, view);
		if (error)
			return error;
		route_view_search(engine, view, view->any, view->primary, engine->backup_any);
	}
	for (uint16_t to = 0; to < engine->graph.n; to++) {
		best[to] = (struct route_path){0};
		if (!mine[to] || !engine->slot[to][class].choice.primary.n_links)
			continue;
		bool calm = !isinf(view->backup[to].cost);
		route_path_found(engine, view, calm ? &view->calm : view->any, to,
		    calm ? &view->backup[to] : &engine->backup_any[to], &best[to]);
	}
	return 0;
}

int route_decide_backups(struct route_engine *engine, struct route_view *view, uint8_t class, const bool *mine)
{
	struct route_path best[ROUTE_MAX_POPS];
	int error = find(engine, view, class, mine, best);
	if (!error)
		error = keep_apart(engine, view, class, mine, best);
	for (uint16_t to = 0; to < engine->graph.n && !error; to++)
		if (mine[to])
			decide(engine, view, &engine->slot[to][class], &best[to]);
	return error;
}
