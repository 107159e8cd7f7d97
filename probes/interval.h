/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a share that was counted may be from the true one: Wilson's score interval (E. B. Wilson, Probable Inference,
 * 1927), which holds also for few samples and for none lost. Pure. */
#pragma once

#include <math.h>
#include <stdint.h>

struct probe_interval {
	double low;
	double high;
};

#define PROBE_CONFIDENCE_Z 1.959964 /* 95% */

/* share: 0..1, of n samples. Without any, it may be anything. */
static inline struct probe_interval probe_interval(double share, uint64_t n)
{
	if (n == 0)
		return (struct probe_interval){0, 1};
	double z2 = PROBE_CONFIDENCE_Z * PROBE_CONFIDENCE_Z, all = (double)n;
	double middle = share + z2 / (2 * all);
	double half = PROBE_CONFIDENCE_Z * sqrt(share * (1 - share) / all + z2 / (4 * all * all));
	double low = (middle - half) / (1 + z2 / all), high = (middle + half) / (1 + z2 / all);
	return (struct probe_interval){low > 0 ? low : 0, high < 1 ? high : 1};
}
