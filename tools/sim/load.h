/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that the options name, as a trace. */
#pragma once

#include "tools/sim/options.h"
#include "tools/sim/trace.h"

/* Draws the nodes and reads every slice. Returns 0, or -errno with one line in
 * why[]. *ret_trace is the caller's to free, also after an error. */
int sim_load(const struct sim_options *options, char *why, size_t room, struct sim_trace *ret_trace);
