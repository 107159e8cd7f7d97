/* SPDX-License-Identifier: BSD-2-Clause */
/* One POP to measure: a real set of workers with the state of a small cluster, and bursts of packets that go round.
 *
 *    client ---- POP 1 (ours) ==== 12 ==== POP 2 ==== 23 ==== POP 3 ---- endpoints
 *
 * The VIP 203.0.113.10 has a listener on TCP and UDP 443, whose group is POP 3's; the path to it has two hops. Link 13
 * goes to POP 3 directly. NAT addresses are 10.1.1.1 to 10.1.1.8, the endpoint behind them is 198.51.100.10:8443.
 * Everything leaves by port 0. */
#pragma once

#include "dataplane/transaction.h"
#include "dataplane/workers.h"
#include "lb/hash.h"

#define SITE_BURSTS  32u /* what a port's descriptors hold: with their packets, less than the second cache */
#define SITE_BURST   DP_BURST
#define SITE_PACKETS (SITE_BURSTS * SITE_BURST)
#define SITE_FRAME   60u /* without FCS: 64-byte packets */
#define SITE_WORKERS 2u  /* that can run at once, in threads of their own: lcores 1 .. SITE_WORKERS */

struct site {
	struct dp_workers *set;
	struct dp_worker *worker; /* number 0 */
	struct dp_transactions *transactions;
	uint32_t flows; /* that packets are drawn from: 0 .. flows - 1 */
	struct rte_mbuf *pkt[SITE_PACKETS];
	uint32_t flow[SITE_PACKETS];           /* whose packet pkt[i] is, this round */
	uint64_t sequence[WIRE_OVERLAY_LANES]; /* of the neighbour's link, last sent */
	struct wire_ctl_error why;
};

struct site_config {
	uint32_t flows; /* capacities; at least LB_FLOW_MIN */
	uint32_t nat_flows;
	uint16_t workers; /* 0: one */
	uint16_t ports;   /* 0: one, collected */
};

/* DPDK, in huge pages where there are enough free ones. Once, before the first site. Ends the program if it fails. */
void site_eal(void);

struct site *site_begin(const struct site_config *config);
void site_end(struct site *site);

/* A transaction, row by row; wrong ones end the program. */
void site_open(struct site *site);
void site_put(struct site *site, enum wire_ctl_object object, const void *row, size_t size);
void site_commit(struct site *site);
#define SITE_PUT(site, OBJECT, type, ...)                                                                              \
	site_put(site, WIRE_OBJ_##OBJECT, &(struct wire_ctl_##type){__VA_ARGS__}, sizeof(struct wire_ctl_##type))

/* Client and VIP of flow i. All differ; every second one is of UDP where `both`. */
struct lb_flow_key site_key(uint32_t i, bool both);

/* The same of an IPv6 client and VIP. */
struct lb_flow_key site_key6(uint32_t i);

/* Established flows 0 .. n - 1 in worker 0's table of the ingress, or of the egress with their NAT ports. */
void site_fill_flows(struct site *site, uint32_t n);
void site_fill_nat(struct site *site, uint32_t n);
/* IPv6 ones, beside those. */
void site_fill_flows6(struct site *site, uint32_t n);

/* Makes a flow of any key an established one of its worker, at the endpoint and in the group with number 1. */
struct lb_flow *site_establish(struct site *site, const struct lb_flow_key *key);

/* Writes a packet of any key into a buffer; TCP in mid-flow. */
void site_write_frame(struct rte_mbuf *m, const struct lb_flow_key *key);

/* Writes packet pkt[k], of any key; TCP with these flags. */
void site_write_key(struct site *site, unsigned k, const struct lb_flow_key *key, uint8_t tcp_flags);

/* Writes packet pkt[k], of flow[k]. */
typedef void site_write_fn(struct site *site, unsigned k);
site_write_fn site_write_client;  /* client -> VIP, a segment in mid-flow (or a datagram) */
site_write_fn site_write_client6; /* the same of IPv6, which goes out over IPv6 */
site_write_fn site_write_syn;     /* client -> VIP, TCP: a SYN */
site_write_fn site_write_transit; /* overlay from POP 2, for POP 3 after us */
site_write_fn site_write_egress;  /* overlay from POP 2, client -> VIP inside, for an endpoint here */
site_write_fn site_write_reply;   /* endpoint -> NAT address */

/* Why packets were dropped: the first reason, of any time. */
const char *site_drop(const struct site *site);

/* One round: writes all packets, of random flows below site->flows, and runs them burst by burst. Returns the CPU time,
 * ns, of the runs alone. Every packet must be sent. */
uint64_t site_round(struct site *site, site_write_fn *write);

/* The bursts of a round that has been written. */
void site_run_bursts(struct site *site);

/* How many packets all rounds had, on standard error: for tools/instructions. */
void site_tell(void);

/* ns a packet, of `rounds` rounds. */
double site_cost(struct site *site, site_write_fn *write, unsigned rounds);
