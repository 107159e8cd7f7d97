/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/best.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

float sim_path_ms(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to,
    const struct sim_path *path, float relay_cost)
{
	float sum = 0;
	uint32_t at = from;
	for (unsigned i = 0; i < path->n_relays; at = path->relay[i++])
		sum += sim_link_ms(trace, slice, at, path->relay[i]) + relay_cost;
	return sum + sim_link_ms(trace, slice, at, to);
}

bool sim_path_same(const struct sim_path *a, const struct sim_path *b)
{
	return a->n_relays == b->n_relays && !memcmp(a->relay, b->relay, a->n_relays * sizeof(a->relay[0]));
}

/* One round of Bellman and Ford: paths with one relay more. */
static void extend(const struct sim_trace *trace, uint32_t slice, uint32_t from, float relay_cost,
    const struct sim_path *path, const float *ms, struct sim_path *longer, float *longer_ms)
{
	for (uint32_t k = 0; k < trace->n; k++)
		for (uint32_t to = 0; to < trace->n && k != from; to++) {
			float sum = ms[k] + relay_cost + sim_link_ms(trace, slice, k, to);
			if (to == k || to == from || !(sum < longer_ms[to]))
				continue;
			longer_ms[to] = sum;
			longer[to] = path[k];
			longer[to].relay[longer[to].n_relays++] = (uint16_t)k;
		}
}

int sim_best(const struct sim_trace *trace, uint32_t slice, uint32_t from, unsigned max_relays, float relay_cost,
    struct sim_path *path, float *ms)
{
	size_t n = trace->n;
	struct sim_path *now = calloc(n, sizeof(*now)), *longer = calloc(n, sizeof(*longer));
	float *now_ms = calloc(n, sizeof(*now_ms));
	if (!now || !longer || !now_ms) {
		free(now);
		free(longer);
		free(now_ms);
		return -ENOMEM;
	}
	for (uint32_t to = 0; to < n; to++)
		ms[to] = to == from ? 0 : sim_link_ms(trace, slice, from, to);
	for (unsigned relays = 0; relays < max_relays; relays++) {
		memcpy(now_ms, ms, n * sizeof(*ms));
		memcpy(now, longer, n * sizeof(*now));
		extend(trace, slice, from, relay_cost, now, now_ms, longer, ms);
	}
	if (path)
		memcpy(path, longer, n * sizeof(*path));
	free(now);
	free(longer);
	free(now_ms);
	return 0;
}
