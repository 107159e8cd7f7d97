/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tables cost. Each row is the median of REPETITIONS runs, in ns per operation, beside the fastest and the
 * slowest run. The reference rows read one random cache line per operation from an array as large as the table's
 * flows, in bursts like the bulk lookups: what no table can beat on this machine, at this moment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "lb/flow.h"
#include "lb/nat.h"
#include "lb/select.h"
#include "tests/unit/lb/cluster.h"

#define REPETITIONS 9
#define BURST       32u

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what others take of the machine does not count */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return a < b ? -1 : a > b;
}

static volatile uint64_t sink; /* keeps results alive */

struct job {
	uint32_t flows;
	const struct lb_flow_key *key; /* of all flows */
	struct lb_flow_key *parsed;    /* as a burst's metadata holds them: one after the other */
	const struct lb_flow_key **burst;
	uint64_t *hash; /* of burst[i] */
	uint32_t operations;
	uint8_t *lines;
	uint32_t *order; /* random flow numbers */
	struct lb_flow_table *table;
	struct lb_nat_table *nat;
	struct lb_nat_reply *reply;
};

typedef void work_fn(struct job *job);

static double measure(const char *name, work_fn *work, struct job *job, double reference)
{
	double ns[REPETITIONS];
	work(job); /* warm */
	for (int i = 0; i < REPETITIONS; i++) {
		uint64_t start = now_ns();
		work(job);
		ns[i] = (double)(now_ns() - start) / job->operations;
	}
	qsort(ns, REPETITIONS, sizeof(ns[0]), by_value);
	printf("%-28s %9" PRIu32 " %10.1f %10.1f %10.1f", name, job->flows, ns[REPETITIONS / 2], ns[0],
	    ns[REPETITIONS - 1]);
	if (reference > 0)
		printf(" %8.2f", ns[REPETITIONS / 2] / reference);
	printf("\n");
	return ns[REPETITIONS / 2];
}

/* ---- the rows ---- */

static void read_lines(struct job *j)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < j->operations; i += BURST) {
		for (uint32_t b = 0; b < BURST; b++)
			__builtin_prefetch(j->lines + (size_t)j->order[i + b] * 64);
		for (uint32_t b = 0; b < BURST; b++)
			sum += j->lines[(size_t)j->order[i + b] * 64];
	}
	sink += sum;
}

static void hash_keys(struct job *j)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < j->operations; i++)
		sum += lb_flow_hash(j->burst[i]);
	sink += sum;
}

static void lookup_bulk(struct job *j)
{
	struct lb_flow *flow[BURST];
	for (uint32_t i = 0; i < j->operations; i += BURST) {
		uint64_t hits = lb_flow_lookup_bulk(j->table, j->burst + i, j->hash + i, BURST, flow);
		if (hits != (1ull << BURST) - 1)
			abort();
		sink += flow[0]->endpoint;
	}
}

static void lookup_one_by_one(struct job *j)
{
	for (uint32_t i = 0; i < j->operations; i++)
		sink += lb_flow_lookup(j->table, j->burst[i], j->hash[i])->endpoint;
}

static void insert_and_remove(struct job *j)
{
	for (uint32_t i = 0; i < j->operations; i += BURST) {
		struct lb_flow *flow[BURST];
		lb_flow_lookup_bulk(j->table, j->burst + i, j->hash + i, BURST, flow);
		for (uint32_t b = 0; b < BURST; b++) {
			bool made;
			struct lb_flow *f = lb_flow_lookup(j->table, j->burst[i + b], j->hash[i + b]);
			lb_flow_remove(j->table, f);
			if (lb_flow_insert(j->table, j->burst[i + b], j->hash[i + b], 0, &f, &made) || !made)
				abort();
		}
	}
}

static void nat_lookup(struct job *j)
{
	struct lb_nat_flow *flow[BURST];
	for (uint32_t i = 0; i < j->operations; i += BURST) {
		lb_nat_lookup_bulk(j->nat, j->burst + i, j->hash + i, BURST, flow);
		for (uint32_t b = 0; b < BURST; b++)
			sink += flow[b]->nat_port;
	}
}

static void nat_reverse(struct job *j)
{
	struct lb_nat_flow *flow[BURST];
	for (uint32_t i = 0; i < j->operations; i += BURST) {
		lb_nat_reverse_bulk(j->nat, j->reply + i, BURST, flow);
		for (uint32_t b = 0; b < BURST; b++)
			sink += flow[b]->ingress_pop;
	}
}

static void nat_begin(struct job *j, const struct lb_flow_key *key, uint64_t now)
{
	struct lb_nat_target target = {.address = {.bytes = {[10] = 0xff, 0xff, 198, 51, 100, 1}}, .port = 80};
	struct lb_nat_flow *flow;
	bool made;
	if (lb_nat_insert(j->nat, key, lb_flow_hash(key), &target, now, &flow, &made) || !made)
		abort();
	sink += flow->nat_port;
}

static void nat_remove_and_insert(struct job *j)
{
	for (uint32_t i = 0; i < j->operations; i++) {
		lb_nat_remove(j->nat, lb_nat_lookup(j->nat, j->burst[i], j->hash[i]), 0);
		nat_begin(j, j->burst[i], 0);
	}
}

/* A flood: no SYN of a client that was seen before, each in the place of the oldest. Needs a full table. */
static void nat_displace(struct job *j)
{
	static uint32_t client;
	for (uint32_t i = 0; i < j->operations; i++, client++) {
		struct lb_flow_key key = *j->burst[0];
		key.client_port = 1;
		memcpy(key.client.bytes + 12, &client, 4);
		nat_begin(j, &key, (uint64_t)(client + 1) << 20);
	}
}

/* ---- their set-up ---- */

/* As the data plane's memory: in huge pages, where the machine has them. */
static void *lines_of(size_t bytes)
{
	const size_t huge = 2u << 20;
	void *p = aligned_alloc(
	    bytes < huge ? 64 : huge, bytes < huge ? (bytes + 63) / 64 * 64 : (bytes + huge - 1) / huge * huge);
	if (!p)
		abort();
	madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 1, bytes);
	return p;
}

static struct lb_flow_key *keys_of(uint32_t flows)
{
	struct lb_flow_key *key = lines_of(flows * sizeof(*key));
	for (uint32_t i = 0; i < flows; i++)
		key[i] = (struct lb_flow_key){.client = addr(100, i >> 16 & 255, i >> 8 & 255, i & 255),
		    .vip = THE_VIP,
		    .client_port = (uint16_t)(1024 + i % 60000),
		    .vip_port = 443,
		    .protocol = WIRE_PROTO_TCP};
	return key;
}

static struct job job_of(uint32_t flows)
{
	struct job j = {.flows = flows, .key = keys_of(flows), .operations = 1u << 17};
	j.lines = lines_of((size_t)flows * 64);
	j.order = lines_of(j.operations * sizeof(*j.order));
	j.parsed = lines_of(j.operations * sizeof(*j.parsed));
	j.burst = lines_of(j.operations * sizeof(*j.burst));
	j.hash = lines_of(j.operations * sizeof(*j.hash));
	for (uint32_t i = 0; i < j.operations; i++) {
		j.order[i] = (uint32_t)(((uint64_t)rand() << 16 ^ (uint64_t)rand()) % flows);
		j.parsed[i] = j.key[j.order[i]];
		j.burst[i] = &j.parsed[i];
		j.hash[i] = lb_flow_hash(j.burst[i]);
	}
	return j;
}

static void fill_table(struct job *j)
{
	size_t size = lb_flow_table_size(j->flows);
	if (lb_flow_table_init(lines_of(size), size, j->flows, j->flows, &j->table))
		abort();
	for (uint32_t i = 0; i < j->flows; i++) {
		struct lb_flow *flow;
		bool made;
		if (lb_flow_insert(j->table, &j->key[i], lb_flow_hash(&j->key[i]), 0, &flow, &made))
			abort();
	}
}

static void fill_nat(struct job *j)
{
	struct lb_nat_config config = {.flows = j->flows, .new_max = j->flows, .workers = 1};
	struct lb_nat_range pool[2] = {{addr(10, 3, 1, 1), 1024, 65535}, {addr(10, 3, 1, 2), 1024, 65535}};
	size_t size = lb_nat_table_size(&config);
	if (lb_nat_table_init(lines_of(size), size, &config, &j->nat) || lb_nat_set_pool(j->nat, pool, 2, 0))
		abort();
	for (uint32_t i = 0; i < j->flows; i++) {
		struct lb_nat_target target = {.address = addr(198, 51, 100, i % 200), .port = 80};
		struct lb_nat_flow *flow;
		bool made;
		if (lb_nat_insert(j->nat, &j->key[i], lb_flow_hash(&j->key[i]), &target, 0, &flow, &made))
			abort();
	}
	j->reply = lines_of(j->operations * sizeof(*j->reply));
	for (uint32_t i = 0; i < j->operations; i++) {
		const struct lb_nat_flow *f = lb_nat_lookup(j->nat, j->burst[i], j->hash[i]);
		j->reply[i] = (struct lb_nat_reply){.endpoint = f->endpoint_address,
		    .nat = f->nat_address,
		    .endpoint_port = f->endpoint_port,
		    .nat_port = f->nat_port,
		    .protocol = WIRE_PROTO_TCP};
	}
}

static void free_job(struct job *j)
{
	void *all[] = {(void *)j->key, j->parsed, j->burst, j->hash, j->lines, j->order, j->table, j->nat, j->reply};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

static void bench_flows(uint32_t flows)
{
	struct job j = job_of(flows);
	fill_table(&j);
	double reference = measure("reference: random line", read_lines, &j, 0);
	measure("flow lookup, bulk", lookup_bulk, &j, reference);
	measure("flow lookup, one by one", lookup_one_by_one, &j, reference);
	measure("flow remove and insert", insert_and_remove, &j, reference);
	if (flows == 65536) {
		measure("flow hash", hash_keys, &j, reference);
		fill_nat(&j);
		measure("nat lookup, bulk", nat_lookup, &j, reference);
		measure("nat reverse, bulk", nat_reverse, &j, reference);
		measure("nat remove and insert", nat_remove_and_insert, &j, reference);
		measure("nat insert, displacing", nat_displace, &j, reference);
	}
	free_job(&j);
}

/* ---- Maglev, selection, transactions ---- */

static struct lb_candidate candidate[LB_MAGLEV_CANDIDATES];
static uint16_t slots[LB_MAGLEV_MAX];

static void build(struct job *j)
{
	void *scratch = lines_of(lb_maglev_scratch_size(j->flows));
	if (lb_maglev_build(slots, lb_maglev_slots(j->flows), candidate, j->flows, scratch))
		abort();
	free(scratch);
}

static struct lb_snapshot *snapshot;

static void choose(struct job *j)
{
	const struct lb_listener *listener = lb_snapshot_listener_by_id(snapshot, 1);
	for (uint32_t i = 0; i < j->operations; i++) {
		struct lb_choice choice;
		struct wire_addr client = THE_VIP;
		if (lb_select(snapshot, listener, &client, lb_hash_words(i, 0, 0), &choice))
			abort();
		sink += choice.endpoint->row.port;
	}
}

/* One transaction: an endpoint goes down or up. */
static void flip(struct job *j)
{
	static uint8_t state;
	for (uint32_t i = 0; i < j->operations; i++) {
		struct wire_ctl_error error;
		struct lb_change *change;
		struct lb_snapshot *next;
		state = state ? WIRE_ENDPOINT_UP : WIRE_ENDPOINT_DOWN;
		if (lb_change_begin(snapshot, false, NULL, &change))
			abort();
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = addr(198, 51, 100, 10),
		    .port = 8443, .weight = 128, .state = state);
		if (lb_change_commit(change, 1, &next, &error))
			abort();
		lb_change_free(change);
		lb_snapshot_put(snapshot);
		snapshot = next;
	}
}

static void many_listeners(uint32_t n)
{
	struct wire_ctl_error error = {0};
	struct lb_change *change;
	struct lb_snapshot *next;
	if (lb_change_begin(snapshot, false, NULL, &change))
		abort();
	for (uint32_t i = 0; i < n; i++) {
		struct wire_addr vip = addr(100, 64, i >> 8, i & 255);
		UPSERT(change, &error, VIP, vip, .address = vip, .accelerator = i);
		UPSERT(change, &error, GROUP, group, .group = 1000 + i, .egress_pop = 3);
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 1000 + i, .group = 1000 + i, .port = 80,
		    .weight = 1, .address = addr(198, 18, i >> 8, i & 255));
		UPSERT(change, &error, LISTENER, listener, .listener = 1000 + i, .accelerator = i, .vip = vip,
		    .protocol = WIRE_PROTO_TCP, .port_lo = 80, .port_hi = 80, .n_shares = 1, .share = {{1000 + i, 1}});
	}
	if (lb_change_commit(change, 1, &next, &error)) {
		fprintf(stderr, "%s\n", error.text);
		abort();
	}
	lb_change_free(change);
	lb_snapshot_put(snapshot);
	snapshot = next;
}

int main(void)
{
	srand(1);
	printf("%-28s %9s %10s %10s %10s %8s\n", "operation", "of", "median ns", "fastest", "slowest", "x ref.");
	bench_flows(1024);
	bench_flows(65536);
	bench_flows(1u << 20);
	for (uint32_t i = 0; i < LB_MAGLEV_CANDIDATES; i++)
		candidate[i] = (struct lb_candidate){lb_hash_words(i, 1, 2), 100, true};
	const uint32_t sizes[] = {2, 20, 200, 650};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure("maglev build, endpoints", build, &(struct job){.flows = sizes[i], .operations = 1}, 0);
	snapshot = cluster(NULL);
	measure("select, groups", choose, &(struct job){.flows = 2, .operations = 1u << 16}, 0);
	measure("transaction, listeners", flip, &(struct job){.flows = 3, .operations = 200}, 0);
	many_listeners(10000);
	measure("transaction, listeners", flip, &(struct job){.flows = 10003, .operations = 200}, 0);
	lb_snapshot_put(snapshot);
	return 0;
}
