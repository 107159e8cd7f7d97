/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/search.h"

#include <criterion/criterion.h>
#include <math.h>

#include "tools/pktgen/histogram.h"

Test(search, finds_the_highest_lossless_rate_within_the_resolution)
{
	for (double device = 1000; device < 1e6; device *= 1.37) {
		struct search s;
		int trials = 0;
		search_start(&s, 1e6, 1000);
		while (!search_step(&s, s.next <= device))
			cr_assert(++trials < 20);
		cr_assert(s.low <= device && device - s.low <= 1000, "%f for %f", s.low, device);
	}
}

Test(search, ends_at_once_when_the_ceiling_passes)
{
	struct search s;
	search_start(&s, 1e6, 1000);
	cr_assert(search_step(&s, true));
	cr_assert(s.low == 1e6);
}

Test(search, of_a_dead_device_ends_at_zero)
{
	struct search s;
	search_start(&s, 1e6, 1000);
	while (!search_step(&s, false))
		;
	cr_assert(s.low == 0);
}

Test(histogram, quantiles_are_within_a_thirtysecond_of_the_true_ones)
{
	static struct histogram h;
	histogram_reset(&h);
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i * i);
	for (double q = 0.01; q < 1; q += 0.01) {
		double wanted = pow(floor(q * 100000 + 0.5), 2), got = (double)histogram_quantile(&h, q);
		cr_assert(
		    got >= wanted * 0.999 && got <= wanted * (1 + 1.0 / 32) + 1, "q %f: %f, not %f", q, got, wanted);
	}
	cr_assert(histogram_quantile(&h, 1) == 100000ull * 100000);
}

Test(histogram, takes_the_largest_value)
{
	static struct histogram h;
	histogram_reset(&h);
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 0);
	cr_assert(histogram_quantile(&h, 1) == UINT64_MAX);
	cr_assert(histogram_quantile(&h, 0.5) == 0);
}
