/* SPDX-License-Identifier: BSD-2-Clause */
/* One more packet of a flow of either table: how far the flow has come, and when it was last seen. Nearly all packets
 * change no more than that time. */
#pragma once

#include "dataplane/burst.h"
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
	lb_flow_touch(w->flows, flow, &segment, from_client, w->now_ns);
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
	lb_nat_touch(w->nat, flow, &segment, from_client, w->now_ns);
}
