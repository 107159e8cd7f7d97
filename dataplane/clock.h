/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks, read only by the threads' loops and the main thread's shell; all else gets the time as an argument. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t dp_clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}
