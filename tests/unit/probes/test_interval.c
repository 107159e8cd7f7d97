/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/interval.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect(unsigned lost, unsigned n, double low, double high)
{
	struct probe_interval i = probe_interval((double)lost / n, n);
	cr_assert_float_eq(i.low, low, 5e-4, "%u of %u: %f", lost, n, i.low);
	cr_assert_float_eq(i.high, high, 5e-4, "%u of %u: %f", lost, n, i.high);
}

/* R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I,
 * method 3. */
Test(interval, is_what_is_published)
{
	expect(81, 263, 0.2553, 0.3662);
	expect(15, 148, 0.0624, 0.1605);
	expect(0, 20, 0.0, 0.1611);
	expect(1, 29, 0.0061, 0.1718);
}

Test(interval, knows_nothing_without_samples)
{
	struct probe_interval i = probe_interval(0, 0);
	cr_assert(i.low <= 0 && i.high >= 1);
}

/* Of many estimates of a known loss, 95% hold it. */
Test(interval, holds_the_truth_as_often_as_it_says)
{
	static const double truth[] = {0.005, 0.01, 0.1, 0.5};
	srand(95);
	for (unsigned t = 0; t < 4; t++) {
		unsigned held = 0;
		for (unsigned k = 0; k < 4000; k++) {
			unsigned lost = 0;
			for (unsigned i = 0; i < 500; i++)
				lost += (double)rand() / RAND_MAX < truth[t];
			struct probe_interval i = probe_interval(lost / 500.0, 500);
			held += i.low <= truth[t] && truth[t] <= i.high;
		}
		cr_assert(held > 3680, "%u of 4000 hold %f", held, truth[t]);
	}
}
