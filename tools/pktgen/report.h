/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person or a script sees of trials. */
#pragma once

#include <stdbool.h>

#include "tools/pktgen/trial.h"

/* One line on standard error while a trial runs; on a terminal it overwrites itself. */
void report_progress(const struct trial *trial, uint64_t sent, const struct check *check, double elapsed);

/* One line on standard error after each trial of a search. */
void report_step(double rate, const struct trial_result *result, bool passed);

/* The result on standard output: a table, or one JSON object. throughput < 0: there was no search. */
void report_result(const struct trial_result *result, double throughput, bool json);
