/* SPDX-License-Identifier: BSD-2-Clause */
/* A limit: so many at once, and one an interval in the long run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Takes one. *full_ns is the whole bucket: the time at which it is full again, 0 at first (GCRA, ITU-T I.371). */
static inline bool dp_bucket_take(uint64_t *full_ns, uint64_t now_ns, uint64_t interval_ns, unsigned burst)
{
	uint64_t full = *full_ns > now_ns ? *full_ns : now_ns;
	if (full - now_ns > (burst - 1) * interval_ns)
		return false;
	*full_ns = full + interval_ns;
	return true;
}
