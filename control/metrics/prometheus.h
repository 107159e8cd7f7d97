/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics of GET /metrics: one table of name, type, meaning and where the samples come from. docs/kuafu-api.7
 * documents every row, and a test compares. */
#pragma once

#include <stdio.h>

#include "control/api/view.h"

struct ctl_metrics_source;

struct ctl_metric {
	const char *name; /* kuafu_…, ends in its unit; counters end in _total */
	const char *type; /* gauge | counter */
	const char *help;
	void (*write)(const struct ctl_metric *metric, const struct ctl_metrics_source *source);
	unsigned index; /* for the writer: which of a family of counters */
};

extern const struct ctl_metric ctl_metrics[];
extern const size_t ctl_n_metrics;

/* Writes all metrics in Prometheus' text format, version 0.0.4. Those of the data plane are left out while it is away
 * (kuafu_dataplane_connected tells). */
void ctl_metrics_write(const struct ctl_api_view *view, FILE *out);
