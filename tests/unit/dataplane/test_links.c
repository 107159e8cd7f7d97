/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>

#include "dataplane/links.h"
#include "lb/change.h"

/* POP 1 with links first .. first + n - 1 to POP 2; others are foreign. */
static struct lb_snapshot *given_links(uint32_t first, uint32_t n)
{
	struct lb_change *change = NULL;
	struct lb_snapshot *s = NULL;
	struct wire_ctl_error why = {0};
	struct wire_ctl_settings settings = {.pop = 1,
	    .keepalive_interval_us = 20000,
	    .keepalive_dead = 3,
	    .tcp_syn_ms = 1000,
	    .tcp_established_ms = 1000,
	    .tcp_closing_ms = 1000,
	    .udp_ms = 1000};
	struct wire_ctl_pop pop[] = {{.pop = 1, .name = "a"}, {.pop = 2, .name = "b"}};
	cr_assert_eq(lb_change_begin(NULL, true, NULL, &change), 0);
	cr_assert_eq(lb_change_upsert(change, WIRE_OBJ_SETTINGS, &settings, sizeof(settings), &why), 0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(lb_change_upsert(change, WIRE_OBJ_POP, &pop[i], sizeof(pop[i]), &why), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct wire_ctl_link row = {.link = first + i,
		    .from_pop = 1,
		    .to_pop = 2,
		    .local_link = (uint8_t)(i / 64),
		    .remote_link = (uint8_t)(i % 64),
		    .mtu = 1500,
		    .local = wire_addr_from_v4((const uint8_t[]){10, 1, 0, (uint8_t)(i / 64)}),
		    .remote = wire_addr_from_v4((const uint8_t[]){10, 2, 0, (uint8_t)(i % 64)})};
		cr_assert_eq(lb_change_upsert(change, WIRE_OBJ_LINK, &row, sizeof(row), &why), 0, "%s", why.text);
	}
	cr_assert_eq(lb_change_commit(change, first, &s, &why), 0, "%s", why.text);
	lb_change_free(change);
	return s;
}

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

/* Each worker has a base of its own, from its first packet. */
Test(links, delays_of_all_workers_add_up)
{
	struct dp_overlay_state *s[2];
	struct wire_stats_link block[1] = {0};
	for (unsigned k = 0; k < 2; k++) {
		cr_assert_eq(dp_overlay_state_create(2, &s[k]), 0);
		struct dp_link *l = dp_link_find(s[k], 20);
		for (unsigned i = 0; i < 100; i++)
			dp_link_count_rx(
			    l, 60, UINT32_MAX - 100 + 150 * k + i); /* over the wrap of the clocks' difference */
		dp_overlay_state_collect(s[k], block, 1);
	}
	cr_assert(block->rx_packets == 200 && block->rx_bytes == 12000);
	cr_assert_eq(block->rx_delay_base_us, UINT32_MAX - 100);
	cr_assert_eq(block->rx_delay_us, 2 * (99 * 100 / 2) + 100 * 150);
	for (unsigned k = 0; k < 2; k++)
		dp_overlay_state_destroy(s[k]);
}

/* After DP_LINKS_MAX links that had come and gone a new one had no place until a restart. */
Test(links, that_have_gone_leave_their_places_to_others)
{
	struct dp_overlay_state *s;
	struct wire_stats_link block[8] = {0};
	cr_assert_eq(dp_overlay_state_create(2, &s), 0);
	for (uint32_t first = 1; first < 20 * DP_LINKS_MAX; first += DP_LINKS_MAX / 2) {
		struct lb_snapshot *now = given_links(first, DP_LINKS_MAX);
		dp_links_keep(s, now);
		for (uint32_t id = first; id < first + DP_LINKS_MAX; id++) {
			struct dp_link *l = dp_link_find(s, id);
			cr_assert_not_null(l, "link %u", id);
			cr_assert_eq(l->link, id);
			if (id >= first + DP_LINKS_MAX / 2 || first == 1)
				cr_assert_eq(l->tx_packets, 0, "link %u is new", id);
			else
				cr_assert_eq(l->tx_packets, id, "link %u was here", id);
			l->tx_packets = id;
			l->replay[31].started = true;
		}
		lb_snapshot_put(now);
	}
	struct lb_snapshot *few = given_links(1, 3);
	dp_links_keep(s, few);
	for (uint32_t id = 1; id <= 3; id++) {
		cr_assert_not(dp_link_find(s, id)->replay[31].started);
		dp_link_find(s, id)->rx_packets = 1;
	}
	dp_overlay_state_collect(s, block, 8);
	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(block[i].rx_packets, i < 3, "block %u", i);
	lb_snapshot_put(few);
	dp_overlay_state_destroy(s);
}

/* Our neighbour, which kept its window, and a recording that waited until the link came back here. */
Test(links, that_come_back_go_on_where_they_were)
{
	struct dp_replay window = {0};
	struct dp_overlay_state *s;
	struct lb_snapshot *with = given_links(1, 2), *without = given_links(7, 1),
	                   *many = given_links(10, DP_LINKS_MAX);
	cr_assert_eq(dp_overlay_state_create(1, &s), 0);
	for (unsigned round = 0; round < 5; round++) {
		dp_links_keep(s, with);
		struct dp_link *l = dp_link_find(s, 1);
		for (unsigned i = 0; i < 300; i++)
			cr_assert(dp_replay_take(&window, 1, ++l->sequence[5]), "round %u, packet %u", round, i);
		cr_assert_eq(window.lost, 0);
		cr_assert_eq(dp_replay_take(&l->replay[5], 2, 100), round % 2 == 0, "round %u", round);
		dp_links_keep(s, without);
		if (round % 2 == 0)
			continue;
		dp_links_keep(s, many); /* which take all places */
		for (uint32_t id = 10; id < 10 + DP_LINKS_MAX; id++)
			cr_assert_not_null(dp_link_find(s, id));
	}
	lb_snapshot_put(with);
	lb_snapshot_put(without);
	lb_snapshot_put(many);
	dp_overlay_state_destroy(s);
}

Test(links, a_block_that_has_become_free_is_not_taken_by_a_link_that_has_one)
{
	struct wire_stats_link block[4] = {{.link = 5}, {0}, {.link = 6}, {0}};
	cr_assert_eq(dp_link_block(6, block, 4), &block[2]);
	cr_assert_eq(dp_link_block(7, block, 4), &block[1]);
}
