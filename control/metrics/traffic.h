/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane's rows of traffic, summed over the workers, with the names of their endpoints. */
#pragma once

#include "control/api/view.h"
#include "control/metrics/counters.h"

/* Texts are good during the call; NULL: the endpoint has gone, or all that found no row of its own (vip NULL, too). */
struct ctl_traffic {
	const char *vip;
	const char *accelerator;
	const char *listener;
	const char *group;
	const char *endpoint;
	const char *egress;
	struct wire_stats_traffic count;
};

typedef void ctl_traffic_emit(void *to, const struct ctl_traffic *row);

/* Returns 0 or -ENOMEM. */
int ctl_traffic_list(
    const struct ctl_api_view *view, const struct ctl_counters *counters, ctl_traffic_emit *emit, void *to);
