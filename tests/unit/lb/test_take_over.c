/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that a process left when it was killed: in the middle of a change, or with memory that is not what it was. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/flow.h"
#include "lb/nat.h"
#include "wire/control.h"

#define SECOND UINT64_C(1000000000)
#define NOW    (1000 * SECOND)
#define FLOWS  128u

static const struct lb_timeouts timeouts = {1000, 60000, 1000, 1000};
static const struct lb_nat_config config = {
    .flows = FLOWS, .new_max = FLOWS / 2, .worker = 1, .workers = 3, .quarantine_ns = SECOND};

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static struct wire_addr address(unsigned net, unsigned host)
{
	uint8_t bytes[4] = {10, (uint8_t)net, 0, (uint8_t)host};
	return wire_addr_from_v4(bytes);
}

static struct lb_flow_key key_of(uint32_t n)
{
	return (struct lb_flow_key){.client = address(1, n % 250),
	    .vip = address(2, 1),
	    .client_port = (uint16_t)(1024 + n / 250),
	    .vip_port = 443,
	    .protocol = n % 3 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP};
}

static const struct lb_segment ack = {.flags = WIRE_TCP_ACK, .seq = 1, .ack = 1};

/* ---- tables in use ---- */

static void set_pool(struct lb_nat_table *table)
{
	const struct lb_nat_range pool[] = {{address(3, 1), 1024, 1100}, {address(3, 2), 2000, 2400}};
	int error = lb_nat_set_pool(table, pool, 2, NOW);
	cr_assert(error == 0 || error == -ENOSPC);
}

static void use_nat(struct lb_nat_table *table, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		struct lb_flow_key key = key_of(below(400));
		struct lb_nat_target target = {
		    .address = address(4, below(4)), .port = 80, .mode = below(5) ? WIRE_MODE_NAT : WIRE_MODE_TUNNEL};
		if (key.protocol == WIRE_PROTO_TCP && target.mode == WIRE_MODE_NAT)
			target.client_ip = (uint8_t)below(3);
		struct lb_nat_flow *flow = NULL;
		bool made = false;
		uint64_t now = NOW + i * SECOND / 100;
		if (lb_nat_insert(table, &key, lb_flow_hash(&key), &target, now, &flow, &made) != 0)
			continue;
		if (key.protocol == WIRE_PROTO_TCP && flow->mode == WIRE_MODE_NAT) {
			flow->client_isn = below(1000);
			flow->client_progress = (uint8_t)below(4);
		}
		if (below(2))
			lb_nat_touch(table, flow, &ack, below(2), now);
		if (below(8) == 0)
			lb_nat_remove(table, flow, now);
	}
}

static void use_flows(struct lb_flow_table *table, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		struct lb_flow_key key = key_of(below(400));
		struct lb_flow *flow = NULL;
		bool made = false;
		if (lb_flow_insert(table, &key, lb_flow_hash(&key), NOW, &flow, &made) == 0 && below(8) == 0)
			lb_flow_remove(table, flow);
	}
}

/* ---- damage ---- */

/* Bytes anywhere behind the first `spared`: bits that fell over, runs overwritten, pieces moved. */
static void damage(uint8_t *memory, size_t size, size_t spared, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		size_t at = spared + below((uint32_t)(size - spared)), length = 1 + below(200);
		size_t from = spared + below((uint32_t)(size - spared));
		length = length < size - at ? length : size - at;
		length = length < size - from ? length : size - from;
		switch (below(4)) {
		case 0:
			memory[at] ^= (uint8_t)(1u << below(8));
			break;
		case 1:
			memset(memory + at, below(2) ? 0xff : 0, length);
			break;
		case 2:
			memmove(memory + at, memory + from, length);
			break;
		default:
			for (size_t k = 0; k < length; k++)
				memory[at + k] = (uint8_t)below(256);
		}
	}
}

/* ---- what must be true of any table ---- */

static void check_nat(const struct lb_nat_table *table)
{
	uint32_t live = 0;
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct lb_nat_flow *f = lb_nat_at(table, i);
		if (!f)
			continue;
		live++;
		cr_assert_eq(lb_nat_lookup(table, &f->key, lb_flow_hash(&f->key)), f, "each is found by its key");
		if (f->mode == WIRE_MODE_TUNNEL)
			continue;
		struct lb_flow_key reply = {
		    f->endpoint_address, f->nat_address, f->endpoint_port, f->nat_port, f->key.protocol, {0}};
		cr_assert_eq(lb_nat_reverse(table, &reply), f, "and alone by its port");
		cr_assert_eq(lb_nat_owner(f->nat_port, config.workers), config.worker);
	}
	cr_assert_eq(live, lb_nat_count(table));
}

static void check_flows(const struct lb_flow_table *table)
{
	uint32_t live = 0;
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct lb_flow *f = lb_flow_at(table, i);
		if (!f)
			continue;
		live++;
		cr_assert_eq(lb_flow_lookup(table, &f->key, lb_flow_hash(&f->key)), f);
	}
	cr_assert_eq(live, lb_flow_count(table));
}

/* Both table headers begin with what is compared: magic, version, capacity. */
#define COMPARED 12u

Test(take_over, a_nat_table_of_any_bytes_is_refused_or_right, .timeout = 120)
{
	size_t size = lb_nat_table_size(&config);
	uint8_t *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	unsigned refused = 0, kept = 0;
	for (unsigned round = 0; round < 400; round++) {
		struct lb_nat_table *table = NULL;
		seed = round;
		cr_assert_eq(lb_nat_table_init(memory, size, &config, &table), 0);
		set_pool(table);
		use_nat(table, below(500));
		damage(memory, size, COMPARED, below(40));
		if (lb_nat_table_take_over(memory, size, &config, NOW, &table) != 0) {
			refused++;
			continue;
		}
		kept += lb_nat_count(table);
		check_nat(table);
		set_pool(table);
		use_nat(table, 300);
		check_nat(table);
		(void)lb_nat_sweep(table, &timeouts, NOW + 1000 * SECOND, FLOWS);
		cr_assert_eq(lb_nat_count(table), 0, "nothing stays for ever");
	}
	cr_log_info("%u refused, %u flows kept", refused, kept);
	cr_assert(refused < 40 && kept > 4000);
	free(memory);
}

Test(take_over, a_flow_table_of_any_bytes_is_refused_or_right, .timeout = 120)
{
	size_t size = lb_flow_table_size(FLOWS);
	uint8_t *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	unsigned kept = 0;
	for (unsigned round = 0; round < 1000; round++) {
		struct lb_flow_table *table = NULL;
		seed = round;
		cr_assert_eq(lb_flow_table_init(memory, size, FLOWS, FLOWS, &table), 0);
		use_flows(table, below(300));
		damage(memory, size, COMPARED, below(20));
		cr_assert_eq(lb_flow_table_take_over(memory, size, FLOWS, FLOWS, NOW, &table), 0);
		kept += lb_flow_count(table);
		check_flows(table);
		use_flows(table, 300);
		check_flows(table);
		(void)lb_flow_sweep(table, &timeouts, NOW + 1000 * SECOND, FLOWS);
		cr_assert_eq(lb_flow_count(table), 0);
	}
	cr_assert_gt(kept, 20000);
	free(memory);
}

Test(take_over, an_undamaged_nat_table_loses_nothing)
{
	size_t size = lb_nat_table_size(&config);
	uint8_t *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	struct lb_nat_table *table = NULL;
	struct lb_nat_flow before[FLOWS];
	seed = 1;
	cr_assert_eq(lb_nat_table_init(memory, size, &config, &table), 0);
	set_pool(table);
	use_nat(table, 400);
	for (uint32_t i = 0; i < FLOWS; i++)
		before[i] = lb_nat_at(table, i) ? *lb_nat_at(table, i) : (struct lb_nat_flow){0};
	uint32_t count = lb_nat_count(table);
	cr_assert_gt(count, FLOWS / 4);
	cr_assert_eq(lb_nat_table_take_over(memory, size, &config, NOW + 100 * SECOND, &table), 0);
	cr_assert_eq(lb_nat_count(table), count);
	for (uint32_t i = 0; i < FLOWS; i++) {
		const struct lb_nat_flow *after = lb_nat_at(table, i);
		cr_assert_eq(after != NULL, before[i].state != LB_FLOW_FREE);
		if (after != NULL)
			cr_assert(!memcmp(&after->key, &before[i].key, sizeof(after->key)) &&
			          after->nat_port == before[i].nat_port && after->state == before[i].state &&
			          after->last_seen == before[i].last_seen && after->flags == before[i].flags &&
			          after->client_ip == before[i].client_ip &&
			          after->client_isn == before[i].client_isn &&
			          after->client_progress == before[i].client_progress);
	}
	free(memory);
}

Test(take_over, a_table_of_other_sizes_or_of_another_worker_is_refused)
{
	struct lb_nat_config other[] = {config, config, config};
	size_t size = 2 * lb_nat_table_size(&config);
	uint8_t *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	struct lb_nat_table *table = NULL;
	other[0].flows = 2 * FLOWS;
	other[1].worker = 0;
	other[2].workers = 2;
	cr_assert_eq(lb_nat_table_init(memory, size, &config, &table), 0);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(lb_nat_table_take_over(memory, size, &other[i], NOW, &table), -EINVAL);
	cr_assert_eq(lb_nat_table_take_over(memory, lb_nat_table_size(&config) - 1, &config, NOW, &table), -EINVAL);
	free(memory);
}
