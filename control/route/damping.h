/* SPDX-License-Identifier: BSD-2-Clause */
/* Route flap damping after RFC 2439, section 4: each flap adds to a figure of merit that halves every half-life. Above
 * the cut-off a link is damped, until the figure falls below the reuse threshold. Pure.
 *
 * What is damped is only the return to a link; leaving it is never. The figures are the RFC's proportions with seconds
 * for minutes: links here are known to be down in 150 ms, not after a BGP hold time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ROUTE_FLAP_PENALTY      1000.0f
#define ROUTE_FLAP_CUTOFF       2000.0f /* the third flap in a row, or more than that soon after */
#define ROUTE_FLAP_REUSE        750.0f
#define ROUTE_FLAP_CEILING      12000.0f /* reuse threshold * 2^4: damped for four half-lives at most */
#define ROUTE_FLAP_HALF_LIFE_NS 15000000000ull

/* A link that was up for less than this has not come back: what ends it is the same outage, not another flap. */
#define ROUTE_FLAP_MIN_UP_NS 1000000000ull

/* Zero is a link that has never flapped. */
struct route_flap {
	float figure; /* at at_ns */
	bool damped;  /* was above the cut-off, and not since below the reuse threshold as of at_ns */
	uint64_t at_ns;
};

float route_flap_figure(const struct route_flap *flap, uint64_t now_ns);
bool route_flap_damped(const struct route_flap *flap, uint64_t now_ns);
void route_flap_add(struct route_flap *flap, uint64_t now_ns);

/* When a damped one will be free. */
uint64_t route_flap_reuse_ns(const struct route_flap *flap, uint64_t now_ns);
