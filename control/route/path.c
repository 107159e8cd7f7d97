/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "control/route/cost.h"
#include "control/route/state.h"

void route_path_price(const struct route_graph *graph, const double *clock, const struct route_class *class,
    const struct route_rule *rule, struct route_path *path, float term[ROUTE_TERMS])
{
	float sum[ROUTE_TERMS] = {0};
	path->rtt_ms = 0;
	path->mtu = path->n_links ? UINT16_MAX : 0;
	for (unsigned i = 0; i < path->n_links; i++) {
		const struct route_link *link = &graph->link[path->link[i]];
		float of_link[ROUTE_TERMS];
		route_link_price(graph, class, link, clock[link->to] - clock[link->from],
		    route_pop_arrival(&graph->pop[link->from]), of_link);
		for (int t = 0; t < ROUTE_TERMS; t++)
			sum[t] += of_link[t];
		path->rtt_ms += (float)((double)link->estimate.rtt_ns / 1e6);
		sum[ROUTE_TERM_RULE] -= route_rule_bonus_ms(graph, rule, link, i > 0);
		if (link->config.mtu < path->mtu)
			path->mtu = link->config.mtu;
	}
	if (path->n_links)
		sum[ROUTE_TERM_RELAY] = (float)(path->n_links - 1) * (class->relay_penalty_ms + graph->exposure_ms);
	path->cost = route_terms_sum(sum);
	path->drift_ms = sum[ROUTE_TERM_DRIFT];
	if (term)
		memcpy(term, sum, sizeof(sum));
}

float route_path_cost_at(const struct route_graph *graph, const struct route_path *path, unsigned moment)
{
	float cost = path->cost - path->drift_ms;
	for (unsigned i = 0; moment > 0 && i < path->n_links; i++) {
		const struct route_link *link = &graph->link[path->link[i]];
		cost += graph->pop[link->from].arrival[moment - 1] * route_link_drift_ms(graph, link);
	}
	return cost;
}

float route_path_evidence_ms(
    const struct route_graph *graph, const struct route_class *class, const struct route_path *path, uint64_t now_ns)
{
	float more_ms = 0;
	for (unsigned i = 0; i < path->n_links; i++) {
		const struct route_link *link = &graph->link[path->link[i]];
		const struct route_evidence *packets = &graph->more[path->link[i]].evidence;
		if (!packets->at_ns || now_ns - packets->at_ns > ROUTE_EVIDENCE_NS)
			continue;
		more_ms += (float)((double)(packets->delay_ns - link->estimate.delay_ns) * 1e-6);
		more_ms += route_loss_term(packets->loss, class->loss_penalty_ms) -
		           route_loss_term(link->estimate.loss, class->loss_penalty_ms);
	}
	return more_ms;
}

/* 1 while all that a path was measured by is fresh, less and less until it is stale. */
static float weight_of(const struct route_graph *graph, const struct route_path *path, uint64_t now_ns)
{
	uint64_t age_ns = 0, fresh_ns = graph->stale_ns / 5;
	for (unsigned i = 0; i < path->n_links; i++) {
		uint64_t at_ns = graph->link[path->link[i]].estimate.at_ns;
		if (now_ns > at_ns && now_ns - at_ns > age_ns)
			age_ns = now_ns - at_ns;
	}
	if (age_ns <= fresh_ns)
		return 1;
	return age_ns >= graph->stale_ns ? 0 : 1 - (float)(age_ns - fresh_ns) / (float)(graph->stale_ns - fresh_ns);
}

bool route_path_lasts(const struct route_graph *graph, const struct route_class *class, const struct route_path *in_use,
    const struct route_path *path, uint64_t now_ns)
{
	float threshold = route_threshold(graph, class, in_use), weight = weight_of(graph, path, now_ns);
	for (unsigned moment = 0; moment <= ROUTE_FORECAST_STEPS; moment++)
		if (weight * (route_path_cost_at(graph, in_use, moment) - route_path_cost_at(graph, path, moment)) <
		    threshold)
			return false;
	return true;
}

bool route_path_same(const struct route_path *a, const struct route_path *b)
{
	return a->n_links == b->n_links && !memcmp(a->link, b->link, a->n_links * sizeof(a->link[0]));
}

void route_path_of_links(const struct route_graph *graph, const uint32_t *link, uint8_t n, struct route_path *ret_path)
{
	struct route_path path = {.n_links = n};
	for (unsigned i = 0; i < n; i++) {
		path.link[i] = link[i];
		path.pop[i] = graph->link[link[i]].key.to;
	}
	*ret_path = path;
}

float route_path_money(const struct route_graph *graph, const struct route_path *path)
{
	float money = 0;
	for (unsigned i = 0; i < path->n_links; i++)
		money += graph->link[path->link[i]].money;
	return money;
}

bool route_path_is_beyond(const struct route_graph *graph, const struct route_rule *rule, const struct route_path *path)
{
	float rtt_ms = 0;
	if (!rule || !rule->limits)
		return false;
	for (unsigned i = 0; i < path->n_links; i++)
		rtt_ms += (float)((double)graph->link[path->link[i]].estimate.rtt_ns / 1e6);
	return ((rule->limits & ROUTE_LIMIT_MONEY) && route_path_money(graph, path) > rule->max_money) ||
	       ((rule->limits & ROUTE_LIMIT_RTT) && rtt_ms > rule->max_rtt_ms);
}

enum route_reason route_path_fault(const struct route_graph *graph, const struct route_class *class,
    const struct route_rule *rule, const struct route_path *path, uint32_t *ret_blame)
{
	uint32_t unused;
	uint32_t *blame = ret_blame ? ret_blame : &unused;
	for (unsigned i = 0; i < path->n_links; i++) {
		*blame = path->link[i];
		if (!route_link_usable(&graph->link[path->link[i]]))
			return ROUTE_REASON_FAILED;
	}
	bool pinned = rule && rule->action == ROUTE_PIN;
	for (unsigned i = 0; i < path->n_links; i++) {
		const struct route_link *link = &graph->link[path->link[i]];
		bool relay = i + 1u < path->n_links;
		*blame = path->link[i];
		if (route_rule_avoids_link(rule, link) || (relay && route_rule_avoids_pop(graph, rule, link->to)))
			return ROUTE_REASON_RULE;
		if (relay && !pinned && graph->pop[link->to].drained)
			return ROUTE_REASON_DRAINED;
	}
	*blame = 0;
	bool beyond = !pinned && (path->n_links > class->max_relays + 1u || route_path_is_beyond(graph, rule, path));
	return beyond ? ROUTE_REASON_RULE : ROUTE_REASON_COUNT;
}

float route_threshold(const struct route_graph *graph, const struct route_class *class, const struct route_path *in_use)
{
	float asked = fmaxf(class->better_by * in_use->rtt_ms, class->and_by_ms);
	return asked * (1 + ROUTE_FORECAST_CAUTION * (1 - graph->persistence));
}
