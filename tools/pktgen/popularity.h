/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flow the next packet belongs to: each in its turn, all alike, or after Zipf.
 *
 * Invariant: of n flows, flow k (from 0) has under Zipf with exponent s > 0 the share (k + 1)^-s / (1^-s + ... + n^-s).
 * Numbers are pseudo-random and follow from the seed alone, so that a run can be repeated. */
#pragma once

#include <stdint.h>

enum popularity_kind { POPULARITY_TURN, POPULARITY_UNIFORM, POPULARITY_ZIPF };

struct popularity {
	enum popularity_kind kind;
	uint32_t n;
	double exponent;
	uint64_t state;            /* of the pseudo-random numbers; under POPULARITY_TURN the flow to come */
	double first, last, inner; /* Zipf: the area's bounds, and how near to a number no test is needed */
};

/* n >= 1; exponent: only for Zipf, > 0. */
void popularity_start(struct popularity *p, enum popularity_kind kind, uint32_t n, double exponent, uint64_t seed);

/* 0 .. n - 1. Zipf by rejection-inversion, without a table: Hoermann and Derflinger, "Rejection-inversion to generate
 * variates from monotone discrete distributions", ACM TOMACS 6(3), 1996. */
uint32_t popularity_next(struct popularity *p);
