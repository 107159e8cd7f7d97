/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/accuracy.h"

#include <criterion/criterion.h>

static struct probe_accuracy a;
static struct probe_accuracy_estimate e;

Test(accuracy, of_nothing_nothing_is_said)
{
	probe_accuracy_get(&a, 0, &e);
	cr_assert(e.samples == 0 && e.min_rtt_ns == 0 && e.process.max_ns == 0);
}

Test(accuracy, errors_are_what_round_trips_are_longer_than_the_shortest)
{
	for (uint64_t i = 0; i < 200; i++)
		probe_accuracy_add(&a, i, 1000 + i * 37 % 200, 10000 * (i % 2), 500000);
	probe_accuracy_get(&a, 0, &e);
	cr_assert(e.samples == 200 && e.min_rtt_ns == 1000);
	cr_assert(e.driver.p50_ns == 99 && e.driver.p99_ns == 197 && e.driver.max_ns == 199);
	cr_assert(e.process.p50_ns >= 500000 && e.process.p50_ns < 510000 && e.process.max_ns == 510199);
}

Test(accuracy, only_what_is_young_enough_counts_and_only_so_many)
{
	for (uint64_t i = 0; i < 3 * PROBE_WINDOW; i++)
		probe_accuracy_add(&a, i, i < 2 * PROBE_WINDOW ? 1 : 70, 0, 5);
	probe_accuracy_get(&a, 0, &e);
	cr_assert(e.samples == PROBE_WINDOW && e.min_rtt_ns == 70 && e.process.p99_ns == 5);
	probe_accuracy_get(&a, 3 * PROBE_WINDOW - 7, &e);
	cr_assert(e.samples == 7);
}

Test(accuracy, what_is_longer_than_can_be_kept_is_long)
{
	probe_accuracy_add(&a, 1, 1ull << 40, 1ull << 40, 1);
	probe_accuracy_get(&a, 0, &e);
	cr_assert(e.min_rtt_ns == UINT32_MAX && e.process.max_ns == UINT32_MAX);
}
