/* SPDX-License-Identifier: BSD-2-Clause */
/* Round trips to clients and endpoints, from the handshakes that pass by: rows of wire/stats.h that this worker alone
 * writes.
 *
 * A flow remembers when its last packet came, to a tick. When the client acknowledges the endpoint's SYN-ACK, that was
 * the SYN-ACK; when the SYN-ACK comes, it was the client's SYN. Of a SYN or SYN-ACK that was sent again it is the last one,
 * so a round trip may come out too short, never too long (Karn's ambiguity, RFC 6298, 3). */
#pragma once

#include "dataplane/worker.h"
#include "lb/state.h"

/* One more. ticks: lb_tick() units. A full neighbourhood gives up the row that was last written longest ago. */
void dp_last_mile_add(struct dp_worker *w, enum wire_stats_side side, const struct wire_addr *address, uint32_t ticks);

/* Whose handshake a packet has just completed, of a flow whose flags were `before` and are `after`. */
static inline enum wire_stats_side dp_last_mile_side(
    uint8_t before, uint8_t after, const struct lb_segment *segment, bool from_client)
{
	uint8_t changed = before ^ after;
	if (from_client)
		return before & LB_FLOW_EXPECTS && changed & LB_FLOW_CONFIRMED ? WIRE_SIDE_CLIENT : WIRE_SIDE_NONE;
	return changed & LB_FLOW_EXPECTS && segment->flags & WIRE_TCP_ACK ? WIRE_SIDE_ENDPOINT : WIRE_SIDE_NONE;
}
