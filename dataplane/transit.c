/* SPDX-License-Identifier: BSD-2-Clause */
/* Transit: an authentic overlay packet with hops left goes on to the next POP on its PATH. The relay keeps nothing of
 * the flow; it turns the outer header, moves the path's position, and signs for the next link. What does not fit that is
 * dropped and counted, no more: the sender chose the path by an MTU that kuafud knew better. */
#include "dataplane/output.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "dataplane/way.h"

/* Cuts the mbuf down to the UDP header and puts the header for the next link in front, whose version may be another.
 * Nothing of the overlay moves. */
static enum wire_drop turn(struct dp_burst *b, unsigned i, const struct lb_link *link)
{
	struct rte_mbuf *m = b->pkt[i];
	uint8_t tos = wire_ip_tos(b->ip[i]), *udp = b->l4[i];
	uint16_t length = dp_burst_l4_length(b, i), header = wire_ip_header_size(!wire_addr_is_v4(&link->row.local));
	if (header + length > link->row.mtu)
		return WIRE_DROP_TOO_BIG;
	dp_burst_trim(b, i);
	rte_pktmbuf_adj(m, (uint16_t)(udp - b->ip[i]));
	if (!rte_pktmbuf_prepend(m, header))
		return WIRE_DROP_NO_MBUF;
	b->ip[i] = dp_overlay_forward(udp, length, tos, &link->row.local, &link->row.remote);
	b->length[i] = (uint16_t)(header + length);
	return WIRE_DROP_NONE;
}

void dp_transit_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_tunnel t;
	t.n = 0;
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		struct dp_overlay *o = &b->overlay[i];
		const struct lb_link *link = dp_ways_next(w, &o->path->hop[o->path->count - o->path->left]);
		if (!link) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PATH);
			continue;
		}
		uint16_t hash14 = b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
		enum wire_drop drop = turn(b, i, link);
		if (drop != WIRE_DROP_NONE) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, drop);
			continue;
		}
		DP_TRACE(w, b, i, WIRE_JOURNEY_TRANSIT, "to POP %u over link %u, %u hops left after it",
		    link->row.to_pop, link->row.link, o->path->left - 1u);
		o->path->left--;
		dp_tunnel_seal(w, &t, b->pkt[i], link, hash14, o, WIRE_JOURNEY_TRANSIT);
	}
	dp_tunnel_flush(w, &t);
}
