/* SPDX-License-Identifier: BSD-2-Clause */
/* Transit: an authentic overlay packet with hops left goes on to the next POP on its PATH. The relay keeps nothing of
 * the flow; it turns the outer header, moves the path's position, and signs for the next link. What does not fit that is
 * dropped and counted, no more: the sender chose the path by an MTU that kuafud knew better. */
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "dataplane/way.h"

/* Over which link the packet goes on, or NULL: PATH names none of ours. Likely the same as the one before it. */
static inline const struct dp_exit *exit_of(
    struct dp_worker *w, const struct dp_overlay *o, const struct dp_exit *before, uint32_t *hop_before)
{
	const struct wire_path_hop *hop = &o->path->hop[o->path->count - o->path->left];
	uint32_t word;
	__builtin_memcpy(&word, hop, sizeof(word));
	if (before && word == *hop_before)
		return before;
	*hop_before = word;
	const struct lb_link *link = dp_ways_next(w, hop);
	return link ? dp_ways_exit(w, link) : NULL;
}

void dp_transit_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	const struct dp_exit *exit = NULL;
	uint32_t hop = 0;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		struct dp_overlay *o = &b->overlay[i];
		uint16_t hash14 = b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
		exit = exit_of(w, o, exit, &hop);
		if (!exit) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PATH);
			continue;
		}
		const struct wire_ctl_link *row = &exit->link->row;
		if (exit->size - sizeof(struct wire_ether) + dp_burst_l4_length(b, i) > row->mtu) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_TOO_BIG);
			continue;
		}
		DP_TRACE(w, b, i, WIRE_JOURNEY_TRANSIT, "to POP %u over link %u, %u hops left after it", row->to_pop,
		    row->link, o->path->left - 1u);
		o->path->left--;
		dp_tunnel_pass(w, &t, b, i, exit, hash14, WIRE_JOURNEY_TRANSIT);
	}
	dp_tunnel_flush(w, &t);
}
