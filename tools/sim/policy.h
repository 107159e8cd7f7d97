/* SPDX-License-Identifier: BSD-2-Clause */
/* The class and the rules that the options ask for. */
#pragma once

#include "control/route/types.h"
#include "tools/sim/options.h"
#include "tools/sim/trace.h"

/* Fills *ret_policy, whose first class is the one asked for, with its relay
 * cost if the options give one, and with the rules of all policies in the file.
 * A POP's name in a rule is its row in the matrices, from 1; what was not drawn
 * is not there. Returns 0, or -errno with one line in why[]. */
int sim_policy(const struct sim_options *options, const struct sim_trace *trace, char *why, size_t room,
    struct route_policy *ret_policy);
