/* SPDX-License-Identifier: BSD-2-Clause */
/* What a path costs in a slice, and the best there is: with knowledge that no
 * router has. Pure, and not the engine's search, so that one can judge the
 * other. */
#pragma once

#include "tools/sim/trace.h"

#define SIM_MISSING_MS 1000.0f /* what a link costs that could not be measured */
#define SIM_MAX_RELAYS 2u

struct sim_path {
	uint8_t n_relays;
	uint16_t relay[SIM_MAX_RELAYS];
};

static inline float sim_link_ms(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to)
{
	float ms = sim_cost_at(trace, slice, from, to);
	return ms == ms ? ms : SIM_MISSING_MS;
}

float sim_path_ms(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to,
    const struct sim_path *path, float relay_cost);

bool sim_path_same(const struct sim_path *a, const struct sim_path *b);

/* The best path from `from` to each node with at most max_relays relays. path[]
 * and ms[] hold trace->n; path may be NULL. Returns 0 or -ENOMEM. */
int sim_best(const struct sim_trace *trace, uint32_t slice, uint32_t from, unsigned max_relays, float relay_cost,
    struct sim_path *path, float *ms);
