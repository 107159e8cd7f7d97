/* SPDX-License-Identifier: BSD-2-Clause */
/* The route engine, and a plain rule, over a trace: decide at slice t, be
 * judged at slice t + 1.
 *
 * The engine follows the first class of its policy, and the rules that are for
 * it; POP ids are places in the trace, from 1. A recorded number stands for the
 * delay of its direction and for what `better-by` is a fraction of, so that the
 * engine and the plain rule ask for the same improvement. A number that is
 * missing is a link that is down. */
#pragma once

#include "control/route/types.h"
#include "tools/sim/best.h"

#define SIM_WARM_UP 20u /* slices that are not judged */

struct sim_score {
	uint64_t decisions; /* judged */
	uint64_t switches;
	uint64_t within; /* of max(5%, 5 ms) of the optimum */
	uint64_t worse_than_direct;
	double chosen_ms; /* sums over all decisions */
	double direct_ms;
	double optimal_ms;
};

/* A static matrix (one slice) is decided and judged on itself, without warm-up.
 * Scores are added to *score. Returns 0 or -ENOMEM. */
int sim_replay_engine(const struct sim_trace *trace, const struct route_policy *policy, struct sim_score *score);
/* Move to the best path of the last slice if it is better by class->better_by
 * and class->and_by_ms. */
int sim_replay_plain(const struct sim_trace *trace, const struct route_class *class, struct sim_score *score);

/* 0 .. 1; of the possible gain over direct. 1 if there is none to be had. */
double sim_captured(const struct sim_score *score);
/* Per pair and 100 slices. */
double sim_switch_rate(const struct sim_score *score);
