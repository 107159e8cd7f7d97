/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring port of two queues and two workers on threads of their own: a queue is one worker's, a flow is one worker's, and
 * the two have nothing to do with each other. This thread is the wire, with clients at one end of it and an echo at the
 * other.
 *
 *    clients ──in[0]──▶ queue 0 ─ worker 0 ──out[0]──▶ echo, and back
 *            ──in[1]──▶ queue 1 ─ worker 1 ──out[1]──▶                                                              */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/frame.h"
#include "dataplane/loop.h"
#include "dataplane/port.h"
#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "shell.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

enum {
	QUEUES = 2,
	FLOWS = 64,
	PACKETS = 200, /* of a flow, each way */
	RING_SIZE = 1024,
	WINDOW = 256, /* packets under way: what one worker may have to hand over, and fewer than a ring holds */
};

#define CLIENT      "192.0.2.1"
#define VIP         "203.0.113.1"
#define ENDPOINT    "198.51.100.10"
#define CLIENT_PORT 5000u /* of flow 0 */

struct frame {
	struct wire_ether ether;
	struct wire_ipv4 ip;
	struct wire_udp udp;
	uint8_t flow[4], number[4];
} __attribute__((packed));

static struct shell s;
static struct rte_ring *in[QUEUES], *out[QUEUES];
static uint32_t there[FLOWS], back[FLOWS]; /* packets that came out, in order */
static uint16_t owner[FLOWS];
static unsigned under_way;

/* ---- the POP ---- */

static void tell(void)
{
	struct wire_ctl_settings settings = {.pop = 1,
	    .keepalive_interval_us = 20000,
	    .keepalive_dead = 3,
	    .tcp_syn_ms = 60000,
	    .tcp_established_ms = 60000,
	    .tcp_closing_ms = 60000,
	    .udp_ms = 60000}; /* no flow ends for this thread being slow */
	struct wire_ctl_vip vip = {.address = shell_address(VIP), .accelerator = 1};
	struct wire_ctl_group group = {.group = 1, .egress_pop = 1};
	struct wire_ctl_endpoint endpoint = {
	    .endpoint = 1, .group = 1, .address = shell_address(ENDPOINT), .port = 7, .weight = 128};
	struct wire_ctl_listener listener = {.listener = 1,
	    .accelerator = 1,
	    .vip = shell_address(VIP),
	    .protocol = WIRE_PROTO_UDP,
	    .port_lo = 53,
	    .port_hi = 53,
	    .n_shares = 1,
	    .share = {{.group = 1, .weight = 65536}}};
	struct wire_ctl_nat pool = {.address = shell_address("10.1.1.1"), .port_lo = 1024, .port_hi = 65535};
	struct wire_ctl_adjacency router = shell_adjacency(1, 0);
	struct wire_ctl_route any = shell_route("0.0.0.0", 0, 1, 0);
	const struct shell_row rows[] = {
	    {WIRE_OBJ_SETTINGS, &settings, sizeof(settings)},
	    {WIRE_OBJ_VIP, &vip, sizeof(vip)},
	    {WIRE_OBJ_GROUP, &group, sizeof(group)},
	    {WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint)},
	    {WIRE_OBJ_LISTENER, &listener, sizeof(listener)},
	    {WIRE_OBJ_NAT, &pool, sizeof(pool)},
	    {WIRE_OBJ_ADJACENCY, &router, sizeof(router)},
	    {WIRE_OBJ_ROUTE, &any, sizeof(any)},
	};
	shell_hello(&s);
	shell_commit(&s, 1, true, rows, sizeof(rows) / sizeof(rows[0]));
	cr_assert_str_empty(shell_error(&s));
}

/* Port 0 between the rings. */
static void join(void)
{
	const struct dp_port_config config = {.name = "wire",
	    .driver = DP_DRIVER_RING,
	    .interface = "",
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = QUEUES};
	struct rte_eth_conf conf = {0};
	struct dp_port *port = &s.set->port[0];
	cr_assert_eq(dp_port_describe(s.set, 0, &config), 0);
	for (unsigned q = 0; q < QUEUES; q++) {
		in[q] = rte_ring_create(q ? "in-1" : "in-0", RING_SIZE, SOCKET_ID_ANY, 0);
		out[q] = rte_ring_create(q ? "out-1" : "out-0", RING_SIZE, SOCKET_ID_ANY, 0);
		cr_assert(in[q] && out[q]);
	}
	int ethdev = rte_eth_from_rings("wire", in, QUEUES, out, QUEUES, 0);
	cr_assert_geq(ethdev, 0);
	cr_assert_eq(rte_eth_dev_configure((uint16_t)ethdev, QUEUES, QUEUES, &conf), 0);
	for (uint16_t q = 0; q < QUEUES; q++) {
		cr_assert_eq(rte_eth_rx_queue_setup((uint16_t)ethdev, q, 0, SOCKET_ID_ANY, NULL, s.set->pool), 0);
		cr_assert_eq(rte_eth_tx_queue_setup((uint16_t)ethdev, q, 0, SOCKET_ID_ANY, NULL), 0);
		port->ethdev[q] = (uint16_t)ethdev;
	}
	cr_assert_eq(rte_eth_dev_start((uint16_t)ethdev), 0);
	port->max_frame = dp_frame_max(1500);
	atomic_store(&port->up, true);
}

/* ---- the wire ---- */

static uint16_t owner_of(uint32_t flow)
{
	struct lb_flow_key key = {.client = shell_address(CLIENT),
	    .vip = shell_address(VIP),
	    .client_port = (uint16_t)(CLIENT_PORT + flow),
	    .vip_port = 53,
	    .protocol = WIRE_PROTO_UDP};
	return dp_owner(dp_workers_get(s.set, 0), lb_hash14(lb_flow_hash(&key)));
}

static void send_on(unsigned queue, struct rte_mbuf *m)
{
	cr_assert_eq(rte_ring_enqueue(in[queue], m), 0);
	under_way++;
}

/* The next packet of a flow, on the queue that its number says: its owner's or the other one's. */
static void client_sends(uint32_t flow, uint32_t number)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(s.set->pool);
	cr_assert_not_null(m);
	struct frame *f = (struct frame *)rte_pktmbuf_append(m, sizeof(*f));
	struct wire_addr client = shell_address(CLIENT), vip = shell_address(VIP);
	*f = (struct frame){.ip = {.version_ihl = 0x45, .ttl = 64, .protocol = WIRE_PROTO_UDP}};
	memcpy(f->ip.src, client.bytes + 12, 4);
	memcpy(f->ip.dst, vip.bytes + 12, 4);
	wire_put_be16(&f->ether.type, WIRE_ETHERTYPE_IPV4);
	wire_put_be16(&f->ip.total_length, sizeof(*f) - sizeof(f->ether));
	wire_put_be16(&f->udp.src, (uint16_t)(CLIENT_PORT + flow));
	wire_put_be16(&f->udp.dst, 53);
	wire_put_be16(&f->udp.length, sizeof(f->udp) + 8);
	wire_put_be32(f->flow, flow);
	wire_put_be32(f->number, number);
	f->ip.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &f->ip, sizeof(f->ip)));
	send_on(flow % QUEUES, m);
}

/* Comes back on the other queue than the client's. */
static void echo(uint32_t flow, struct frame *f, struct rte_mbuf *m)
{
	struct wire_ipv4 ip = f->ip;
	struct wire_udp udp = f->udp;
	memcpy(f->ip.src, ip.dst, 4);
	memcpy(f->ip.dst, ip.src, 4);
	f->udp.src = udp.dst;
	f->udp.dst = udp.src;
	send_on((flow + 1) % QUEUES, m);
}

/* Packets leave by their worker's queue, so that the queue tells who has had them. */
static void take(unsigned queue, struct rte_mbuf *m)
{
	struct wire_addr endpoint = shell_address(ENDPOINT);
	struct frame *f = rte_pktmbuf_mtod(m, struct frame *);
	uint32_t flow = wire_be32(f->flow), number = wire_be32(f->number);
	under_way--;
	cr_assert_eq(m->pkt_len, sizeof(*f));
	cr_assert_lt(flow, FLOWS);
	cr_assert_eq(queue, dp_queue_of(s.set, 0, owner[flow]), "flow %u by queue %u", flow, queue);
	if (memcmp(f->ip.dst, endpoint.bytes + 12, 4) == 0) {
		cr_assert_eq(number, there[flow]++, "flow %u to the endpoint", flow);
		echo(flow, f, m);
		return;
	}
	cr_assert_eq(number, back[flow]++, "flow %u to the client", flow);
	rte_pktmbuf_free(m);
}

static void take_all(void)
{
	void *m;
	for (unsigned q = 0; q < QUEUES; q++)
		while (rte_ring_dequeue(out[q], &m) == 0)
			take(q, m);
}

/* Until no more than `most` packets are under way. */
static void wait_until(unsigned most)
{
	for (unsigned i = 0; i < 100000 && under_way > most; i++) {
		take_all();
		if (under_way > most)
			usleep(100);
	}
	cr_assert_leq(under_way, most, "%u packets are lost", under_way);
}

Test(queues, a_flow_has_one_worker_whatever_queues_it_comes_in_on_and_loses_nothing, .timeout = 60)
{
	uint64_t flows[2] = {0}, foreign[2] = {0};
	shell_start(&s, 2);
	tell();
	join();
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		owner[flow] = owner_of(flow);
		flows[owner[flow]]++;
		for (unsigned q = 0; q < QUEUES; q++) /* requests on one of them, replies on the other */
			if (dp_queue_owner(s.set, 0, (uint16_t)q) != owner[flow])
				foreign[dp_queue_owner(s.set, 0, (uint16_t)q)] += PACKETS;
	}
	cr_assert(flows[0] > FLOWS / 4 && flows[1] > FLOWS / 4);
	for (uint16_t id = 0; id < 2; id++)
		shell_run(&s, id);
	for (uint32_t number = 0; number < PACKETS; number++)
		for (uint32_t flow = 0; flow < FLOWS; flow++) {
			wait_until(WINDOW - 1);
			client_sends(flow, number);
		}
	wait_until(0);
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		cr_assert(there[flow] == PACKETS && back[flow] == PACKETS, "flow %u", flow);
	dp_loop_stop(s.set);
	rte_eal_mp_wait_lcore();
	for (uint16_t id = 0; id < 2; id++) {
		const struct wire_stats_worker *stats = dp_workers_get(s.set, id)->stats;
		cr_assert_eq(stats->counter[WIRE_COUNTER_FLOWS_NEW], flows[id]);
		cr_assert_eq(stats->counter[WIRE_COUNTER_NAT_NEW], flows[id]);
		cr_assert_eq(stats->counter[WIRE_COUNTER_HANDED_OVER], foreign[id]);
		cr_assert_eq(stats->journey[WIRE_JOURNEY_INGRESS].packets, flows[id] * PACKETS);
		cr_assert_eq(stats->journey[WIRE_JOURNEY_REPLY].packets, flows[id] * PACKETS);
		for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
			cr_assert_eq(stats->drop[reason], 0, "%s", wire_drop_name(reason));
	}
	shell_stop(&s);
}
