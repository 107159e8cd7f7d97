/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>

#include "dataplane/links.h"

Test(links, keep_their_place_and_their_numbers)
{
	struct dp_overlay_state *s;
	cr_assert_eq(dp_overlay_state_create(2, &s), 0);
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
		cr_assert_eq(dp_overlay_state_create(2, &s[k]), 0);
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
