/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/router.h: an IPv4 router between interfaces, as a function from frames to verdicts. No I/O, no clock.
 *
 * It answers ARP for its own address on each interface, learns neighbours from every ARP frame, and forwards IPv4 by
 * longest prefix. It decrements the TTL, so that a loop between a node and this router ends; a packet whose TTL is
 * spent is dropped without an ICMP message, as many routers of the real Internet do. It does not fragment: a packet
 * over the MTU of its next interface is dropped and counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/wanem/prefix.h"

#define WANEM_MAX_PORTS      16u
#define WANEM_MAX_NEIGHBOURS 256u           /* a power of two; only next hops are kept, a few per interface */
#define WANEM_NAME_SIZE      16u            /* IFNAMSIZ */
#define WANEM_ARP_FRAME      42u            /* Ethernet and ARP for IPv4, bytes */
#define WANEM_ARP_AGAIN_NS   100000000ull   /* between two requests for one neighbour */
#define WANEM_ARP_FRESH_NS   30000000000ull /* after this a neighbour in use is asked for again, and kept */

struct wanem_port {
	char name[WANEM_NAME_SIZE];
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t address; /* the gateway's, host order */
	uint8_t length;   /* of the prefix it is in */
};

struct wanem_neighbour {
	uint32_t address; /* host order; 0: free */
	uint8_t port;
	uint8_t mac[6];
	bool known;
	uint64_t learned_at; /* ns */
	uint64_t asked_at;   /* ns; 0: never */
};

/* Why a frame went nowhere. X(constant, name as shown) */
#define WANEM_ROUTER_DROPS(X)                                                                                          \
	X(SHORT, "short")                                                                                              \
	X(NOT_IPV4, "not-ipv4")                                                                                        \
	X(MALFORMED, "malformed")                                                                                      \
	X(FOR_US, "for-us")                                                                                            \
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
	WANEM_FORWARD, /* by ret_hop; the TTL has been decremented */
	WANEM_ANSWER,  /* the frame has become an answer of WANEM_ARP_FRAME bytes: send it back by the same port */
	WANEM_CONSUME, /* nothing to send */
};

struct wanem_hop {
	uint8_t port;
	uint32_t address;   /* the neighbour, host order */
	uint32_t ip_length; /* of the packet: padding of the frame after it is not forwarded */
};

enum wanem_verdict wanem_router_receive(
    struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length, uint64_t now, struct wanem_hop *ret_hop);

/* The MAC of a neighbour into frame's destination, ours into its source. Returns 0, or -EAGAIN when it is not known.
 * ret_ask: whether a request is due now (the caller sends it; the time is noted). */
int wanem_router_address_frame(
    struct wanem_router *r, uint8_t port, uint32_t address, uint64_t now, uint8_t *frame, bool *ret_ask);

/* The request for a neighbour, WANEM_ARP_FRAME bytes. */
void wanem_router_ask(const struct wanem_router *r, uint8_t port, uint32_t address, uint8_t *ret_frame);
