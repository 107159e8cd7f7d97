/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/histogram.h"

#include <string.h>

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Values below HISTOGRAM_STEPS have a step each; above, the top HISTOGRAM_STEP_BITS bits after the leading one. */
static unsigned index_of(uint64_t ns)
{
	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	unsigned top = 63u - (unsigned)__builtin_clzll(ns);
	unsigned shift = top - HISTOGRAM_STEP_BITS;
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(ns >> shift) - HISTOGRAM_STEPS;
}

static uint64_t upper_bound_of(unsigned index)
{
	if (index < HISTOGRAM_STEPS)
		return index;
	unsigned shift = index / HISTOGRAM_STEPS - 1;
	uint64_t lower = (uint64_t)(HISTOGRAM_STEPS + index % HISTOGRAM_STEPS) << shift;
	return lower + ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum += ns;
	if (ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->step[index_of(ns)]++;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t wanted = (uint64_t)(q * (double)h->count + 0.5), seen = 0;
	if (!h->count)
		return 0;
	if (wanted < 1)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		seen += h->step[i];
		if (seen >= wanted)
			return upper_bound_of(i) < h->max ? upper_bound_of(i) : h->max;
	}
	return h->max;
}
