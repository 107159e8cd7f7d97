/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/cost.h"

#include "control/route/explain.h"

#define NS_PER_MS 1e6
#define MAX_LOAD  0.99f /* the term has a pole at 1 */

float route_load_term(float load, float penalty)
{
	float bounded = load < 0 ? 0 : load > MAX_LOAD ? MAX_LOAD : load;
	return penalty * 0.75f * bounded * bounded / (1 - bounded);
}

void route_link_terms(const struct route_class *class, const struct route_link_config *config,
    const struct route_estimate *estimate, double clock_ns, float term[ROUTE_TERMS])
{
	term[ROUTE_TERM_DELAY] = (float)(((double)estimate->delay_ns - clock_ns) / NS_PER_MS);
	term[ROUTE_TERM_DRIFT] = 0;
	term[ROUTE_TERM_LOSS] = estimate->loss * 100 * class->loss_penalty_ms;
	term[ROUTE_TERM_JITTER] = (float)((double)estimate->jitter_ns / NS_PER_MS) * class->jitter_penalty;
	term[ROUTE_TERM_MONEY] = config->money * class->money_penalty_ms;
	term[ROUTE_TERM_LOAD] = route_load_term(estimate->load, class->load_penalty_ms);
	term[ROUTE_TERM_RELAY] = 0;
}

float route_terms_sum(const float term[ROUTE_TERMS])
{
	float sum = 0;
	for (int i = 0; i < ROUTE_TERMS; i++)
		sum += term[i];
	return sum;
}

const char *route_term_name(enum route_term term)
{
	static const char *const names[ROUTE_TERMS] = {"delay", "drift", "loss", "jitter", "money", "load", "relay"};
	return (unsigned)term < ROUTE_TERMS ? names[term] : "unknown";
}
