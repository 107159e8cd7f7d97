/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/fib.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ctl_fib fib;
static struct ctl_fib_rows rows;

static struct wire_addr ip(const char *text)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1)
		return wire_addr_from_v4(bytes);
	cr_assert(inet_pton(AF_INET6, text, bytes) == 1, "%s", text);
	return wire_addr_from_v6(bytes);
}

static void given_ports(void)
{
	fib.n_ports = 2;
	fib.port[0] = (struct ctl_fib_port){.ifindex = 10, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
	fib.port[1] = (struct ctl_fib_port){.ifindex = 11, .mtu = 9000, .mac = {2, 0, 0, 0, 0, 2}};
}

static void neighbour(int ifindex, const char *address, uint8_t mac)
{
	struct ctl_fib_neighbour row = {.ifindex = ifindex, .address = ip(address), .mac = {4, 0, 0, 0, 0, mac}};
	cr_assert(ctl_fib_add_neighbour(&fib, &row) == 0);
}

static void route(const char *prefix, unsigned length, int ifindex, const char *gateway, uint32_t metric)
{
	struct ctl_fib_route row = {.prefix = ip(prefix), .ifindex = ifindex, .metric = metric};
	row.length = (uint8_t)(length + (wire_addr_is_v4(&row.prefix) ? 96 : 0));
	if (gateway)
		row.gateway = ip(gateway);
	cr_assert(ctl_fib_add_route(&fib, &row) == 0);
}

static void compute(void)
{
	ctl_fib_rows_free(&rows);
	cr_assert(ctl_fib_compute(&fib, &rows) == 0);
}

static const struct wire_ctl_route *row_of(const char *prefix, unsigned length)
{
	struct wire_addr address = ip(prefix);
	length += wire_addr_is_v4(&address) ? 96 : 0;
	for (size_t i = 0; i < rows.n_routes; i++)
		if (rows.route[i].length == length && wire_addr_equal(&rows.route[i].prefix, &address))
			return &rows.route[i];
	return NULL;
}

static bool leads_nowhere(const char *prefix, unsigned length)
{
	const struct wire_ctl_route *row = row_of(prefix, length);
	return row && row->adjacency == 0 && row->port == WIRE_CTL_NOWHERE;
}

static void finish(void)
{
	ctl_fib_free(&fib);
	ctl_fib_rows_free(&rows);
}

TestSuite(fib, .init = given_ports, .fini = finish);

Test(fib, makes_an_adjacency_and_a_host_route_of_a_neighbour)
{
	neighbour(11, "10.0.0.2", 7);
	neighbour(99, "10.9.9.9", 8); /* not on a port */
	compute();
	cr_assert(rows.n_adjacencies == 1 && rows.n_routes == 1);
	const struct wire_ctl_adjacency *adjacency = &rows.adjacency[0];
	cr_assert(adjacency->adjacency == 1 && adjacency->port == 1 && adjacency->mtu == 9000);
	cr_assert(adjacency->src[5] == 2 && adjacency->dst[5] == 7);
	cr_assert(row_of("10.0.0.2", 32)->adjacency == 1);
}

Test(fib, resolves_a_gateway_when_its_neighbour_is_known)
{
	route("0.0.0.0", 0, 10, "10.0.0.1", 0);
	route("10.0.0.0", 24, 10, NULL, 0);
	compute();
	cr_assert(row_of("0.0.0.0", 0)->adjacency == 0 && row_of("0.0.0.0", 0)->port == 0);
	cr_assert(row_of("10.0.0.0", 24)->adjacency == 0);
	neighbour(10, "10.0.0.1", 1);
	compute();
	cr_assert(row_of("0.0.0.0", 0)->adjacency == 1);
	cr_assert(row_of("10.0.0.0", 24)->adjacency == 0, "others in the network are yet to be asked for");
}

Test(fib, names_each_unresolved_gateway_once)
{
	for (unsigned i = 0; i < 200; i++) {
		char prefix[16];
		snprintf(prefix, sizeof(prefix), "10.%u.0.0", i);
		route(prefix, 16, i % 4 == 3 ? 55 : 10 + (int)(i % 2), i % 2 ? "192.0.2.1" : "192.0.2.2", 0);
	}
	route("198.51.100.0", 24, 10, "192.0.2.3", 0);
	route("203.0.113.0", 24, 10, NULL, 0);
	neighbour(10, "192.0.2.3", 3);
	compute();
	cr_assert(rows.n_unresolved == 2, "%zu", rows.n_unresolved);
	cr_assert(rows.unresolved[0].ifindex + rows.unresolved[1].ifindex == 10 + 11);
	cr_assert(rows.unresolved[0].address.bytes[15] + rows.unresolved[1].address.bytes[15] == 1 + 2);
	neighbour(10, "192.0.2.2", 2);
	compute();
	cr_assert(rows.n_unresolved == 1 && rows.unresolved[0].ifindex == 11);
}

Test(fib, takes_the_route_with_the_lowest_metric_even_if_it_leads_elsewhere)
{
	route("10.1.0.0", 16, 10, "10.0.0.1", 20);
	route("10.1.0.0", 16, 11, "10.0.1.1", 10);
	route("10.2.0.0", 16, 10, "10.0.0.1", 20);
	route("10.2.0.0", 16, 55, NULL, 10);
	route("10.3.0.1", 32, 0, NULL, 0);
	compute();
	cr_assert(row_of("10.1.0.0", 16)->port == 1);
	cr_assert(leads_nowhere("10.2.0.0", 16) && leads_nowhere("10.3.0.1", 32));
}

Test(fib, a_blackhole_keeps_packets_from_the_shorter_route_and_from_neighbours)
{
	route("0.0.0.0", 0, 10, "10.0.0.1", 0);
	route("10.0.0.0", 16, 10, NULL, 0);
	route("10.0.1.0", 24, 0, NULL, 0);
	route("10.0.1.8", 31, 10, NULL, 0);
	route("10.0.2.1", 32, 0, NULL, 0);
	route("2001:db8::", 32, 55, "fe80::9", 0);
	neighbour(10, "10.0.0.1", 1);
	neighbour(10, "10.0.1.7", 2); /* in the blackhole */
	neighbour(10, "10.0.1.9", 3); /* in a hole in it */
	neighbour(10, "10.0.2.1", 4); /* the blackhole is for it alone */
	neighbour(10, "10.9.0.1", 5); /* of no connected network */
	neighbour(10, "2001:db8::5", 6);
	compute();
	cr_assert(leads_nowhere("10.0.1.0", 24) && leads_nowhere("10.0.2.1", 32) && leads_nowhere("2001:db8::", 32));
	cr_assert(!row_of("10.0.1.7", 32) && !row_of("2001:db8::5", 128));
	cr_assert(row_of("10.0.0.1", 32)->adjacency == row_of("0.0.0.0", 0)->adjacency);
	cr_assert(row_of("10.0.1.9", 32)->adjacency != 0 && row_of("10.9.0.1", 32)->adjacency != 0);
	cr_assert(rows.n_routes == 9);
}

#define HOSTS 20

/* The adjacency of each host 10.0.0.n; 0: none. */
static void adjacencies_of(uint32_t id[HOSTS])
{
	for (unsigned host = 0; host < HOSTS; host++) {
		char text[16];
		snprintf(text, sizeof(text), "10.0.0.%u", host);
		const struct wire_ctl_route *row = row_of(text, 32);
		id[host] = row ? row->adjacency : 0;
	}
}

Test(fib, keeps_the_ids_of_adjacencies_while_their_neighbours_live)
{
	uint32_t before[HOSTS] = {0}, now[HOSTS];
	srand(6);
	for (int round = 0; round < 300; round++) {
		bool taken[2 * HOSTS] = {false};
		fib.n_neighbours = 0;
		for (unsigned host = 0; host < HOSTS; host++) {
			char text[16];
			snprintf(text, sizeof(text), "10.0.0.%u", host);
			if (rand() % 2)
				neighbour(10, text, (uint8_t)host);
		}
		compute();
		adjacencies_of(now);
		for (unsigned host = 0; host < HOSTS; host++) {
			cr_assert(!now[host] || !before[host] || now[host] == before[host]);
			cr_assert(now[host] < 2 * HOSTS && !(now[host] && taken[now[host]]), "two neighbours, one id");
			taken[now[host]] = true;
		}
		memcpy(before, now, sizeof(before));
	}
}

Test(fib, asks_the_gateway_of_the_longest_match_for_an_address)
{
	struct wire_addr hop, far = ip("10.1.2.3"), near = ip("10.0.0.9"), nowhere = ip("10.7.0.1");
	route("0.0.0.0", 0, 10, "10.0.0.1", 0);
	route("10.0.0.0", 24, 10, NULL, 0);
	route("10.1.0.0", 16, 11, "10.0.1.1", 0);
	route("10.7.0.0", 17, 0, NULL, 0);
	cr_assert(ctl_fib_next_hop(&fib, &far, &hop) == 11);
	struct wire_addr gateway = ip("10.0.1.1");
	cr_assert(wire_addr_equal(&hop, &gateway));
	cr_assert(ctl_fib_next_hop(&fib, &near, &hop) == 10 && wire_addr_equal(&hop, &near));
	cr_assert(ctl_fib_next_hop(&fib, &nowhere, &hop) == 0, "a blackhole is an answer");
}

/* Routers announce themselves by link-local addresses, and two ports may have neighbours of the same one. */
Test(fib, an_ipv6_gateway_may_be_link_local_on_every_port)
{
	struct wire_addr hop, far = ip("2001:db8:9::1"), near = ip("2001:db8:2::5"), gateway = ip("fe80::1");
	route("::", 0, 10, "fe80::1", 1024);
	route("2001:db8:2::", 64, 11, "fe80::1", 1024);
	neighbour(10, "fe80::1", 1);
	neighbour(11, "fe80::1", 2);
	neighbour(11, "2001:db8:3::7", 3);
	compute();
	cr_assert(rows.n_adjacencies == 3 && rows.n_routes == 3, "no host routes for link-local neighbours");
	cr_assert(row_of("::", 0)->adjacency == 1 && row_of("::", 0)->port == 0);
	cr_assert(row_of("2001:db8:2::", 64)->adjacency == 2 && row_of("2001:db8:2::", 64)->port == 1);
	cr_assert(row_of("2001:db8:3::7", 128)->adjacency == 3);
	cr_assert(ctl_fib_next_hop(&fib, &far, &hop) == 10 && wire_addr_equal(&hop, &gateway));
	cr_assert(ctl_fib_next_hop(&fib, &near, &hop) == 11 && wire_addr_equal(&hop, &gateway));
}

Test(fib, a_default_route_is_of_one_ip_version)
{
	struct wire_addr hop, v4 = ip("192.0.2.1"), v6 = ip("2001:db8::1");
	route("::", 0, 10, "fe80::1", 0);
	cr_assert(ctl_fib_next_hop(&fib, &v4, &hop) == 0);
	route("0.0.0.0", 0, 11, "10.0.0.1", 0);
	cr_assert(ctl_fib_next_hop(&fib, &v4, &hop) == 11);
	cr_assert(ctl_fib_next_hop(&fib, &v6, &hop) == 10);
}
