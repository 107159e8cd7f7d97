/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/impair.h: what a line (a directed pair of interfaces) does to a packet. No I/O, no clock.
 *
 * A line is a queue of limited rate followed by a delay:
 *
 *   dark? -> loss? -> queue of `rate` (full: dropped) -> delay + uniform(0, jitter) -> out, in order
 *                                                   `-> a reordered packet is held `reorder_gap` longer, later ones
 *                                                       overtake it; a duplicated one leaves twice
 *
 * Invariant: between two calls of wanem_line_configure, the due times of packets that were not chosen for reordering
 * never decrease: jitter alone reorders nothing, as on a real path, where it is queueing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wanem_impairment {
	uint64_t delay_ns;
	uint64_t jitter_ns;      /* added uniformly, 0 .. jitter */
	double loss;             /* 0 .. 1, of each packet, independently */
	double duplicate;        /* 0 .. 1 */
	double reorder;          /* 0 .. 1 */
	uint64_t reorder_gap_ns; /* how much longer a reordered packet takes */
	uint64_t rate_bps;       /* bits of IP packets per second; 0: no limit */
	uint64_t queue_bytes;    /* that may wait for the rate */
	bool dark;               /* nothing enters; what has entered still arrives */
};

#define WANEM_DEFAULT_QUEUE_BYTES (256u << 10)
#define WANEM_DEFAULT_REORDER_GAP 5000000u /* ns */

enum wanem_fate {
	WANEM_SENT,
	WANEM_LOST,
	WANEM_DARK,
	WANEM_QUEUE_FULL,
	WANEM_DUPLICATED,
	WANEM_REORDERED,
	WANEM_FATES
};

struct wanem_line {
	struct wanem_impairment set;
	uint64_t random;             /* state of the generator */
	uint64_t free_at;            /* when the rate limiter has sent what it holds, ns */
	uint64_t last_due;           /* of the last packet in order, ns */
	uint64_t count[WANEM_FATES]; /* packets; DUPLICATED and REORDERED are among the SENT */
};

/* An undisturbed line; the same seed gives the same decisions. */
void wanem_line_init(struct wanem_line *line, uint64_t seed);

/* New settings hold for every packet from now on, at once: a packet after the change may overtake one before it. */
void wanem_line_configure(struct wanem_line *line, const struct wanem_impairment *set);

/* A packet of `length` bytes enters at `now` (ns). Returns how many copies leave (0, 1 or 2) and when in ret_due. */
unsigned wanem_line_offer(struct wanem_line *line, uint64_t now, uint32_t length, uint64_t ret_due[2]);
