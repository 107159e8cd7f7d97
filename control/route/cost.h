/* SPDX-License-Identifier: BSD-2-Clause */
/* What a link costs a class: the sum of terms, each in ms. Pure. */
#pragma once

#include "control/route/types.h"

/* Load costs load^2 / (1 - load), the mean queue of M/M/1 (Kleinrock, Queueing Systems I, 3.2) less the service itself,
 * scaled so that a link two thirds full costs `penalty`; next to nothing below a third, steep above nine tenths. */
float route_load_term(float load, float penalty);

/* The terms of one link, but for the relay's and the drift. clock_ns: how much later the clock at its far end shows than that at its
 * near end. */
void route_link_terms(const struct route_class *class, const struct route_link_config *config,
    const struct route_estimate *estimate, double clock_ns, float term[ROUTE_TERMS]);

float route_terms_sum(const float term[ROUTE_TERMS]);
