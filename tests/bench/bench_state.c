/* SPDX-License-Identifier: BSD-2-Clause */
/* What a large state costs: to take it, to forward with it, and to change it while packets flow. */
#include <string.h>

#include "lb/flow.h"
#include "tests/bench/bench.h"
#include "tests/bench/site.h"

#define VIPS      100u
#define LISTENERS 10000u /* PORTS of each VIP */
#define PORTS     (LISTENERS / VIPS)
#define ENDPOINTS 100000u
#define POPS      256u
#define FIRST     1000u /* id of the first of each kind */
#define FLOWS     (1u << 16)
#define ROUNDS    64u

static struct wire_addr vip_of(uint32_t listener)
{
	uint8_t address[4] = {203, 0, 112, (uint8_t)(listener / PORTS)};
	return wire_addr_from_v4(address);
}

static void put_listener(struct site *site, uint32_t i)
{
	SITE_PUT(site, GROUP, group, .group = FIRST + i, .egress_pop = 3);
	SITE_PUT(site, LISTENER, listener, .listener = FIRST + i, .accelerator = i / PORTS, .vip = vip_of(i),
	    .protocol = WIRE_PROTO_TCP, .port_lo = (uint16_t)(1 + i % PORTS), .port_hi = (uint16_t)(1 + i % PORTS),
	    .n_shares = 1, .share = {{.group = FIRST + i, .weight = 65536}});
}

static void put_endpoint(struct site *site, uint32_t i, uint8_t state)
{
	uint8_t address[4] = {198, 18 | (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
	SITE_PUT(site, ENDPOINT, endpoint, .endpoint = FIRST + i, .group = FIRST + i % LISTENERS,
	    .address = wire_addr_from_v4(address), .port = 80, .weight = 100, .state = state);
}

static void load(struct site *site)
{
	site_open(site);
	for (uint16_t pop = 10; pop < 10 + POPS - 3; pop++)
		SITE_PUT(site, POP, pop, .pop = pop, .name = {'p', (char)('a' + pop % 26), (char)('a' + pop / 26)});
	for (uint32_t i = 0; i < VIPS; i++)
		SITE_PUT(site, VIP, vip, .address = vip_of(i * PORTS), .accelerator = i);
	for (uint32_t i = 0; i < LISTENERS; i++)
		put_listener(site, i);
	for (uint32_t i = 0; i < ENDPOINTS; i++)
		put_endpoint(site, i, WIRE_ENDPOINT_UP);
	site_commit(site);
}

static double run_load(void *arg)
{
	(void)arg;
	struct site *site = site_begin(&(struct site_config){.flows = 1024, .nat_flows = 1024});
	uint64_t start = bench_cpu_ns();
	load(site);
	double seconds = (double)(bench_cpu_ns() - start) / 1e9;
	site_end(site);
	return seconds;
}

/* ---- forwarding with it ---- */

/* Flow i belongs to a listener of the large state, whose endpoints are its group's. */
static struct lb_flow_key spread_key(uint32_t i)
{
	struct lb_flow_key key = site_key(i, false);
	uint32_t listener = i % LISTENERS;
	return lb_flow_key_of(
	    key.client, vip_of(listener), key.client_port, (uint16_t)(1 + listener % PORTS), WIRE_PROTO_TCP);
}

static void write_spread(struct site *site, unsigned k)
{
	struct lb_flow_key key = spread_key(site->flow[k]);
	site_write_key(site, k, &key, WIRE_TCP_ACK);
}

static void fill_spread(struct site *site)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct lb_flow_key key = spread_key(i);
		struct lb_flow *flow = site_establish(site, &key);
		flow->endpoint = FIRST + i % LISTENERS + LISTENERS * (i % (ENDPOINTS / LISTENERS));
		flow->group = FIRST + i % LISTENERS;
	}
	site->flows = FLOWS;
}

static double run_one_listener(void *arg)
{
	return site_cost(arg, site_write_client, ROUNDS);
}

static double run_spread(void *arg)
{
	return site_cost(arg, write_spread, ROUNDS);
}

/* ---- changing it ---- */

#define UPDATES 1000u /* a commit; ten a second */
#define BETWEEN 200u  /* rounds from one commit to the next: fewer than fit into the tenth of a second */

/* Endpoints go down and come up again, all of them strangers to the flows' own. Only what workers do is timed. */
static double run_updates(void *arg)
{
	static uint32_t next, state;
	struct site *site = arg;
	double ns = 0;
	for (unsigned commit = 0; commit < 4; commit++) {
		site_open(site);
		for (uint32_t i = 0; i < UPDATES; i++, next = (next + 1) % ENDPOINTS)
			put_endpoint(site, next, state++ & 1 ? WIRE_ENDPOINT_DOWN : WIRE_ENDPOINT_UP);
		site_commit(site);
		ns += site_cost(site, write_spread, BETWEEN);
	}
	return ns / 4;
}

static double run_still(void *arg)
{
	return site_cost(arg, write_spread, 4 * BETWEEN);
}

static double run_commit(void *arg)
{
	static uint32_t next, state;
	struct site *site = arg;
	uint64_t start = bench_cpu_ns();
	site_open(site);
	for (uint32_t i = 0; i < UPDATES; i++, next = (next + 1) % ENDPOINTS)
		put_endpoint(site, next, state++ & 1 ? WIRE_ENDPOINT_DOWN : WIRE_ENDPOINT_UP);
	site_commit(site);
	return (double)(bench_cpu_ns() - start) / 1e6;
}

/* By flow: where it went before the updates. */
static uint32_t endpoint[FLOWS];

static const struct lb_flow *spread_flow(const struct site *site, uint32_t i)
{
	struct lb_flow_key key = spread_key(i);
	return lb_flow_lookup(site->worker->flows, &key, lb_flow_hash(&key));
}

static void remember_endpoints(const struct site *site)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		const struct lb_flow *flow = spread_flow(site, i);
		if (!flow)
			bench_fail("flow %u is not there", i);
		endpoint[i] = flow->endpoint;
	}
}

static void expect_unmoved(const struct site *site)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		const struct lb_flow *flow = spread_flow(site, i);
		if (!flow || flow->endpoint != endpoint[i])
			bench_fail("updates have moved flow %u", i);
	}
}

int main(int argc, char **argv)
{
	bench_begin(argc, argv);
	bool load_row = bench_wanted("state-load"), spread = bench_wanted("ingress-10k-listeners");
	bool commit = bench_wanted("commit-1k-updates"), updates = bench_wanted("updates-10k");
	if (!(load_row || spread || updates || commit))
		return 0;
	site_eal();
	if (load_row)
		bench_measure(&(struct bench_row){"state-load", "s", run_load, NULL, NULL, NULL, NULL});
	struct site_config config = {.flows = FLOWS, .nat_flows = 1024};
	struct site *one = site_begin(&config), *many = site_begin(&config);
	site_fill_flows(one, FLOWS);
	load(many);
	fill_spread(many);
	remember_endpoints(many);
	if (spread)
		bench_measure(&(struct bench_row){
		    "ingress-10k-listeners", "ns", run_spread, many, "one listener", run_one_listener, one});
	if (commit)
		bench_measure(&(struct bench_row){"commit-1k-updates", "ms", run_commit, many, NULL, NULL, NULL});
	if (updates)
		bench_measure(
		    &(struct bench_row){"updates-10k", "ns", run_updates, many, "no updates", run_still, many});
	expect_unmoved(many);
	site_end(one);
	site_end(many);
	return 0;
}
