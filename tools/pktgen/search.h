/* SPDX-License-Identifier: BSD-2-Clause */
/* Throughput as RFC 2544, section 26.1, defines it: the highest rate at which a trial loses no more than is allowed.
 *
 * Invariant: every rate <= low has passed or is zero, every rate >= high has failed or was the ceiling; the gap only
 * shrinks, so the search ends after log2((ceiling) / (resolution)) trials. */
#pragma once

#include <stdbool.h>

struct search {
	double low, high;  /* packets per second */
	double resolution; /* ends when high - low <= resolution */
	double next;       /* the rate to try now */
	bool ceiling_tried;
};

/* ceiling: the first rate to try, line rate or the generator's own limit. */
void search_start(struct search *s, double ceiling, double resolution);

/* Tells the outcome of a trial at s->next. Returns true when the search is over: s->low is the throughput. */
bool search_step(struct search *s, bool passed);
