/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/impair.h"

#include <criterion/criterion.h>
#include <math.h>

#define MS 1000000ull
#define S  1000000000ull

static struct wanem_line line_with(struct wanem_impairment set)
{
	struct wanem_line line;
	wanem_line_init(&line, 42);
	if (!set.queue_bytes)
		set.queue_bytes = line.set.queue_bytes;
	wanem_line_configure(&line, &set);
	return line;
}

/* Five standard deviations of a binomial share: a right generator fails this once in a million seeds. */
static void expect_share(uint64_t hits, uint64_t n, double p)
{
	double share = (double)hits / (double)n, deviation = sqrt(p * (1 - p) / (double)n);
	cr_assert(fabs(share - p) <= 5 * deviation, "%f, not %f within %f", share, p, 5 * deviation);
}

Test(impair, an_undisturbed_line_hands_over_at_once)
{
	struct wanem_line line;
	uint64_t due[2];
	wanem_line_init(&line, 1);
	cr_assert(wanem_line_offer(&line, 7 * S, 1500, due) == 1);
	cr_assert(due[0] == 7 * S);
}

Test(impair, loss_is_the_share_that_was_asked_for_and_delays_nobody_else)
{
	struct wanem_line line = line_with((struct wanem_impairment){.delay_ns = 140 * MS, .loss = 0.01});
	uint64_t due[2], n = 1000000, lost = 0;
	for (uint64_t i = 0; i < n; i++) {
		if (wanem_line_offer(&line, i * MS, 100, due) == 0)
			lost++;
		else
			cr_assert(due[0] == i * MS + 140 * MS);
	}
	expect_share(lost, n, 0.01);
	cr_assert(line.count[WANEM_LOST] == lost && line.count[WANEM_SENT] == n - lost);
}

Test(impair, losses_are_independent_of_one_another)
{
	struct wanem_line line = line_with((struct wanem_impairment){.loss = 0.1});
	uint64_t due[2], n = 1000000, pairs = 0;
	bool before = false;
	for (uint64_t i = 0; i < n; i++) {
		bool lost = wanem_line_offer(&line, i, 100, due) == 0;
		pairs += lost && before;
		before = lost;
	}
	expect_share(pairs, n, 0.01);
}

Test(impair, jitter_lies_in_its_range_and_keeps_the_order)
{
	struct wanem_line line = line_with((struct wanem_impairment){.delay_ns = 20 * MS, .jitter_ns = 10 * MS});
	uint64_t due[2], last = 0, sum = 0, n = 100000;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t now = i * 20 * MS; /* far enough apart that none waits for another */
		cr_assert(wanem_line_offer(&line, now, 100, due) == 1);
		cr_assert(due[0] >= now + 20 * MS && due[0] <= now + 30 * MS);
		sum += due[0] - now;
	}
	cr_assert(fabs((double)sum / (double)n - 25e6) < 0.1e6, "the mean is %f", (double)sum / (double)n);
	for (uint64_t i = 0; i < n; i++) {
		cr_assert(wanem_line_offer(&line, n * 20 * MS + i * 10000, 100, due) == 1);
		cr_assert(due[0] >= last);
		last = due[0];
	}
}

Test(impair, only_reordered_packets_are_overtaken_and_in_their_share)
{
	struct wanem_line line = line_with(
	    (struct wanem_impairment){.delay_ns = 5 * MS, .jitter_ns = MS, .reorder = 0.02, .reorder_gap_ns = 3 * MS});
	uint64_t due[2], last = 0, late = 0, n = 200000;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t reordered = line.count[WANEM_REORDERED];
		cr_assert(wanem_line_offer(&line, i * 100000, 100, due) == 1);
		if (line.count[WANEM_REORDERED] > reordered) {
			late++;
			cr_assert(due[0] >= i * 100000 + 8 * MS);
			continue;
		}
		cr_assert(due[0] >= last);
		last = due[0];
	}
	expect_share(late, n, 0.02);
}

Test(impair, duplicates_are_in_their_share_and_leave_together)
{
	struct wanem_line line = line_with((struct wanem_impairment){.delay_ns = MS, .duplicate = 0.05});
	uint64_t due[2], twice = 0, n = 200000;
	for (uint64_t i = 0; i < n; i++) {
		if (wanem_line_offer(&line, i * 1000, 100, due) != 2)
			continue;
		twice++;
		cr_assert(due[0] == due[1]);
	}
	expect_share(twice, n, 0.05);
	cr_assert(line.count[WANEM_DUPLICATED] == twice);
}

Test(impair, a_rate_is_kept_however_much_is_offered)
{
	struct wanem_line line = line_with((struct wanem_impairment){.rate_bps = 10000000, .queue_bytes = 50000});
	uint64_t due[2], sent = 0, last = 0, dropped = 0;
	for (uint64_t now = 0; now < 10 * S; now += 600000) { /* 1,500 bytes each 0.6 ms: 20 Mbit/s */
		if (wanem_line_offer(&line, now, 1500, due) == 0) {
			dropped++;
			continue;
		}
		sent += 1500 * 8;
		cr_assert(due[0] >= last + 1200000 - 1, "two packets are %lu ns apart", due[0] - last);
		cr_assert(due[0] - now <= 50000ull * 8 * 100 + 1, "no packet waits longer than the queue is long");
		last = due[0];
	}
	double rate = (double)sent / ((double)last / 1e9);
	cr_assert(fabs(rate - 10e6) < 0.01e6, "%f bit/s", rate);
	cr_assert(dropped == line.count[WANEM_QUEUE_FULL] && dropped > 0);
}

Test(impair, a_rate_that_is_not_used_up_drops_and_delays_nothing_but_the_packet_itself)
{
	struct wanem_line line = line_with((struct wanem_impairment){.rate_bps = 8000000});
	uint64_t due[2];
	for (uint64_t i = 0; i < 1000; i++) {
		cr_assert(wanem_line_offer(&line, i * 2 * MS, 1000, due) == 1);
		cr_assert(due[0] == i * 2 * MS + MS);
	}
}

Test(impair, a_dark_line_takes_nothing_and_comes_back)
{
	struct wanem_line line = line_with((struct wanem_impairment){.delay_ns = MS});
	struct wanem_impairment set = line.set;
	uint64_t due[2];
	set.dark = true;
	wanem_line_configure(&line, &set);
	for (uint64_t i = 0; i < 100; i++)
		cr_assert(wanem_line_offer(&line, i, 100, due) == 0);
	set.dark = false;
	wanem_line_configure(&line, &set);
	cr_assert(wanem_line_offer(&line, 100, 100, due) == 1);
	cr_assert(line.count[WANEM_DARK] == 100);
}

Test(impair, a_shorter_delay_holds_at_once)
{
	struct wanem_line line = line_with((struct wanem_impairment){.delay_ns = 100 * MS});
	struct wanem_impairment set = line.set;
	uint64_t due[2];
	cr_assert(wanem_line_offer(&line, 0, 100, due) == 1);
	set.delay_ns = 10 * MS;
	wanem_line_configure(&line, &set);
	cr_assert(wanem_line_offer(&line, MS, 100, due) == 1);
	cr_assert(due[0] == 11 * MS);
}

Test(impair, the_same_seed_decides_the_same)
{
	struct wanem_impairment set = {.loss = 0.3, .jitter_ns = MS, .duplicate = 0.1, .reorder = 0.1};
	struct wanem_line a = line_with(set), b = line_with(set);
	uint64_t due_a[2] = {0}, due_b[2] = {0};
	for (uint64_t i = 0; i < 10000; i++) {
		cr_assert(wanem_line_offer(&a, i * 1000, 100, due_a) == wanem_line_offer(&b, i * 1000, 100, due_b));
		cr_assert(due_a[0] == due_b[0]);
	}
}
