/* SPDX-License-Identifier: BSD-2-Clause */
/* Summaries over rte_telemetry: /kuafu/counters, /kuafu/drops, /kuafu/state, summed over workers; the '-' of names
 * is '_' here. Everything in detail is in the memfd of wire/stats.h. */
#pragma once

#include "dataplane/transaction.h"

/* One set per process, which must live until the process ends. Returns 0 or -errno. */
int dp_telemetry_start(const struct dp_workers *set);
