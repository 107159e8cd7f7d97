/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker: the thread that carries packets from receive to transmit, and all that it may touch.
 *
 * Invariants:
 * - Everything in struct dp_worker is written by its own thread only, but `stats`, which others read.
 * - `state` is taken once per burst and does not change within it; the worker tells QSBR between bursts.
 * - A packet has one owner at a time: whoever gets an mbuf sends, drops, punts or hands it over exactly once.
 * - Nothing here allocates or locks for a packet. The kernel is entered for few: dp_post() writes an eventfd if the main
 *   thread sleeps, for a neighbour that is wanted (at most every DP_WANTED_SPACING_NS for each of DP_WANTED_SLOTS) and
 *   for each step of a packet that is traced; and what was handed over wakes a worker that sleeps, once a burst.
 *
 * The journeys are called by the loop (dataplane/loop.c) through dataplane/burst.h:
 *   dp_burst_run(w, pkts, n, port)   a burst that came in on one port, or was handed over by other workers
 *   dp_worker_tick(w)                at most once a millisecond, also without packets: expiry
 *   dp_oam_tick(w), dp_oam_link_state(w, …)   worker 0 alone: keepalives, flood, path choices */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/event.h"
#include "dataplane/fib.h"
#include "wire/overlay.h"
#include "wire/packet.h"
#include "wire/stats.h"

struct lb_snapshot;
struct lb_flow_table;
struct lb_nat_table;
struct lb_fragment_table;
struct dp_workers;
struct dp_capture;
struct dp_overlay_state; /* link sequences, replay windows and link counters of this worker: dataplane/links.h */
struct dp_ways;          /* what packets of one way into the overlay have in common: dataplane/way.h */
struct dp_oam;           /* worker 0: keepalives, flood, link states; dataplane/oam.h */

#define DP_BURST              32u /* packets of one receive call */
#define DP_TX_BUFFER          64u /* packets that wait for the end of the burst, per port */
#define DP_MAX_PORTS          WIRE_CTL_MAX_PORTS
#define DP_MAX_WORKERS        64u
#define DP_WANTED_SLOTS       64u /* unresolved next hops remembered, so that each is asked for at DP_WANTED_INTERVAL */
#define DP_WANTED_INTERVAL_NS (200u * 1000000u)
#define DP_WANTED_SPACING_NS  (10u * 1000000u) /* before another address takes a slot: bounds the rate of all */

/* Where a packet leaves, and its link-layer header. */
struct dp_adjacency {
	struct wire_ether ether; /* the caller writes ether.type */
	uint16_t port;
	uint16_t mtu;  /* of the port, bytes of the IP packet; UINT16_MAX until it is resolved: nothing is too big */
	bool resolved; /* false: `ether` is void; ask with dp_neighbour_wanted(w, adjacency->port, …) */
	bool nowhere;  /* of what is not resolved: there is nobody to ask for, and `port` is void, too */
};

/* The root of what workers see: one immutable version, freed by QSBR. */
struct dp_state {
	const struct lb_snapshot *snapshot;
	struct dp_fib_view fib;
	const struct dp_adjacency *adjacency; /* [n_adjacencies], indexed by the FIB's values; 0 stays unused */
	uint32_t n_adjacencies;
	uint64_t generation; /* of the transaction; 0: empty, at start */
};

struct dp_tx_buffer {
	uint16_t n;
	struct rte_mbuf *pkt[DP_TX_BUFFER];
};

struct dp_worker {
	/* of the burst; set by the loop before each dp_burst_run and tick */
	const struct dp_state *state;
	const struct lb_snapshot *snapshot; /* state->snapshot; never NULL */
	uint64_t now_ns;                    /* CLOCK_MONOTONIC */
	uint64_t wall_ns;                   /* CLOCK_REALTIME plus this POP's test offset */
	uint32_t wall_us;                   /* the same, as in the overlay's TELEMETRY: modulo 2^32 */

	/* for life */
	uint16_t id;
	uint16_t n_workers;
	uint16_t n_ports;
	uint8_t lane_owner[WIRE_OVERLAY_LANES]; /* lane % n_workers: a packet has no time to divide */
	uint8_t lane_place[WIRE_OVERLAY_LANES]; /* lane / n_workers: which of its owner's lanes it is */
	struct lb_flow_table *flows;            /* ingress */
	struct lb_nat_table *nat;               /* egress */
	struct lb_fragment_table *fragments;
	struct wire_stats_worker *stats;
	struct wire_stats_traffic *traffic;     /* [WIRE_STATS_TRAFFIC_ROWS]: dataplane/traffic.h */
	struct wire_stats_last_mile *last_mile; /* [WIRE_STATS_LAST_MILE_ROWS]: dataplane/last_mile.h */
	struct rte_mempool *pool;
	struct dp_overlay_state *overlay;
	struct dp_ways *ways;
	struct dp_oam *oam;     /* worker 0 only, else NULL */
	struct dp_workers *set; /* all of them, and what they share */

	struct dp_tx_buffer tx[DP_MAX_PORTS];
	uint64_t bursts;       /* serial number of the last one */
	uint16_t ipv4_id;      /* of the last packet that became IPv4 */
	uint64_t icmp_full_ns; /* when the limit of dataplane/icmp.h is unused again */
	uint64_t ask_full_ns;  /* and that of dataplane/ask.h */
	uint64_t to_wake;      /* bit per worker that was handed a packet in this burst */
	struct {
		struct wire_addr address;
		uint64_t asked_ns;
	} wanted[DP_WANTED_SLOTS];
};

/* ---- what workers share: each field has one writer. Which of a path's two is in use stands in the snapshot:
 * snapshot->active, which worker 0 recomputes (lb/path.h) when a link changes and when it meets a new snapshot. ---- */

#define DP_EPOCH_KNOWN (1u << 24)
#define DP_EPOCHS      65536u /* POP ids */
#define DP_PATH_MTUS   1024u  /* endpoints with a narrow path that are remembered at a time */

struct dp_shared {
	/* Written by the main thread: what to trace; NULL: nothing. Freed by QSBR. */
	_Atomic(const struct wire_ctl_filter *) trace;
	/* Written by the main thread: dataplane/capture.h; NULL: nothing. Freed by QSBR. */
	_Atomic(struct dp_capture *) capture;
	/* The lab's offset of this POP's clock, ns. Constant. */
	int64_t clock_offset_ns;
	/* Ours, 24 bits. Constant. */
	uint32_t epoch;
	/* What cookies are made with: dataplane/path_mtu.h, dataplane/ask.h. Constant. */
	uint64_t secret;
	/* Written by worker 0: by POP, the epoch that its latest answer to a keepalive carried, | DP_EPOCH_KNOWN; 0: no
	 * answer yet, and any is taken. */
	_Atomic uint32_t peer_epoch[DP_EPOCHS];
	/* Written by any worker: dataplane/path_mtu.h. */
	_Atomic uint64_t path_mtu[DP_PATH_MTUS];
};

struct dp_shared *dp_shared(struct dp_worker *w);

/* ---- for the journeys ---- */

/* The worker that owns a flow, at this POP. */
static inline uint16_t dp_owner(const struct dp_worker *w, uint16_t hash14)
{
	return w->lane_owner[wire_overlay_lane(hash14)];
}

/* The worker to which the replies to a NAT port belong: lb_nat_owner(). */
static inline uint16_t dp_nat_owner(const struct dp_worker *w, uint16_t nat_port)
{
	return w->lane_owner[nat_port % WIRE_OVERLAY_LANES];
}

/* The place of a flow's lane among its owner's: dataplane/links.h. */
static inline unsigned dp_lane_place(const struct dp_worker *w, uint16_t hash14)
{
	return w->lane_place[wire_overlay_lane(hash14)];
}

/* Hand what waits for `port` to its queue; what does not fit is counted as tx-full and freed. */
void dp_tx_flush(struct dp_worker *w, uint16_t port);

/* Send at the end of the burst. */
static inline void dp_tx(struct dp_worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct dp_tx_buffer *b = &w->tx[port];
	if (b->n == DP_TX_BUFFER)
		dp_tx_flush(w, port);
	b->pkt[b->n++] = m;
}

static inline void dp_count_drop(struct dp_worker *w, enum wire_drop reason)
{
	w->stats->drop[reason]++;
}

static inline void dp_drop(struct dp_worker *w, struct rte_mbuf *m, enum wire_drop reason)
{
	dp_count_drop(w, reason);
	rte_pktmbuf_free(m);
}

static inline void dp_count(struct dp_worker *w, enum wire_counter counter)
{
	w->stats->counter[counter]++;
}

static inline void dp_count_journey(struct dp_worker *w, enum wire_journey journey, uint32_t bytes)
{
	w->stats->journey[journey].packets++;
	w->stats->journey[journey].bytes += bytes;
}

/* To the kernel: over the port's TAP where DPDK owns the NIC; dropped as not-ours where the kernel has the port
 * anyway (XDP left it what it wants) or there is none. Counts the journey. */
void dp_punt(struct dp_worker *w, uint16_t port, struct rte_mbuf *m);

/* To the worker that owns the flow, which sees it as received on m->port. A full ring drops it as ring-full. */
void dp_hand_over(struct dp_worker *w, uint16_t owner, struct rte_mbuf *m);

/* NULL: no route. */
static inline const struct dp_adjacency *dp_fib_lookup(const struct dp_worker *w, const struct wire_addr *to)
{
	uint32_t index = dp_fib_find(&w->state->fib, to);
	return index == 0 ? NULL : &w->state->adjacency[index];
}

/* Ask kuafud to resolve the next hop towards `address`; each address at most once per DP_WANTED_INTERVAL_NS. */
void dp_neighbour_wanted(struct dp_worker *w, uint16_t port, const struct wire_addr *address);

/* To the main thread; `event->worker` is filled in. Returns 0, or -EAGAIN when the ring is full. */
int dp_post(struct dp_worker *w, struct dp_event *event);
