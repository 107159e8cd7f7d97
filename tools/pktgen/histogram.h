/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency histogram with a bounded relative error, after HdrHistogram: 64 octaves of 32 linear steps each.
 *
 * Invariant: a value lies in a step whose width is at most 1/32 of its lower bound, so every quantile is exact to 3.2%;
 * min, max, sum and count are exact. Values are nanoseconds; memory is fixed. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 5u
#define HISTOGRAM_STEPS     (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_SIZE      ((64u - HISTOGRAM_STEP_BITS + 1u) * HISTOGRAM_STEPS)

struct histogram {
	uint64_t count, sum, min, max;
	uint64_t step[HISTOGRAM_SIZE];
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);

/* The smallest recorded bound below or at which a share q (0 .. 1) of the values lie; 0 when there is none. */
uint64_t histogram_quantile(const struct histogram *h, double q);
