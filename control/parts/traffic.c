/* SPDX-License-Identifier: BSD-2-Clause */
/* What the packets that cross our links say of them. What comes on a link we count ourselves, and publish; of what goes
 * we know what the other end publishes. */
#include <stdlib.h>

#include "control/base/clock.h"
#include "control/metrics/counters.h"
#include "control/parts/parts.h"

#define STALE_NS (5 * CTL_NS_PER_S) /* of what another POP publishes once a second */

static void read_link(struct ctl_link *link, const struct wire_stats_link *block, uint64_t now_ns)
{
	if (!link->came && !(link->came = calloc(1, sizeof(*link->came))))
		return;
	if (!link->up)
		probe_traffic_outage(link->came);
	struct probe_traffic_counts counts = {.packets = block->rx_packets,
	    .lost = block->rx_lost + block->rx_missing,
	    .delay_us = block->rx_delay_us,
	    .delay_base_us = block->rx_delay_base_us};
	probe_traffic_read(link->came, &counts, now_ns);
}

void ctl_traffic_read(struct ctl_daemon *d)
{
	struct ctl_counters counters;
	size_t size = 0;
	const void *map = ctl_dataplane_stats(d->dataplane, &size);
	if (!map || ctl_counters_open(map, size, &counters))
		return;
	ctl_load_read(d, &counters);
	for (unsigned i = 0; i < d->n_links; i++) {
		const struct wire_stats_link *block =
		    d->link[i].ours ? ctl_counters_link(&counters, d->link[i].number) : NULL;
		if (block && block->rx_packets)
			read_link(&d->link[i], block, ctl_monotonic_ns());
	}
}

void ctl_traffic_came(const struct ctl_link *link, int64_t near_ns, struct probe_traffic_estimate *ret_estimate)
{
	*ret_estimate = (struct probe_traffic_estimate){.packets = 0};
	if (link->came)
		probe_traffic_get(link->came, ctl_monotonic_ns(), near_ns, ret_estimate);
}

void ctl_traffic_went(const struct ctl_link *link, struct probe_traffic_estimate *ret_estimate)
{
	*ret_estimate = (struct probe_traffic_estimate){.packets = 0};
	if (link->went_ns && ctl_monotonic_ns() - link->went_ns < STALE_NS)
		*ret_estimate = link->went;
}
