/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the overlay and out of it: the steps that ingress, transit, egress, reply and return share. Tags are checked and
 * made for a whole burst at a time (dataplane/auth.h). */
#pragma once

#include "dataplane/auth.h"
#include "dataplane/burst.h"
#include "dataplane/way.h"

/* ---- out of the overlay ---- */

/* Takes the group of packets that came in on links: tag, replay window, position in PATH. Control packets go to
 * dp_oam_receive(), data packets into journey[TRANSIT], [EGRESS] or [RETURN]; the others are dropped. */
void dp_tunnel_receive(
    struct dp_worker *w, struct dp_burst *b, const struct dp_group *g, struct dp_group journey[WIRE_JOURNEY_COUNT]);

/* Makes column i that of the inner packet (of a later fragment: kind FRAGMENT, and no ports in the key), with its ECN as RFC 6040 says, and cuts the mbuf down to it. */
enum wire_drop dp_tunnel_unwrap(struct dp_burst *b, unsigned i);

/* ---- into the overlay ---- */

/* Packets that wait for their tags. */
struct dp_tunnel {
	unsigned n;
	uint64_t straight; /* bit k: the link-layer header is there, and the packet fits the port */
	struct rte_mbuf *pkt[DP_BURST_MAX];
	uint8_t journey[DP_BURST_MAX];
	const struct dp_adjacency *adjacency[DP_BURST_MAX];
	struct dp_auth_message message[DP_BURST_MAX]; /* the tag's place is behind it */
};

/* None. The columns are written before they are read. */
static inline void dp_tunnel_begin(struct dp_tunnel *t)
{
	t->n = 0;
	t->straight = 0;
}

/* Along the leg in use towards a POP, or NULL. Counts what goes by a backup. */
const struct dp_way *dp_tunnel_way(struct dp_worker *w, uint16_t to_pop, uint8_t class);

/* dp_tunnel_fits() for a packet that is long, or to be of another version. */
bool dp_tunnel_squeeze(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way, bool v6, enum wire_journey journey);

/* Whether packet i fits once it is of the version that it is going to be, in fragments if that is IPv4 and it may be
 * fragmented; if not, its sender is told (frag-needed, RFC 1191; packet-too-big, RFC 4443, 3.2) and it is dropped as
 * TOO_BIG. To be asked while the packet is as its sender knows it. */
static inline bool dp_tunnel_fits(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way, bool v6, enum wire_journey journey)
{
	return (b->length[i] <= way->room && wire_ip_is_v6(b->ip[i]) == v6) ||
	       dp_tunnel_squeeze(w, b, i, way, v6, journey);
}

/* Lowers the MSS of a SYN so that segments of full size fit. */
void dp_tunnel_clamp(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way);

/* The same for the leg in use towards a POP, if it is another one and there is a leg: the MSS in a SYN is for segments of
 * the other direction, so each end of the overlay clamps what leaves it to the way back, too. */
void dp_tunnel_clamp_back(struct dp_worker *w, struct dp_burst *b, unsigned i, uint16_t to_pop, uint8_t class);

/* Wraps `m`, whose data is an IP packet, and lets it wait. Takes the packet in any case; returns why it was dropped
 * (and counted) if it was. */
enum wire_drop dp_tunnel_wrap(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_way *way,
    uint16_t hash14, const struct dp_steer *steer, enum wire_journey journey);

/* The same for a packet that is wrapped already, whose data starts at the UDP header before `overlay`: puts the link's own
 * headers in front, with `tos`, and a new sequence, time and key into the overlay. */
enum wire_drop dp_tunnel_seal(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct lb_link *link,
    uint16_t hash14, uint8_t tos, const struct dp_overlay *overlay, enum wire_journey journey);

/* Makes the tags and sends what waits. */
void dp_tunnel_flush(struct dp_worker *w, struct dp_tunnel *t);
