/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person or a script sees of trials. What runs is told on standard error, the result on standard output. */
#pragma once

#include <stdbool.h>

#include "tools/pktgen/trial.h"

/* The last second, in a line: on a terminal it takes the place of the one before. */
void report_progress(const struct trial *trial, struct trial_result *now);

/* One trial of a search. */
void report_step(double rate, const struct trial_result *result, bool passed, bool fell_short);

/* The end. throughput < 0: no search. */
void report_result(const struct trial_result *result, double throughput, bool json);
