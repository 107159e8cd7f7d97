/* SPDX-License-Identifier: BSD-2-Clause */
/* How much truer the driver's stamps are than those that a process takes, from probes that have both. Pure.
 *
 * Of each probe the driver's round trip is known, and by how much longer it would have seemed to a process that reads the
 * clock when it sends and again when it has the reply: the sender's half of stamping in user space. The way itself is
 * not known; the shortest round trip stands for it, and an error is what a round trip is longer. */
#pragma once

#include <stdint.h>

#include "probes/estimator.h"

struct probe_accuracy {
	uint64_t added; /* the last PROBE_WINDOW of them are kept */
	struct {
		uint64_t at_ns;
		uint32_t rtt_ns, extra_ns;
	} row[PROBE_WINDOW];
};

struct probe_error { /* ns */
	uint64_t p50_ns, p99_ns, max_ns;
};

struct probe_accuracy_estimate {
	uint32_t samples; /* with 0 the figures are 0 */
	uint64_t min_rtt_ns;
	struct probe_error driver, process;
};

/* A reply came. early: from the process's clock reading to T1; late: from T4 to when the process had the reply. */
void probe_accuracy_add(struct probe_accuracy *a, uint64_t at_ns, uint64_t rtt_ns, uint64_t early_ns, uint64_t late_ns);

/* Of the probes that were answered at from_ns or later. */
void probe_accuracy_get(const struct probe_accuracy *a, uint64_t from_ns, struct probe_accuracy_estimate *ret);
