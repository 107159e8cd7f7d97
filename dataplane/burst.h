/* SPDX-License-Identifier: BSD-2-Clause */
/* A burst of packets and what is known of each: struct-of-arrays metadata, filled once, used by every journey.
 *
 *   parse       headers found, flow key, hash                                     dataplane/parse.c
 *   classify    which journey, by destination; whose lane: hand over              dataplane/burst.c
 *   journeys    each runs over its whole group: gather keys, look up in bulk, decide, rewrite, send
 *               ingress.c transit.c egress.c reply.c return.c punt.c
 *
 * Invariants:
 * - Column i of every array is about pkt[i]; ip[i] and l4[i] point into its first segment, and length[i] bytes from
 *   ip[i] on are there.
 * - A packet is in one group at most. Who takes it out of its group sends, drops, punts or hands it over.
 * - Until a journey takes it, the mbuf is as it was received. */
#pragma once

#include "dataplane/overlay.h"
#include "dataplane/worker.h"
#include "lb/snapshot.h"
#include "lb/state.h"
#include "wire/ip.h"

#define DP_BURST_MAX 64u /* = LB_BURST: longer ones are taken in turns */

enum dp_kind {
	DP_KIND_OTHER, /* a protocol that we do not read */
	DP_KIND_TCP,
	DP_KIND_UDP,
	DP_KIND_ICMP_ERROR, /* quotes a TCP or UDP packet: the key is that of the quoted packet's flow */
	DP_KIND_ICMP_ECHO,  /* request */
	DP_KIND_FRAGMENT,   /* of TCP or UDP, not the first: the key is that of the datagram's flow */
	DP_KIND_WRAP_ERROR, /* ICMP error that quotes IP in IP: the key is that of the inner packet's flow, if it is there */
	DP_KIND_NEIGHBOUR, /* IPv6's Neighbour Discovery: always the kernel's, as ARP is */
};
/* Kinds of packets that are a flow's. */
#define DP_KINDS_OF_FLOWS (1u << DP_KIND_TCP | 1u << DP_KIND_UDP | 1u << DP_KIND_FRAGMENT | 1u << DP_KIND_ICMP_ERROR)

struct wire_ctl_filter; /* wire/control.h */

/* STEER in host order, as a journey gives it to the next, through the overlay or within this POP. */
struct dp_steer {
	uint8_t flags; /* enum wire_steer_flags */
	uint8_t tried;
	uint16_t ingress_pop;
	uint16_t egress_pop;
	uint32_t endpoint;
	uint32_t group;
	uint32_t vni;
	uint16_t candidate[WIRE_STEER_MAX_CANDIDATES];
};

struct dp_burst {
	uint16_t n;
	uint16_t port;
	struct rte_mbuf *pkt[DP_BURST_MAX];
	uint8_t *ip[DP_BURST_MAX]; /* header of either version: wire/ip.h */
	uint8_t *l4[DP_BURST_MAX];
	uint16_t length[DP_BURST_MAX];   /* of the IP packet, header included */
	uint8_t kind[DP_BURST_MAX];      /* enum dp_kind */
	uint8_t tcp_flags[DP_BURST_MAX]; /* 0 unless kind is TCP */
	/* client: where the packet comes from, vip: where it goes to, as they stand in the header; of an ICMP error the
	 * quoted header's ends exchanged, as if it were a packet from the far end of the quoted one. */
	struct lb_flow_key key[DP_BURST_MAX];
	uint64_t hash[DP_BURST_MAX]; /* lb_flow_hash(&key[i]); void for overlay packets and the journeys of replies */

	/* packets of the overlay */
	struct dp_overlay overlay[DP_BURST_MAX];
	const struct lb_link *link[DP_BURST_MAX]; /* ours, on which it came */
	struct dp_steer steer[DP_BURST_MAX];

	uint64_t serial;                     /* of the burst, among those of its worker */
	const struct wire_ctl_filter *trace; /* the filter in force for the whole burst, or NULL */
	uint64_t traced;                     /* bit i: the packet matches it */
	uint64_t plain;                      /* bit i: what dataplane/parse.h calls so */
};

/* Indexes into a burst. */
struct dp_group {
	uint16_t n;
	uint8_t i[DP_BURST_MAX];
};

static inline void dp_group_add(struct dp_group *g, unsigned i)
{
	g->i[g->n++] = (uint8_t)i;
}

/* Fills column i from the IP packet at `ip`, of which `available` bytes are in the first segment. Returns
 * WIRE_DROP_NONE; else the reason, and the column must not be used. */
enum wire_drop dp_parse_ip(struct dp_burst *b, unsigned i, uint8_t *ip, uint32_t available);

/* Bytes of packet i from its L4 header to its end. */
static inline uint16_t dp_burst_l4_length(const struct dp_burst *b, unsigned i)
{
	return (uint16_t)(b->length[i] - (b->l4[i] - b->ip[i]));
}

static inline bool dp_burst_has_flow(const struct dp_burst *b, unsigned i)
{
	return DP_KINDS_OF_FLOWS >> b->kind[i] & 1;
}

/* Whether packet i may make state: TCP's first SYN, and any of UDP. */
static inline bool dp_begins_flow(const struct dp_burst *b, unsigned i)
{
	return b->kind[i] == DP_KIND_UDP ||
	       (b->kind[i] == DP_KIND_TCP && (b->tcp_flags[i] & (WIRE_TCP_SYN | WIRE_TCP_ACK)) == WIRE_TCP_SYN);
}

/* What tells how far the flow of packet i has come: lb/state.h. */
struct lb_segment dp_burst_segment(const struct dp_burst *b, unsigned i);

/* Cuts the mbuf of packet i so that its data is exactly the IP packet at ip[i]: link-layer header, outer headers and
 * padding go. */
void dp_burst_trim(struct dp_burst *b, unsigned i);

/* Bytes by which packet i becomes longer, or shorter, if it is to be of that version. */
static inline int dp_burst_growth(const struct dp_burst *b, unsigned i, bool v6)
{
	return wire_ip_is_v6(b->ip[i]) == v6 ? 0 : wire_ip_header_size(v6) - (int)(b->l4[i] - b->ip[i]);
}

/* Drops packet i, counted and, if it is traced, told. */
void dp_refuse(struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey, enum wire_drop reason);

/* ---- what the worker's loop calls ---- */

/* A burst that came in on `port`, or was handed over (then port is that of the packets). Takes all packets. */
void dp_burst_run(struct dp_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t port);

/* At most once a millisecond: expiry of flows. */
void dp_worker_tick(struct dp_worker *w);

/* ---- the journeys ---- */

void dp_ingress_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_transit_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_egress_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_reply_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_return_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_punt_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);

/* The second half of egress and return: the packet is bare (mbuf trimmed, column that of the inner packet) and
 * steer[i] says the rest. Ingress and reply come here directly when this POP is the other end as well. */
void dp_egress_deliver(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
void dp_return_deliver(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g);
