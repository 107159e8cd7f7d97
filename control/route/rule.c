/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule says of a link or of a relay. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "control/route/state.h"

static bool names(const char (*name)[ROUTE_NAME_SIZE], unsigned n, const char *wanted)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(name[i], wanted))
			return true;
	return false;
}

static bool has_pop(const struct route_set *set, const struct route_pop *pop)
{
	for (unsigned i = 0; i < set->n_pops; i++)
		if (set->pops[i] == pop->id)
			return true;
	return pop->region[0] && names(set->regions, set->n_regions, pop->region);
}

static bool has_link(const struct route_set *set, const struct route_link *link)
{
	for (unsigned i = 0; i < set->n_ends; i++)
		if (set->ends[i].from == link->key.from && set->ends[i].to == link->key.to)
			return true;
	return link->config.provider[0] && names(set->providers, set->n_providers, link->config.provider);
}

bool route_rule_avoids_pop(const struct route_graph *graph, const struct route_rule *rule, uint16_t pop)
{
	return rule && rule->action == ROUTE_STEER && has_pop(&rule->avoid, &graph->pop[pop]);
}

bool route_rule_avoids_link(const struct route_rule *rule, const struct route_link *link)
{
	return rule && rule->action == ROUTE_STEER && has_link(&rule->avoid, link);
}

float route_rule_bonus_ms(
    const struct route_graph *graph, const struct route_rule *rule, const struct route_link *link, bool from_relay)
{
	if (!rule || rule->action != ROUTE_STEER || rule->prefer_ms == 0)
		return 0;
	float of_relay = from_relay && has_pop(&rule->prefer, &graph->pop[link->from]) ? rule->prefer_ms : 0;
	return of_relay + (has_link(&rule->prefer, link) ? rule->prefer_ms : 0);
}

/* ---- whether a rule leaves paths at all ---- */

/* The money of the cheapest link between each two POPs that the rule allows; INFINITY: there is none. */
static void list_allowed(const struct route_graph *graph, const struct route_rule *rule, float *money)
{
	for (size_t i = 0; i < (size_t)graph->n * graph->n; i++)
		money[i] = INFINITY;
	for (uint32_t id = 1; id < graph->n_links; id++) {
		const struct route_link *link = &graph->link[id];
		float *at = &money[(size_t)link->from * graph->n + link->to];
		if (link->used && !route_rule_avoids_link(rule, link))
			*at = fminf(*at, link->money);
	}
}

static bool leaves_path(const struct route_graph *graph, const struct route_rule *rule, const float *money,
    unsigned max_relays, uint16_t from, uint16_t to)
{
	size_t n = graph->n;
	float most = rule->limits & ROUTE_LIMIT_MONEY ? rule->max_money : INFINITY;
	if (!isinf(money[from * n + to]) && money[from * n + to] <= most)
		return true;
	for (uint16_t i = 0; i < n && max_relays >= 1; i++) {
		if (isinf(money[from * n + i]) || i == to || route_rule_avoids_pop(graph, rule, i))
			continue;
		float one = money[from * n + i] + money[i * n + to];
		if (!isinf(one) && one <= most)
			return true;
		for (uint16_t k = 0; k < n && max_relays >= 2; k++) {
			float two = money[from * n + i] + money[i * n + k] + money[k * n + to];
			if (k != from && k != to && !isinf(two) && two <= most &&
			    !route_rule_avoids_pop(graph, rule, k))
				return true;
		}
	}
	return false;
}

static bool matches(uint16_t wanted, const struct route_pop *pop)
{
	return pop->used && !pop->leaving && (!wanted || wanted == pop->id);
}

int route_rule_leaves_paths(const struct route_engine *engine, const struct route_rule *rule, unsigned max_relays,
    float *scratch, uint16_t *ret_from, uint16_t *ret_to)
{
	const struct route_graph *graph = &engine->graph;
	static const struct route_rule none;
	float *all = scratch, *allowed = scratch + (size_t)graph->n * graph->n;
	list_allowed(graph, &none, all);
	list_allowed(graph, rule, allowed);
	for (uint16_t from = 0; from < graph->n && rule->action == ROUTE_STEER; from++)
		for (uint16_t to = 0; to < graph->n; to++) {
			if (from == to || !matches(rule->from, &graph->pop[from]) ||
			    !matches(rule->to, &graph->pop[to]))
				continue;
			if (isinf(all[(size_t)from * graph->n + to]) ||
			    leaves_path(graph, rule, allowed, max_relays, from, to))
				continue;
			*ret_from = graph->pop[from].id;
			*ret_to = graph->pop[to].id;
			return -ENOTCONN;
		}
	return 0;
}

size_t route_rule_scratch(const struct route_engine *engine)
{
	return (size_t)engine->graph.n * engine->graph.n * 2;
}
