/* SPDX-License-Identifier: BSD-2-Clause */
/* What enters at this POP, counted by VIP, endpoint and egress POP: rows of wire/stats.h that this worker alone writes.
 *
 * Invariant: a row that is used keeps its key until its endpoint has gone and a flow that begins near it needs one; what
 * finds no row near its place is counted in the first one. One cache line a packet, which the caller prefetches. */
#pragma once

#include "dataplane/worker.h"
#include "lb/hash.h"

/* The row's place if it was the only one: 1 .. WIRE_STATS_TRAFFIC_ROWS - 1. */
static inline uint32_t dp_traffic_place(const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	uint32_t mixed = (endpoint ^ vip->words[3] ^ (uint32_t)egress << 16) * UINT32_C(0x9e3779b1);
	return 1 + lb_hash_scale(mixed, WIRE_STATS_TRAFFIC_ROWS - 1);
}

static inline bool dp_traffic_is(
    const struct wire_stats_traffic *row, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	return row->used && row->endpoint == endpoint && row->egress_pop == egress && wire_addr_equal(&row->vip, vip);
}

/* Found elsewhere than in its place, or made of one that is not used. Never NULL. */
struct wire_stats_traffic *dp_traffic_find(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress);

/* For a flow that begins: where there is no row, that of an endpoint which has gone is taken, too. Never NULL. */
struct wire_stats_traffic *dp_traffic_begin(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress);

static inline struct wire_stats_traffic *dp_traffic_near(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	return &w->traffic[dp_traffic_place(vip, endpoint, egress)];
}

/* `near`: dp_traffic_near() of the same. */
static inline struct wire_stats_traffic *dp_traffic_at(struct dp_worker *w, struct wire_stats_traffic *near,
    const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	return __builtin_expect(dp_traffic_is(near, vip, endpoint, egress), 1)
	           ? near
	           : dp_traffic_find(w, vip, endpoint, egress);
}

static inline struct wire_stats_traffic *dp_traffic(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	return dp_traffic_at(w, dp_traffic_near(w, vip, endpoint, egress), vip, endpoint, egress);
}
