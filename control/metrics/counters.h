/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane's counters (wire/stats.h) as another process mapped them: checked once, then plain arrays. */
#pragma once

#include <stddef.h>

#include "wire/stats.h"

struct ctl_counters {
	const struct wire_stats *stats;
	const struct wire_stats_worker *worker;       /* [stats->workers] */
	const struct wire_stats_link *link;           /* [stats->links] */
	const struct wire_stats_traffic *traffic;     /* [workers][traffic_rows] */
	const struct wire_stats_last_mile *last_mile; /* [workers][last_mile_rows] */
	uint32_t workers;
	uint32_t links;
	uint32_t traffic_rows;
	uint32_t last_mile_rows;
};

/* map[0..size) is the memfd as mapped. Returns 0, or -EPROTO if it is of another version or its blocks do not lie inside
 * it. */
int ctl_counters_open(const void *map, size_t size, struct ctl_counters *ret_counters);

/* The block of a link of ours by its number in the data plane, or NULL. */
const struct wire_stats_link *ctl_counters_link(const struct ctl_counters *counters, uint32_t number);

/* Sums over the workers. reason: enum wire_drop; counter: enum wire_counter. */
uint64_t ctl_counters_drop(const struct ctl_counters *counters, unsigned reason);
uint64_t ctl_counters_sum(const struct ctl_counters *counters, unsigned counter);
