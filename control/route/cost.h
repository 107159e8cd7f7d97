/* SPDX-License-Identifier: BSD-2-Clause */
/* What a link costs a class: the sum of terms, each in ms. Pure; inline, for a mesh has a million links. */
#pragma once

#include "control/route/types.h"

#define ROUTE_LOAD_MAX 0.99f /* the terms have a pole at 1 */
#define ROUTE_LOSS_MAX 0.99f

/* What a link with money, loss and so on costs is linear in the class's penalties: a class's cost of a link is the sum of
 * these, each times the class's own factor. */
struct route_factors {
	float delay; /* ms, the drift included: always times 1 */
	float loss;  /* see route_loss_term() */
	float jitter;
	float money;
	float load; /* see route_load_term() */
};

/* Loss costs what it takes to send again: a packet that is lost with chance p is sent 1 / (1 - p) times on the average,
 * so p / (1 - p) times more than once. Scaled so that one percent costs the penalty: nearly as much per percent while loss
 * is rare, more and more where it is not. */
static inline float route_loss_term(float loss, float penalty)
{
	float bounded = loss < 0 ? 0 : loss > ROUTE_LOSS_MAX ? ROUTE_LOSS_MAX : loss;
	return 99 * penalty * bounded / (1 - bounded);
}

/* Load costs load^2 / (1 - load), the mean queue of M/M/1 (Kleinrock, Queueing Systems I, 3.2) less the service itself,
 * scaled so that a link two thirds full costs `penalty`; next to nothing below a third, steep above nine tenths. */
static inline float route_load_term(float load, float penalty)
{
	float bounded = load < 0 ? 0 : load > ROUTE_LOAD_MAX ? ROUTE_LOAD_MAX : load;
	return bounded == 0 ? 0 : penalty * 0.75f * bounded * bounded / (1 - bounded);
}

/* The terms of one link, but for the relay's and the drift. clock_ns: how much later the clock at its far end shows than
 * that at its near end. */
static inline void route_link_terms(const struct route_class *class, float money, const struct route_estimate *estimate,
    double clock_ns, float term[ROUTE_TERMS])
{
	term[ROUTE_TERM_DELAY] = (float)(((double)estimate->delay_ns - clock_ns) * 1e-6);
	term[ROUTE_TERM_DRIFT] = 0;
	term[ROUTE_TERM_LOSS] = route_loss_term(estimate->loss, class->loss_penalty_ms);
	term[ROUTE_TERM_JITTER] = (float)((double)estimate->jitter_ns * 1e-6) * class->jitter_penalty;
	term[ROUTE_TERM_MONEY] = money * class->money_penalty_ms;
	term[ROUTE_TERM_LOAD] = route_load_term(estimate->load, class->load_penalty_ms);
	term[ROUTE_TERM_RELAY] = term[ROUTE_TERM_RULE] = 0;
}

static inline float route_factors_sum(const struct route_class *class, const struct route_factors *f)
{
	return f->delay + f->loss * class->loss_penalty_ms + f->jitter * class->jitter_penalty +
	       f->money * class->money_penalty_ms + f->load * class->load_penalty_ms;
}

static inline float route_terms_sum(const float term[ROUTE_TERMS])
{
	float sum = 0;
	for (int i = 0; i < ROUTE_TERMS; i++)
		sum += term[i];
	return sum;
}
