/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/estimator.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "link_model.h"

static struct model m; /* zero at the start of each test: Criterion runs each in a process of its own */

/* A repeatable number in [0, 1) of (i, stream). */
static double chance(uint32_t i, uint32_t stream)
{
	uint64_t x = ((uint64_t)stream << 32 | i) + 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

static int64_t constant_40ms(uint32_t i)
{
	(void)i;
	return 40 * MS;
}

static int64_t constant_45ms(uint32_t i)
{
	(void)i;
	return 45 * MS;
}

static int64_t exponential_40ms(uint32_t i)
{
	return 40 * MS - (int64_t)(3.0 * MS * log(1.0 - chance(i, 1)));
}

static int64_t uniform_45ms(uint32_t i)
{
	return 45 * MS + (int64_t)(chance(i, 2) * 8.0 * MS);
}

static int64_t three_hours_ahead(uint64_t at)
{
	(void)at;
	return 3ll * 3600 * 1000 * MS;
}

static bool lost_3_percent(uint32_t i)
{
	return chance(i, 3) < 0.03;
}

static bool lost_10_percent(uint32_t i)
{
	return chance(i, 4) < 0.10;
}

static bool lost_after_1000(uint32_t i)
{
	return i >= 1000;
}

static bool lost_from_1000_to_1099(uint32_t i)
{
	return i >= 1000 && i < 1100;
}

static bool lost_between_1000_and_1099_or_10_percent(uint32_t i)
{
	return lost_from_1000_to_1099(i) || lost_10_percent(i);
}

static void expect_near(double got, double want, double tolerance, const char *what)
{
	cr_assert(fabs(got - want) <= tolerance, "%s: %g is not within %g of %g", what, got, tolerance, want);
}

Test(estimator, constant_delays_come_out_exact_up_to_the_clocks_offset)
{
	m = (struct model){.probes = 600,
	    .forward_delay = constant_40ms,
	    .back_delay = constant_45ms,
	    .their_offset = three_hours_ahead};
	model_run(&m, 2000 * MS);
	int64_t offset = three_hours_ahead(0);
	cr_assert(m.result.rtt_ns == 85 * MS && m.result.min_rtt_ns == 85 * MS && m.result.p99_rtt_ns == 85 * MS);
	cr_assert(m.result.forward.delay_ns == 40 * MS + offset && m.result.forward.min_delay_ns == 40 * MS + offset);
	cr_assert(m.result.back.delay_ns == 45 * MS - offset && m.result.back.min_delay_ns == 45 * MS - offset);
	cr_assert(m.result.forward.jitter_ns == 0 && m.result.back.jitter_ns == 0);
	cr_assert(m.result.loss == 0.0 && m.result.forward.loss == 0.0 && m.result.back.loss == 0.0);
	cr_assert(m.result.sent == 600 && m.result.replies == 600 && m.result.samples == PROBE_WINDOW);
	cr_assert(m.result.clock_steps == 0);
}

Test(estimator, quantiles_are_those_of_the_sorted_window)
{
	m = (struct model){.probes = 2000, .forward_delay = exponential_40ms, .back_delay = uniform_45ms};
	model_run(&m, 500 * MS);
	uint64_t rtt[PROBE_WINDOW];
	for (uint32_t i = 0; i < PROBE_WINDOW; i++) {
		uint32_t probe = m.probes - 1 - i;
		rtt[i] = (uint64_t)(exponential_40ms(probe) + uniform_45ms(probe));
		for (uint32_t j = i; j > 0 && rtt[j - 1] > rtt[j]; j--) {
			uint64_t swap = rtt[j];
			rtt[j] = rtt[j - 1];
			rtt[j - 1] = swap;
		}
	}
	cr_assert(m.result.min_rtt_ns == rtt[0]);
	cr_assert(m.result.p50_rtt_ns == rtt[255]);
	cr_assert(m.result.p95_rtt_ns == rtt[486]); /* ceil(0.95 * 512) = 487th */
	cr_assert(m.result.p99_rtt_ns == rtt[506]);
	/* The distribution itself: 85 ms + Exp(3 ms) + U(0, 8 ms). */
	expect_near((double)m.result.p50_rtt_ns / MS, 91.4, 0.6, "median");
	expect_near((double)m.result.rtt_ns / MS, 92.0, 3.0, "smoothed");
}

Test(estimator, jitter_is_that_of_rfc_3550_in_each_direction)
{
	m = (struct model){.probes = 2000, .forward_delay = exponential_40ms, .back_delay = uniform_45ms};
	model_run(&m, 500 * MS);
	double forward = 0, back = 0;
	for (uint32_t i = 1; i < m.probes; i++) {
		forward += (fabs((double)(exponential_40ms(i) - exponential_40ms(i - 1))) - forward) / 16;
		back += (fabs((double)(uniform_45ms(i) - uniform_45ms(i - 1))) - back) / 16;
	}
	expect_near((double)m.result.forward.jitter_ns, forward, forward * 0.001, "forward jitter");
	expect_near((double)m.result.back.jitter_ns, back, back * 0.001, "back jitter");
}

/* The truth about the probes of the window that have settled. */
static void true_loss(double *ret_forward, double *ret_back)
{
	uint32_t sent = 0, arrived = 0, returned = 0;
	for (uint32_t i = m.probes - PROBE_WINDOW; i < m.probes; i++) {
		if (sent_at(&m, i) + PROBE_SETTLE_NS > m.end)
			continue;
		sent++;
		arrived += !m.lost_forward[i];
		returned += !m.lost_forward[i] && !m.lost_back[i];
	}
	*ret_forward = 1.0 - (double)arrived / sent;
	*ret_back = 1.0 - (double)returned / arrived;
}

static void expect_true_loss(void)
{
	double forward, back;
	true_loss(&forward, &back);
	/* Lost before the window's first answered probe is nobody's loss, after the last one both directions'. */
	expect_near(m.result.forward.loss, forward, 4.0 / PROBE_WINDOW, "forward loss");
	expect_near(m.result.back.loss, back, 4.0 / PROBE_WINDOW, "back loss");
	expect_near(m.result.loss, 1 - (1 - forward) * (1 - back), 1e-9, "round-trip loss");
}

Test(estimator, loss_forward_is_not_taken_for_loss_on_the_way_back)
{
	m = (struct model){.probes = 1500, .forward_delay = constant_40ms, .forward_lost = lost_10_percent};
	model_run(&m, 2000 * MS);
	expect_true_loss();
	cr_assert(m.result.back.loss == 0.0 && m.result.forward.loss > 0.05);
}

Test(estimator, loss_on_the_way_back_is_not_taken_for_loss_forward)
{
	m = (struct model){.probes = 1500, .forward_delay = constant_40ms, .back_lost = lost_3_percent};
	model_run(&m, 2000 * MS);
	expect_true_loss();
	cr_assert(m.result.forward.loss == 0.0 && m.result.back.loss > 0.01);
}

Test(estimator, loss_in_both_directions_is_told_apart)
{
	m = (struct model){.probes = 3000,
	    .forward_delay = exponential_40ms,
	    .back_delay = uniform_45ms,
	    .forward_lost = lost_10_percent,
	    .back_lost = lost_3_percent};
	model_run(&m, 2000 * MS);
	expect_true_loss();
}

Test(estimator, probes_under_way_are_not_lost)
{
	m = (struct model){.probes = 100, .forward_delay = constant_40ms, .back_delay = constant_45ms};
	model_run(&m, 0);
	cr_assert(m.result.loss == 0.0 && m.result.replies == 98);
}

static bool first_half_of_10(uint32_t i)
{
	return i % 10 < 5;
}

Test(estimator, copies_made_on_the_way_hide_no_loss)
{
	m = (struct model){.probes = 1500,
	    .forward_delay = constant_40ms,
	    .forward_lost = lost_10_percent,
	    .forward_twice = first_half_of_10,
	    .back_twice = first_half_of_10};
	model_run(&m, 2000 * MS);
	expect_true_loss();
	cr_assert(m.result.forward.duplicates > 500 && m.result.back.duplicates > 1000);
	cr_assert(m.result.replies + m.result.forward.duplicates + m.result.back.duplicates == m.n_here);
}

static int64_t every_tenth_late(uint32_t i)
{
	return i % 10 == 3 ? 130 * MS : 40 * MS;
}

Test(estimator, reordering_forward_is_counted_forward)
{
	m = (struct model){.probes = 500, .forward_delay = every_tenth_late, .back_delay = constant_45ms};
	model_run(&m, 2000 * MS);
	cr_assert(m.result.forward.reordered == 50, "%lu", m.result.forward.reordered);
	cr_assert(m.result.back.reordered == 0, "%lu", m.result.back.reordered);
	cr_assert(m.result.loss == 0.0 && m.result.forward.loss == 0.0 && m.result.back.loss == 0.0);
}

Test(estimator, reordering_on_the_way_back_is_counted_there)
{
	m = (struct model){.probes = 500, .forward_delay = constant_40ms, .back_delay = every_tenth_late};
	model_run(&m, 2000 * MS);
	cr_assert(m.result.forward.reordered == 0 && m.result.back.reordered == 50);
}

Test(estimator, sequence_numbers_wrap)
{
	m = (struct model){.probes = 1500,
	    .forward_delay = exponential_40ms,
	    .back_delay = uniform_45ms,
	    .forward_lost = lost_10_percent,
	    .back_lost = lost_3_percent,
	    .first_sequence = UINT32_MAX - 1200,
	    .first_count = UINT32_MAX - 1100};
	model_run(&m, 2000 * MS);
	expect_true_loss();
	cr_assert(m.result.ignored == 0 && m.result.forward.reordered == 0);
}

static bool at_probe_1300(uint32_t i)
{
	return i == 1300;
}

Test(estimator, a_reflector_that_starts_to_count_again_loses_nothing)
{
	m = (struct model){.probes = 1500, .forward_delay = constant_40ms, .count_restarts = at_probe_1300};
	model_run(&m, 2000 * MS);
	cr_assert(m.result.forward.loss == 0.0 && m.result.back.loss == 0.0 && m.result.loss == 0.0);
}

#define STEP_AT (1000 * INTERVAL_NS + 1200 * INTERVAL_NS)

static int64_t stepped_by_70ms(uint64_t at)
{
	return at < STEP_AT ? 5 * MS : 75 * MS;
}

static int64_t stepped_back_by_2h(uint64_t at)
{
	return at < STEP_AT ? 0 : -7200000 * MS;
}

Test(estimator, a_step_of_their_clock_discards_the_delays_before_it)
{
	int64_t (*const steps[])(uint64_t) = {stepped_by_70ms, stepped_back_by_2h};
	for (int i = 0; i < 2; i++) {
		m = (struct model){.probes = 1260,
		    .forward_delay = exponential_40ms,
		    .back_delay = uniform_45ms,
		    .their_offset = steps[i]};
		model_run(&m, 2000 * MS);
		int64_t offset = steps[i](STEP_AT);
		cr_assert(m.result.clock_steps == 1, "%lu steps", m.result.clock_steps);
		cr_assert(m.result.one_way_samples >= 50 && m.result.one_way_samples <= 60);
		expect_near((double)(m.result.forward.min_delay_ns - offset), 40.0 * MS, 0.5 * MS, "forward minimum");
		expect_near((double)(m.result.back.min_delay_ns + offset), 45.0 * MS, 1.0 * MS, "back minimum");
		expect_near((double)(m.result.forward.delay_ns - offset), 43.0 * MS, 5.0 * MS, "forward");
		cr_assert(m.result.forward.jitter_ns < 10 * MS, "the step is no jitter");
		cr_assert(m.result.samples == PROBE_WINDOW, "round trips are still good");
		expect_near((double)m.result.rtt_ns, 92.0 * MS, 5.0 * MS, "round trip");
	}
}

static int64_t worse_by_30ms(uint32_t i)
{
	return i < 1200 ? 40 * MS : 70 * MS;
}

static int64_t better_by_30ms(uint32_t i)
{
	return i < 1200 ? 45 * MS : 15 * MS;
}

Test(estimator, a_change_of_the_path_is_no_step)
{
	m = (struct model){.probes = 1300, .forward_delay = worse_by_30ms, .back_delay = constant_45ms};
	model_run(&m, 500 * MS);
	cr_assert(m.result.clock_steps == 0 && m.result.forward.min_delay_ns == 40 * MS);
	expect_near((double)m.result.forward.delay_ns, 70.0 * MS, 1000, "forward");
	m = (struct model){.probes = 1300, .forward_delay = constant_40ms, .back_delay = better_by_30ms};
	model_run(&m, 500 * MS);
	cr_assert(m.result.clock_steps == 0 && m.result.back.min_delay_ns == 15 * MS);
}

Test(estimator, our_own_step_gives_up_what_is_under_way_without_calling_it_lost)
{
	m = (struct model){.probes = 100, .forward_delay = constant_40ms, .back_delay = constant_45ms};
	model_run(&m, 10 * MS);
	uint64_t replies = m.result.replies;
	probe_estimator_own_clock_stepped(&m.e);
	for (uint32_t k = 0; k < m.n_here; k++)
		if (m.here[k].at > m.end)
			model_take(&m, &m.here[k]);
	probe_estimator_get(&m.e, m.end + 3000 * MS, &m.result);
	cr_assert(m.result.replies == replies && m.result.loss == 0.0 && m.result.one_way_samples == 0);
	cr_assert(m.result.clock_steps == 1 && m.result.rtt_ns == 85 * MS);
}

/* Ticks a millisecond apart from `from`, probes each interval unanswered, until the state changes. Returns when. */
static uint64_t wait_for_change(uint64_t from, uint64_t heard_every)
{
	for (uint64_t now = from + MS; now < from + 2000 * MS; now += MS) {
		if (heard_every && (now - from) % heard_every == 0)
			probe_estimator_heard(&m.e, now);
		if (probe_estimator_tick(&m.e, now))
			return now;
	}
	return 0;
}

Test(estimator, a_silent_link_is_down_after_three_intervals)
{
	m = (struct model){.probes = 100, .forward_delay = constant_40ms, .back_delay = constant_45ms};
	model_run(&m, 90 * MS);
	cr_assert(m.result.up && m.result.cause == PROBE_CAUSE_ANSWERED);
	uint64_t last = m.result.last_heard_ns, deadline = probe_estimator_deadline(&m.e);
	cr_assert(deadline == last + 3 * INTERVAL_NS);
	cr_assert(wait_for_change(m.end, 0) == deadline);
	cr_assert(!m.e.up && m.e.cause == PROBE_CAUSE_SILENT && m.e.since_ns == deadline);
	cr_assert(probe_estimator_deadline(&m.e) == UINT64_MAX);
}

Test(estimator, their_probes_keep_a_link_up_but_not_for_long_without_replies)
{
	m = (struct model){.probes = 100, .forward_delay = constant_40ms, .back_delay = constant_45ms};
	model_run(&m, 90 * MS);
	uint64_t last = m.result.last_reply_ns;
	cr_assert(wait_for_change(m.end, INTERVAL_NS) == last + PROBE_UNANSWERED * INTERVAL_NS);
	cr_assert(!m.e.up && m.e.cause == PROBE_CAUSE_UNANSWERED);
}

Test(estimator, a_new_link_comes_up_with_the_third_reply)
{
	m = (struct model){.probes = 3, .forward_delay = constant_40ms};
	model_run(&m, 0);
	cr_assert(!m.result.up && m.result.cause == PROBE_CAUSE_NEW);
	cr_assert(!probe_estimator_tick(&m.e, m.end + MS));
	model_take(&m, &m.here[2]);
	cr_assert(probe_estimator_tick(&m.e, m.here[2].at) && m.e.up);
}

Test(estimator, replies_with_pauses_between_them_bring_no_link_up)
{
	m = (struct model){.probes = 1200, .forward_delay = constant_40ms, .forward_lost = lost_after_1000};
	model_run(&m, 0);
	m.result.up = m.e.up;
	cr_assert(!m.result.up && m.e.cause == PROBE_CAUSE_SILENT);
	struct probe_sample sample;
	for (uint32_t i = 1100; i < 1200; i += 5) {
		uint64_t at = m.end + (i - 1100) * INTERVAL_NS;
		struct probe_reply r = {.sequence = i,
		    .reflector_sequence = i,
		    .t1 = WALL + sent_at(&m, i),
		    .t2 = WALL,
		    .t3 = WALL,
		    .t4 = WALL + sent_at(&m, i) + 80 * MS,
		    .arrival_ns = at};
		probe_estimator_reply(&m.e, &r, &sample);
		cr_assert(!probe_estimator_tick(&m.e, at));
	}
}

Test(estimator, our_own_standstill_is_not_their_silence)
{
	m = (struct model){.probes = 100, .forward_delay = constant_40ms};
	model_run(&m, 45 * MS);
	cr_assert(m.e.up);
	uint64_t woke = m.end + 700 * MS;
	cr_assert(!probe_estimator_tick(&m.e, woke) && m.e.up);
	cr_assert(wait_for_change(woke, 0) == woke + 3 * INTERVAL_NS);
}

Test(estimator, a_dead_link_loses_everything_in_both_directions)
{
	m = (struct model){
	    .probes = 1000 + PROBE_WINDOW, .forward_delay = constant_40ms, .forward_lost = lost_after_1000};
	model_run(&m, 2000 * MS);
	cr_assert(!m.result.up && m.result.samples == 0);
	cr_assert(m.result.loss == 1.0 && m.result.forward.loss == 1.0 && m.result.back.loss == 1.0);
}

Test(estimator, an_outage_that_is_over_is_no_loss)
{
	m = (struct model){.probes = 1160, .forward_delay = constant_40ms, .forward_lost = lost_from_1000_to_1099};
	model_run(&m, 2000 * MS);
	cr_assert(m.result.up && m.result.samples > 0);
	cr_assert(m.result.loss == 0 && m.result.forward.loss == 0 && m.result.back.loss == 0);
}

Test(estimator, loss_before_and_after_an_outage_is_loss)
{
	m = (struct model){
	    .probes = 1500, .forward_delay = constant_40ms, .forward_lost = lost_between_1000_and_1099_or_10_percent};
	model_run(&m, 2000 * MS);
	cr_assert(m.result.up);
	expect_near(m.result.loss, 0.10, 0.04, "loss");
	expect_near(m.result.forward.loss, 0.10, 0.04, "loss forward");
	cr_assert(m.result.back.loss == 0);
}

Test(estimator, replies_of_a_predecessor_are_ignored)
{
	m = (struct model){.probes = 10, .forward_delay = constant_40ms};
	model_run(&m, 10 * MS);
	uint64_t replies = m.result.replies;
	struct probe_sample sample;
	struct probe_reply old = {
	    .sequence = 9, .t1 = WALL, .t2 = WALL, .t3 = WALL, .t4 = WALL + sent_at(&m, 10), .arrival_ns = m.end + MS};
	struct probe_reply future = {.sequence = 10,
	    .t1 = WALL + sent_at(&m, 9),
	    .t2 = WALL,
	    .t3 = WALL,
	    .t4 = WALL + sent_at(&m, 10),
	    .arrival_ns = m.end + MS};
	cr_assert(!probe_estimator_reply(&m.e, &old, &sample) && !probe_estimator_reply(&m.e, &future, &sample));
	probe_estimator_get(&m.e, m.end + MS, &m.result);
	cr_assert(m.result.replies == replies && m.result.ignored == 2);
}

/* Nobody who has not seen the probe knows when it left. */
Test(estimator, replies_with_a_time_at_which_nothing_was_sent_are_ignored)
{
	struct probe_sample sample;
	struct probe_reply r = {.t2 = WALL, .t3 = WALL, .t4 = WALL + 5000 * MS, .arrival_ns = 5000 * MS};
	probe_estimator_init(&m.e, INTERVAL_NS, MS);
	probe_estimator_sent(&m.e, WALL + 100 * MS, 100 * MS);
	const uint64_t wrong[] = {0, WALL, WALL + 100 * MS - 2, WALL + 1100 * MS + 1, UINT64_MAX};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		r.t1 = wrong[i];
		cr_assert(!probe_estimator_reply(&m.e, &r, &sample), "%lu", wrong[i]);
	}
	r.t1 = WALL + 101 * MS; /* stamped as it left, which took a while */
	r.t4 = r.t1 + 40 * MS;
	cr_assert(probe_estimator_reply(&m.e, &r, &sample) && sample.rtt_ns == 40 * MS && m.e.ignored == 5);
}

/* What the reflector tells afterwards, and what it had said, are the same numbers in the end. */
Test(estimator, an_answer_that_left_later_than_it_said_counts_as_if_it_had_known)
{
	static struct probe_estimator told, known;
	struct probe_sample sample;
	struct probe_estimate a, b;
	probe_estimator_init(&told, INTERVAL_NS, MS);
	probe_estimator_init(&known, INTERVAL_NS, MS);
	for (uint32_t i = 0; i < 600; i++) {
		uint64_t now = MS + i * INTERVAL_NS, late = (uint64_t)(chance(i, 1) * 3 * MS), held = MS;
		struct probe_reply r = {.sequence = i, .reflector_sequence = i, .t1 = WALL + now};
		r.t2 = r.t1 + 20 * MS;
		r.t3 = r.t2 + held;
		r.t4 = r.t3 + late + 20 * MS + (uint64_t)(chance(i, 2) * MS);
		r.arrival_ns = r.t4 - WALL;
		probe_estimator_sent(&told, r.t1, now);
		probe_estimator_sent(&known, r.t1, now);
		cr_assert(probe_estimator_reply(&told, &r, &sample) && probe_estimator_left_later(&told, i, late));
		r.t3 += late;
		cr_assert(probe_estimator_reply(&known, &r, &sample));
	}
	probe_estimator_get(&told, 30000 * MS, &a);
	probe_estimator_get(&known, 30000 * MS, &b);
	cr_assert(a.min_rtt_ns == b.min_rtt_ns && a.p50_rtt_ns == b.p50_rtt_ns && a.p99_rtt_ns == b.p99_rtt_ns);
	cr_assert(llabs((int64_t)(a.rtt_ns - b.rtt_ns)) < 10000, "%lu, not %lu", a.rtt_ns, b.rtt_ns);
	cr_assert(llabs(a.back.delay_ns - b.back.delay_ns) < 10000);
	cr_assert(a.back.min_delay_ns == b.back.min_delay_ns);
	cr_assert(!probe_estimator_left_later(&told, 599, UINT64_MAX) && !probe_estimator_left_later(&told, 600, 1));
}

static uint64_t anything(uint32_t i, uint32_t stream)
{
	double kind = chance(i, stream + 100);
	uint64_t near = WALL + (uint64_t)(chance(i, stream) * 3e10);
	return kind < 0.9 ? near : kind < 0.95 ? 0 : kind < 0.97 ? UINT64_MAX : (uint64_t)(chance(i, stream) * 1.8e19);
}

Test(estimator, no_reply_however_wild_yields_figures_out_of_range)
{
	probe_estimator_init(&m.e, INTERVAL_NS, MS);
	struct probe_sample sample;
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t now = MS + i * INTERVAL_NS / 4;
		if (i % 4 == 0)
			probe_estimator_sent(&m.e, WALL + now, now);
		struct probe_reply r = {.sequence = m.e.next - 1 - (uint32_t)(chance(i, 5) * 600),
		    .reflector_sequence = (uint32_t)(chance(i, 6) * (i % 3 ? 8000 : 4e9)),
		    .t1 = anything(i, 7),
		    .t2 = anything(i, 8),
		    .t3 = anything(i, 9),
		    .t4 = anything(i, 10),
		    .arrival_ns = now};
		probe_estimator_reply(&m.e, &r, &sample);
		probe_estimator_tick(&m.e, now);
		probe_estimator_get(&m.e, now, &m.result);
		cr_assert(m.result.loss >= 0 && m.result.loss <= 1);
		cr_assert(m.result.forward.loss >= 0 && m.result.forward.loss <= 1);
		cr_assert(m.result.back.loss >= 0 && m.result.back.loss <= 1, "%g", m.result.back.loss);
		cr_assert(m.result.min_rtt_ns <= m.result.p50_rtt_ns && m.result.p50_rtt_ns <= m.result.p99_rtt_ns);
	}
	cr_assert(m.result.replies > 0);
}
