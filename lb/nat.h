/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's table of flows at the egress:
 * nat     (client, VIP, ports, protocol) <-> (NAT address, NAT port -> endpoint address, port)
 * tunnel  (client, VIP, ports, protocol)  -> (NAT address -> endpoint address): no port, and no way back
 *
 * Invariants:
 * - A NAT address and port serves one flow of a protocol at a time, in all workers together: the port's lower 6 bits
 *   are a lane, a lane belongs to worker lane % workers (the rule of wire/overlay.h), and a worker takes only ports
 *   of its own lanes. So the port of a reply names the worker that knows the flow: lb_nat_owner().
 * - A flow that has once been ESTABLISHED is never displaced: its state is the connection. Full of them: -ENOSPC (table)
 *   or -EADDRNOTAVAIL (ports).
 * - All others, the unconfirmed ones, are at most `new_max`. Beyond it, and when table or TCP ports are used up, a new
 *   flow takes the place of the oldest by its beginning, which nothing but an answer to the answer renews (lb/state.h).
 *   So a flood of SYNs, with or without made-up ACKs behind them, displaces itself, and a client has new_max / rate
 *   seconds to complete its handshake.
 * - Flows of mode tunnel are one-way (lb/state.h) and so never confirmed, but a packet of an ESTABLISHED one makes it the
 *   youngest: floods displace the idle ones, which lose nothing but the memory of their endpoint.
 * - A flow touched or made at the same lb_tick() is not displaced (see lb/flow.h).
 * - A port that was freed goes to the end of a queue, and is not taken again before `quarantine_ns` have passed, for
 *   the endpoint may still remember the connection (RFC 9293, TIME-WAIT). Only when no port is that well rested is one
 *   taken earlier, and only of a flow that was never confirmed, the longest free first: TCP at once, UDP after
 *   LB_NAT_UDP_REST_MS (lb/nat_ports.h says why).
 * - Memory is fixed at the start and holds no pointer (see lb/flow.h). One writer, no lock.
 *
 * Reverse lookup needs no hash: (address, protocol, port) is an index. The reply's source is compared, so that nobody
 * but the endpoint can reach the client through the port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/flow.h"

#define LB_NAT_MAX_ADDRESSES 8u  /* in the pool at a time */
#define LB_NAT_SLOTS         16u /* addresses that may have flows: a removed one keeps its place until they are gone */
#define LB_NAT_MAX_WORKERS   WIRE_OVERLAY_LANES

struct lb_nat_flow {
	struct lb_flow_key key;
	struct wire_addr endpoint_address;
	uint16_t endpoint_port; /* ports in host order */
	uint16_t nat_port;
	uint32_t endpoint;
	struct wire_addr nat_address;
	uint32_t group;
	uint32_t last_seen; /* lb_tick() */
	uint32_t older;     /* these two are this module's: neighbours in the list of the unconfirmed, 0: none */
	uint32_t newer;
	uint16_t ingress_pop; /* where replies go; the caller updates it from each packet */
	uint8_t class;
	uint8_t state;           /* enum lb_flow_state; written by this module only */
	uint8_t vni[3];          /* accelerator id, network order */
	uint8_t flags;           /* enum lb_flow_flags */
	uint32_t expected;       /* struct lb_progress; this module's */
	uint16_t hash14;         /* of the key, for replies: their own hash is another */
	uint8_t slot;            /* of nat_address, this module's */
	uint8_t mode;            /* enum wire_ctl_endpoint_mode */
	uint8_t encap;           /* enum wire_ctl_encap */
	uint8_t client_ip;       /* enum wire_ctl_client_ip; none but for TCP in mode nat */
	uint8_t client_progress; /* dataplane/client_ip.h; this and what follows are the caller's, zero in a new flow */
	uint32_t client_isn;     /* number of the client's SYN */
	uint32_t first_asked;    /* dataplane/ask.h, as the next: an endpoint */
	uint8_t asked;           /* endpoints so far; 0: the flow asks nobody */
	uint8_t reserved[3];
};

_Static_assert(sizeof(struct lb_nat_flow) == 128, "two cache lines a flow");

/* What a new flow is to be sent to. */
struct lb_nat_target {
	struct wire_addr address;
	uint16_t port;
	uint16_t ingress_pop;
	uint32_t endpoint;
	uint32_t group;
	uint8_t class;
	uint8_t vni[3];
	uint8_t mode;
	uint8_t encap;
	uint8_t client_ip;
};

struct lb_nat_range {
	struct wire_addr address;
	uint16_t port_lo;
	uint16_t port_hi; /* inclusive */
};

struct lb_nat_config {
	uint32_t flows;   /* LB_FLOW_MIN .. LB_FLOW_MAX */
	uint32_t new_max; /* flows that nobody has confirmed, at most; at least 1, or all new flows get -ENOSPC */
	uint16_t worker;
	uint16_t workers; /* 1 .. LB_NAT_MAX_WORKERS */
	uint64_t quarantine_ns;
	uint64_t seed; /* shuffles the order in which ports are first taken (RFC 6056) */
};

struct lb_nat_table;

/* The worker to which the replies to a NAT port belong. */
static inline unsigned lb_nat_owner(uint16_t nat_port, unsigned workers)
{
	return (nat_port % WIRE_OVERLAY_LANES) % workers;
}

/* Bytes, 64-byte aligned by the caller; 0 if the configuration is out of range. */
size_t lb_nat_table_size(const struct lb_nat_config *config);
int lb_nat_table_init(void *memory, size_t size, const struct lb_nat_config *config, struct lb_nat_table **ret_table);

/* As lb_flow_table_take_over(). No two of the flows kept have a port in common. The pool is empty until lb_nat_set_pool(),
 * and then every port without a flow is free at once: which ones rested is forgotten. -EINVAL, -ENOMEM. */
int lb_nat_table_take_over(
    void *memory, size_t size, const struct lb_nat_config *config, uint64_t now_ns, struct lb_nat_table **ret_table);

/* The pool from now on (no address twice, n <= LB_NAT_MAX_ADDRESSES). Flows whose port left the pool live on, and the
 * port is not used again. Costs time in proportion to the pool: call it when the pool has changed, not per snapshot.
 * -EINVAL, or -ENOSPC if flows still hold all LB_NAT_SLOTS (then nothing has changed). */
int lb_nat_set_pool(struct lb_nat_table *table, const struct lb_nat_range range[], unsigned n, uint64_t now_ns);

/* As lb_flow_lookup_bulk(). */
uint64_t lb_nat_lookup_bulk(const struct lb_nat_table *table, const struct lb_flow_key *const key[],
    const uint64_t hash[], unsigned n, struct lb_nat_flow *ret_flow[]);
struct lb_nat_flow *lb_nat_lookup(const struct lb_nat_table *table, const struct lb_flow_key *key, uint64_t hash);

/* ret_flow[i] = the flow whose reply *reply[i] is, or NULL. A reply's key is of its addresses as they stand in its header
 * (or, of an ICMP error, in the quoted header the other way round): `client` is the endpoint, `vip` the NAT address.
 * n <= LB_BURST. Returns a bit per hit. */
uint64_t lb_nat_reverse_bulk(const struct lb_nat_table *table, const struct lb_flow_key *const reply[], unsigned n,
    struct lb_nat_flow *ret_flow[]);
struct lb_nat_flow *lb_nat_reverse(const struct lb_nat_table *table, const struct lb_flow_key *reply);

/* The flow of the key, made now in state NEW (*ret_made), with a port of its own unless it is to be tunnelled, or already
 * there with the target that it has. The NAT address is of the target's family. key->protocol: TCP or UDP.
 * -EADDRNOTAVAIL, -ENOSPC, -EINVAL. */
int lb_nat_insert(struct lb_nat_table *table, const struct lb_flow_key *key, uint64_t hash,
    const struct lb_nat_target *target, uint64_t now_ns, struct lb_nat_flow **ret_flow, bool *ret_made);

/* The address that packets tunnelled to an endpoint of that family come from: the first of the pool. -EADDRNOTAVAIL. */
int lb_nat_tunnel_address(const struct lb_nat_table *table, bool v4, struct wire_addr *ret_address);

/* One more packet of a flow that was there before it. */
void lb_nat_touch(struct lb_nat_table *table, struct lb_nat_flow *flow, const struct lb_segment *segment,
    bool from_client, uint64_t now_ns);

void lb_nat_remove(struct lb_nat_table *table, struct lb_nat_flow *flow, uint64_t now_ns);

/* As lb_flow_sweep(). */
unsigned lb_nat_sweep(struct lb_nat_table *table, const struct lb_timeouts *timeouts, uint64_t now_ns, uint32_t n);

struct lb_nat_flow *lb_nat_at(const struct lb_nat_table *table, uint32_t index);
uint32_t lb_nat_capacity(const struct lb_nat_table *table);
uint32_t lb_nat_count(const struct lb_nat_table *table);
uint32_t lb_nat_free_ports(
    const struct lb_nat_table *table, uint8_t protocol); /* this worker's, quarantined ones too */
