/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's share of the NAT ports: which flow has which, and queues of the free ones.
 *
 * Invariant: each port of the worker's lanes on each address and protocol is exactly one of: absent (not in the pool and
 * no flow has it), in use (by the flow of that number), or free (in one of the two queues of its address and protocol,
 * with the tick since when). A queue is a list through the ports themselves, so a port costs 8 bytes whatever it is.
 *
 * Ports of flows that were never confirmed have a queue of their own, for under a flood they are all that is left, and
 * they may be taken early. TCP: the endpoint has at most a connection in SYN-RECEIVED; a SYN that meets it is answered by
 * an ACK, the client resets what it does not know, and its next SYN connects (RFC 9293, 3.5 and 3.10.7.4); the old
 * SYN+ACK that meets a new client ends the same way. It costs one client a second, not its connection, and with SYN
 * cookies not even that; RFC 6888, REQ-8 lets a NAT that follows TCP's states reuse a port at once. UDP: a late answer
 * would show one client what another asked, so the answer is waited for.
 *
 * Private to lb/nat.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/nat.h"

#define LB_NAT_PROTOCOLS   2u    /* TCP, UDP */
#define LB_NAT_UDP_REST_MS 1000u /* an answer that comes later is given up by most that ask */

struct lb_nat_port {
	uint32_t word; /* 0: absent; FREE bit and tick modulo 2^31: free since then; else the number of its flow */
	uint16_t next; /* in the queue, place of a port of the same address and protocol */
	uint16_t reserved;
};

#define LB_NAT_PORT_FREE 0x80000000u
#define LB_NAT_NO_SLOT   0xffu /* of a flow without a port */

struct lb_nat_queue {
	uint16_t head; /* freed longest ago */
	uint16_t tail;
	uint32_t count;
};

struct lb_nat_slot {
	struct wire_addr address; /* unset: the slot is free */
	uint16_t port_lo;         /* 0: not in the pool any more */
	uint16_t port_hi;
	uint32_t in_use;                                   /* ports that flows have */
	struct lb_nat_queue confirmed[LB_NAT_PROTOCOLS];   /* free: of flows that were, or never used */
	struct lb_nat_queue unconfirmed[LB_NAT_PROTOCOLS]; /* free: of flows that were not */
};

struct lb_nat_pool {
	uint16_t worker;
	uint16_t workers;
	uint16_t lanes;      /* of this worker */
	uint16_t turn;       /* slot that the last port was taken from */
	uint32_t quarantine; /* ticks */
	uint32_t reserved;
	uint64_t random; /* state of the shuffle */
	uint64_t reserved2;
	uint8_t lane_place[WIRE_OVERLAY_LANES]; /* of a lane among this worker's; 0xff: another's */
	struct lb_nat_slot slot[LB_NAT_SLOTS];
};

struct lb_nat_port_name {
	struct wire_addr address;
	uint16_t port;
	uint8_t slot;
};

static inline unsigned lb_nat_lanes(unsigned worker, unsigned workers)
{
	return (WIRE_OVERLAY_LANES - worker + workers - 1) / workers;
}

static inline uint32_t lb_nat_places(unsigned lanes)
{
	return lanes * (65536u / WIRE_OVERLAY_LANES);
}

static inline size_t lb_nat_pool_ports_size(unsigned worker, unsigned workers)
{
	return (size_t)LB_NAT_SLOTS * LB_NAT_PROTOCOLS * lb_nat_places(lb_nat_lanes(worker, workers)) *
	       sizeof(struct lb_nat_port);
}

static inline unsigned lb_nat_protocol(uint8_t protocol)
{
	return protocol == WIRE_PROTO_UDP;
}

/* The port's row, or NULL: not an address of the pool, not a port of this worker, not TCP or UDP. */
static inline const struct lb_nat_port *lb_nat_pool_port(const struct lb_nat_pool *pool,
    const struct lb_nat_port *ports, const struct wire_addr *address, uint8_t protocol, uint16_t port)
{
	unsigned lane = pool->lane_place[port % WIRE_OVERLAY_LANES];
	if (lane == 0xff || (protocol != WIRE_PROTO_TCP && protocol != WIRE_PROTO_UDP))
		return NULL;
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		if (wire_addr_equal(&pool->slot[s].address, address))
			return ports +
			       (size_t)(s * LB_NAT_PROTOCOLS + lb_nat_protocol(protocol)) * lb_nat_places(pool->lanes) +
			       (port / WIRE_OVERLAY_LANES) * pool->lanes + lane;
	return NULL;
}

static inline uint32_t lb_nat_port_flow(const struct lb_nat_port *port)
{
	return port->word & LB_NAT_PORT_FREE ? 0 : port->word;
}

/* Will the port be used again when its flow ends? */
static inline bool lb_nat_in_pool(const struct lb_nat_slot *slot, uint16_t port)
{
	return slot->port_lo && port >= slot->port_lo && port <= slot->port_hi;
}

void lb_nat_pool_init(struct lb_nat_pool *pool, const struct lb_nat_config *config);
int lb_nat_pool_set(
    struct lb_nat_pool *pool, struct lb_nat_port *ports, const struct lb_nat_range range[], unsigned n, uint32_t tick);

/* A free port for a flow, of an IPv4 or IPv6 address; addresses take turns. -EADDRNOTAVAIL. */
int lb_nat_pool_take(struct lb_nat_pool *pool, struct lb_nat_port *ports, uint8_t protocol, bool v4, uint32_t flow,
    uint32_t tick, struct lb_nat_port_name *ret_port);

/* confirmed: the flow that had it was. */
void lb_nat_pool_free(struct lb_nat_pool *pool, struct lb_nat_port *ports, unsigned slot, uint8_t protocol,
    uint16_t port, bool confirmed, uint32_t tick);

/* The first address in the pool of that family, without a port. -EADDRNOTAVAIL. */
int lb_nat_pool_address(const struct lb_nat_pool *pool, bool v4, struct lb_nat_port_name *ret_address);

/* The port of a flow that another process left, in an empty pool or one of such flows; flow->slot is set. False: no port
 * of this worker's, or another flow has it, or there are too many addresses. */
bool lb_nat_pool_adopt(struct lb_nat_pool *pool, struct lb_nat_port *ports, struct lb_nat_flow *flow, uint32_t number);

uint32_t lb_nat_pool_count(const struct lb_nat_pool *pool, uint8_t protocol);
