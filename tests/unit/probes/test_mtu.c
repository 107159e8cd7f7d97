/* SPDX-License-Identifier: BSD-2-Clause */
/* A link of a known MTU in virtual time: what is sent and how soon it is found. */
#include "probes/mtu.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define S  1000000000ull
#define MS 1000000ull

static struct probe_mtu m;
static uint64_t now = 1000 * S;
static struct probe_mtu_small small;
static unsigned sent, largest;

static bool is_lost(unsigned one_in)
{
	return one_in && rand() % (int)one_in == 0;
}

/* The link takes packets up to `mtu` and loses a share of all, 1 of `one_in` (0: none); small probes go at 20 Hz. */
static void run(uint64_t ns, uint16_t mtu, unsigned one_in)
{
	for (uint64_t end = now + ns; now < end; now += 50 * MS) {
		small.sent++;
		small.answered += !is_lost(one_in);
		uint16_t size = probe_mtu_next(&m, now, small);
		if (!size)
			continue;
		sent++;
		largest = size > largest ? size : largest;
		if (size <= mtu && !is_lost(one_in))
			probe_mtu_answered(&m, size, now + 20 * MS);
	}
}

Test(mtu, a_link_that_takes_what_it_should_is_known_at_once)
{
	probe_mtu_init(&m, 1500, now);
	run(1 * S, 1500, 0);
	cr_assert(m.state == PROBE_MTU_COMPLETE && m.confirmed == 1500);
	cr_assert_eq(sent, 2, "the base, and the largest");
	run(100 * S, 1500, 0);
	cr_assert(sent <= 2 + 11, "%u probes in 100 s", sent);
}

/* Any MTU is found to PROBE_MTU_STEP, and never called more than it is. */
Test(mtu, every_mtu_is_found)
{
	for (uint16_t mtu = PROBE_MTU_BASE; mtu <= 9216; mtu = (uint16_t)(mtu + 37)) {
		probe_mtu_init(&m, 9216, now);
		run(60 * S, mtu, 0);
		cr_assert_eq(m.state, PROBE_MTU_COMPLETE, "%u", mtu);
		cr_assert(
		    m.confirmed <= mtu && m.confirmed + PROBE_MTU_STEP > mtu, "%u is taken for %u", mtu, m.confirmed);
	}
	cr_assert(largest <= 9216);
}

Test(mtu, nothing_above_what_is_configured_is_tried)
{
	probe_mtu_init(&m, 1400, now);
	run(2000 * S, 9000, 0);
	cr_assert(m.confirmed == 1400 && largest == 1400);
	probe_mtu_init(&m, 576, now);
	largest = 0;
	run(10 * S, 9000, 0);
	cr_assert(m.confirmed == 576 && largest == 576);
}

Test(mtu, a_path_that_becomes_narrower_is_noticed)
{
	probe_mtu_init(&m, 1500, now);
	run(10 * S, 1500, 0);
	run(PROBE_MTU_CONFIRM_NS + 40 * S, 1400, 0);
	cr_assert(m.state == PROBE_MTU_COMPLETE && m.confirmed <= 1400 && m.confirmed > 1400 - PROBE_MTU_STEP, "%u",
	    m.confirmed);
}

Test(mtu, a_path_that_becomes_wider_is_noticed_after_the_raise_timer)
{
	probe_mtu_init(&m, 1500, now);
	run(60 * S, 1400, 0);
	run(PROBE_MTU_RAISE_NS - 120 * S, 1500, 0);
	cr_assert_lt(m.confirmed, 1500, "it is not asked all the time");
	run(180 * S, 1500, 0);
	cr_assert_eq(m.confirmed, 1500);
}

Test(mtu, not_even_the_base_is_said_so)
{
	probe_mtu_init(&m, 1500, now);
	run(100 * S, 1100, 0);
	cr_assert(m.state == PROBE_MTU_AT_BASE && m.confirmed == 0);
	cr_assert(sent < 30, "%u probes", sent);
	run(20 * S, 1500, 0);
	cr_assert(m.state == PROBE_MTU_COMPLETE && m.confirmed == 1500);
}

/* Three in a row are lost once in a thousand times: then the search may end too low, until the raise timer. */
Test(mtu, loss_of_a_tenth_is_no_narrow_path)
{
	unsigned wrong = 0;
	srand(8899);
	for (unsigned i = 0; i < 300; i++) {
		probe_mtu_init(&m, 1500, now);
		run(100 * S, 1500, 10);
		wrong += m.confirmed != 1500;
	}
	cr_assert(wrong < 15, "%u of 300", wrong);
}

/* What loses small packets as well says nothing of sizes. */
Test(mtu, loss_of_nearly_all_is_no_narrow_path)
{
	srand(8899);
	for (unsigned i = 0; i < 100; i++) {
		probe_mtu_init(&m, 1500, now);
		run(10 * S, 1500, 0);
		run(100 * S, 1500, 2);
		cr_assert(m.state == PROBE_MTU_COMPLETE && m.confirmed == 1500 && m.found == 1500);
	}
}

Test(mtu, what_was_found_holds_until_something_else_is)
{
	probe_mtu_init(&m, 1500, now);
	run(5 * S, 1400, 0);
	cr_assert(m.state == PROBE_MTU_SEARCHING && m.found == 0);
	run(60 * S, 1400, 0);
	uint16_t found = m.found;
	cr_assert(found == m.confirmed && found <= 1400);
	run(PROBE_MTU_RAISE_NS - 62 * S, 1400, 0);
	for (unsigned i = 0; i < 100; i++, run(1 * S, 1400, 0))
		cr_assert(m.found <= 1400 && m.found + PROBE_MTU_STEP > 1400, "%u while it searches", m.found);
}

Test(mtu, a_late_answer_counts)
{
	probe_mtu_init(&m, 1500, now);
	run(1 * S, PROBE_MTU_BASE, 0); /* 1500 is under way */
	cr_assert_eq(m.probing, 1500);
	now += 10 * S;
	run(50 * MS, PROBE_MTU_BASE, 0);
	now += 10 * S;
	run(50 * MS, PROBE_MTU_BASE, 0);
	now += 10 * S;
	run(50 * MS, PROBE_MTU_BASE, 0);
	cr_assert_eq(m.refused, 1500);
	probe_mtu_answered(&m, 1500, now);
	run(2 * S, 1500, 0);
	cr_assert_eq(m.confirmed, 1500);
	probe_mtu_answered(&m, 9000, now);
	cr_assert_eq(m.confirmed, 1500, "nobody sent that");
}
