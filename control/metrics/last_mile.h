/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane's rows of handshakes, summed over the workers: round trips to clients and endpoints by prefix. */
#pragma once

#include "control/metrics/counters.h"

struct ctl_last_mile {
	struct wire_stats_last_mile
	    row;       /* handshakes and classes summed; smooth_us by weight of the workers' handshakes */
	double p50_ms; /* quantiles are the bound of their class, right to a factor of the square root of 2 */
	double p95_ms;
};

typedef void ctl_last_mile_emit(void *to, const struct ctl_last_mile *row);

/* In order of side and prefix. Returns 0 or -ENOMEM. */
int ctl_last_mile_list(const struct ctl_counters *counters, ctl_last_mile_emit *emit, void *to);
