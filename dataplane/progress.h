/* SPDX-License-Identifier: BSD-2-Clause */
/* One more packet of a flow of either table: how far the flow has come, and when it was last seen. Nearly all packets
 * change no more than that time. */
#pragma once

#include "dataplane/burst.h"
#include "dataplane/last_mile.h"
#include "lb/flow.h"
#include "lb/nat.h"

static inline void dp_progress_flow(
    struct dp_worker *w, const struct dp_burst *b, unsigned i, struct lb_flow *flow, bool from_client)
{
	if (__builtin_expect(lb_flow_stays(flow->state, flow->flags, b->tcp_flags[i], from_client), 1)) {
		flow->last_seen = lb_tick(w->now_ns);
		return;
	}
	struct lb_segment segment = dp_burst_segment(b, i);
	uint8_t flags = flow->flags;
	uint32_t ticks = lb_tick_age(lb_tick(w->now_ns), flow->last_seen);
	lb_flow_touch(w->flows, flow, &segment, from_client, w->now_ns);
	if (dp_last_mile_side(flags, flow->flags, &segment, from_client) == WIRE_SIDE_CLIENT)
		dp_last_mile_add(w, WIRE_SIDE_CLIENT, &flow->key.client, ticks);
}

/* One-way flows have a place among the unconfirmed to keep. */
static inline void dp_progress_nat(
    struct dp_worker *w, const struct dp_burst *b, unsigned i, struct lb_nat_flow *flow, bool from_client)
{
	if (__builtin_expect(lb_flow_stays(flow->state, flow->flags, b->tcp_flags[i], from_client), 1) &&
	    !(flow->flags & LB_FLOW_ONE_WAY)) {
		flow->last_seen = lb_tick(w->now_ns);
		return;
	}
	struct lb_segment segment = dp_burst_segment(b, i);
	uint8_t flags = flow->flags;
	uint32_t ticks = lb_tick_age(lb_tick(w->now_ns), flow->last_seen);
	lb_nat_touch(w->nat, flow, &segment, from_client, w->now_ns);
	if (dp_last_mile_side(flags, flow->flags, &segment, from_client) == WIRE_SIDE_ENDPOINT)
		dp_last_mile_add(w, WIRE_SIDE_ENDPOINT, &flow->endpoint_address, ticks);
}
