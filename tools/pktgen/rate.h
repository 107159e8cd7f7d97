/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast to send: packets per second, or a share of what the port's speed allows. */
#pragma once

#include <stdbool.h>

struct rate {
	double value; /* packets per second, 0: as many as the port takes; or a share, 0 .. 1 */
	bool is_share;
};

/* What a frame without FCS takes on the wire beyond itself: FCS 4, preamble 8, gap 12 bytes (IEEE 802.3, clause 4). */
#define RATE_WIRE_OVERHEAD 24u

/* "1000", "250k", "1.5M", "40%". false: it is none of these; *ret untouched. */
bool rate_parse(const char *text, struct rate *ret);

/* Packets per second. speed: of the port, Mbit/s; mean_size: of the frames, bytes without FCS. */
double rate_of(const struct rate *rate, double speed, double mean_size);
