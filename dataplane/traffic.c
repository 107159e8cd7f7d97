/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/traffic.h"

#include "lb/snapshot.h"

#define NEAR 8u /* rows from its place on in which a key may be */

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

__attribute__((noinline)) struct wire_stats_traffic *dp_traffic_find(
    struct dp_worker *w, const struct wire_addr *vip, uint32_t endpoint, uint16_t egress)
{
	uint32_t place = dp_traffic_place(vip, endpoint, egress);
	struct wire_stats_traffic *unused = NULL;
	for (uint32_t i = 0; i < NEAR; i++) {
		struct wire_stats_traffic *row = &w->traffic[1 + (place - 1 + i) % (WIRE_STATS_TRAFFIC_ROWS - 1)];
		if (dp_traffic_is(row, vip, endpoint, egress))
			return row;
		if (!unused && (!row->used || !lb_snapshot_endpoint(w->snapshot, row->endpoint)))
			unused = row;
	}
	if (!unused)
		return &w->traffic[0];
	give(unused, vip, endpoint, egress);
	return unused;
}
