/* SPDX-License-Identifier: BSD-2-Clause */
/* An idle worker sleeps, and wakes for the first packet. On a port without a descriptor, which is the harder case: there
 * the worker must look, where an af_xdp socket would tell. */
#include "dataplane/loop.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "shell.h"
#include "tests/bench/wakes.h"

#define ROUNDS 5u
#define WAKES  500u

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(v[0]), wakes_compare);
	return v[ROUNDS / 2];
}

static void begin(struct wakes *w)
{
	struct shell s;
	shell_start(&s, 1); /* which starts EAL */
	shell_end(&s);
	cr_assert_eq(wakes_begin(w), 0);
}

static double quantile(double v[], unsigned n, unsigned percent)
{
	qsort(v, n, sizeof(v[0]), wakes_compare);
	return v[n * percent / 100 - 1];
}

/* A round of wakes: of a packet, and of a bare sleep, by turns, so that what disturbs the machine disturbs both. Whether
 * the packet waited at most 1 ms at p99, half of that at the median; or, where the machine is so busy that a thread which
 * does nothing else is late, too, at most twice or three times what that takes. */
static bool wakes_in_time(struct wakes *w)
{
	static double ours[WAKES], bare[WAKES];
	for (unsigned i = 0; i < WAKES; i++) {
		wakes_rest(WAKES_REST_NS + i * 1237u);
		bare[i] = wakes_bare_us(w);
		wakes_rest(WAKES_REST_NS + i * 1237u);
		ours[i] = wakes_packet_us(w);
	}
	double p99 = quantile(ours, WAKES, 99), p50 = quantile(ours, WAKES, 50);
	double bare99 = quantile(bare, WAKES, 99), bare50 = quantile(bare, WAKES, 50);
	cr_log_info("p50 %.0f us, p99 %.0f us; of a bare sleep %.0f us, %.0f us", p50, p99, bare50, bare99);
	return (p50 <= 500.0 || p50 <= 2 * bare50) && (p99 <= 1000.0 || p99 <= 3 * bare99);
}

/* Load only makes it later: one round of several in time shows that it can. */
Test(idle, the_first_packet_after_idle_waits_at_most_a_millisecond, .timeout = 240)
{
	static struct wakes w;
	bool in_time = false;
	begin(&w);
	for (unsigned round = 0; round < ROUNDS && !in_time; round++)
		in_time = wakes_in_time(&w);
	cr_assert(in_time, "late in each of %u rounds", ROUNDS);
	uint64_t sleeps = dp_workers_get(w.set, 0)->stats->counter[WIRE_COUNTER_SLEEPS];
	cr_assert_gt(sleeps, WAKES, "it slept before each");
	wakes_end(&w);
}

Test(idle, a_worker_without_packets_takes_less_than_a_twentieth_of_a_core, .timeout = 60)
{
	static struct wakes w;
	double percent[ROUNDS];
	begin(&w);
	for (unsigned i = 0; i < ROUNDS; i++)
		percent[i] = wakes_idle_percent(&w, 400);
	double ours = median(percent);
	cr_log_info("%.1f%% of a core", ours);
	cr_assert_lt(ours, 5.0);
	wakes_end(&w);
}
