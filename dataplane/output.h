/* SPDX-License-Identifier: BSD-2-Clause */
/* The last step of every journey: route, MTU, link-layer header, transmit. */
#pragma once

#include "dataplane/worker.h"
#include "wire/bytes.h"
#include "wire/ip.h"

/* Sends `m`, whose data starts at its IP header and ends with the packet, by the kernel's FIB, and counts it for
 * `journey`. Takes the packet in any case. Returns WIRE_DROP_NONE, or why it was dropped (and counted) instead:
 * NO_ROUTE, NOWHERE, NO_NEIGHBOUR (kuafud is asked for it), TOO_BIG, NO_MBUF (no headroom left). */
enum wire_drop dp_output(struct dp_worker *w, struct rte_mbuf *m, enum wire_journey journey);

/* dp_output_by() of any packet, by any adjacency. */
enum wire_drop dp_output_any(
    struct dp_worker *w, struct rte_mbuf *m, const struct dp_adjacency *a, enum wire_journey journey);

/* dp_output() for who has looked its destination up already; `a` may be NULL. */
static inline enum wire_drop dp_output_by(
    struct dp_worker *w, struct rte_mbuf *m, const struct dp_adjacency *a, enum wire_journey journey)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	if (!a || !a->resolved || m->pkt_len > a->mtu || m->data_off < sizeof(struct wire_ether))
		return dp_output_any(w, m, a, journey);
	uint16_t type = wire_ip_ethertype(ip);
	struct wire_ether *ether = (struct wire_ether *)rte_pktmbuf_prepend(m, sizeof(*ether));
	*ether = a->ether;
	wire_put_be16(&ether->type, type);
	dp_count_journey(w, journey, m->pkt_len);
	dp_tx(w, a->port, m);
	return WIRE_DROP_NONE;
}

/* `length` more bytes in front of the packet, or NULL. DPDK's headroom holds IPv4's outer headers, but not a long PATH over
 * IPv6 or what translation added before: then the packet moves to the end of its buffer, and pointers into it are void. */
uint8_t *dp_output_prepend(struct rte_mbuf *m, uint16_t length);

/* A new mbuf with `length` bytes of data and room for the headers of the overlay before it, or NULL. */
struct rte_mbuf *dp_output_alloc(struct dp_worker *w, uint16_t length);
