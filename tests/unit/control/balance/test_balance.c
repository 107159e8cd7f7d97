/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/balance/balance.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static struct ctl_balance_group group[CTL_BALANCE_MAX_GROUPS];
static struct ctl_balance_share share[CTL_BALANCE_MAX_GROUPS];
static size_t n;

/* A group with one egress POP of the same number plus 100. */
static void given(uint32_t id, uint8_t dial, float rtt_ms, bool healthy)
{
	group[n++] = (struct ctl_balance_group){.group = id,
	    .dial = dial,
	    .n_pops = 1,
	    .pop = {{.pop = (uint16_t)(100 + id), .rtt_ms = rtt_ms, .healthy = healthy}}};
}

static void also_by(uint16_t pop, float rtt_ms, bool healthy, bool drained)
{
	struct ctl_balance_group *last = &group[n - 1];
	last->pop[last->n_pops++] =
	    (struct ctl_balance_pop){.pop = pop, .rtt_ms = rtt_ms, .healthy = healthy, .drained = drained};
}

static const struct ctl_balance_share *of(uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (share[i].group == id)
			return &share[i];
	cr_assert_fail("no share for group %u", id);
	return NULL;
}

static unsigned percent(uint32_t id)
{
	return (unsigned)lround(100.0 * of(id)->weight / CTL_BALANCE_WHOLE);
}

static void split(void)
{
	cr_assert(ctl_balance_split(group, n, share) == 0);
}

Test(balance, gives_the_nearest_group_its_dial_and_the_rest_to_the_next)
{
	given(1, 100, 90, true);
	given(2, 60, 10, true);
	given(3, 50, 40, true);
	split();
	cr_assert(share[0].group == 2 && share[1].group == 3 && share[2].group == 1, "nearest first");
	cr_assert(percent(2) == 60 && percent(3) == 20 && percent(1) == 20);
}

Test(balance, sends_the_share_of_a_dead_group_to_the_next_whatever_its_dial)
{
	given(1, 70, 10, false);
	given(2, 0, 20, true);
	given(3, 100, 30, true);
	split();
	cr_assert(percent(1) == 0 && percent(2) == 70 && percent(3) == 30);
}

Test(balance, passes_over_dead_groups_and_turns_back_at_the_end)
{
	given(1, 50, 10, true);
	given(2, 50, 20, false);
	given(3, 100, 30, false);
	split();
	cr_assert(percent(1) == 100 && percent(2) == 0 && percent(3) == 0);
}

Test(balance, keeps_what_no_dial_wants_at_the_nearest_that_has_one)
{
	given(1, 0, 10, true);
	given(2, 30, 20, true);
	split();
	cr_assert(percent(1) == 0 && percent(2) == 100);
	group[1].dial = 0;
	split();
	cr_assert(percent(1) == 100, "all dials at zero: the nearest healthy");
}

Test(balance, fails_open_to_the_nearest_when_nobody_is_healthy)
{
	given(1, 10, 20, false);
	given(2, 10, 10, false);
	split();
	cr_assert(percent(2) == 100 && of(2)->egress_pop == 102 && !of(2)->healthy);
}

Test(balance, reaches_a_group_by_its_nearest_healthy_pop_that_is_not_drained)
{
	given(1, 100, 10, false);
	also_by(7, 15, true, true);
	also_by(8, INFINITY, true, false);
	also_by(9, 30, true, false);
	also_by(6, 40, true, false);
	split();
	cr_assert(of(1)->egress_pop == 9 && of(1)->rtt_ms == 30 && of(1)->healthy);
	const uint16_t *candidate = of(1)->candidate;
	cr_assert(candidate[0] == 101 && candidate[1] == 7 && candidate[2] == 6 && candidate[3] == 0);
}

Test(balance, lists_the_egresses_of_the_next_groups_as_candidates_once)
{
	given(1, 100, 10, true);
	also_by(9, 20, true, false);
	given(2, 100, 30, true);
	given(3, 100, 15, true);
	also_by(9, 16, true, false);
	split();
	const uint16_t *candidate = of(1)->candidate;
	cr_assert(candidate[0] == 9 && candidate[1] == 103 && candidate[2] == 102 && candidate[3] == 0);
}

Test(balance, shares_always_sum_to_the_whole_and_none_goes_to_the_dead_while_one_lives)
{
	srand(7);
	for (int round = 0; round < 100000; round++) {
		n = 0;
		bool alive = false;
		for (int i = 1 + rand() % 8; i > 0; i--) {
			bool healthy = rand() % 3, reachable = rand() % 5;
			given(
			    (uint32_t)i, (uint8_t)(rand() % 101), reachable ? (float)(rand() % 9) : INFINITY, healthy);
			alive = alive || (healthy && reachable);
		}
		split();
		uint32_t sum = 0;
		for (size_t i = 0; i < n; i++) {
			sum += share[i].weight;
			cr_assert(!alive || share[i].healthy || !share[i].weight);
		}
		cr_assert(sum == CTL_BALANCE_WHOLE, "round %d: %u", round, sum);
	}
}

Test(balance, refuses_a_dial_over_100_and_takes_no_groups_for_no_shares)
{
	cr_assert(ctl_balance_split(group, 0, share) == 0);
	given(1, 101, 10, true);
	cr_assert(ctl_balance_split(group, n, share) < 0);
	cr_assert(ctl_balance_split(group, CTL_BALANCE_MAX_GROUPS + 1, share) < 0);
}
