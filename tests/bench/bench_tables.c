/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tables cost. The reference of a row is one random cache line per operation, read in bursts from an array as
 * large as the table's flows: what no table can beat on this machine, at this moment. */
#include <stdlib.h>
#include <string.h>

#include "lb/flow.h"
#include "lb/maglev.h"
#include "lb/nat.h"
#include "lb/select.h"
#include "tests/bench/bench.h"
#include "tests/unit/lb/cluster.h"

#define BURST      32u
#define OPERATIONS (1u << 17)
#define MANY       (1u << 20) /* flows */
#define MANY_NAT   1000000u   /* 8 addresses have 524,280 ports of each protocol */

struct job {
	uint32_t capacity;
	struct lb_flow_key *key;          /* OPERATIONS keys, as bursts' metadata hold them */
	const struct lb_flow_key **burst; /* &key[i] */
	uint64_t *hash;
	uint8_t *lines;
	uint32_t *order;
	struct lb_flow_table *table;
	struct lb_nat_table *nat;
};

static struct lb_flow_key key_of(uint32_t i)
{
	return (struct lb_flow_key){.client = addr(100, i >> 16 & 255, i >> 8 & 255, i & 255),
	    .vip = THE_VIP,
	    .client_port = (uint16_t)(1024 + i % 60000),
	    .vip_port = 443,
	    .protocol = i & 1 ? WIRE_PROTO_UDP : WIRE_PROTO_TCP};
}

static double per_operation(uint64_t start)
{
	return (double)(bench_cpu_ns() - start) / OPERATIONS;
}

/* ---- what is measured ---- */

static double read_lines(void *arg)
{
	struct job *j = arg;
	uint64_t sum = 0, start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i += BURST) {
		for (uint32_t b = 0; b < BURST; b++)
			__builtin_prefetch(j->lines + (size_t)j->order[i + b] * 64);
		for (uint32_t b = 0; b < BURST; b++)
			sum += j->lines[(size_t)j->order[i + b] * 64];
	}
	bench_keep(sum);
	return per_operation(start);
}

static double lookup_flows(void *arg)
{
	struct job *j = arg;
	struct lb_flow *flow[BURST];
	uint64_t start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i += BURST)
		if (lb_flow_lookup_bulk(j->table, j->burst + i, j->hash + i, BURST, flow) != (1ull << BURST) - 1)
			bench_fail("flows are lost");
	return per_operation(start);
}

static double lookup_nat(void *arg)
{
	struct job *j = arg;
	struct lb_nat_flow *flow[BURST];
	uint64_t start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i += BURST)
		if (lb_nat_lookup_bulk(j->nat, j->burst + i, j->hash + i, BURST, flow) != (1ull << BURST) - 1)
			bench_fail("flows are lost");
	return per_operation(start);
}

/* As the journeys do: a burst's keys are looked up in bulk, then what is missing is inserted. */
static double insert_flows(void *arg)
{
	struct job *j = arg;
	struct lb_flow *flow[BURST];
	uint64_t start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i += BURST) {
		bool made;
		if (lb_flow_lookup_bulk(j->table, j->burst + i, j->hash + i, BURST, flow))
			bench_fail("a flow is there already");
		for (uint32_t b = i; b < i + BURST; b++)
			if (lb_flow_insert(j->table, j->burst[b], j->hash[b], 0, &flow[0], &made))
				bench_fail("no room");
	}
	double ns = per_operation(start);
	for (uint32_t i = 0; i < OPERATIONS; i++)
		lb_flow_remove(j->table, lb_flow_lookup(j->table, j->burst[i], j->hash[i]));
	return ns;
}

static const struct lb_nat_target target = {.address = {.bytes = {[10] = 0xff, 0xff, 198, 51, 100, 1}}, .port = 80};

static double insert_nat(void *arg)
{
	struct job *j = arg;
	struct lb_nat_flow *flow[BURST];
	uint64_t start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i += BURST) {
		bool made;
		if (lb_nat_lookup_bulk(j->nat, j->burst + i, j->hash + i, BURST, flow))
			bench_fail("a flow is there already");
		for (uint32_t b = i; b < i + BURST; b++)
			if (lb_nat_insert(j->nat, j->burst[b], j->hash[b], &target, 0, &flow[0], &made))
				bench_fail("no room");
	}
	double ns = per_operation(start);
	for (uint32_t i = 0; i < OPERATIONS; i++)
		lb_nat_remove(j->nat, lb_nat_lookup(j->nat, j->burst[i], j->hash[i]), 0);
	return ns;
}

/* ---- set-up ---- */

/* Operations on flows first .. first + OPERATIONS of a table with that capacity, in random order. */
static struct job *job_begin(uint32_t capacity, uint32_t first, uint32_t range)
{
	struct job *j = bench_memory(sizeof(*j));
	*j = (struct job){.capacity = capacity};
	j->lines = bench_memory((uint64_t)capacity * 64);
	j->order = bench_memory(OPERATIONS * sizeof(*j->order));
	j->key = bench_memory(OPERATIONS * sizeof(*j->key));
	j->burst = bench_memory(OPERATIONS * sizeof(*j->burst));
	j->hash = bench_memory(OPERATIONS * sizeof(*j->hash));
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		j->order[i] = lb_hash_scale(bench_random(), capacity);
		j->key[i] = key_of(range == OPERATIONS ? first + i : first + lb_hash_scale(bench_random(), range));
		j->burst[i] = &j->key[i];
		j->hash[i] = lb_flow_hash(&j->key[i]);
	}
	return j;
}

static void job_end(struct job *j)
{
	void *all[] = {j->lines, j->order, j->key, j->burst, j->hash, j->table, j->nat, j};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

static void fill_flows(struct job *j, uint32_t n)
{
	uint64_t size = lb_flow_table_size(j->capacity);
	if (lb_flow_table_init(bench_memory(size), size, j->capacity, j->capacity, &j->table))
		bench_fail("no table");
	for (uint32_t i = 0; i < n; i++) {
		struct lb_flow_key key = key_of(i);
		struct lb_flow *flow;
		bool made;
		if (lb_flow_insert(j->table, &key, lb_flow_hash(&key), 0, &flow, &made))
			bench_fail("no room");
	}
}

static void fill_nat(struct job *j, uint32_t n)
{
	struct lb_nat_config config = {.flows = j->capacity, .new_max = j->capacity, .workers = 1};
	struct lb_nat_range pool[LB_NAT_MAX_ADDRESSES];
	for (unsigned i = 0; i < LB_NAT_MAX_ADDRESSES; i++)
		pool[i] = (struct lb_nat_range){addr(10, 3, 1, 1 + i), 1, 65535};
	uint64_t size = lb_nat_table_size(&config);
	if (lb_nat_table_init(bench_memory(size), size, &config, &j->nat) ||
	    lb_nat_set_pool(j->nat, pool, LB_NAT_MAX_ADDRESSES, 0))
		bench_fail("no table");
	for (uint32_t i = 0; i < n; i++) {
		struct lb_flow_key key = key_of(i);
		struct lb_nat_flow *flow;
		bool made;
		if (lb_nat_insert(j->nat, &key, lb_flow_hash(&key), &target, 0, &flow, &made))
			bench_fail("no room");
	}
}

/* Rows that look flows up in a full table, and rows that insert into one that is half full. */
static void measure_table(const char *name, uint32_t capacity, bench_fn *run)
{
	if (!bench_wanted(name))
		return;
	bool inserts = run == insert_flows || run == insert_nat;
	uint32_t there = inserts ? capacity / 2 : capacity;
	struct job *j = job_begin(capacity, inserts ? there : 0, inserts ? OPERATIONS : there);
	if (run == lookup_flows || run == insert_flows)
		fill_flows(j, there);
	else
		fill_nat(j, there);
	bench_measure(&(struct bench_row){name, "ns", run, j, "random line", read_lines, j});
	job_end(j);
}

/* ---- memory ---- */

/* The most that a flow takes, over sizes of tables. */
static double bytes_per_flow(void *arg)
{
	(void)arg;
	double most = 0;
	for (uint32_t flows = 1u << 14; flows <= LB_FLOW_MAX; flows += flows / 64) {
		double bytes = (double)lb_flow_table_size(flows) / flows;
		most = bytes > most ? bytes : most;
	}
	return most;
}

/* From a million on: the places of all ports are there, however few flows there may be. */
static double bytes_per_nat_flow(void *arg)
{
	(void)arg;
	double most = 0;
	for (uint32_t flows = 1u << 20; flows <= LB_FLOW_MAX; flows += flows / 64) {
		struct lb_nat_config config = {.flows = flows, .new_max = flows / 4, .workers = 1};
		double bytes = (double)lb_nat_table_size(&config) / flows;
		most = bytes > most ? bytes : most;
	}
	return most;
}

/* ---- Maglev, selection, transactions ---- */

#define ENDPOINTS 1000u

static double build_maglev(void *arg)
{
	(void)arg;
	static struct lb_candidate candidate[ENDPOINTS];
	static uint16_t slots[LB_MAGLEV_MAX];
	for (unsigned i = 0; i < ENDPOINTS; i++)
		candidate[i] = (struct lb_candidate){lb_hash_words(i, 1, 2), 100, true};
	void *scratch = bench_memory(lb_maglev_scratch_size(ENDPOINTS));
	uint64_t start = bench_cpu_ns();
	if (lb_maglev_slots(ENDPOINTS) != LB_MAGLEV_MAX ||
	    lb_maglev_build(slots, LB_MAGLEV_MAX, candidate, ENDPOINTS, scratch))
		bench_fail("no table");
	double ms = (double)(bench_cpu_ns() - start) / 1e6;
	free(scratch);
	return ms;
}

static double choose(void *arg)
{
	const struct lb_snapshot *snapshot = arg;
	const struct lb_listener *listener = lb_snapshot_listener_by_id(snapshot, 1);
	uint64_t start = bench_cpu_ns();
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		struct lb_choice choice;
		struct wire_addr client = THE_VIP;
		if (lb_select(snapshot, listener, &client, lb_hash_words(i, 0, 0), &choice))
			bench_fail("no endpoint");
		bench_keep(choice.endpoint->row.port);
	}
	return per_operation(start);
}

int main(int argc, char **argv)
{
	bench_begin(argc, argv);
	measure_table("flow-lookup-1k", 1u << 10, lookup_flows);
	measure_table("flow-lookup-1M", MANY, lookup_flows);
	measure_table("flow-insert", MANY, insert_flows);
	measure_table("nat-lookup-1M", MANY_NAT, lookup_nat);
	measure_table("nat-insert", MANY_NAT, insert_nat);
	if (bench_wanted("flow-bytes"))
		bench_measure(&(struct bench_row){"flow-bytes", "bytes", bytes_per_flow, NULL, NULL, NULL, NULL});
	if (bench_wanted("nat-flow-bytes"))
		bench_measure(
		    &(struct bench_row){"nat-flow-bytes", "bytes", bytes_per_nat_flow, NULL, NULL, NULL, NULL});
	if (bench_wanted("maglev-build"))
		bench_measure(&(struct bench_row){"maglev-build", "ms", build_maglev, NULL, NULL, NULL, NULL});
	if (bench_wanted("select")) {
		struct lb_snapshot *snapshot = cluster(NULL);
		bench_measure(&(struct bench_row){"select", "ns", choose, snapshot, NULL, NULL, NULL});
		lb_snapshot_put(snapshot);
	}
	return 0;
}
