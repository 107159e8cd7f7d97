/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "dataplane/last_mile.h"
#include "dataplane/workers.h"
#include "shell.h"

static struct shell s;
static struct dp_worker *w;

static void begin(void)
{
	shell_start(&s, 1);
	w = dp_workers_get(s.set, 0);
}

static void end(void)
{
	shell_end(&s);
}

TestSuite(last_mile, .init = begin, .fini = end);

static struct wire_addr address_of(const char *text)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1)
		return wire_addr_from_v4(bytes);
	cr_assert_eq(inet_pton(AF_INET6, text, bytes), 1, "%s", text);
	return wire_addr_from_v6(bytes);
}

static const struct wire_stats_last_mile *row_of(enum wire_stats_side side, const char *prefix, uint8_t length)
{
	struct wire_addr address = address_of(prefix);
	for (unsigned i = 0; i < WIRE_STATS_LAST_MILE_ROWS; i++)
		if (w->last_mile[i].side == side && w->last_mile[i].length == length &&
		    wire_addr_equal(&w->last_mile[i].prefix, &address))
			return &w->last_mile[i];
	return NULL;
}

static void add(enum wire_stats_side side, const char *from, uint32_t ticks)
{
	struct wire_addr address = address_of(from);
	dp_last_mile_add(w, side, &address, ticks);
}

Test(last_mile, clients_of_a_prefix_share_a_row_and_endpoints_do_not)
{
	add(WIRE_SIDE_CLIENT, "192.0.2.1", 10);
	add(WIRE_SIDE_CLIENT, "192.0.2.255", 18);
	add(WIRE_SIDE_CLIENT, "192.0.3.1", 10);
	add(WIRE_SIDE_CLIENT, "2001:db8:1:2::3", 10);
	add(WIRE_SIDE_CLIENT, "2001:db8:1:ffff::", 10);
	add(WIRE_SIDE_ENDPOINT, "192.0.2.1", 0);
	add(WIRE_SIDE_ENDPOINT, "192.0.2.2", 1);
	cr_assert_eq(row_of(WIRE_SIDE_CLIENT, "192.0.2.0", 120)->handshakes, 2);
	cr_assert_eq(row_of(WIRE_SIDE_CLIENT, "192.0.2.0", 120)->smooth_us, 11 * 1049);
	cr_assert_eq(row_of(WIRE_SIDE_CLIENT, "192.0.3.0", 120)->handshakes, 1);
	cr_assert_eq(row_of(WIRE_SIDE_CLIENT, "2001:db8:1::", 48)->handshakes, 2);
	cr_assert_eq(row_of(WIRE_SIDE_ENDPOINT, "192.0.2.1", 128)->smooth_us, 0);
	cr_assert_eq(row_of(WIRE_SIDE_ENDPOINT, "192.0.2.2", 128)->smooth_us, 1049);
}

Test(last_mile, classes_grow_by_the_square_root_of_two)
{
	static const struct {
		uint32_t ticks;
		unsigned class;
	} cases[] = {{0, 0}, {1, 0}, {2, 2}, {3, 3}, {8, 6}, {100, 13}, {2700, 22}, {2800, 23}, {4000000, 23}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char from[32];
		snprintf(from, sizeof(from), "198.51.%u.1", i);
		add(WIRE_SIDE_CLIENT, from, cases[i].ticks);
		snprintf(from, sizeof(from), "198.51.%u.0", i);
		cr_assert_eq(row_of(WIRE_SIDE_CLIENT, from, 120)->rtt[cases[i].class], 1, "%u ticks", cases[i].ticks);
	}
}

Test(last_mile, memory_is_bounded_and_the_oldest_makes_place)
{
	unsigned used = 0;
	for (uint32_t i = 0; i < 20 * WIRE_STATS_LAST_MILE_ROWS; i++) {
		uint8_t v4[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		struct wire_addr address = wire_addr_from_v4(v4);
		w->now_ns += 1000000000u;
		dp_last_mile_add(w, WIRE_SIDE_ENDPOINT, &address, 1);
		add(WIRE_SIDE_CLIENT, "192.0.2.1", 5); /* who comes all the time stays */
	}
	for (unsigned i = 0; i < WIRE_STATS_LAST_MILE_ROWS; i++)
		used += w->last_mile[i].side != WIRE_SIDE_NONE;
	cr_assert_gt(used, WIRE_STATS_LAST_MILE_ROWS * 9 / 10);
	cr_assert_eq(row_of(WIRE_SIDE_CLIENT, "192.0.2.0", 120)->handshakes, 20 * WIRE_STATS_LAST_MILE_ROWS);
}
