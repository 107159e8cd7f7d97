/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/router.h: a router of IPv4 and IPv6 between interfaces, as a function from frames to verdicts. No I/O, no
 * clock.
 *
 * It answers ARP and Neighbour Discovery for its own addresses on each interface, learns neighbours from what they ask
 * and tell, and forwards by longest prefix. It decrements the TTL or hop limit, so that a loop between a node and this
 * router ends; a packet of which that is spent is dropped without an ICMP message, as many routers of the real Internet
 * do. It does not fragment: a packet over the MTU of its next interface is dropped and counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/wanem/discovery.h"
#include "tools/wanem/prefix.h"

#define WANEM_MAX_PORTS      16u
#define WANEM_MAX_NEIGHBOURS 256u           /* a power of two; only next hops are kept, a few per interface */
#define WANEM_NAME_SIZE      16u            /* IFNAMSIZ */
#define WANEM_ASK_AGAIN_NS   100000000ull   /* between two requests for one neighbour */
#define WANEM_FRESH_NS       30000000000ull /* after this a neighbour in use is asked for again, and kept */

/* What an interface is to its neighbours of one version. */
struct wanem_gateway {
	struct wire_addr address; /* unset: the version is not carried here */
	uint8_t length;           /* of the prefix it is in: prefix.h */
};

enum { WANEM_V4, WANEM_V6, WANEM_VERSIONS };

struct wanem_port {
	char name[WANEM_NAME_SIZE];
	uint8_t mac[6];
	uint16_t mtu;
	struct wanem_gateway gateway[WANEM_VERSIONS];
};

/* The gateway for addresses like this one. */
static inline const struct wanem_gateway *wanem_gateway(const struct wanem_port *p, const struct wire_addr *address)
{
	return &p->gateway[wire_addr_is_v4(address) ? WANEM_V4 : WANEM_V6];
}

/* Whether an address is reached without a hop between. */
static inline bool wanem_is_neighbour(const struct wanem_port *p, const struct wire_addr *address)
{
	const struct wanem_gateway *g = wanem_gateway(p, address);
	struct wire_addr prefix = wanem_prefix_of(&g->address, g->length);
	return !wire_addr_is_unset(&g->address) && wanem_prefix_holds(&prefix, g->length, address);
}

struct wanem_neighbour {
	struct wire_addr address; /* unset: free */
	uint8_t port;
	uint8_t mac[6];
	bool known;
	uint64_t learned_at; /* ns */
	uint64_t asked_at;   /* ns; 0: never */
};

/* Why a frame went nowhere. X(constant, name as shown) */
#define WANEM_ROUTER_DROPS(X)                                                                                          \
	X(SHORT, "short")                                                                                              \
	X(NOT_IP, "not-ip")                                                                                            \
	X(MALFORMED, "malformed")                                                                                      \
	X(FOR_US, "for-us")                                                                                            \
	X(LINK_LOCAL, "link-local")                                                                                    \
	X(NO_ROUTE, "no-route")                                                                                        \
	X(TTL, "ttl")                                                                                                  \
	X(TOO_BIG, "too-big")

enum wanem_router_drop {
#define X(constant, name) WANEM_DROP_##constant,
	WANEM_ROUTER_DROPS(X)
#undef X
	    WANEM_ROUTER_DROP_COUNT
};

extern const char *const wanem_router_drop_name[WANEM_ROUTER_DROP_COUNT];

struct wanem_router {
	struct wanem_port port[WANEM_MAX_PORTS];
	uint32_t n_ports;
	struct wanem_routes routes;
	struct wanem_neighbour neighbour[WANEM_MAX_NEIGHBOURS];
	uint64_t drop[WANEM_ROUTER_DROP_COUNT];
};

enum wanem_verdict {
	WANEM_FORWARD, /* by hop; the TTL has been decremented */
	WANEM_ANSWER,  /* send the answer back by the same port */
	WANEM_CONSUME, /* nothing to send */
};

struct wanem_hop {
	uint8_t port;
	struct wire_addr address; /* the neighbour */
	uint32_t ip_length;       /* of the packet: padding of the frame after it is not forwarded */
};

struct wanem_answer {
	uint32_t length; /* of the frame */
	uint8_t frame[WANEM_MAX_DISCOVERY];
};

/* ret_hop is for WANEM_FORWARD, ret_answer for WANEM_ANSWER. */
enum wanem_verdict wanem_router_receive(struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length,
    uint64_t now, struct wanem_hop *ret_hop, struct wanem_answer *ret_answer);

/* The MAC of a neighbour into frame's destination, ours into its source. Returns 0, or -EAGAIN when it is not known.
 * ret_ask: whether a request is due now (the caller sends it; the time is noted). */
int wanem_router_address_frame(
    struct wanem_router *r, uint8_t port, const struct wire_addr *address, uint64_t now, uint8_t *frame, bool *ret_ask);

/* The request for a neighbour, WANEM_MAX_DISCOVERY bytes at most. Returns how many. */
uint32_t wanem_router_ask(
    const struct wanem_router *r, uint8_t port, const struct wire_addr *address, uint8_t *ret_frame);
