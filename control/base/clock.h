/* SPDX-License-Identifier: BSD-2-Clause */
/* The two clocks of the control plane, read only in its shell; whatever decides gets the time as an argument. */
#pragma once

#include <stdint.h>
#include <time.h>

#define CTL_NS_PER_US 1000ull
#define CTL_NS_PER_MS 1000000ull
#define CTL_NS_PER_S  1000000000ull

static inline uint64_t ctl_clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * CTL_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* For intervals and timeouts. */
static inline uint64_t ctl_monotonic_ns(void)
{
	return ctl_clock_ns(CLOCK_MONOTONIC);
}

/* For stamps that another machine or an operator reads. */
static inline uint64_t ctl_wall_ns(void)
{
	return ctl_clock_ns(CLOCK_REALTIME);
}
