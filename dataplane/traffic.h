/* SPDX-License-Identifier: BSD-2-Clause */
/* What enters at this POP, counted by VIP, endpoint and egress POP: rows of wire/stats.h that this worker alone writes.
 *
 * Invariant: a row that is used keeps its key until its endpoint has gone; what finds no row near its place is counted in
 * the first one. One cache line a packet. */
#pragma once

#include "dataplane/worker.h"

/* The row's place if it was the only one: 1 .. WIRE_STATS_TRAFFIC_ROWS - 1. */
static inline uint32_t dp_traffic_place(const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	uint32_t word;
	__builtin_memcpy(&word, vip->bytes + 12, sizeof(word));
	uint32_t mixed = (endpoint ^ word ^ (uint32_t)egress << 16) * UINT32_C(0x9e3779b1);
	return 1 + (mixed >> 12) % (WIRE_STATS_TRAFFIC_ROWS - 1);
}

static inline bool dp_traffic_is(
    const struct wire_stats_traffic *row, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	return row->used && row->endpoint == endpoint && row->egress_pop == egress && wire_addr_equal(&row->vip, vip);
}

/* Found elsewhere than in its place, or made. Never NULL. */
struct wire_stats_traffic *dp_traffic_find(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress);

static inline struct wire_stats_traffic *dp_traffic(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	struct wire_stats_traffic *row = &w->traffic[dp_traffic_place(vip, endpoint, egress)];
	return __builtin_expect(dp_traffic_is(row, vip, endpoint, egress), 1)
	           ? row
	           : dp_traffic_find(w, vip, endpoint, egress);
}
