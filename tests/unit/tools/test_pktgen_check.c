/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TRIAL = 77 };
static struct check check;

static void start(void)
{
	check_start(&check, TRIAL, 1.0);
}

static void arrive(uint64_t sequence, uint64_t sent_at, uint64_t now)
{
	uint8_t frame[64];
	struct check_stamp s = {CHECK_MAGIC ^ TRIAL, (uint32_t)sequence, sent_at};
	memcpy(frame + sizeof(frame) - sizeof(s), &s, sizeof(s));
	check_packet(&check, frame + sizeof(frame), sizeof(frame), now);
}

TestSuite(check, .init = start);

Test(check, counts_loss_and_delay)
{
	for (uint64_t i = 0; i < 1000; i++) {
		if (i % 10)
			arrive(i, i * 100, i * 100 + 50);
	}
	cr_assert(check.received == 900);
	cr_assert(check_lost(&check, 1000) == 100);
	cr_assert(check.reordered == 0 && check.duplicated == 0);
	cr_assert(check.latency.min == 50 && check.latency.max == 50);
}

Test(check, tells_a_duplicate_from_a_late_packet)
{
	arrive(0, 0, 1);
	arrive(2, 0, 1);
	arrive(1, 0, 1);
	arrive(1, 0, 1);
	cr_assert(check.received == 3);
	cr_assert(check.reordered == 1);
	cr_assert(check.duplicated == 1);
}

Test(check, agrees_with_a_set_on_a_shuffled_stream_with_repeats)
{
	static bool arrived[20000];
	uint64_t received = 0, duplicated = 0;
	srand(3);
	memset(arrived, 0, sizeof(arrived));
	for (int64_t i = 0; i < 30000; i++) {
		int64_t s = i / 2 + rand() % 1000 - 500;
		if (s < 0 || s >= 20000)
			continue;
		*(arrived[s] ? &duplicated : &received) += 1;
		arrived[s] = true;
		arrive((uint64_t)s, 0, 1);
	}
	cr_assert(check.received == received, "%lu, not %lu", check.received, received);
	cr_assert(check.duplicated == duplicated);
}

Test(check, follows_the_sequence_over_32_bits)
{
	check.next = 0xfffffff0u;
	for (uint64_t i = 0xfffffff0u; i < 0x100000010u; i++)
		arrive(i, 0, 1);
	cr_assert(check.received == 32);
	cr_assert(check.next == 0x100000010u);
}

Test(check, takes_no_packet_of_another_trial_and_none_too_short)
{
	uint8_t frame[64] = {0};
	struct check_stamp s = {CHECK_MAGIC ^ (TRIAL + 1), 0, 0};
	memcpy(frame + sizeof(frame) - sizeof(s), &s, sizeof(s));
	check_packet(&check, frame + sizeof(frame), sizeof(frame), 1);
	check_packet(&check, frame + sizeof(frame), sizeof(s) - 1, 1);
	cr_assert(check.received == 0);
	cr_assert(check.foreign == 2);
}
