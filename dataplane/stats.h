/* SPDX-License-Identifier: BSD-2-Clause */
/* The memfd of wire/stats.h: made here, written by the workers, its descriptor handed to kuafud. */
#pragma once

#include <stddef.h>

#include "wire/stats.h"

struct dp_stats {
	int fd; /* sealed: whoever gets it may map it to read, and trust its size */
	size_t size;
	struct wire_stats *head;
	struct wire_stats_worker *worker;       /* [head->workers] */
	struct wire_stats_link *link;           /* [head->links] */
	struct wire_stats_traffic *traffic;     /* [head->workers][head->traffic_rows] */
	struct wire_stats_last_mile *last_mile; /* [head->workers][head->last_mile_rows] */
};

/* Returns 0 or -errno. */
int dp_stats_create(uint32_t workers, uint64_t started_ns, struct dp_stats *ret_stats);
void dp_stats_destroy(struct dp_stats *stats);
