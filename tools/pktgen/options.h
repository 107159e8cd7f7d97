/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of kuafu-pktgen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/pktgen/flows.h"

struct options {
	const char *tx, *rx; /* port specs; rx NULL: the same as tx */
	struct flow_set set;
	uint16_t size; /* frame without FCS; 0: IMIX */
	double rate;   /* packets per second, 0: as fast as possible; for --search the ceiling */
	double seconds;
	bool search;
	double loss_allowed; /* share, 0 .. 1, for --search */
	double resolution;   /* share of the ceiling, for --search */
	bool json, no_huge;
	const char *lcore; /* EAL core list */
};

/* Returns 0; 1 when --help or --version was answered; -EINVAL after one line on stderr that says what is wrong. */
int options_parse(int argc, char **argv, struct options *ret_options);
