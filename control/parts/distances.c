/* SPDX-License-Identifier: BSD-2-Clause */
/* How far it is to the POPs changes a little all the time; what is done with accelerators depends only on which of them
 * are nearer than others. So that is kept: by class and POP its rank, the same for those that are equally far. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/parts/parts.h"

#define UNREACHABLE UINT16_MAX /* more than there can be POPs */

struct distance {
	float rtt_ms;
	unsigned pop; /* index in the cluster */
};

static int by_distance(const void *left, const void *right)
{
	const struct distance *a = left, *b = right;
	return (a->rtt_ms > b->rtt_ms) - (a->rtt_ms < b->rtt_ms);
}

static void rank_class(const struct ctl_daemon *d, uint8_t class, struct distance *distance, uint16_t *ret_rank)
{
	unsigned n = d->cluster.n_pops;
	for (unsigned i = 0; i < n; i++)
		distance[i] = (struct distance){route_rtt_ms(d->engine, d->cluster.pop[i]->id, class), i};
	qsort(distance, n, sizeof(*distance), by_distance);
	uint16_t rank = 0;
	for (unsigned i = 0; i < n; i++) {
		if (i && distance[i].rtt_ms > distance[i - 1].rtt_ms)
			rank++;
		ret_rank[distance[i].pop] = isinf(distance[i].rtt_ms) ? UNREACHABLE : rank;
	}
}

bool ctl_distances_changed(struct ctl_daemon *d)
{
	struct ctl_parts *p = d->parts;
	unsigned n_pops = d->cluster.n_pops, n_classes = d->policy->n_classes;
	size_t n = (size_t)n_pops * n_classes;
	uint16_t *rank = malloc((n + 1) * sizeof(*rank));
	struct distance *distance = malloc((n_pops + 1) * sizeof(*distance));
	if (!rank || !distance) {
		free(rank);
		free(distance);
		return true; /* for all we know */
	}
	for (unsigned class = 0; class < n_classes; class ++)
		rank_class(d, (uint8_t) class, distance, rank + (size_t) class * n_pops);
	free(distance);
	bool changed = n != p->n_ranks || !p->rank || memcmp(rank, p->rank, n * sizeof(*rank)) != 0;
	free(p->rank);
	p->rank = rank;
	p->n_ranks = n;
	return changed;
}
