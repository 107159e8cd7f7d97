/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flood of first packets does to the NAT table, in virtual time. */
#include "lb/nat.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

#define TICK       (1ull << 20) /* ns */
#define MS         1000000ull
#define SECOND     (1000 * MS)
#define QUARANTINE (10 * SECOND)

static struct wire_addr v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
	return wire_addr_from_v4(bytes);
}

static struct lb_nat_table *table_of(uint32_t flows, uint32_t new_max, uint16_t port_lo, uint16_t port_hi)
{
	struct lb_nat_config config = {
	    .flows = flows, .new_max = new_max, .workers = 1, .quarantine_ns = QUARANTINE, .seed = 1};
	const struct lb_nat_range pool = {v4(10, 3, 1, 1), port_lo, port_hi};
	size_t size = lb_nat_table_size(&config);
	struct lb_nat_table *table = NULL;
	cr_assert(lb_nat_table_init(aligned_alloc(64, (size + 63) / 64 * 64), size, &config, &table) == 0);
	cr_assert(lb_nat_set_pool(table, &pool, 1, 0) == 0);
	return table;
}

/* Of 2^32 clients, by number; all are served by one endpoint. */
static struct lb_flow_key key_of(uint32_t n, uint8_t protocol)
{
	return (struct lb_flow_key){.client = v4(n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255),
	    .vip = v4(203, 0, 113, 10),
	    .client_port = 5000,
	    .vip_port = 443,
	    .protocol = protocol};
}

static int begin(struct lb_nat_table *table, uint32_t n, uint8_t protocol, uint64_t now, struct lb_nat_flow **ret)
{
	struct lb_flow_key key = key_of(n, protocol);
	struct lb_nat_target target = {.address = v4(198, 51, 100, 1), .port = 8443, .endpoint = n};
	bool made;
	return lb_nat_insert(table, &key, lb_flow_hash(&key), &target, now, ret, &made);
}

static struct lb_nat_flow *find(const struct lb_nat_table *table, uint32_t n, uint8_t protocol)
{
	struct lb_flow_key key = key_of(n, protocol);
	struct lb_nat_flow *flow = lb_nat_lookup(table, &key, lb_flow_hash(&key));
	if (!flow)
		return NULL;
	struct lb_flow_key reply = {
	    flow->endpoint_address, flow->nat_address, flow->endpoint_port, flow->nat_port, flow->key.protocol, {0}};
	cr_assert(flow->endpoint == n && lb_nat_reverse(table, &reply) == flow);
	return flow;
}

static void answer(struct lb_nat_table *table, uint32_t n, uint64_t now)
{
	struct lb_nat_flow *flow = find(table, n, WIRE_PROTO_TCP);
	if (flow)
		lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK}, false, now);
}

/* The handshake's second half. */
static void confirm(struct lb_nat_table *table, struct lb_nat_flow *flow, uint64_t now)
{
	lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .seq = 8}, false, now);
	lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_ACK, .ack = 9}, true, now);
}

static void establish(struct lb_nat_table *table, uint32_t first, uint32_t n, uint16_t ret_port[])
{
	for (uint32_t i = 0; i < n; i++) {
		struct lb_nat_flow *flow;
		cr_assert(begin(table, first + i, WIRE_PROTO_TCP, 0, &flow) == 0);
		confirm(table, flow, 0);
		ret_port[i] = flow->nat_port;
	}
}

static void check_established(const struct lb_nat_table *table, uint32_t first, uint32_t n, const uint16_t port[])
{
	for (uint32_t i = 0; i < n; i++) {
		const struct lb_nat_flow *flow = find(table, first + i, WIRE_PROTO_TCP);
		cr_assert(flow && flow->state == LB_FLOW_ESTABLISHED && flow->nat_port == port[i], "flow %u", i);
	}
}

#define CONFIRMED 0xf0000000u /* numbers of clients that are no part of the flood */

/* Ten times the table's capacity, slowly or fast, with many ports or hardly any. */
static void flood(uint64_t interval_ns, uint16_t port_hi)
{
	enum { FLOWS = 4000, OLD = 1500 };
	static uint16_t port[OLD];
	struct lb_nat_table *table = table_of(FLOWS, FLOWS / 2, 1024, port_hi);
	uint64_t now = SECOND;
	establish(table, CONFIRMED, OLD, port);
	for (uint32_t n = 0; n < 10 * FLOWS; n++, now += interval_ns) {
		struct lb_nat_flow *flow;
		int error = begin(table, n, WIRE_PROTO_TCP, now, &flow);
		cr_assert(error == 0, "SYN %u: %d", n, error);
		answer(table, n, now + interval_ns);
		cr_assert(lb_nat_count(table) <= OLD + FLOWS / 2);
	}
	check_established(table, CONFIRMED, OLD, port);
	free(table);
}

Test(nat_flood, ten_times_the_capacity_of_syns_is_taken_and_leaves_confirmed_flows_alone)
{
	flood(9 * 1000, 65535);
	flood(MS, 65535);
	flood(9 * 1000, 1024 + 1500 + 300);
	flood(MS, 1024 + 1500 + 300);
}

/* A client in a thousand is one: it answers the SYN+ACK after a round trip. The flood's answers are sent again, too. */
static double served(uint32_t flows, uint32_t old, uint64_t rtt_ns, double load)
{
	static uint16_t port[65536];
	struct lb_nat_table *table = table_of(flows, flows / 2, 1024, 65535);
	uint64_t interval = (uint64_t)(300e6 / (flows / 2 * load));
	uint32_t away = (uint32_t)(rtt_ns / interval), clients = 0, good = 0;
	establish(table, CONFIRMED, old, port);
	for (uint32_t n = 0; n < 8 * flows; n++) {
		struct lb_nat_flow *flow;
		uint64_t now = SECOND + n * interval;
		cr_assert(begin(table, n, WIRE_PROTO_TCP, now, &flow) == 0);
		for (uint32_t ago = 1; ago < flows; ago *= 50)
			if (n >= ago)
				answer(table, n - ago, now);
		if (n < away || (n - away) % 1000)
			continue;
		clients++;
		flow = find(table, n - away, WIRE_PROTO_TCP);
		good += flow != NULL;
		if (flow) {
			confirm(table, flow, now);
			lb_nat_remove(table, flow, now);
		}
	}
	check_established(table, CONFIRMED, old, port);
	free(table);
	return (double)good / clients;
}

Test(nat_flood, a_client_300_ms_away_connects_while_syns_fill_the_table_in_that_time)
{
	double share[] = {served(65536, 0, 300 * MS, 0.95), served(65536, 20000, 300 * MS, 0.95),
	    served(65536, 31000, 50 * MS, 5), served(4096, 1000, 300 * MS, 0.95)};
	for (unsigned i = 0; i < sizeof(share) / sizeof(share[0]); i++)
		cr_expect(share[i] >= 0.99, "case %u: %.3f of the clients connect", i, share[i]);
}

Test(nat_flood, a_flow_that_was_reset_before_it_was_confirmed_is_displaced_like_a_new_one)
{
	struct lb_nat_table *table = table_of(1000, 100, 1024, 65535);
	for (uint32_t n = 0; n < 1000; n++) {
		struct lb_nat_flow *flow;
		cr_assert(begin(table, n, WIRE_PROTO_TCP, n * TICK, &flow) == 0);
		lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_RST}, n % 2, n * TICK);
		cr_assert(lb_nat_count(table) <= 100);
	}
	free(table);
}

/* Each SYN is answered, and an ACK with a number made up follows it. */
Test(nat_flood, made_up_acks_confirm_nothing)
{
	enum { old = 400 };
	uint16_t port[old];
	struct lb_nat_table *table = table_of(1000, 500, 1024, 65535);
	establish(table, CONFIRMED, old, port);
	srand(3);
	for (uint32_t n = 0; n < 20000; n++) {
		struct lb_nat_flow *flow;
		uint64_t now = SECOND + n * TICK;
		struct lb_segment answer = {.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .seq = (uint32_t)rand() * 2u};
		struct lb_segment made_up = {.flags = WIRE_TCP_ACK, .ack = answer.seq + (1u << 20) + (uint32_t)rand()};
		cr_assert(begin(table, n, WIRE_PROTO_TCP, now, &flow) == 0);
		lb_nat_touch(table, flow, &answer, false, now);
		lb_nat_touch(table, flow, &made_up, true, now);
		cr_assert(flow->state == LB_FLOW_NEW && lb_nat_count(table) <= old + 500);
	}
	check_established(table, CONFIRMED, old, port);
	free(table);
}

static bool begin_tunnel(struct lb_nat_table *table, uint32_t n, uint64_t now)
{
	struct lb_flow_key key = key_of(n, WIRE_PROTO_TCP);
	struct lb_nat_target target = {
	    .address = v4(198, 51, 100, 1), .port = 443, .endpoint = n, .mode = WIRE_MODE_TUNNEL};
	struct lb_nat_flow *flow;
	bool made;
	int error = lb_nat_insert(table, &key, lb_flow_hash(&key), &target, now, &flow, &made);
	cr_assert(error || (made && flow->nat_port == 0 && !wire_addr_is_unset(&flow->nat_address)));
	return error == 0;
}

static struct lb_nat_flow *tunnelled(struct lb_nat_table *table, uint32_t n)
{
	struct lb_flow_key key = key_of(n, WIRE_PROTO_TCP);
	return lb_nat_lookup(table, &key, lb_flow_hash(&key));
}

/* No port is used, the established keep their places, and of the tunnelled ones those that talk stay. */
Test(nat_flood, tunnelled_flows_displace_the_idle_of_their_own_kind)
{
	enum { old = 400, talking = 10 };
	uint16_t port[old];
	struct lb_nat_table *table = table_of(1000, 500, 1024, 65535);
	establish(table, CONFIRMED, old, port);
	uint32_t free_ports = lb_nat_free_ports(table, WIRE_PROTO_TCP);
	for (uint32_t n = 0; n < 20000; n++) {
		uint64_t now = SECOND + n * TICK;
		cr_assert(begin_tunnel(table, n, now));
		for (uint32_t k = 0; k < talking && n >= talking && n % 100 == 0; k++)
			lb_nat_touch(
			    table, tunnelled(table, k), &(struct lb_segment){.flags = WIRE_TCP_ACK}, true, now);
		cr_assert(lb_nat_count(table) <= old + 500);
	}
	for (uint32_t k = 0; k < talking; k++)
		cr_assert(tunnelled(table, k)->state == LB_FLOW_ESTABLISHED);
	cr_assert(!tunnelled(table, talking));
	cr_assert(lb_nat_free_ports(table, WIRE_PROTO_TCP) == free_ports);
	check_established(table, CONFIRMED, old, port);
	struct lb_nat_flow *flow;
	for (uint32_t n = 0; n < 600; n++) /* and those of mode nat displace them */
		cr_assert(begin(table, 30000 + n, WIRE_PROTO_TCP, 40 * SECOND + n * TICK, &flow) == 0);
	cr_assert(!tunnelled(table, 0));
	for (uint32_t n = 0; n < 1000; n++)
		if (tunnelled(table, n))
			lb_nat_remove(table, tunnelled(table, n), 50 * SECOND);
	free(table);
}

Test(nat_flood, a_tunnel_needs_an_address_of_the_endpoints_family)
{
	struct lb_nat_table *table = table_of(1000, 500, 1024, 65535);
	struct wire_addr address = {0};
	cr_assert(lb_nat_tunnel_address(table, true, &address) == 0);
	cr_assert(address.bytes[15] == 1 && wire_addr_is_v4(&address));
	cr_assert(lb_nat_tunnel_address(table, false, &address) == -EADDRNOTAVAIL);
	cr_assert(lb_nat_set_pool(table, NULL, 0, 0) == 0);
	cr_assert(!begin_tunnel(table, 1, SECOND) && lb_nat_count(table) == 0);
	free(table);
}

/* ---- the order, against a naive list ---- */

struct naive {
	uint32_t number[64];
	unsigned n;
};

static void strike(struct naive *list, unsigned at)
{
	list->n--;
	memmove(&list->number[at], &list->number[at + 1], (list->n - at) * sizeof(list->number[0]));
}

Test(nat_flood, the_displaced_is_always_the_oldest_that_was_never_confirmed)
{
	struct lb_nat_table *table = table_of(20000, 64, 1024, 65535);
	struct naive list = {.n = 0};
	srand(7);
	for (uint32_t n = 0; n < 30000; n++) {
		uint64_t now = n * TICK;
		struct lb_nat_flow *flow;
		unsigned at = list.n ? (unsigned)rand() % list.n : 0;
		switch (list.n ? rand() % 5 : 0) {
		case 1:
			flow = find(table, list.number[at], WIRE_PROTO_TCP);
			confirm(table, flow, now);
			if (rand() % 2)
				lb_nat_remove(table, flow, now);
			strike(&list, at);
			break;
		case 2:
			lb_nat_remove(table, find(table, list.number[at], WIRE_PROTO_TCP), now);
			strike(&list, at);
			break;
		default:
			cr_assert(begin(table, n, WIRE_PROTO_TCP, now, &flow) == 0);
			if (list.n == 64) {
				cr_assert(!find(table, list.number[0], WIRE_PROTO_TCP));
				strike(&list, 0);
			}
			list.number[list.n++] = n;
		}
		for (unsigned i = 0; i < list.n; i++)
			cr_assert(find(table, list.number[i], WIRE_PROTO_TCP));
	}
	free(table);
}

/* ---- ports ---- */

Test(nat_flood, a_port_is_taken_early_only_if_none_is_rested_and_its_flow_was_never_confirmed)
{
	struct lb_nat_table *table = table_of(1000, 500, 1024, 1026);
	struct lb_nat_flow *flow[3], *next;
	for (uint32_t n = 0; n < 3; n++)
		cr_assert(begin(table, n, WIRE_PROTO_TCP, 0, &flow[n]) == 0);
	confirm(table, flow[0], 0);
	uint16_t confirmed = flow[0]->nat_port, first = flow[2]->nat_port, second = flow[1]->nat_port;
	lb_nat_remove(table, flow[0], SECOND);
	lb_nat_remove(table, flow[2], SECOND);
	lb_nat_remove(table, flow[1], 2 * SECOND);
	cr_assert(begin(table, 10, WIRE_PROTO_TCP, 3 * SECOND, &next) == 0 && next->nat_port == first);
	cr_assert(begin(table, 11, WIRE_PROTO_TCP, 3 * SECOND, &next) == 0 && next->nat_port == second);
	cr_assert(begin(table, 12, WIRE_PROTO_TCP, 3 * SECOND, &next) == -EADDRNOTAVAIL);
	cr_assert(begin(table, 12, WIRE_PROTO_TCP, 12 * SECOND, &next) == 0 && next->nat_port == confirmed);
	cr_assert(begin(table, 13, WIRE_PROTO_TCP, 13 * SECOND, &next) == 0 && next->nat_port == first);
	cr_assert(!find(table, 10, WIRE_PROTO_TCP) && find(table, 11, WIRE_PROTO_TCP));
	free(table);
}

Test(nat_flood, a_udp_port_waits_for_a_late_answer_and_no_flow_is_displaced_for_it)
{
	struct lb_nat_table *table = table_of(1000, 500, 1024, 1024);
	struct lb_nat_flow *flow;
	cr_assert(begin(table, 0, WIRE_PROTO_UDP, 0, &flow) == 0);
	cr_assert(begin(table, 1, WIRE_PROTO_UDP, SECOND, &flow) == -EADDRNOTAVAIL);
	lb_nat_remove(table, find(table, 0, WIRE_PROTO_UDP), SECOND);
	cr_assert(begin(table, 1, WIRE_PROTO_UDP, 2 * SECOND - 2 * TICK, &flow) == -EADDRNOTAVAIL);
	cr_assert(begin(table, 1, WIRE_PROTO_UDP, 2 * SECOND + TICK, &flow) == 0);
	free(table);
}

Test(nat_flood, a_tcp_flow_is_not_displaced_for_a_port_that_left_the_pool)
{
	struct lb_nat_table *table = table_of(1000, 500, 1024, 1024);
	const struct lb_nat_range other = {v4(10, 3, 1, 2), 2000, 2000};
	struct lb_nat_flow *flow;
	cr_assert(begin(table, 0, WIRE_PROTO_TCP, 0, &flow) == 0);
	cr_assert(lb_nat_set_pool(table, &other, 1, SECOND) == 0);
	cr_assert(begin(table, 1, WIRE_PROTO_TCP, SECOND, &flow) == 0);
	cr_assert(begin(table, 2, WIRE_PROTO_TCP, 2 * SECOND, &flow) == 0 && flow->nat_port == 2000);
	cr_assert(find(table, 0, WIRE_PROTO_TCP) && !find(table, 1, WIRE_PROTO_TCP));
	free(table);
}
