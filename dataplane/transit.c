/* SPDX-License-Identifier: BSD-2-Clause */
/* Transit: an authentic overlay packet with hops left goes on to the next POP on its PATH. The relay keeps nothing of
 * the flow; it turns the outer header, moves the path's position, and signs for the next link. What does not fit that is
 * dropped and counted, no more: the sender chose the path by an MTU that kuafud knew better. */
#include "dataplane/output.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "dataplane/way.h"

/* Cuts the mbuf down to the UDP header, in front of which the next link's go. Nothing of the overlay moves. */
static enum wire_drop cut(struct dp_burst *b, unsigned i, const struct lb_link *link)
{
	uint16_t length = dp_burst_l4_length(b, i);
	if (wire_ip_header_size(!wire_addr_is_v4(&link->row.local)) + length > link->row.mtu)
		return WIRE_DROP_TOO_BIG;
	b->ip[i] = b->l4[i];
	b->length[i] = length;
	dp_burst_trim(b, i);
	return WIRE_DROP_NONE;
}

void dp_transit_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		struct dp_overlay *o = &b->overlay[i];
		const struct lb_link *link = dp_ways_next(w, &o->path->hop[o->path->count - o->path->left]);
		if (!link) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PATH);
			continue;
		}
		uint16_t hash14 = b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
		uint8_t tos = wire_ip_tos(b->ip[i]); /* stays, as in any router */
		enum wire_drop drop = cut(b, i, link);
		if (drop != WIRE_DROP_NONE) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, drop);
			continue;
		}
		DP_TRACE(w, b, i, WIRE_JOURNEY_TRANSIT, "to POP %u over link %u, %u hops left after it",
		    link->row.to_pop, link->row.link, o->path->left - 1u);
		o->path->left--;
		dp_tunnel_seal(w, &t, b->pkt[i], link, hash14, tos, o, WIRE_JOURNEY_TRANSIT);
	}
	dp_tunnel_flush(w, &t);
}
