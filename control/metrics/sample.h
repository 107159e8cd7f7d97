/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats */
#pragma once

#include "control/metrics/counters.h"
#include "control/metrics/prometheus.h"

struct ctl_metrics_source {
	const struct ctl_api_view *view;
	FILE *out;
	struct ctl_api_status status;
	uint64_t monotonic_ns;
	bool has_counters;
	struct ctl_counters counters;
};

struct ctl_label {
	const char *name;
	const char *value; /* NULL is as "" */
};

void ctl_metric_count(const struct ctl_metric *m, const struct ctl_metrics_source *s, const struct ctl_label *label,
    size_t n, uint64_t value);
/* Leaves out what is not known. */
void ctl_metric_real(const struct ctl_metric *m, const struct ctl_metrics_source *s, const struct ctl_label *label,
    size_t n, double value);
