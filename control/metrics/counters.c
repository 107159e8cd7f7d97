/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/counters.h"

#include <errno.h>
#include <stdbool.h>

/* Do n blocks of block bytes at offset lie inside size, aligned for 64-bit loads? */
static bool inside(size_t size, uint32_t offset, uint32_t n, size_t block)
{
	return offset % 8 == 0 && offset <= size && n <= (size - offset) / block;
}

int ctl_counters_open(const void *map, size_t size, struct ctl_counters *ret_counters)
{
	const struct wire_stats *stats = map;
	if (!map || size < sizeof(*stats) || stats->magic != WIRE_STATS_MAGIC || stats->version != WIRE_STATS_VERSION)
		return -EPROTO;
	/* Read once: the other process could change them. */
	uint32_t workers = stats->workers, links = stats->links;
	uint32_t worker_offset = stats->worker_offset, link_offset = stats->link_offset;
	uint32_t traffic_offset = stats->traffic_offset, traffic_rows = stats->traffic_rows;
	uint32_t last_mile_offset = stats->last_mile_offset, last_mile_rows = stats->last_mile_rows;
	size_t each = workers ? workers : 1;
	if (!inside(size, worker_offset, workers, sizeof(struct wire_stats_worker)) ||
	    !inside(size, link_offset, links, sizeof(struct wire_stats_link)) ||
	    !inside(size, traffic_offset, traffic_rows, each * sizeof(struct wire_stats_traffic)) ||
	    !inside(size, last_mile_offset, last_mile_rows, each * sizeof(struct wire_stats_last_mile)))
		return -EPROTO;
	*ret_counters = (struct ctl_counters){
	    .stats = stats,
	    .worker = (const void *)((const char *)map + worker_offset),
	    .link = (const void *)((const char *)map + link_offset),
	    .traffic = (const void *)((const char *)map + traffic_offset),
	    .last_mile = (const void *)((const char *)map + last_mile_offset),
	    .workers = workers,
	    .links = links,
	    .traffic_rows = traffic_rows,
	    .last_mile_rows = last_mile_rows,
	};
	return 0;
}

const struct wire_stats_link *ctl_counters_link(const struct ctl_counters *counters, uint32_t number)
{
	for (uint32_t i = 0; i < counters->links; i++)
		if (counters->link[i].link == number)
			return &counters->link[i];
	return NULL;
}

uint64_t ctl_counters_drop(const struct ctl_counters *counters, unsigned reason)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < counters->workers; i++)
		sum += counters->worker[i].drop[reason];
	return sum;
}

uint64_t ctl_counters_sum(const struct ctl_counters *counters, unsigned counter)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < counters->workers; i++)
		sum += counters->worker[i].counter[counter];
	return sum;
}
