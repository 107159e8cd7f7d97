/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/graph.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void route_graph_init(struct route_graph *graph)
{
	memset(graph, 0, sizeof(*graph));
	memset(graph->index, 0xff, sizeof(graph->index));
	graph->n_links = 1;
	graph->stale_ns = ROUTE_STALE_NS;
	graph->persistence = 1;
}

void route_graph_free(struct route_graph *graph)
{
	for (uint16_t i = 0; i < graph->n; i++)
		free(graph->pop[i].out);
	free(graph->bucket);
	free(graph->link);
	free(graph->more);
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
	return &graph->bucket[(packed * 0x9e3779b97f4a7c15ull) >> 32 & (graph->capacity - 1)];
}

static bool same_key(struct route_link_key a, struct route_link_key b)
{
	return a.from == b.from && a.to == b.to && a.local == b.local && a.remote == b.remote;
}

uint32_t route_graph_find(const struct route_graph *graph, struct route_link_key key)
{
	uint32_t id = graph->capacity ? *bucket_of(graph, key) : 0;
	while (id && !same_key(graph->link[id].key, key))
		id = graph->link[id].next;
	return id;
}

/* Room for one more link, and as many buckets as there is room. */
static int grow(struct route_graph *graph)
{
	if (graph->n_links < graph->capacity)
		return 0;
	uint32_t capacity = graph->capacity ? graph->capacity * 2 : FIRST_CAPACITY;
	uint32_t *bucket = calloc(capacity, sizeof(*bucket));
	struct route_link_more *more = bucket ? realloc(graph->more, capacity * sizeof(*more)) : NULL;
	graph->more = more ? more : graph->more;
	struct route_link *link = more ? realloc(graph->link, capacity * sizeof(*link)) : NULL;
	if (!link) {
		free(bucket);
		return -ENOMEM;
	}
	memset(link + graph->capacity, 0, (capacity - graph->capacity) * sizeof(*link));
	free(graph->bucket);
	graph->bucket = bucket;
	graph->link = link;
	graph->capacity = capacity;
	for (uint32_t id = 1; id < graph->n_links; id++) {
		uint32_t *at = bucket_of(graph, link[id].key);
		if (!link[id].used)
			continue;
		link[id].next = *at;
		*at = id;
	}
	return 0;
}

static int grow_out(struct route_pop *pop)
{
	if (pop->n_out < pop->out_capacity)
		return 0;
	uint32_t capacity = pop->out_capacity ? pop->out_capacity * 2 : 8;
	uint32_t *out = realloc(pop->out, capacity * sizeof(*out));
	if (!out)
		return -ENOMEM;
	pop->out = out;
	pop->out_capacity = capacity;
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
	if ((!graph->free && grow(graph)) || grow_out(&graph->pop[from]))
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
	graph->more[id] = (struct route_link_more){0};
	*bucket = id;
	graph->pop[from].out[graph->pop[from].n_out++] = id;
	graph->pop[from].changed = graph->remeasured = true;
	if (reverse) {
		graph->link[reverse].reverse = id;
		graph->link[id].reverse_down = graph->link[reverse].called_down;
		graph->link[id].flap = graph->link[reverse].flap;
	}
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
	struct route_pop *pop = &graph->pop[link->from];
	for (at = pop->out; *at != id; at++)
		;
	*at = pop->out[--pop->n_out];
	pop->changed = graph->remeasured = true;
	if (link->reverse) {
		struct route_link *reverse = &graph->link[link->reverse];
		reverse->reverse = 0;
		reverse->reverse_down = false;
		graph->pop[reverse->from].changed = true;
	}
	*link = (struct route_link){.next = graph->free};
	graph->free = id;
}

void route_graph_call(struct route_graph *graph, uint32_t id, bool up, uint64_t now_ns)
{
	struct route_link *link = &graph->link[id], *reverse = link->reverse ? &graph->link[link->reverse] : NULL;
	bool brief = now_ns - graph->more[id].changed_ns < ROUTE_FLAP_MIN_UP_NS;
	if (!up && link->measured && !link->reverse_down && !brief)
		route_flap_add(&link->flap, now_ns);
	link->called_down = !up;
	graph->more[id].changed_ns = now_ns;
	graph->pop[link->from].changed = true;
	if (!reverse)
		return;
	reverse->reverse_down = !up;
	reverse->flap = link->flap;
	graph->pop[reverse->from].changed = true;
}

/* How much the two ends of a link disagree, ms; 0: not by more than noise. */
static float disagreement(const struct route_link *link, const struct route_link *back)
{
	double round_ms = fmax((double)link->estimate.rtt_ns, (double)back->estimate.rtt_ns) * 1e-6;
	double sum_ms = ((double)link->estimate.delay_ns + (double)back->estimate.delay_ns) * 1e-6;
	double short_ms = round_ms - sum_ms;
	return short_ms > fmax(ROUTE_DOUBT_MS, ROUTE_DOUBT_SHARE * round_ms) ? (float)short_ms : 0;
}

void route_graph_doubt(struct route_graph *graph, uint32_t id)
{
	struct route_link *link = &graph->link[id], *back = &graph->link[link->reverse];
	uint64_t now_ns = link->estimate.at_ns, *since_ns = &graph->more[id].disagreed_ns;
	if (!link->reverse || !link->measured || !back->measured)
		return;
	float doubt_ms = disagreement(link, back);
	*since_ns = doubt_ms == 0 ? 0 : *since_ns ? *since_ns : now_ns;
	if (now_ns - *since_ns < ROUTE_DOUBT_NS)
		doubt_ms = 0;
	if (doubt_ms != back->doubt_ms)
		graph->pop[back->from].changed = true;
	link->doubt_ms = back->doubt_ms = doubt_ms;
	graph->more[link->reverse].disagreed_ns = *since_ns;
}

/* Breadth first; of several links between two POPs any would do. */
void route_graph_clocks(const struct route_graph *graph, uint16_t origin, double *clock)
{
	uint16_t queue[ROUTE_MAX_POPS] = {origin}, head = 0, tail = 1;
	bool known[ROUTE_MAX_POPS] = {[0] = false};
	for (uint16_t i = 0; i < graph->n; i++)
		clock[i] = 0;
	known[origin] = true;
	for (; head < tail && tail < graph->n; head++)
		for (uint32_t i = 0; i < graph->pop[queue[head]].n_out; i++) {
			const struct route_link *link = &graph->link[graph->pop[queue[head]].out[i]];
			const struct route_link *back = &graph->link[link->reverse];
			if (!link->measured || known[link->to] || !link->reverse || !back->measured)
				continue;
			known[link->to] = true;
			clock[link->to] =
			    clock[link->from] + (double)(link->estimate.delay_ns - back->estimate.delay_ns) / 2;
			queue[tail++] = link->to;
		}
}
