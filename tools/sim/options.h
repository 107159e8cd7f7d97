/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of kuafu-sim; every option is one row of a table in
 * options.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_options {
	const char *matrix; /* exactly one of these three */
	const char *trace;
	const char *synthesize;
	const char *loss;   /* beside any of them, or NULL */
	const char *policy; /* file, or NULL */
	uint32_t slices;    /* to synthesize */
	double scale;       /* to milliseconds */
	double missing;
	uint32_t pops; /* 0: all of a matrix, 16 of a trace */
	uint64_t seed;
	float relay_cost_ms; /* negative: the class's own */
	const char *class;
	bool baseline;
	bool json;
	bool help;
};

/* Returns 0, or -EINVAL with one line in why[]. */
int sim_options_parse(int argc, char **argv, char *why, size_t room, struct sim_options *ret_options);
void sim_options_help(char *text, size_t room);
