/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/flow.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK (1ull << 20) /* ns */

static struct lb_flow_table *table_of(uint32_t flows, uint32_t new_max)
{
	size_t size = lb_flow_table_size(flows);
	struct lb_flow_table *table = NULL;
	cr_assert(lb_flow_table_init(aligned_alloc(64, (size + 63) / 64 * 64), size, flows, new_max, &table) == 0);
	return table;
}

static struct lb_flow_key key_of(uint32_t n)
{
	struct lb_flow_key key = {
	    .client_port = (uint16_t)(1024 + n % 60000), .vip_port = 443, .protocol = WIRE_PROTO_TCP};
	key.client.words[3] = n * 2654435761u;
	key.client.words[0] = n % 3; /* IPv6 too */
	key.vip.words[3] = 0x0a7100cbu;
	return key;
}

static struct lb_flow *find(const struct lb_flow_table *table, uint32_t n)
{
	struct lb_flow_key key = key_of(n);
	return lb_flow_lookup(table, &key, lb_flow_hash(&key));
}

/* Inserts flow n; its endpoint is n. NULL: refused. */
static struct lb_flow *insert(struct lb_flow_table *table, uint32_t n, uint64_t now)
{
	struct lb_flow_key key = key_of(n);
	struct lb_flow *flow = NULL;
	bool made = false;
	int error = lb_flow_insert(table, &key, lb_flow_hash(&key), now, &flow, &made);
	cr_assert(error == 0 || (error == -ENOSPC && !flow));
	if (flow && made)
		flow->endpoint = n;
	return flow;
}

static bool establish(struct lb_flow_table *table, uint32_t n, uint64_t now)
{
	struct lb_flow *flow = insert(table, n, now);
	if (flow) {
		lb_flow_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK}, false, now);
		lb_flow_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_ACK, .ack = 1}, true, now);
	}
	return flow != NULL;
}

Test(flow, costs_at_most_96_bytes)
{
	for (uint32_t flows = 100; flows < 3000000; flows += 1 + flows / 7)
		cr_assert(lb_flow_table_size(flows) <= (size_t)flows * 96, "%u", flows);
	cr_assert(lb_flow_table_size(LB_FLOW_MIN - 1) == 0 && lb_flow_table_size(LB_FLOW_MAX + 1) == 0);
}

/* ---- against a naive table ---- */

#define KEYS  2500u
#define FLOWS 1000u

struct naive {
	bool present;
	struct lb_progress progress;
	uint32_t last_seen;
};

static const struct lb_timeouts timeouts = {
    .tcp_new_ms = 300, .tcp_established_ms = 4000, .tcp_closing_ms = 100, .udp_ms = 1000};

static bool may_vanish(const struct naive *was, uint32_t tick)
{
	return was->progress.state != LB_FLOW_ESTABLISHED && was->last_seen != tick;
}

/* Every flow of the oracle is in the table, but for at most `displaced` that the table was free to drop. */
static void compare(const struct lb_flow_table *table, struct naive oracle[], uint32_t tick, unsigned displaced)
{
	uint32_t present = 0, new = 0;
	for (uint32_t n = 0; n < KEYS; n++) {
		struct lb_flow *flow = find(table, n);
		if (oracle[n].present && !flow) {
			cr_assert(displaced-- && may_vanish(&oracle[n], tick), "flow %u was displaced in state %u", n,
			    oracle[n].progress.state);
			oracle[n].present = false;
		}
		cr_assert(oracle[n].present == (flow != NULL), "flow %u", n);
		if (!flow)
			continue;
		struct lb_flow_key key = key_of(n);
		cr_assert(lb_flow_key_equal(&flow->key, &key) && flow->endpoint == n);
		cr_assert(flow->state == oracle[n].progress.state && flow->flags == oracle[n].progress.flags);
		cr_assert(flow->last_seen == oracle[n].last_seen);
		present++;
		new += flow->state == LB_FLOW_NEW;
	}
	cr_assert(lb_flow_count(table) == present && lb_flow_count_new(table) == new);
}

static void compare_bulk(const struct lb_flow_table *table, const struct naive oracle[])
{
	struct lb_flow_key key[LB_BURST];
	const struct lb_flow_key *keys[LB_BURST];
	uint64_t hash[LB_BURST];
	struct lb_flow *flow[LB_BURST];
	uint32_t id[LB_BURST];
	unsigned n = (unsigned)rand() % (LB_BURST + 1);
	for (unsigned i = 0; i < n; i++) {
		id[i] = (uint32_t)rand() % KEYS;
		key[i] = key_of(id[i]);
		keys[i] = &key[i];
		hash[i] = lb_flow_hash(&key[i]);
	}
	uint64_t hits = lb_flow_lookup_bulk(table, keys, hash, n, flow);
	cr_assert(n == 64 || hits >> n == 0);
	for (unsigned i = 0; i < n; i++) {
		cr_assert((hits >> i & 1) == oracle[id[i]].present);
		cr_assert(flow[i] == find(table, id[i]));
	}
}

static unsigned step(struct lb_flow_table *table, struct naive oracle[], uint64_t now)
{
	static const uint8_t tcp_flags[] = {WIRE_TCP_ACK, WIRE_TCP_ACK, WIRE_TCP_ACK, WIRE_TCP_SYN,
	    WIRE_TCP_FIN | WIRE_TCP_ACK, WIRE_TCP_RST, WIRE_TCP_SYN | WIRE_TCP_ACK};
	uint32_t n = (uint32_t)rand() % KEYS, tick = lb_tick(now);
	struct lb_flow *flow = find(table, n);
	int what = rand() % 10;
	if (!flow) {
		flow = insert(table, n, now);
		if (flow)
			oracle[n] = (struct naive){.present = true, .progress.state = LB_FLOW_NEW, .last_seen = tick};
		return flow != NULL;
	}
	if (what == 0) {
		lb_flow_remove(table, flow);
		oracle[n].present = false;
	} else {
		struct lb_segment segment = {.ack = 1 - (uint32_t)(rand() % 2)};
		segment.flags = tcp_flags[(size_t)rand() % sizeof(tcp_flags)];
		bool from_client = rand() % 2;
		lb_flow_touch(table, flow, &segment, from_client, now);
		lb_flow_advance(&oracle[n].progress, WIRE_PROTO_TCP, &segment, from_client);
		oracle[n].last_seen = tick;
	}
	return 0;
}

static void sweep(struct lb_flow_table *table, struct naive oracle[], uint64_t now)
{
	unsigned expected = 0;
	for (uint32_t n = 0; n < KEYS; n++) {
		uint32_t age = lb_tick(now) - oracle[n].last_seen;
		if (!oracle[n].present || age < lb_timeout_ticks(&timeouts, WIRE_PROTO_TCP, oracle[n].progress.state))
			continue;
		oracle[n].present = false;
		expected++;
	}
	unsigned expired = 0;
	for (int part = 0; part < 10; part++)
		expired += lb_flow_sweep(table, &timeouts, now, FLOWS / 10);
	cr_assert(expired == expected, "%u expired, not %u", expired, expected);
}

Test(flow, behaves_as_a_naive_table_that_may_lose_only_unconfirmed_flows)
{
	static struct naive oracle[KEYS];
	struct lb_flow_table *table = table_of(FLOWS, FLOWS / 4);
	uint64_t now = 1ull << 52; /* ticks wrap at once */
	srand(1);
	for (int round = 0; round < 3000; round++) {
		unsigned inserted = 0;
		for (int i = 0; i < 20; i++)
			inserted += step(table, oracle, now);
		compare(table, oracle, lb_tick(now), inserted);
		compare_bulk(table, oracle);
		now += (uint64_t)(rand() % 8) * TICK;
		if (rand() % 50 == 0)
			sweep(table, oracle, now);
	}
	free(table);
}

/* ---- room ---- */

Test(flow, full_of_established_flows_refuses_new_ones_and_keeps_all)
{
	struct lb_flow_table *table = table_of(1000, 1000);
	static bool inside[3000];
	uint32_t in = 0;
	for (uint32_t n = 0; n < 3000; n++)
		in += inside[n] = establish(table, n, n * TICK);
	cr_assert(in == 1000, "%u", in);
	cr_assert(lb_flow_count(table) == 1000 && lb_flow_count_new(table) == 0);
	for (uint32_t n = 0; n < 3000; n++)
		cr_assert((find(table, n) != NULL) == inside[n]);
	lb_flow_remove(table, find(table, 0));
	cr_assert(establish(table, 5000, 0));
	free(table);
}

Test(flow, a_syn_flood_displaces_itself_and_not_the_handshake_after_it)
{
	struct lb_flow_table *table = table_of(4096, 1024);
	uint64_t now = 0;
	unsigned refused = 0, answered = 0;
	for (uint32_t n = 0; n < 2000; n++)
		cr_assert(establish(table, n, now));
	for (uint32_t n = 10000; n < 60000; n++) {
		now += TICK / 16;
		refused += !insert(table, n, now);
		cr_assert(lb_flow_count_new(table) <= 1024);
		answered += find(table, n - 200) != NULL; /* a client whose ACK comes 200 SYNs later */
	}
	for (uint32_t n = 0; n < 2000; n++)
		cr_assert(find(table, n), "established flow %u is gone", n);
	cr_assert(refused < 50000 / 100, "%u refused", refused);
	cr_assert(answered > 50000 / 10 * 7, "%u handshakes survived", answered);
	free(table);
}

/* Of endpoints that answer directly: whoever sends a SYN and any segment behind it has such a flow established. */
Test(flow, a_flood_of_one_way_flows_displaces_itself)
{
	struct lb_flow_table *table = table_of(4096, 1024);
	uint64_t now = 0;
	unsigned refused = 0;
	for (uint32_t n = 0; n < 2000; n++)
		cr_assert(establish(table, n, now));
	for (uint32_t n = 10000; n < 60000; n++) {
		now += TICK / 16;
		struct lb_flow *flow = insert(table, n, now);
		refused += !flow;
		if (!flow)
			continue;
		flow->flags |= LB_FLOW_ONE_WAY;
		lb_flow_touch(table, flow, &(struct lb_segment){.flags = WIRE_TCP_ACK, .ack = n}, true, now);
		cr_assert_eq(flow->state, LB_FLOW_ESTABLISHED);
	}
	for (uint32_t n = 0; n < 2000; n++)
		cr_assert(find(table, n), "established flow %u is gone", n);
	cr_assert(refused < 50000 / 100, "%u refused", refused);
	free(table);
}

Test(flow, made_or_touched_in_this_tick_is_not_displaced)
{
	struct lb_flow_table *table = table_of(1000, 100);
	struct lb_flow *flow[100];
	for (uint32_t n = 0; n < 100; n++)
		cr_assert(flow[n] = insert(table, n, 7 * TICK));
	for (uint32_t n = 100; n < 200; n++)
		cr_assert(!insert(table, n, 7 * TICK + TICK - 1));
	for (uint32_t n = 0; n < 100; n++)
		cr_assert(find(table, n) == flow[n] && flow[n]->endpoint == n);
	free(table);
}

Test(flow, inserting_a_key_twice_gives_the_same_flow)
{
	struct lb_flow_table *table = table_of(100, 100);
	struct lb_flow_key key = key_of(1);
	struct lb_flow *first, *second;
	bool made;
	cr_assert(lb_flow_insert(table, &key, lb_flow_hash(&key), 0, &first, &made) == 0 && made);
	cr_assert(lb_flow_insert(table, &key, lb_flow_hash(&key), 0, &second, &made) == 0 && !made);
	cr_assert(first == second && lb_flow_count(table) == 1);
	free(table);
}

/* ---- a successor ---- */

Test(flow, goes_on_in_a_successor_that_maps_the_memory_elsewhere)
{
	size_t size = lb_flow_table_size(5000);
	struct lb_flow_table *table = table_of(5000, 5000), *taken = NULL;
	for (uint32_t n = 0; n < 3000; n++)
		cr_assert(establish(table, n, 0));
	void *elsewhere = aligned_alloc(64, (size + 63) / 64 * 64);
	memcpy(elsewhere, table, size);
	memset(table, 0xee, size);
	cr_assert(lb_flow_table_take_over(elsewhere, size, 5000, 5000, 0, &taken) == 0);
	for (uint32_t n = 0; n < 3000; n++)
		cr_assert(find(taken, n) && find(taken, n)->endpoint == n);
	cr_assert(establish(taken, 4000, 0) && lb_flow_count(taken) == 3001);
	free(table);
	free(elsewhere);
}

Test(flow, takes_over_nothing_but_a_table)
{
	size_t size = lb_flow_table_size(100);
	struct lb_flow_table *table = table_of(100, 100), *taken = NULL;
	cr_assert(lb_flow_table_take_over(table, size - 1, 100, 100, 0, &taken) == -EINVAL);
	((uint32_t *)table)[1]++;
	cr_assert(lb_flow_table_take_over(table, size, 100, 100, 0, &taken) == -EINVAL);
	memset(table, 0, size);
	cr_assert(lb_flow_table_take_over(table, size, 100, 100, 0, &taken) == -EINVAL && !taken);
	free(table);
}
