/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments go where their flow goes: later ones get the ports of their first, and kind FRAGMENT.
 *
 *   to a VIP or NAT address   a datagram's fragments meet at the worker that owns (source, destination, identification,
 *                             protocol); it knows the flow by the first (lb/fragment.h) and hands all to its owner, marked
 *   inside the overlay        they have the lane of their flow already, and meet at its worker
 *
 * A fragment that leaves through NAT gets an identification of ours, as two clients may use the same one (RFC 6864, 5.1).
 */
#pragma once

#include "dataplane/burst.h"

#define DP_FRAGMENT_DATAGRAMS 2048u /* that each worker knows */
#define DP_FRAGMENT_HELD      256u  /* packets that wait for their first fragment, at most */

/* Packets that waited inside the overlay, each with the packet of the burst that is its first fragment. */
struct dp_released {
	unsigned n;
	struct rte_mbuf *pkt[DP_BURST_MAX];
	uint8_t first[DP_BURST_MAX];
};

/* Whether packet i, whose headers were found, is a fragment. */
bool dp_fragment_is(const struct dp_burst *b, unsigned i);

/* Packet i, a fragment to a VIP (journey INGRESS) or NAT address (REPLY). True: the column is as if it were whole, and this
 * worker owns the flow. False: it was taken. */
bool dp_fragment_classify(struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey);

/* Packet i, a fragment out of the overlay, bare. False: it was taken. */
bool dp_fragment_inside(struct dp_worker *w, struct dp_burst *b, unsigned i, struct dp_released *released);

/* To egress with what waited, after the burst with the first fragments is through. */
void dp_fragment_release(struct dp_worker *w, const struct dp_burst *b, const struct dp_released *released);

/* Before packet i leaves with other addresses than it came with. */
void dp_fragment_identify(struct dp_burst *b, unsigned i);

/* Drops what has waited too long. */
void dp_fragment_tick(struct dp_worker *w);
