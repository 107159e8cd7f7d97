/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>

#include "dataplane/links.h"

Test(links, keep_their_place_and_their_numbers)
{
	struct dp_overlay_state *s;
	cr_assert_eq(dp_overlay_state_create(2, 0, &s), 0);
	for (uint32_t id = 1; id <= DP_LINKS_MAX; id++) {
		struct dp_link *l = dp_link_find(s, id * 7919);
		cr_assert_not_null(l);
		l->sequence[31] = id;
		l->tx_packets = id;
	}
	cr_assert_null(dp_link_find(s, 5), "full");
	for (uint32_t id = 1; id <= DP_LINKS_MAX; id++)
		cr_assert_eq(dp_link_find(s, id * 7919)->sequence[31], id);
	dp_overlay_state_destroy(s);
}

Test(links, counters_of_all_workers_add_up)
{
	struct dp_overlay_state *s[2];
	struct wire_stats_link block[4] = {0};
	for (unsigned k = 0; k < 2; k++) {
		cr_assert_eq(dp_overlay_state_create(2, 0, &s[k]), 0);
		dp_link_find(s[k], 20 + k)->tx_packets = 1;
		dp_link_find(s[k], 30)->rx_bytes = 100;
	}
	for (unsigned k = 0; k < 2; k++)
		dp_overlay_state_collect(s[k], block, 4);
	cr_assert_eq(block[0].link, 20);
	cr_assert_eq(block[1].link, 30);
	cr_assert_eq(block[1].rx_bytes, 200);
	cr_assert_eq(block[2].link, 21);
	for (unsigned k = 0; k < 2; k++)
		dp_overlay_state_destroy(s[k]);
}

/* A relay that was restarted sent 1, 2, 3 again, and its neighbours took that for a replay until it had sent more than
 * its predecessor. */
Test(links, a_successor_is_not_taken_for_a_replay)
{
	struct dp_replay window = {0};
	uint32_t now_us = 1000000;
	const uint32_t first[] = {0, 0x7a3b9c11};
	for (unsigned process = 0; process < 2; process++) {
		struct dp_overlay_state *s;
		cr_assert_eq(dp_overlay_state_create(1, first[process], &s), 0);
		uint32_t *sequence = &dp_link_find(s, 1)->sequence[5];
		for (unsigned i = 0; i < 800; i++, now_us += 1000)
			cr_assert(
			    dp_replay_take(&window, ++*sequence, now_us, now_us), "process %u, packet %u", process, i);
		dp_overlay_state_destroy(s);
	}
}
