/* SPDX-License-Identifier: BSD-2-Clause */
/* What a packet of 64 bytes costs on each journey: from the burst in memory to the packet that is ready to be sent, its
 * link-layer header and tag written, in CPU time.
 *
 * The reference of a row is its bare loop: the same random flows' keys hashed and looked up in bulk in the same tables,
 * and an outer header of 72 bytes written, without parsing, tag or decisions; for transit, the two tags alone. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/auth.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "tests/bench/bench.h"
#include "tests/bench/site.h"

#define ROUNDS   64u /* of SITE_PACKETS a repetition */
#define OUTER    72u
#define COVERED  80u /* bytes under the tag, with a PATH of two hops */
#define OVERFLOW 10u /* times the table's capacity: SYNs of the flood */

struct journey {
	struct site *site;
	site_write_fn *write;
};

static double run_journey(void *arg)
{
	struct journey *j = arg;
	return site_cost(j->site, j->write, ROUNDS);
}

/* ---- references ---- */

struct bare {
	struct site *site;
	bool nat;
	struct lb_flow_key key[SITE_PACKETS];
	uint8_t packet[SITE_PACKETS][2 * 64];
};

static void look_up(struct bare *b, const struct lb_flow_key *const key[], const uint64_t hash[])
{
	struct lb_flow *flow[SITE_BURST];
	struct lb_nat_flow *nat[SITE_BURST];
	uint64_t hits = b->nat ? lb_nat_lookup_bulk(b->site->worker->nat, key, hash, SITE_BURST, nat)
	                       : lb_flow_lookup_bulk(b->site->worker->flows, key, hash, SITE_BURST, flow);
	if (hits != (UINT64_C(1) << SITE_BURST) - 1)
		bench_fail("flows are lost");
}

static void bare_burst(struct bare *b, unsigned first)
{
	static uint8_t outer[OUTER];
	const struct lb_flow_key *key[SITE_BURST];
	uint64_t hash[SITE_BURST];
	for (unsigned i = 0; i < SITE_BURST; i++) {
		key[i] = &b->key[first + i];
		hash[i] = lb_flow_hash(key[i]);
	}
	look_up(b, key, hash);
	for (unsigned i = 0; i < SITE_BURST; i++) {
		memcpy(b->packet[first + i], outer, OUTER);
		memcpy(b->packet[first + i] + 20, &hash[i], sizeof(hash[i]));
	}
}

static double run_bare(void *arg)
{
	struct bare *b = arg;
	uint64_t ns = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned k = 0; k < SITE_PACKETS; k++)
			b->key[k] = site_key(lb_hash_scale(bench_random(), b->site->flows), b->nat);
		uint64_t start = bench_cpu_ns();
		for (unsigned first = 0; first < SITE_PACKETS; first += SITE_BURST)
			bare_burst(b, first);
		ns += bench_cpu_ns() - start;
	}
	bench_keep(b->packet[0][20]);
	return (double)ns / (ROUNDS * SITE_PACKETS);
}

static double run_two_tags(void *arg)
{
	(void)arg;
	static uint8_t data[SITE_BURST][2 * 64], tag[SITE_BURST][DP_AUTH_TAG_SIZE];
	struct dp_auth_message message[SITE_BURST];
	struct dp_auth_key key;
	dp_auth_expand(&key, data[0]);
	for (unsigned i = 0; i < SITE_BURST; i++)
		message[i] = (struct dp_auth_message){.key = &key, .data = data[i], .length = COVERED};
	uint64_t start = bench_cpu_ns();
	for (unsigned i = 0; i < 2 * ROUNDS * SITE_BURSTS; i++)
		dp_auth_tags(message, SITE_BURST, tag);
	bench_keep(tag[0][0]);
	return (double)(bench_cpu_ns() - start) / (ROUNDS * SITE_PACKETS);
}

/* ---- rows ---- */

static void measure(struct site *site, const char *name, site_write_fn *write, bool nat, const char *reference)
{
	struct bare *bare = bench_memory(sizeof(*bare));
	struct journey journey = {site, write};
	bare->site = site;
	bare->nat = nat;
	bool transit = write == site_write_transit;
	bench_measure(&(struct bench_row){name, "ns", run_journey, &journey, transit ? "two tags" : reference,
	    transit ? run_two_tags : run_bare, bare});
	free(bare);
}

static void ingress(const char *name, uint32_t flows, const char *reference)
{
	if (!bench_wanted(name))
		return;
	struct site *site =
	    site_begin(&(struct site_config){.flows = flows < LB_FLOW_MIN ? LB_FLOW_MIN : flows, .nat_flows = 1024});
	site_fill_flows(site, flows);
	measure(site, name, site_write_client, false, reference);
	site_end(site);
}

/* IPv6 in IPv6, beside IPv4 in IPv4 with as many flows in the same table. */
static void ingress6(const char *name, uint32_t flows)
{
	if (!bench_wanted(name))
		return;
	struct site *site = site_begin(&(struct site_config){.flows = 2 * flows, .nat_flows = 1024});
	site_fill_flows(site, flows);
	site_fill_flows6(site, flows);
	struct journey v6 = {site, site_write_client6}, v4 = {site, site_write_client};
	bench_measure(&(struct bench_row){name, "ns", run_journey, &v6, "ingress-v4", run_journey, &v4});
	site_end(site);
}

static void transit(void)
{
	if (!bench_wanted("transit"))
		return;
	struct site *site = site_begin(&(struct site_config){.flows = 1024, .nat_flows = 1024});
	site->flows = 1u << 20;
	measure(site, "transit", site_write_transit, false, NULL);
	site_end(site);
}

/* A NAT port serves one flow of a protocol and address: 8 addresses have room for a little more than 2^20. */
static void with_nat(const char *name, uint32_t flows, site_write_fn *write)
{
	if (!bench_wanted(name))
		return;
	struct site *site = site_begin(&(struct site_config){.flows = 1024, .nat_flows = flows});
	site_fill_nat(site, flows);
	measure(site, name, write, true, "bare loop");
	site_end(site);
}

/* ---- flood ---- */

#define FLOOD_CAPACITY    (1u << 18)
#define FLOOD_ESTABLISHED (FLOOD_CAPACITY / 2)

struct flood {
	struct site *site;
	uint32_t next; /* of the flood's SYNs, no two of which have the same source */
	unsigned rounds;
};

static void write_flood(struct site *site, unsigned k)
{
	site->flow[k] += UINT32_C(0x08000000); /* clients that are nobody's */
	site_write_syn(site, k);
}

/* Established packets, each round of them after one of SYNs. */
static double run_flooded(void *arg)
{
	struct flood *f = arg;
	uint64_t ns = 0;
	for (unsigned i = 0; i < f->rounds; i++) {
		f->site->flows = UINT32_C(1) << 27;
		site_round(f->site, write_flood);
		f->site->flows = FLOOD_ESTABLISHED;
		ns += site_round(f->site, site_write_client);
	}
	return (double)ns / (f->rounds * SITE_PACKETS);
}

static double run_quiet(void *arg)
{
	struct flood *f = arg;
	return site_cost(f->site, site_write_client, f->rounds);
}

static void expect_unmoved(struct site *site)
{
	for (uint32_t i = 0; i < FLOOD_ESTABLISHED; i++) {
		struct lb_flow_key key = site_key(i, false);
		const struct lb_flow *flow = lb_flow_lookup(site->worker->flows, &key, lb_flow_hash(&key));
		if (!flow || flow->endpoint != 1)
			bench_fail("the flood has moved flow %u", i);
	}
}

static void flood(void)
{
	if (!bench_wanted("flood-established"))
		return;
	struct flood f = {.site = site_begin(&(struct site_config){.flows = FLOOD_CAPACITY, .nat_flows = 1024})};
	f.rounds = OVERFLOW * FLOOD_CAPACITY / SITE_PACKETS / (BENCH_RUNS + 1) + 1;
	site_fill_flows(f.site, FLOOD_ESTABLISHED);
	bench_measure(&(struct bench_row){"flood-established", "ns", run_flooded, &f, "without flood", run_quiet, &f});
	expect_unmoved(f.site);
	site_end(f.site);
}

int main(int argc, char **argv)
{
	bench_begin(argc, argv);
	site_eal();
	ingress("ingress-v4-1", 1, "bare loop");
	ingress("ingress-v4-1k", 1u << 10, "bare loop");
	ingress("ingress-v4-64k", 1u << 16, "bare loop");
	ingress("ingress-v4-1M", 1u << 20, "bare loop");
	ingress("ingress-v4-4M", 1u << 22, "bare loop");
	ingress6("ingress-v6-1k", 1u << 10);
	ingress6("ingress-v6-1M", 1u << 20);
	transit();
	with_nat("egress-nat-1k", 1u << 10, site_write_egress);
	with_nat("egress-nat-1M", 1000000, site_write_egress);
	with_nat("reply-nat-1k", 1u << 10, site_write_reply);
	with_nat("reply-nat-1M", 1000000, site_write_reply);
	flood();
	site_tell();
	return 0;
}
