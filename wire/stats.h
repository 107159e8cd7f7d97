/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters that the data plane publishes in a memfd. One writer a block, many readers; 64-bit stores do not tear,
 * so there is no lock: a reader may see a packet counted and its bytes not yet.
 *
 *   struct wire_stats | struct wire_stats_worker[workers] | struct wire_stats_link[links] |
 *   struct wire_stats_traffic[workers][traffic_rows] | struct wire_stats_last_mile[workers][last_mile_rows]
 *   (at the offsets given) */
#pragma once

#include <stdint.h>

#include "wire/address.h"
#include "wire/drop.h"

#define WIRE_STATS_MAGIC   0x4b554146u /* "KUAF" */
#define WIRE_STATS_VERSION 4u

#define WIRE_JOURNEYS(X)                                                                                               \
	X(INGRESS, "ingress", "client to VIP")                                                                         \
	X(TRANSIT, "transit", "overlay to the next POP")                                                               \
	X(EGRESS, "egress", "overlay to an endpoint")                                                                  \
	X(REPLY, "reply", "endpoint to the overlay")                                                                   \
	X(RETURN, "return", "overlay to the client")                                                                   \
	X(PUNT, "punt", "to the kernel")                                                                               \
	X(ICMP, "icmp", "answered by ourselves: echo, time exceeded, too big")                                         \
	X(OAM, "oam", "keepalives and link state between data planes")

#define WIRE_JOURNEY_ENUM(symbol, name, text) WIRE_JOURNEY_##symbol,
enum wire_journey { WIRE_JOURNEYS(WIRE_JOURNEY_ENUM) WIRE_JOURNEY_COUNT };
#undef WIRE_JOURNEY_ENUM

static inline const char *wire_journey_name(unsigned journey)
{
#define WIRE_JOURNEY_NAME(symbol, name, text) name,
	static const char *const names[WIRE_JOURNEY_COUNT] = {WIRE_JOURNEYS(WIRE_JOURNEY_NAME)};
#undef WIRE_JOURNEY_NAME
	return journey < WIRE_JOURNEY_COUNT ? names[journey] : "unknown";
}

/* Per worker, beside packets and bytes of each journey: symbol, name, what it counts. */
#define WIRE_WORKER_COUNTERS(X)                                                                                        \
	X(FLOWS_NEW, "flows-new", "flows made at ingress")                                                             \
	X(FLOWS_EXPIRED, "flows-expired", "flows that timed out or closed")                                            \
	X(FLOWS_UNSTORED, "flows-unstored", "packets steered by Maglev because the flow table was full")               \
	X(NAT_NEW, "nat-new", "flows made at egress")                                                                  \
	X(NAT_EXPIRED, "nat-expired", "egress flows that timed out or closed")                                         \
	X(ON_BACKUP, "on-backup", "packets sent along a backup path")                                                  \
	X(HANDED_OVER, "handed-over", "packets given to the worker that owns their flow")                              \
	X(MSS_CLAMPED, "mss-clamped", "SYN segments whose MSS was lowered")                                            \
	X(POLLS, "polls", "passes of the worker's loop")                                                               \
	X(POLLS_EMPTY, "polls-empty", "passes that found nothing")                                                     \
	X(SLEEPS, "sleeps", "times the worker slept")                                                                  \
	X(WRAPPED, "wrapped", "packets sent to endpoints of mode tunnel")                                              \
	X(BUSY_NS, "busy-ns", "nanoseconds in passes that found packets")                                              \
	X(CLIENT_UNTOLD, "client-untold", "segments that had no room for the client's address")                        \
	X(DENIED, "denied", "segments that an endpoint sent back: they are of no connection of its own")

#define WIRE_COUNTER_ENUM(symbol, name, text) WIRE_COUNTER_##symbol,
enum wire_counter { WIRE_WORKER_COUNTERS(WIRE_COUNTER_ENUM) WIRE_COUNTER_COUNT };
#undef WIRE_COUNTER_ENUM

static inline const char *wire_counter_name(unsigned counter)
{
#define WIRE_COUNTER_NAME(symbol, name, text) name,
	static const char *const names[WIRE_COUNTER_COUNT] = {WIRE_WORKER_COUNTERS(WIRE_COUNTER_NAME)};
#undef WIRE_COUNTER_NAME
	return counter < WIRE_COUNTER_COUNT ? names[counter] : "unknown";
}

#define WIRE_STATS_MAX_DROPS    64u
#define WIRE_STATS_MAX_COUNTERS 32u
#define WIRE_STATS_MAX_JOURNEYS 16u
#define WIRE_STATS_MAX_LINKS    1024u /* our own links that can be counted */
/* Of a worker, for more than 100,000 endpoints: 8 MiB, which the worker touches only as far as it uses them, but whoever
 * lists them all. */
#define WIRE_STATS_TRAFFIC_ROWS 131072u

struct wire_stats {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of the whole memfd */
	uint32_t workers;
	uint32_t worker_offset; /* of the first worker block */
	uint32_t link_offset;
	uint32_t links; /* blocks present; a block with id 0 and no packets is unused */
	uint32_t pid;
	uint64_t started_ns;     /* CLOCK_REALTIME */
	uint64_t generation;     /* of the state that all workers have; 0: none */
	uint64_t routes;         /* in the FIB */
	uint32_t traffic_offset; /* of the first worker's rows */
	uint32_t traffic_rows;   /* of each worker */
	uint32_t last_mile_offset;
	uint32_t last_mile_rows; /* of each worker */
	uint32_t reserved[14];
};

struct wire_stats_worker {
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC of the last pass */
	uint64_t flows;        /* live now */
	uint64_t nat_flows;
	uint64_t flow_capacity;
	uint64_t nat_capacity;
	uint64_t reserved[3];
	uint64_t counter[WIRE_STATS_MAX_COUNTERS];
	uint64_t drop[WIRE_STATS_MAX_DROPS];
	struct {
		uint64_t packets;
		uint64_t bytes;
	} journey[WIRE_STATS_MAX_JOURNEYS];
};

/* Of one of our own links, summed over workers by the data plane's main thread once a second. */
struct wire_stats_link {
	uint32_t link; /* id in wire_ctl_link */
	uint32_t up;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_lost;          /* sequence numbers that never came (RFC 3550, A.3, per lane) */
	uint64_t keepalive_rtt_ns; /* the last */
	uint64_t rx_missing;       /* that have not come yet; each is counted as lost later, or comes */
	/* From the sender's wall clock to ours, summed over rx_packets, each less the base. With the offset of the two clocks,
	 * modulo 2^32 us; the base changes only when the sum begins anew. */
	int64_t rx_delay_us;
	uint32_t rx_delay_base_us;
	uint32_t reserved[13];
};

/* What enters at this POP for one VIP, by one endpoint and egress POP: written by the worker that owns the flows. A
 * worker's first row has no key: it counts what found no row of its own. */
struct wire_stats_traffic {
	struct wire_addr vip;
	uint32_t endpoint;
	uint16_t egress_pop;
	uint16_t used; /* 0: the row has no key, or is being given another one */
	uint64_t packets_in;
	uint64_t bytes_in; /* of IP packets, as the client sent them */
	uint64_t packets_out;
	uint64_t bytes_out;
	uint64_t flows; /* begun */
};

/* How long TCP's handshake takes to the prefix of a client of ours (SYN-ACK to ACK, at the ingress) or of an endpoint
 * (SYN to SYN-ACK, at the egress): written by the worker that owns the flow. Times are the table's ticks of 1.05 ms; as
 * their phase is random, means are right to a fraction of one. */
enum wire_stats_side { WIRE_SIDE_NONE = 0, WIRE_SIDE_CLIENT = 1, WIRE_SIDE_ENDPOINT = 2 };

#define WIRE_STATS_LAST_MILE_ROWS 4096u
#define WIRE_STATS_LAST_MILE_RTTS 24u /* classes: RTTs below 2^((i + 1) / 2) ms, the last one all others */
#define WIRE_STATS_CLIENT_BITS_V4 24u
#define WIRE_STATS_CLIENT_BITS_V6 48u

struct wire_stats_last_mile {
	struct wire_addr prefix; /* of an endpoint its address */
	uint8_t length;          /* bits, of 128: IPv4's have 96 more */
	uint8_t side;            /* enum wire_stats_side; NONE: the row is unused, or is being given another key */
	uint16_t reserved;
	uint32_t handshakes;
	uint32_t smooth_us;  /* 1/8 of each new one */
	uint32_t at_seconds; /* CLOCK_MONOTONIC, of the last one */
	uint32_t rtt[WIRE_STATS_LAST_MILE_RTTS];
};

_Static_assert(sizeof(struct wire_stats_traffic) == 64, "ABI: a cache line");
_Static_assert((int)WIRE_DROP_COUNT <= (int)WIRE_STATS_MAX_DROPS, "every reason has a counter");
_Static_assert((int)WIRE_COUNTER_COUNT <= (int)WIRE_STATS_MAX_COUNTERS, "every counter has a place");
_Static_assert((int)WIRE_JOURNEY_COUNT <= (int)WIRE_STATS_MAX_JOURNEYS, "every journey has a place");
_Static_assert(sizeof(struct wire_stats_last_mile) == 128, "ABI: two cache lines");
_Static_assert(sizeof(struct wire_stats) == 128, "ABI");
_Static_assert(sizeof(struct wire_stats_worker) % 64 == 0, "blocks share no cache line");
_Static_assert(sizeof(struct wire_stats_link) == 128, "ABI");
