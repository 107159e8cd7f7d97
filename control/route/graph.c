/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/graph.h"

#include "control/route/cost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void route_graph_init(struct route_graph *graph)
{
	memset(graph, 0, sizeof(*graph));
	memset(graph->index, 0xff, sizeof(graph->index));
	graph->n_links = 1;
	graph->stale_ns = ROUTE_STALE_NS;
}

void route_graph_free(struct route_graph *graph)
{
	free(graph->link);
}

int route_graph_add_pop(struct route_graph *graph, uint16_t id, uint16_t *ret_index)
{
	uint16_t index = graph->index[id];
	if (index == ROUTE_NO_POP) {
		for (index = 0; index < graph->n && graph->pop[index].used; index++)
			;
		if (index == ROUTE_MAX_POPS)
			return -ENOSPC;
		if (index == graph->n)
			graph->n++;
		graph->pop[index] = (struct route_pop){.used = true, .id = id};
		graph->index[id] = index;
	}
	*ret_index = index;
	return 0;
}

static uint32_t *bucket_of(const struct route_graph *graph, struct route_link_key key)
{
	uint64_t packed = (uint64_t)key.from << 32 | (uint32_t)key.to << 16 | (uint32_t)key.local << 8 | key.remote;
	/* Fibonacci hashing: Knuth, TAOCP volume 3, section 6.4. */
	return (uint32_t *)&graph->bucket[(packed * 0x9e3779b97f4a7c15ull) >> 50];
}

_Static_assert(ROUTE_LINK_BUCKETS == 1u << (64 - 50), "the hash's upper bits choose the bucket");

static bool same_key(struct route_link_key a, struct route_link_key b)
{
	return a.from == b.from && a.to == b.to && a.local == b.local && a.remote == b.remote;
}

uint32_t route_graph_find(const struct route_graph *graph, struct route_link_key key)
{
	uint32_t id = *bucket_of(graph, key);
	while (id && !same_key(graph->link[id].key, key))
		id = graph->link[id].next;
	return id;
}

static int grow(struct route_graph *graph)
{
	if (graph->n_links < graph->capacity)
		return 0;
	uint32_t capacity = graph->capacity ? graph->capacity * 2 : FIRST_CAPACITY;
	struct route_link *link = realloc(graph->link, capacity * sizeof(*link));
	if (!link)
		return -ENOMEM;
	memset(link + graph->capacity, 0, (capacity - graph->capacity) * sizeof(*link));
	graph->link = link;
	graph->capacity = capacity;
	return 0;
}

int route_graph_add_link(struct route_graph *graph, struct route_link_key key, uint32_t *ret_link)
{
	uint32_t id = route_graph_find(graph, key);
	if (id) {
		*ret_link = id;
		return 0;
	}
	if (key.from == key.to)
		return -EINVAL;
	uint16_t from = graph->index[key.from], to = graph->index[key.to];
	if (from == ROUTE_NO_POP || to == ROUTE_NO_POP)
		return -ENOENT;
	if (!graph->free && grow(graph))
		return -ENOMEM;
	if (graph->free) {
		id = graph->free;
		graph->free = graph->link[id].next;
	} else {
		id = graph->n_links++;
	}
	struct route_link_key back = {.from = key.to, .to = key.from, .local = key.remote, .remote = key.local};
	uint32_t reverse = route_graph_find(graph, back);
	uint32_t *bucket = bucket_of(graph, key);
	graph->link[id] =
	    (struct route_link){.used = true, .from = from, .to = to, .key = key, .reverse = reverse, .next = *bucket};
	*bucket = id;
	if (reverse)
		graph->link[reverse].reverse = id;
	*ret_link = id;
	return 0;
}

void route_graph_remove_link(struct route_graph *graph, uint32_t id)
{
	struct route_link *link = &graph->link[id];
	uint32_t *at = bucket_of(graph, link->key);
	while (*at != id)
		at = &graph->link[*at].next;
	*at = link->next;
	if (link->reverse)
		graph->link[link->reverse].reverse = 0;
	*link = (struct route_link){.next = graph->free};
	graph->free = id;
}

bool route_link_usable(const struct route_graph *graph, const struct route_link *link)
{
	return link->used && link->measured && !link->called_down &&
	       !(link->reverse && graph->link[link->reverse].called_down);
}

bool route_link_stale(const struct route_graph *graph, const struct route_link *link, uint64_t now_ns)
{
	return now_ns > link->estimate.at_ns && now_ns - link->estimate.at_ns > graph->stale_ns;
}

bool route_link_damped(const struct route_graph *graph, const struct route_link *link, uint64_t now_ns)
{
	return route_flap_damped(&link->flap, now_ns) ||
	       (link->reverse && route_flap_damped(&graph->link[link->reverse].flap, now_ns));
}

static float mean_arrival(const struct route_pop *pop)
{
	float sum = 0;
	for (unsigned step = 0; step < ROUTE_FORECAST_STEPS; step++)
		sum += pop->arrival[step];
	return sum / ROUTE_FORECAST_STEPS;
}

void route_link_price(const struct route_graph *graph, const struct route_class *class, const struct route_link *link,
    const double *clock, float term[ROUTE_TERMS])
{
	route_link_terms(class, &link->config, &link->estimate, clock[link->to] - clock[link->from], term);
	float drift = route_forecast_drift_ms(&graph->forecast, &link->history, &link->estimate);
	term[ROUTE_TERM_DRIFT] = mean_arrival(&graph->pop[link->from]) * drift;
}

/* Breadth first; of several links between two POPs the last decides, any would do. */
void route_graph_clocks(const struct route_graph *graph, uint16_t origin, double *clock)
{
	bool known[ROUTE_MAX_POPS] = {[0] = false}, fresh[ROUTE_MAX_POPS] = {[0] = false};
	for (uint16_t i = 0; i < graph->n; i++)
		clock[i] = 0;
	known[origin] = fresh[origin] = true;
	for (bool more = true; more;) {
		bool next[ROUTE_MAX_POPS] = {[0] = false};
		more = false;
		for (uint32_t id = 1; id < graph->n_links; id++) {
			const struct route_link *link = &graph->link[id];
			if (!link->measured || !fresh[link->from] || known[link->to] || !link->reverse)
				continue;
			const struct route_link *back = &graph->link[link->reverse];
			if (!back->measured)
				continue;
			clock[link->to] =
			    clock[link->from] + (double)(link->estimate.delay_ns - back->estimate.delay_ns) / 2;
			next[link->to] = more = true;
		}
		for (uint16_t i = 0; i < graph->n; i++) {
			fresh[i] = next[i];
			known[i] = known[i] || next[i];
		}
	}
}
