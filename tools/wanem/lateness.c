/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/lateness.h"

/* Values under 16 have a bucket each; above, the four bits after the leading one choose it. */
static uint32_t bucket_of(uint64_t ns)
{
	if (ns < WANEM_LATENESS_SUB)
		return (uint32_t)ns;
	unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
	uint32_t sub = (uint32_t)(ns >> (exponent - 4)) & (WANEM_LATENESS_SUB - 1);
	uint32_t bucket = (exponent - 3) * WANEM_LATENESS_SUB + sub;
	return bucket < WANEM_LATENESS_BUCKETS ? bucket : WANEM_LATENESS_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bound_of(uint32_t bucket)
{
	if (bucket < WANEM_LATENESS_SUB)
		return bucket;
	unsigned exponent = bucket / WANEM_LATENESS_SUB + 3;
	uint64_t low = (uint64_t)(WANEM_LATENESS_SUB + bucket % WANEM_LATENESS_SUB) << (exponent - 4);
	return low + (1ull << (exponent - 4)) - 1;
}

void wanem_lateness_add(struct wanem_lateness *h, uint64_t ns)
{
	h->count++;
	h->bucket[bucket_of(ns)]++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t wanem_lateness_quantile(const struct wanem_lateness *h, double q)
{
	if (h->count == 0)
		return 0;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < WANEM_LATENESS_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > 0 && (double)seen >= q * (double)h->count)
			return bound_of(i) < h->max_ns ? bound_of(i) : h->max_ns;
	}
	return h->max_ns;
}
