/* SPDX-License-Identifier: BSD-2-Clause */
/* The throughput of a device (RFC 2544, section 26.1), by trials. */
#pragma once

#include "tools/pktgen/trial.h"

struct throughput {
	double ceiling;      /* packets per second: the first rate tried */
	double resolution;   /* share of the ceiling */
	double loss_allowed; /* share of a trial's packets */
	/* After each trial. fell_short: it said nothing about the device and is tried again. */
	void (*tried)(double rate, const struct trial_result *result, bool passed, bool fell_short);
};

/* Runs trials with the rate and number changed each time; the last one's result is in *result. A rate that the generator
 * misses THROUGHPUT_TRIES times over counts as failed. Returns 0 or -errno of trial_run. */
#define THROUGHPUT_TRIES 3u
int throughput_search(
    const struct throughput *how, struct trial *trial, struct trial_result *result, double *ret_packets_per_second);
