/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/lateness.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

Test(lateness, quantiles_are_within_a_sixteenth_above_the_true_ones)
{
	static struct wanem_lateness h;
	static uint64_t values[20001];
	size_t n = sizeof(values) / sizeof(values[0]);
	srand(3);
	for (size_t i = 0; i < n; i++) {
		values[i] = (uint64_t)rand() >> (rand() % 30);
		wanem_lateness_add(&h, values[i]);
	}
	qsort(values, n, sizeof(values[0]), by_value);
	for (int percent = 1; percent <= 100; percent++) {
		double q = percent / 100.0;
		size_t rank = (size_t)(q * (double)n + 0.999999);
		uint64_t true_value = values[(rank ? rank : 1) - 1], got = wanem_lateness_quantile(&h, q);
		cr_assert(got >= true_value && got <= true_value + true_value / 16 + 1, "%d%%: %lu, not %lu", percent,
		    got, true_value);
	}
	cr_assert(h.max_ns == values[n - 1] && h.count == n);
}

Test(lateness, of_nothing_is_zero)
{
	static struct wanem_lateness h;
	cr_assert(wanem_lateness_quantile(&h, 0.99) == 0);
}

Test(lateness, takes_values_beyond_its_last_bucket)
{
	static struct wanem_lateness h;
	wanem_lateness_add(&h, UINT64_MAX);
	wanem_lateness_add(&h, 0);
	cr_assert(h.max_ns == UINT64_MAX && h.count == 2);
	cr_assert(wanem_lateness_quantile(&h, 0.5) == 0);
}
