/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/schedule.h: packets waiting for their time, in fixed memory. No I/O, no clock.
 *
 * A binary heap of (due, order of arrival). Invariant: wanem_schedule_pop returns items by rising due time, and
 * items of equal due time in the order in which they were pushed. */
#pragma once

#include <stdint.h>

struct wanem_item {
	uint64_t due;    /* ns */
	uint64_t order;  /* set by push */
	uint32_t packet; /* the caller's */
};

struct wanem_schedule {
	struct wanem_item *items; /* [capacity], the caller's memory */
	uint32_t capacity;
	uint32_t count;
	uint64_t pushed;
};

void wanem_schedule_init(struct wanem_schedule *s, struct wanem_item *items, uint32_t capacity);

/* Returns 0, or -ENOSPC with nothing changed. */
int wanem_schedule_push(struct wanem_schedule *s, uint64_t due, uint32_t packet);

/* When the first item is due; UINT64_MAX when there is none. */
uint64_t wanem_schedule_next(const struct wanem_schedule *s);

/* Takes the first item if it is due at `now`. Returns 0, or -EAGAIN with ret_item untouched. */
int wanem_schedule_pop(struct wanem_schedule *s, uint64_t now, struct wanem_item *ret_item);
