/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>

#include "dataplane/traffic.h"
#include "dataplane/workers.h"
#include "shell.h"

static struct shell s;
static struct dp_worker *w;
static struct wire_addr vip;

static void begin(void)
{
	shell_start(&s, 1);
	w = dp_workers_get(s.set, 0);
	vip = shell_address("203.0.113.10");
}

static void end(void)
{
	shell_end(&s);
}

#define KEYS 192000u /* of 4,000 endpoints and 48 POPs: more than there are rows */

TestSuite(traffic, .init = begin, .fini = end);

Test(traffic, every_key_has_a_row_of_its_own)
{
	struct wire_addr other = shell_address("203.0.113.11");
	struct wire_stats_traffic *row = dp_traffic(w, &vip, 7, 3);
	cr_assert_neq(row, &w->traffic[0]);
	cr_assert_eq(dp_traffic(w, &vip, 7, 3), row);
	cr_assert_neq(dp_traffic(w, &other, 7, 3), row);
	cr_assert_neq(dp_traffic(w, &vip, 8, 3), row);
	cr_assert_neq(dp_traffic(w, &vip, 7, 4), row);
	cr_assert_eq(dp_traffic(w, &vip, 7, 3), row);
}

Test(traffic, rows_of_endpoints_that_have_gone_are_given_to_others)
{
	/* The empty state has no endpoint: every row may be taken, and none overflows. */
	for (uint32_t endpoint = 1; endpoint < 400000; endpoint++) {
		struct wire_stats_traffic *row = dp_traffic_begin(w, &vip, endpoint, 3);
		cr_assert_neq(row, &w->traffic[0]);
		cr_assert_eq(row->packets_in, 0, "a row begins at 0");
		row->packets_in++;
	}
	cr_assert_eq(dp_traffic(w, &vip, 400000, 3), &w->traffic[0], "a packet alone takes no other's row");
}

Test(traffic, what_finds_no_row_is_counted_in_the_first)
{
	const struct lb_snapshot *empty = w->snapshot;
	unsigned overflow = 0;
	shell_hello(&s);
	struct wire_ctl_endpoint endpoint[4000];
	struct shell_row rows[4001];
	struct wire_ctl_group group = {.group = 1, .egress_pop = 1};
	rows[0] = (struct shell_row){WIRE_OBJ_GROUP, &group, sizeof(group)};
	for (uint32_t i = 0; i < 4000; i++) {
		endpoint[i] = (struct wire_ctl_endpoint){.endpoint = i + 1,
		    .group = 1,
		    .address = shell_address("10.0.0.1"),
		    .port = (uint16_t)(i + 1),
		    .weight = 1};
		rows[i + 1] = (struct shell_row){WIRE_OBJ_ENDPOINT, &endpoint[i], sizeof(endpoint[i])};
	}
	shell_commit(&s, 1, true, rows, 4001);
	cr_assert_str_eq(shell_error(&s), "");
	struct rte_mbuf *none = NULL;
	dp_workers_receive(w, &none, 0, 0, 1, 1); /* takes the new state */
	cr_assert_neq(w->snapshot, empty);
	for (uint32_t i = 0; i < KEYS; i++)
		overflow += dp_traffic_begin(w, &vip, 1 + i % 4000, (uint16_t)(i / 4000)) == &w->traffic[0];
	cr_assert_geq(overflow, KEYS - WIRE_STATS_TRAFFIC_ROWS);
	cr_assert_lt(overflow, KEYS - WIRE_STATS_TRAFFIC_ROWS * 8 / 10, "most rows are used: %u over", overflow);
}
