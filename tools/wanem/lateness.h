/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/lateness.h: how late packets left, as a histogram in fixed memory. No I/O.
 *
 * Log-linear buckets: 16 per power of two, so that a quantile is at most 1/16 above the true value. */
#pragma once

#include <stdint.h>

#define WANEM_LATENESS_SUB     16u
#define WANEM_LATENESS_BUCKETS (WANEM_LATENESS_SUB * 38u) /* up to 2^41 ns, over half an hour; more is cut to that */

struct wanem_lateness {
	uint64_t count;
	uint64_t max_ns;
	uint32_t bucket[WANEM_LATENESS_BUCKETS];
};

void wanem_lateness_add(struct wanem_lateness *h, uint64_t ns);

/* The smallest bound under which a fraction q (0 .. 1) of the values lie; 0 when there are none. */
uint64_t wanem_lateness_quantile(const struct wanem_lateness *h, double q);
