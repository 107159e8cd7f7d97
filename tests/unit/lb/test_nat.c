/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/nat.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK   (1ull << 20) /* ns */
#define SECOND 1000000000ull

static struct wire_addr v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
	return wire_addr_from_v4(bytes);
}

static struct lb_nat_table *table_of(struct lb_nat_config config)
{
	size_t size = lb_nat_table_size(&config);
	struct lb_nat_table *table = NULL;
	cr_assert(size);
	cr_assert(lb_nat_table_init(aligned_alloc(64, (size + 63) / 64 * 64), size, &config, &table) == 0);
	return table;
}

static struct lb_flow_key key_of(uint32_t n, uint8_t protocol)
{
	return (struct lb_flow_key){.client = v4(192, 0, 2, n % 251),
	    .vip = v4(203, 0, 113, 10),
	    .client_port = (uint16_t)(n / 251 + 1024),
	    .vip_port = 443,
	    .protocol = protocol};
}

static struct lb_nat_target target_of(uint32_t n)
{
	return (struct lb_nat_target){.address = v4(198, 51, 100, 1 + n % 5),
	    .port = 8443,
	    .ingress_pop = 1,
	    .endpoint = n,
	    .group = 7,
	    .vni = {0, 0, 9}};
}

static struct lb_flow_key reply_of(const struct lb_nat_flow *f)
{
	return (struct lb_flow_key){.client = f->endpoint_address,
	    .vip = f->nat_address,
	    .client_port = f->endpoint_port,
	    .vip_port = f->nat_port,
	    .protocol = f->key.protocol};
}

/* The handshake's second half. */
static void confirm(struct lb_nat_table *table, struct lb_nat_flow *flow, uint64_t now)
{
	lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .seq = 8}, false, now);
	lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_ACK, .ack = 9}, true, now);
}

static int insert(struct lb_nat_table *table, uint32_t n, uint8_t protocol, uint64_t now, struct lb_nat_flow **ret)
{
	struct lb_flow_key key = key_of(n, protocol);
	struct lb_nat_target target = target_of(n);
	bool made;
	return lb_nat_insert(table, &key, lb_flow_hash(&key), &target, now, ret, &made);
}

static struct lb_nat_flow *find(const struct lb_nat_table *table, uint32_t n, uint8_t protocol)
{
	struct lb_flow_key key = key_of(n, protocol);
	return lb_nat_lookup(table, &key, lb_flow_hash(&key));
}

static const struct lb_nat_config one_worker = {.flows = 3000, .new_max = 3000, .workers = 1, .seed = 1};

Test(nat, names_for_every_port_exactly_one_worker)
{
	for (unsigned workers = 1; workers <= 64; workers++)
		for (uint32_t port = 0; port < 65536; port++)
			cr_assert(lb_nat_owner((uint16_t)port, workers) < workers);
}

/* All workers together use up the pool: each port once per protocol, each by its owner. */
static void use_up(unsigned workers, const struct lb_nat_range range[], unsigned n_ranges, uint32_t total)
{
	static uint8_t used[LB_NAT_MAX_ADDRESSES][2][65536];
	uint32_t taken[2] = {0, 0};
	memset(used, 0, sizeof(used));
	for (unsigned w = 0; w < workers; w++) {
		struct lb_nat_table *table = table_of((struct lb_nat_config){.flows = 2 * total + 1000,
		    .new_max = 2 * total + 1000,
		    .worker = (uint16_t)w,
		    .workers = (uint16_t)workers,
		    .seed = w});
		cr_assert(lb_nat_set_pool(table, range, n_ranges, 0) == 0);
		for (unsigned p = 0; p < 2; p++) {
			struct lb_nat_flow *flow;
			uint8_t protocol = p ? WIRE_PROTO_UDP : WIRE_PROTO_TCP;
			uint32_t n = 0;
			for (; insert(table, n, protocol, 0, &flow) == 0; n++, taken[p]++) {
				unsigned a = 0;
				while (!wire_addr_equal(&range[a].address, &flow->nat_address))
					cr_assert(++a < n_ranges);
				cr_assert(flow->nat_port >= range[a].port_lo && flow->nat_port <= range[a].port_hi);
				cr_assert(lb_nat_owner(flow->nat_port, workers) == w);
				cr_assert(!used[a][p][flow->nat_port]++, "port %u used twice", flow->nat_port);
			}
			cr_assert(insert(table, n, protocol, 0, &flow) == -EADDRNOTAVAIL);
			cr_assert(lb_nat_free_ports(table, protocol) == 0);
		}
		free(table);
	}
	cr_assert(taken[0] == total && taken[1] == total, "%u of %u", taken[0], total);
}

Test(nat, workers_share_the_pool_without_collision_and_without_rest)
{
	const struct lb_nat_range two[] = {{v4(10, 3, 1, 1), 1024, 2300}, {v4(10, 3, 1, 2), 60000, 65535}};
	for (unsigned workers = 1; workers <= 9; workers++)
		use_up(workers, two, 2, 2300 - 1024 + 1 + 5536);
	const struct lb_nat_range one[] = {{v4(10, 3, 1, 1), 1, 65535}};
	use_up(1, one, 1, 65535);
	use_up(64, one, 1, 65535);
}

/* ---- against a naive table ---- */

#define KEYS 1500u

static void check_pair(const struct lb_nat_table *table, uint32_t n, uint8_t protocol, bool present)
{
	struct lb_nat_flow *flow = find(table, n, protocol);
	cr_assert((flow != NULL) == present);
	if (!flow)
		return;
	struct lb_flow_key reply = reply_of(flow);
	cr_assert(flow->endpoint == n && lb_nat_reverse(table, &reply) == flow);
	reply.client_port++;
	cr_assert(!lb_nat_reverse(table, &reply), "a stranger's port is answered");
	reply = reply_of(flow);
	reply.client.bytes[15] ^= 1;
	cr_assert(!lb_nat_reverse(table, &reply), "a stranger is answered");
	reply = reply_of(flow);
	reply.protocol = WIRE_PROTO_ICMP;
	cr_assert(!lb_nat_reverse(table, &reply));
}

static void check_bulk(const struct lb_nat_table *table)
{
	struct lb_flow_key key[LB_BURST];
	const struct lb_flow_key *keys[LB_BURST];
	uint64_t hash[LB_BURST];
	struct lb_flow_key reply[LB_BURST];
	const struct lb_flow_key *replies[LB_BURST];
	struct lb_nat_flow *flow[LB_BURST], *back[LB_BURST];
	for (unsigned i = 0; i < LB_BURST; i++) {
		key[i] = key_of((uint32_t)rand() % KEYS, WIRE_PROTO_TCP);
		keys[i] = &key[i];
		hash[i] = lb_flow_hash(&key[i]);
	}
	uint64_t hits = lb_nat_lookup_bulk(table, keys, hash, LB_BURST, flow);
	for (unsigned i = 0; i < LB_BURST; i++) {
		cr_assert(flow[i] == lb_nat_lookup(table, keys[i], hash[i]) && (hits >> i & 1) == (flow[i] != NULL));
		reply[i] =
		    flow[i] ? reply_of(flow[i]) : (struct lb_flow_key){.vip_port = 5, .protocol = WIRE_PROTO_TCP};
		replies[i] = &reply[i];
	}
	cr_assert(lb_nat_reverse_bulk(table, replies, LB_BURST, back) == hits);
	cr_assert(memcmp(flow, back, sizeof(flow)) == 0);
}

Test(nat, finds_both_ways_what_a_naive_table_holds)
{
	static bool oracle[2][KEYS];
	struct lb_nat_table *table = table_of(one_worker);
	const struct lb_nat_range pool[] = {{v4(10, 3, 1, 1), 1024, 2047}, {v4(10, 3, 1, 2), 1024, 2047}};
	cr_assert(lb_nat_set_pool(table, pool, 2, 0) == 0);
	srand(1);
	uint32_t live = 0;
	for (int round = 0; round < 60000; round++) {
		uint32_t n = (uint32_t)rand() % KEYS;
		unsigned p = (unsigned)rand() % 2;
		uint8_t protocol = p ? WIRE_PROTO_UDP : WIRE_PROTO_TCP;
		struct lb_nat_flow *flow;
		if (!oracle[p][n]) {
			cr_assert(insert(table, n, protocol, 0, &flow) == 0);
			live++;
		} else {
			lb_nat_remove(table, find(table, n, protocol), 0);
			live--;
		}
		oracle[p][n] = !oracle[p][n];
		check_pair(table, n, protocol, oracle[p][n]);
		if (round % 5000 == 0)
			check_bulk(table);
		cr_assert(lb_nat_count(table) == live);
	}
	for (unsigned p = 0; p < 2; p++)
		for (uint32_t n = 0; n < KEYS; n++)
			check_pair(table, n, p ? WIRE_PROTO_UDP : WIRE_PROTO_TCP, oracle[p][n]);
	free(table);
}

/* ---- ports ---- */

Test(nat, a_freed_port_rests_for_the_quarantine_and_the_oldest_comes_first)
{
	struct lb_nat_config config = one_worker;
	config.quarantine_ns = 60 * SECOND;
	struct lb_nat_table *table = table_of(config);
	const struct lb_nat_range pool[] = {{v4(10, 3, 1, 1), 1024, 1027}};
	struct lb_nat_flow *flow;
	uint16_t freed[4];
	cr_assert(lb_nat_set_pool(table, pool, 1, 0) == 0);
	for (uint32_t n = 0; n < 4; n++)
		cr_assert(insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0);
	for (uint32_t n = 0; n < 4; n++) {
		flow = find(table, n, WIRE_PROTO_TCP);
		confirm(table, flow, (100 + n) * SECOND);
		freed[n] = flow->nat_port;
		lb_nat_remove(table, flow, (100 + n) * SECOND);
	}
	for (uint32_t n = 0; n < 4; n++) {
		cr_assert(insert(table, 10 + n, WIRE_PROTO_TCP, (159 + n) * SECOND, &flow) == -EADDRNOTAVAIL);
		cr_assert(insert(table, 10 + n, WIRE_PROTO_TCP, (160 + n) * SECOND + TICK, &flow) == 0);
		cr_assert(flow->nat_port == freed[n]);
		confirm(table, flow, (160 + n) * SECOND + TICK);
	}
	free(table);
}

Test(nat, first_ports_are_in_an_order_that_the_seed_gives)
{
	uint16_t order[2][100];
	for (unsigned s = 0; s < 2; s++) {
		struct lb_nat_config config = one_worker;
		config.seed = 100 + s;
		struct lb_nat_table *table = table_of(config);
		struct lb_nat_flow *flow;
		cr_assert(lb_nat_set_pool(table, &(struct lb_nat_range){v4(10, 3, 1, 1), 1024, 65535}, 1, 0) == 0);
		for (uint32_t n = 0; n < 100; n++) {
			cr_assert(insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0);
			order[s][n] = flow->nat_port;
		}
		free(table);
	}
	cr_assert(memcmp(order[0], order[1], sizeof(order[0])) != 0);
}

Test(nat, flows_outlive_the_change_of_the_pool_and_their_port_is_not_used_again)
{
	struct lb_nat_table *table = table_of(one_worker);
	const struct lb_nat_range before[] = {{v4(10, 3, 1, 1), 1024, 1151}, {v4(10, 3, 1, 2), 1024, 1151}};
	const struct lb_nat_range after[] = {{v4(10, 3, 1, 2), 1088, 1215}, {v4(10, 3, 1, 3), 1024, 1151}};
	struct lb_nat_flow *flow;
	cr_assert(lb_nat_set_pool(table, before, 2, 0) == 0);
	for (uint32_t n = 0; n < 200; n++)
		cr_assert(insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0);
	cr_assert(lb_nat_set_pool(table, after, 2, 0) == 0);
	uint32_t inside = 0;
	for (uint32_t n = 0; n < 200; n++) {
		check_pair(table, n, WIRE_PROTO_TCP, true);
		flow = find(table, n, WIRE_PROTO_TCP);
		inside += flow->nat_address.bytes[15] == 2 && flow->nat_port >= 1088;
	}
	cr_assert(lb_nat_free_ports(table, WIRE_PROTO_TCP) == 256 - inside);
	uint32_t made = 0;
	for (uint32_t n = 200; insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0; n++, made++)
		cr_assert(
		    flow->nat_address.bytes[15] == 3 || (flow->nat_address.bytes[15] == 2 && flow->nat_port >= 1088));
	cr_assert(made == 256 - inside);
	for (uint32_t n = 0; n < 200; n++)
		lb_nat_remove(table, find(table, n, WIRE_PROTO_TCP), 0);
	cr_assert(lb_nat_free_ports(table, WIRE_PROTO_TCP) == inside);
	cr_assert(lb_nat_set_pool(table, before, 2, 0) == 0);
	for (uint32_t n = 1000; insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0; n++)
		check_pair(table, n, WIRE_PROTO_TCP, true);
	for (uint32_t n = 200; n < 200 + made; n++)
		check_pair(table, n, WIRE_PROTO_TCP, true);
	free(table);
}

Test(nat, a_pool_can_be_replaced_for_ever_if_its_flows_go)
{
	struct lb_nat_table *table = table_of(one_worker);
	for (unsigned round = 0; round < 100; round++) {
		struct lb_nat_range pool[LB_NAT_MAX_ADDRESSES];
		struct lb_nat_flow *flow;
		for (unsigned i = 0; i < LB_NAT_MAX_ADDRESSES; i++)
			pool[i] = (struct lb_nat_range){v4(10, 3, round, i + 1), 1024, 1087};
		cr_assert(lb_nat_set_pool(table, pool, LB_NAT_MAX_ADDRESSES, 0) == 0, "round %u", round);
		for (uint32_t n = 0; n < 64; n++)
			cr_assert(insert(table, 100 * round + n, WIRE_PROTO_TCP, 0, &flow) == 0);
		for (uint32_t n = 0; n < 64 && round; n++)
			lb_nat_remove(table, find(table, 100 * (round - 1) + n, WIRE_PROTO_TCP), 0);
	}
	free(table);
}

Test(nat, a_pool_that_is_wrong_changes_nothing)
{
	struct lb_nat_table *table = table_of(one_worker);
	const struct lb_nat_range right[] = {{v4(10, 3, 1, 1), 1024, 1151}};
	const struct lb_nat_range twice[] = {{v4(10, 3, 1, 2), 1024, 1151}, {v4(10, 3, 1, 2), 2000, 3000}};
	struct lb_nat_range many[LB_NAT_MAX_ADDRESSES + 1];
	for (unsigned i = 0; i <= LB_NAT_MAX_ADDRESSES; i++)
		many[i] = (struct lb_nat_range){v4(10, 3, 2, i), 1024, 1151};
	const struct lb_nat_range empty[] = {{v4(10, 3, 1, 2), 2000, 1999}};
	cr_assert(lb_nat_set_pool(table, right, 1, 0) == 0);
	cr_assert(lb_nat_set_pool(table, twice, 2, 0) == -EINVAL);
	cr_assert(lb_nat_set_pool(table, empty, 1, 0) == -EINVAL);
	cr_assert(lb_nat_set_pool(table, many, LB_NAT_MAX_ADDRESSES + 1, 0) == -EINVAL);
	cr_assert(lb_nat_free_ports(table, WIRE_PROTO_TCP) == 128);
	free(table);
}

Test(nat, addresses_are_of_the_family_of_the_endpoint)
{
	struct lb_nat_table *table = table_of(one_worker);
	struct lb_nat_range pool[] = {{v4(10, 3, 1, 1), 1024, 1151}, {.port_lo = 1024, .port_hi = 1151}};
	pool[1].address.bytes[0] = 0x20;
	cr_assert(lb_nat_set_pool(table, pool, 2, 0) == 0);
	for (uint32_t n = 0; n < 100; n++) {
		struct lb_flow_key key = key_of(n, WIRE_PROTO_UDP);
		struct lb_nat_target target = target_of(n);
		struct lb_nat_flow *flow;
		bool made;
		if (n % 2)
			target.address.bytes[0] = 0x20;
		cr_assert(lb_nat_insert(table, &key, lb_flow_hash(&key), &target, 0, &flow, &made) == 0 && made);
		cr_assert(wire_addr_is_v4(&flow->nat_address) == !(n % 2));
	}
	free(table);
}

/* ---- limits, time, succession ---- */

Test(nat, full_of_confirmed_flows_refuses_and_displaces_nothing)
{
	struct lb_nat_table *table =
	    table_of((struct lb_nat_config){.flows = 500, .new_max = 100, .workers = 1, .seed = 1});
	struct lb_nat_flow *flow;
	cr_assert(lb_nat_set_pool(table, &(struct lb_nat_range){v4(10, 3, 1, 1), 1024, 65535}, 1, 0) == 0);
	for (uint32_t n = 0; n < 100; n++)
		cr_assert(insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0);
	cr_assert(insert(table, 100, WIRE_PROTO_TCP, 0, &flow) == -ENOSPC, "all are of this very tick");
	uint32_t free_ports = lb_nat_free_ports(table, WIRE_PROTO_TCP);
	for (uint32_t n = 0; n < 500; n++) {
		cr_assert(insert(table, n, WIRE_PROTO_TCP, SECOND, &flow) == 0);
		confirm(table, flow, SECOND);
	}
	cr_assert(insert(table, 500, WIRE_PROTO_TCP, 2 * SECOND, &flow) == -ENOSPC);
	cr_assert(lb_nat_free_ports(table, WIRE_PROTO_TCP) == free_ports - 400);
	for (uint32_t n = 0; n < 500; n++)
		check_pair(table, n, WIRE_PROTO_TCP, true);
	free(table);
}

Test(nat, flows_time_out_by_protocol_and_state)
{
	const struct lb_timeouts t = {
	    .tcp_new_ms = 1000, .tcp_established_ms = 9000, .tcp_closing_ms = 3000, .udp_ms = 5000};
	struct lb_nat_table *table = table_of(one_worker);
	struct lb_nat_flow *flow;
	cr_assert(lb_nat_set_pool(table, &(struct lb_nat_range){v4(10, 3, 1, 1), 1024, 65535}, 1, 0) == 0);
	cr_assert(insert(table, 0, WIRE_PROTO_TCP, 0, &flow) == 0);
	cr_assert(insert(table, 1, WIRE_PROTO_TCP, 0, &flow) == 0);
	lb_nat_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_RST}, false, 0);
	cr_assert(insert(table, 2, WIRE_PROTO_UDP, 0, &flow) == 0);
	cr_assert(insert(table, 3, WIRE_PROTO_TCP, 0, &flow) == 0);
	confirm(table, flow, 0);
	const uint64_t after_ms[] = {1000, 3000, 5000, 9000};
	for (uint32_t n = 0; n < 4; n++) {
		cr_assert(lb_nat_sweep(table, &t, after_ms[n] * 1000000 - 2 * TICK, 100) == 0);
		cr_assert(lb_nat_sweep(table, &t, after_ms[n] * 1000000 + TICK, 100) == 1);
		check_pair(table, n, n == 2 ? WIRE_PROTO_UDP : WIRE_PROTO_TCP, false);
	}
	cr_assert(lb_nat_count(table) == 0);
	free(table);
}

Test(nat, goes_on_in_a_successor_that_maps_the_memory_elsewhere)
{
	size_t size = lb_nat_table_size(&one_worker);
	struct lb_nat_table *table = table_of(one_worker), *taken = NULL;
	struct lb_nat_flow *flow;
	cr_assert(lb_nat_set_pool(table, &(struct lb_nat_range){v4(10, 3, 1, 1), 1024, 2047}, 1, 0) == 0);
	for (uint32_t n = 0; n < 500; n++)
		cr_assert(insert(table, n, WIRE_PROTO_TCP, 0, &flow) == 0);
	void *elsewhere = aligned_alloc(64, (size + 63) / 64 * 64);
	memcpy(elsewhere, table, size);
	memset(table, 0xee, size);
	cr_assert(lb_nat_table_take_over(elsewhere, size, &one_worker, 0, &taken) == 0);
	cr_assert(lb_nat_set_pool(taken, &(struct lb_nat_range){v4(10, 3, 1, 1), 1024, 2047}, 1, 0) == 0);
	for (uint32_t n = 500; n < 1024; n++)
		cr_assert(insert(taken, n, WIRE_PROTO_TCP, 0, &flow) == 0);
	for (uint32_t n = 0; n < 1024; n++)
		check_pair(taken, n, WIRE_PROTO_TCP, true);
	((uint32_t *)elsewhere)[0]++;
	cr_assert(lb_nat_table_take_over(elsewhere, size, &one_worker, 0, &taken) == -EINVAL);
	free(table);
	free(elsewhere);
}

Test(nat, refuses_a_configuration_out_of_range)
{
	const struct lb_nat_config wrong[] = {{.flows = 10, .workers = 1}, {.flows = 1000, .workers = 0},
	    {.flows = 1000, .workers = 65}, {.flows = 1000, .worker = 2, .workers = 2},
	    {.flows = 1000, .new_max = 1001, .workers = 1}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(lb_nat_table_size(&wrong[i]) == 0);
}
