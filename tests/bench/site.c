/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>

#include "dataplane/auth.h"
#include "dataplane/burst.h"
#include "dataplane/eal.h"
#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "tests/bench/bench.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define SELF       1u
#define NEIGHBOUR  2u
#define FAR        3u
#define CLASS_V6   1u   /* rides on links of IPv6 */
#define MEGABYTES  900u /* for the largest site: 4 million flows */
#define NAT_COUNT  WIRE_CTL_MAX_NATS
#define WALL_NS    UINT64_C(1700000000000000000)
#define EPOCH      0x1234u
#define GENERATION 1u
#define SITE_L4    (SITE_FRAME - sizeof(struct wire_ether) - sizeof(struct wire_ipv4))

static const uint8_t secret[16] = {7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2};
static struct dp_auth_key auth_key;

static struct wire_addr addr(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return wire_addr_from_v4((uint8_t[4]){(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d});
}

/* The same in IPv6's documentation prefix. */
static struct wire_addr addr6(struct wire_addr v4)
{
	static const uint8_t prefix[8] = {0x20, 0x01, 0x0d, 0xb8};
	memset(v4.bytes, 0, 12);
	memcpy(v4.bytes, prefix, sizeof(prefix));
	return v4;
}

static unsigned long free_hugepages(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	if (file && fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages;
}

/* lcore 0 is the calling thread; all float, as those of kuafu-dataplane do. */
static void name_threads(char *text, size_t size)
{
	char cpus[128];
	dp_eal_cpus(cpus, sizeof(cpus));
	int used = snprintf(text, size, "--lcores=0@(%s)", cpus);
	for (unsigned i = 1; i <= SITE_WORKERS && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, ",%u@(%s)", i, cpus);
}

void site_eal(void)
{
	bool wanted = getenv("BENCH_SMALL_PAGES") == NULL, huge = wanted && free_hugepages() * 2 >= MEGABYTES;
	char megabytes[16], threads[512];
	snprintf(megabytes, sizeof(megabytes), "%u", MEGABYTES);
	name_threads(threads, sizeof(threads));
	char *in_huge[] = {"bench", "--in-memory", "--no-pci", "--no-telemetry", "--log-level=3", threads, NULL};
	char *without[] = {"bench", "--no-huge", "-m", megabytes, "--no-pci", "--no-shconf", "--no-telemetry",
	    "--log-level=3", threads, NULL};
	if (wanted && !huge)
		fprintf(stderr, "note: fewer than %u free huge pages of 2 MiB: small pages, slower tables\n",
		    MEGABYTES / 2);
	if (rte_eal_init(huge ? 6 : 9, huge ? in_huge : without) < 0)
		bench_fail("DPDK does not start");
	dp_auth_expand(&auth_key, secret);
}

/* ---- state ---- */

void site_open(struct site *site)
{
	uint64_t generation = dp_transaction_generation(site->transactions) + GENERATION;
	if (dp_transaction_begin(site->transactions, generation, false, &site->why))
		bench_fail("begin: %s", site->why.text);
}

void site_put(struct site *site, enum wire_ctl_object object, const void *row, size_t size)
{
	if (dp_transaction_upsert(site->transactions, object, row, size, &site->why))
		bench_fail("object %d: %s", object, site->why.text);
}

void site_commit(struct site *site)
{
	if (dp_transaction_commit(site->transactions, &site->why))
		bench_fail("commit: %s", site->why.text);
	while (!dp_transaction_settle(site->transactions))
		rte_pause();
}

static void put_network(struct site *site)
{
	SITE_PUT(site, SETTINGS, settings, .pop = SELF, .keepalive_interval_us = 1000000000, .keepalive_dead = 3,
	    .tcp_syn_ms = 10000, .tcp_established_ms = 7200000, .tcp_closing_ms = 10000, .udp_ms = 60000);
	SITE_PUT(site, ADJACENCY, adjacency, .adjacency = 1, .mtu = 1500, .src = {2, 0, 0, 0, 0, 1},
	    .dst = {2, 0, 0, 0, 0, 254});
	SITE_PUT(site, ROUTE, route, .prefix = addr(0, 0, 0, 0), .length = 96, .adjacency = 1);
	SITE_PUT(site, LINK, link, .link = 12, .from_pop = SELF, .to_pop = NEIGHBOUR, .local_link = 1, .remote_link = 1,
	    .mtu = 1500, .local = addr(10, 1, 0, 2), .remote = addr(10, 2, 0, 2));
	SITE_PUT(site, LINK, link, .link = 13, .from_pop = SELF, .to_pop = FAR, .local_link = 1, .remote_link = 1,
	    .mtu = 1500, .local = addr(10, 1, 0, 2), .remote = addr(10, 3, 0, 2));
	SITE_PUT(site, ROUTE, route, .adjacency = 1); /* ::/0 */
	SITE_PUT(site, LINK, link, .link = 14, .from_pop = SELF, .to_pop = NEIGHBOUR, .local_link = 2, .remote_link = 2,
	    .mtu = 1500, .local = addr6(addr(10, 1, 0, 2)), .remote = addr6(addr(10, 2, 0, 2)));
	SITE_PUT(site, LINK, link, .link = 23, .from_pop = NEIGHBOUR, .to_pop = FAR, .local_link = 1, .remote_link = 1);
	for (uint16_t pop = SELF; pop <= FAR; pop++)
		SITE_PUT(site, POP, pop, .pop = pop, .name = {'a', (char)('a' + pop)});
	for (uint16_t pop = NEIGHBOUR; pop <= FAR; pop++)
		for (uint8_t direction = WIRE_KEY_TX; direction <= WIRE_KEY_RX; direction++) {
			struct wire_ctl_key key = {.pop = pop, .direction = direction, .key_id = 1};
			memcpy(key.secret, secret, sizeof(key.secret));
			site_put(site, WIRE_OBJ_KEY, &key, sizeof(key));
		}
	SITE_PUT(site, PATH, path, .to_pop = NEIGHBOUR, .n_primary = 1, .primary = {12}, .primary_mtu = 1500);
	SITE_PUT(site, PATH, path, .to_pop = FAR, .n_primary = 2, .primary = {12, 23}, .primary_mtu = 1500,
	    .n_backup = 1, .backup = {13}, .backup_mtu = 1500);
	SITE_PUT(site, PATH, path, .to_pop = FAR, .class = CLASS_V6, .n_primary = 2, .primary = {14, 23},
	    .primary_mtu = 1500);
}

static void put_service(struct site *site)
{
	struct wire_addr vip[2] = {addr(203, 0, 113, 10), addr6(addr(203, 0, 113, 10))};
	for (unsigned i = 0; i < 2; i++)
		SITE_PUT(site, VIP, vip, .address = vip[i], .accelerator = 7);
	SITE_PUT(site, GROUP, group, .group = 1, .egress_pop = FAR);
	SITE_PUT(site, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = addr(198, 51, 100, 10), .port = 8443,
	    .weight = 128);
	for (uint32_t i = 0; i < 4; i++)
		SITE_PUT(site, LISTENER, listener, .listener = 1 + i, .accelerator = 7, .vip = vip[i / 2],
		    .protocol = i % 2 ? WIRE_PROTO_UDP : WIRE_PROTO_TCP, .port_lo = 443, .port_hi = 443, .n_shares = 1,
		    .share = {{.group = 1, .weight = 65536}});
	for (unsigned i = 1; i <= NAT_COUNT; i++)
		SITE_PUT(site, NAT, nat, .address = addr(10, 1, 1, i), .port_lo = 1, .port_hi = 65535);
}

struct site *site_begin(const struct site_config *config)
{
	struct dp_workers_config workers = {.workers = config->workers ? config->workers : 1,
	    .ports = config->ports ? config->ports : 1,
	    .flows = config->flows,
	    .nat_flows = config->nat_flows,
	    .mbufs = 8191,
	    .hugepages = rte_eal_has_hugepages() != 0,
	    .busy = true,
	    .epoch = EPOCH};
	struct site *site = calloc(1, sizeof(*site));
	if (!site || dp_workers_create(&workers, &site->set) || dp_transactions_create(site->set, &site->transactions))
		bench_fail("no workers for %u flows", config->flows);
	site->worker = dp_workers_get(site->set, 0);
	site_open(site);
	put_network(site);
	put_service(site);
	site_commit(site);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now); /* as a worker that runs by itself will */
	dp_workers_tick(site->worker, (uint64_t)now.tv_sec * 1000000000u, WALL_NS);
	for (struct rte_mbuf *m; (m = dp_workers_sent(site->set, 0));) /* the first keepalives */
		rte_pktmbuf_free(m);
	if (rte_pktmbuf_alloc_bulk(site->worker->pool, site->pkt, SITE_PACKETS))
		bench_fail("no packets");
	return site;
}

void site_end(struct site *site)
{
	rte_pktmbuf_free_bulk(site->pkt, SITE_PACKETS);
	dp_transactions_destroy(site->transactions);
	dp_workers_destroy(site->set);
	free(site);
}

/* ---- flows ---- */

struct lb_flow_key site_key(uint32_t i, bool both)
{
	uint32_t client = 0x64400000u + (i >> 4); /* 100.64.0.0, 16 connections each */
	return (struct lb_flow_key){.client = addr(client >> 24, client >> 16 & 255, client >> 8 & 255, client & 255),
	    .vip = addr(203, 0, 113, 10),
	    .client_port = (uint16_t)(1024 + (i & 15) * 997),
	    .vip_port = 443,
	    .protocol = both && i & 1 ? WIRE_PROTO_UDP : WIRE_PROTO_TCP};
}

struct lb_flow_key site_key6(uint32_t i)
{
	struct lb_flow_key key = site_key(i, false);
	key.client = addr6(key.client);
	key.vip = addr6(key.vip);
	return key;
}

/* What makes a flow an established one. */
static const struct lb_segment answer = {.flags = WIRE_TCP_SYN | WIRE_TCP_ACK};
static const struct lb_segment confirmation = {.ack = 1, .flags = WIRE_TCP_ACK};

struct lb_flow *site_establish(struct site *site, const struct lb_flow_key *key)
{
	struct lb_flow *flow;
	uint64_t now_ns = site->worker->now_ns, hash = lb_flow_hash(key);
	struct lb_flow_table *flows = dp_workers_get(site->set, dp_owner(site->worker, lb_hash14(hash)))->flows;
	bool made;
	if (lb_flow_insert(flows, key, hash, now_ns, &flow, &made) || !made)
		bench_fail("a flow is not made");
	flow->endpoint = flow->group = 1;
	flow->egress_pop = FAR;
	flow->class = (uint8_t)(wire_addr_is_v4(&key->vip) ? 0 : CLASS_V6);
	flow->vni[2] = 7;
	lb_flow_touch(flows, flow, &answer, false, now_ns);
	lb_flow_touch(flows, flow, &confirmation, true, now_ns);
	return flow;
}

void site_fill_flows(struct site *site, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct lb_flow_key key = site_key(i, false);
		site_establish(site, &key);
	}
	site->flows = n;
}

void site_fill_flows6(struct site *site, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct lb_flow_key key = site_key6(i);
		site_establish(site, &key);
	}
}

void site_fill_nat(struct site *site, uint32_t n)
{
	struct lb_nat_target target = {.address = addr(198, 51, 100, 10),
	    .port = 8443,
	    .ingress_pop = NEIGHBOUR,
	    .endpoint = 1,
	    .group = 1,
	    .vni = {0, 0, 7}};
	uint64_t now_ns = site->worker->now_ns;
	for (uint32_t i = 0; i < n; i++) {
		struct lb_flow_key key = site_key(i, true);
		struct lb_nat_flow *flow;
		bool made;
		if (lb_nat_insert(site->worker->nat, &key, lb_flow_hash(&key), &target, now_ns, &flow, &made) || !made)
			bench_fail("NAT flow %u is not made", i);
		lb_nat_touch(site->worker->nat, flow, &answer, false, now_ns);
		lb_nat_touch(site->worker->nat, flow, &confirmation, true, now_ns);
	}
	site->flows = n;
}

/* ---- packets ---- */

/* Where the next packet begins in its buffer, with room before it as a driver leaves it. */
static uint8_t *begin_frame(struct rte_mbuf *m, uint16_t length, uint16_t type)
{
	rte_pktmbuf_reset(m);
	uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, length);
	memset(frame, 0, 14);
	wire_put_be16(frame + 12, type);
	return frame + 14;
}

static uint8_t *write_v4(uint8_t *at, const struct lb_flow_key *key)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .ttl = 64, .protocol = key->protocol};
	wire_put_be16(&ip->total_length, sizeof(*ip) + SITE_L4);
	memcpy(ip->src, key->client.bytes + 12, 4);
	memcpy(ip->dst, key->vip.bytes + 12, 4);
	ip->checksum = wire_csum(ip, sizeof(*ip));
	return at + sizeof(*ip);
}

static uint8_t *write_v6(uint8_t *at, const struct lb_flow_key *key)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;
	*ip = (struct wire_ipv6){.next_header = key->protocol, .hop_limit = 64};
	wire_put_be32(at, 6u << 28);
	wire_put_be16(&ip->payload_length, SITE_L4);
	memcpy(ip->src, key->client.bytes, 16);
	memcpy(ip->dst, key->vip.bytes, 16);
	return at + sizeof(*ip);
}

static void write_bare(uint8_t *at, const struct lb_flow_key *key, uint8_t tcp_flags)
{
	uint8_t *l4 = wire_addr_is_v4(&key->vip) ? write_v4(at, key) : write_v6(at, key);
	memset(l4, 0, SITE_L4);
	wire_put_be16(l4, key->client_port);
	wire_put_be16(l4 + 2, key->vip_port);
	if (key->protocol == WIRE_PROTO_UDP) {
		wire_put_be16(l4 + 4, SITE_L4);
	} else {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;
		tcp->offset = 5 << 4;
		tcp->flags = tcp_flags;
	}
}

static void write_frame(struct rte_mbuf *m, const struct lb_flow_key *key, uint8_t tcp_flags)
{
	bool v6 = !wire_addr_is_v4(&key->vip);
	uint16_t length = (uint16_t)(SITE_FRAME - sizeof(struct wire_ipv4) + wire_ip_header_size(v6));
	write_bare(begin_frame(m, length, v6 ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4), key, tcp_flags);
}

void site_write_frame(struct rte_mbuf *m, const struct lb_flow_key *key)
{
	write_frame(m, key, WIRE_TCP_ACK);
}

void site_write_key(struct site *site, unsigned k, const struct lb_flow_key *key, uint8_t tcp_flags)
{
	write_frame(site->pkt[k], key, tcp_flags);
}

void site_write_client6(struct site *site, unsigned k)
{
	struct lb_flow_key key = site_key6(site->flow[k]);
	site_write_key(site, k, &key, WIRE_TCP_ACK);
}

void site_write_client(struct site *site, unsigned k)
{
	struct lb_flow_key key = site_key(site->flow[k], false);
	site_write_key(site, k, &key, WIRE_TCP_ACK);
}

void site_write_syn(struct site *site, unsigned k)
{
	struct lb_flow_key key = site_key(site->flow[k], false);
	site_write_key(site, k, &key, WIRE_TCP_SYN);
}

/* What POP 2 would send to us along PATH: `left` hops after us, the next of which is POP 3. */
static void write_overlay(struct site *site, unsigned k, uint8_t left, bool both)
{
	struct lb_flow_key key = site_key(site->flow[k], both);
	uint16_t hash14 = lb_hash14(lb_flow_hash(&key)), lane = (uint16_t)wire_overlay_lane(hash14);
	struct dp_encap e = {.local = addr(10, 2, 0, 2),
	    .remote = addr(10, 1, 0, 2),
	    .vni = 7,
	    .hash = hash14,
	    .inner_length = SITE_FRAME - 14,
	    .inner_type = WIRE_ETHERTYPE_IPV4,
	    .key_id = 1,
	    .n_hops = (uint8_t)(1 + left)};
	const uint16_t hop[2] = {SELF, FAR};
	for (unsigned i = 0; i < e.n_hops; i++) {
		e.hop[i] = (struct wire_path_hop){.local_link = 1, .remote_link = 1};
		wire_put_be16(&e.hop[i].pop, hop[i]);
	}
	wire_put_be16(&e.steer.ingress_pop, NEIGHBOUR);
	wire_put_be16(&e.steer.egress_pop, left ? FAR : SELF);
	wire_put_be32(&e.steer.endpoint, 1);
	wire_put_be32(&e.steer.group, 1);
	uint16_t outer = dp_encap_size(false, e.n_hops);
	uint8_t *at = begin_frame(site->pkt[k], (uint16_t)(SITE_FRAME + outer), WIRE_ETHERTYPE_IPV4);
	struct dp_overlay o = dp_encap_write(at, &e);
	dp_overlay_stamp(&o, ++site->sequence[lane], 0);
	dp_overlay_put_epoch(&o, 1, EPOCH);
	struct dp_auth_message message = {.key = &auth_key, .data = dp_overlay_signed(&o), .length = o.covered};
	dp_auth_tags(&message, 1, &o.auth->tag);
	write_bare(at + outer, &key, WIRE_TCP_ACK);
}

void site_write_transit(struct site *site, unsigned k)
{
	write_overlay(site, k, 1, false);
}

void site_write_egress(struct site *site, unsigned k)
{
	write_overlay(site, k, 0, true);
}

void site_write_reply(struct site *site, unsigned k)
{
	struct lb_flow_key key = site_key(site->flow[k], true);
	const struct lb_nat_flow *flow = lb_nat_lookup(site->worker->nat, &key, lb_flow_hash(&key));
	struct lb_flow_key reply = {.client = flow->endpoint_address,
	    .vip = flow->nat_address,
	    .client_port = flow->endpoint_port,
	    .vip_port = flow->nat_port,
	    .protocol = key.protocol};
	site_write_key(site, k, &reply, WIRE_TCP_ACK);
}

/* ---- rounds ---- */

static uint64_t packets_run;

void site_tell(void)
{
	fprintf(stderr, "site packets: %llu\n", (unsigned long long)packets_run);
}

const char *site_drop(const struct site *site)
{
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
		if (site->worker->stats->drop[reason])
			return wire_drop_text(reason);
	return "not dropped";
}

/* Not inlined: tools/instructions counts from here on. */
__attribute__((noinline)) void site_run_bursts(struct site *site)
{
	struct dp_worker *w = site->worker;
	struct dp_tx_buffer *sent = &w->tx[0];
	for (unsigned b = 0; b < SITE_PACKETS; b += SITE_BURST) {
		dp_burst_run(w, site->pkt + b, SITE_BURST, 0);
		if (sent->n != SITE_BURST) {
			bench_fail("%u of %u packets are sent: %s", sent->n, SITE_BURST, site_drop(site));
		}
		memcpy(site->pkt + b, sent->pkt, SITE_BURST * sizeof(site->pkt[0]));
		sent->n = 0;
	}
}

uint64_t site_round(struct site *site, site_write_fn *write)
{
	for (unsigned k = 0; k < SITE_PACKETS; k++)
		site->flow[k] = lb_hash_scale(bench_random(), site->flows);
	for (unsigned k = 0; k < SITE_PACKETS; k++)
		write(site, k);
	uint64_t start = bench_cpu_ns();
	dp_loop_begin(site->worker, site->worker->now_ns + 10000, site->worker->wall_ns + 10000);
	site_run_bursts(site);
	packets_run += SITE_PACKETS;
	return bench_cpu_ns() - start;
}

double site_cost(struct site *site, site_write_fn *write, unsigned rounds)
{
	uint64_t ns = 0;
	for (unsigned i = 0; i < rounds; i++)
		ns += site_round(site, write);
	return (double)ns / (rounds * SITE_PACKETS);
}
