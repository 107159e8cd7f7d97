/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/traffic.h"

#include "lb/snapshot.h"

#define NEAR 4u /* rows from its place on in which a key may be */

/* Readers see the row unused while its key changes. */
static void give(struct wire_stats_traffic *row, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	__atomic_store_n(&row->used, 0, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	row->vip = *vip;
	row->endpoint = endpoint;
	row->egress_pop = egress;
	row->packets_in = row->bytes_in = row->packets_out = row->bytes_out = row->flows = 0;
	__atomic_store_n(&row->used, 1, __ATOMIC_RELEASE);
}

static struct wire_stats_traffic *near(struct dp_worker *w, uint32_t place, uint32_t i)
{
	return &w->traffic[1 + (place - 1 + i) % (WIRE_STATS_TRAFFIC_ROWS - 1)];
}

__attribute__((noinline)) struct wire_stats_traffic *dp_traffic_find(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	uint32_t place = dp_traffic_place(vip, endpoint, egress);
	struct wire_stats_traffic *unused = NULL;
	for (uint32_t i = 0; i < NEAR; i++) {
		struct wire_stats_traffic *row = near(w, place, i);
		if (dp_traffic_is(row, vip, endpoint, egress))
			return row;
		if (!unused && !row->used)
			unused = row;
	}
	if (!unused)
		return &w->traffic[0];
	give(unused, vip, endpoint, egress);
	return unused;
}

struct wire_stats_traffic *dp_traffic_begin(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	struct wire_stats_traffic *row = dp_traffic(w, vip, endpoint, egress);
	uint32_t place = dp_traffic_place(vip, endpoint, egress);
	for (uint32_t i = 0; row == &w->traffic[0] && i < NEAR; i++) {
		struct wire_stats_traffic *other = near(w, place, i);
		if (lb_snapshot_endpoint(w->snapshot, other->endpoint))
			continue;
		give(other, vip, endpoint, egress);
		row = other;
	}
	return row;
}
