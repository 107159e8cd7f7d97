/* SPDX-License-Identifier: BSD-2-Clause */
/* Transit: an authentic overlay packet with hops left goes on to the next POP on its PATH. The relay keeps nothing of
 * the flow; it turns the outer header, moves the path's position, and signs for the next link. What does not fit that is
 * dropped and counted, no more: the sender chose the path by an MTU that kuafud knew better. */
#include "dataplane/output.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "wire/bytes.h"

/* The link that the path's next hop names, if it is one of ours. */
static const struct lb_link *next_link(const struct dp_worker *w, const struct wire_path *path)
{
	const struct wire_path_hop *hop = &path->hop[path->count - path->left];
	return lb_snapshot_link_by_ends(
	    w->snapshot, w->snapshot->self, hop->local_link, wire_be16(&hop->pop), hop->remote_link);
}

void dp_transit_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_tunnel t = {.n = 0};
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		struct dp_overlay *o = &b->overlay[i];
		const struct lb_link *link = next_link(w, o->path);
		if (!link) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PATH);
			continue;
		}
		if (b->length[i] > link->row.mtu) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_TOO_BIG);
			continue;
		}
		DP_TRACE(w, b, i, WIRE_JOURNEY_TRANSIT, "to POP %u over link %u, %u hops left after it",
		    link->row.to_pop, link->row.link, o->path->left - 1u);
		uint16_t hash14 = b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
		dp_burst_trim(b, i);
		dp_overlay_forward(b->ip[i], &link->row.local, &link->row.remote);
		o->path->left--;
		dp_tunnel_seal(w, &t, b->pkt[i], link, hash14, o, WIRE_JOURNEY_TRANSIT);
	}
	dp_tunnel_flush(w, &t);
}
