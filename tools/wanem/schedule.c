/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/schedule.h"

#include <errno.h>
#include <stdbool.h>

static bool before(const struct wanem_item *a, const struct wanem_item *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

void wanem_schedule_init(struct wanem_schedule *s, struct wanem_item *items, uint32_t capacity)
{
	*s = (struct wanem_schedule){.items = items, .capacity = capacity};
}

int wanem_schedule_push(struct wanem_schedule *s, uint64_t due, uint32_t packet)
{
	if (s->count == s->capacity)
		return -ENOSPC;
	struct wanem_item item = {.due = due, .order = s->pushed++, .packet = packet};
	uint32_t hole = s->count++;
	while (hole > 0 && before(&item, &s->items[(hole - 1) / 2])) {
		s->items[hole] = s->items[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	s->items[hole] = item;
	return 0;
}

uint64_t wanem_schedule_next(const struct wanem_schedule *s)
{
	return s->count ? s->items[0].due : UINT64_MAX;
}

int wanem_schedule_pop(struct wanem_schedule *s, uint64_t now, struct wanem_item *ret_item)
{
	if (s->count == 0 || s->items[0].due > now)
		return -EAGAIN;
	*ret_item = s->items[0];
	struct wanem_item last = s->items[--s->count];
	uint32_t hole = 0;
	for (;;) {
		uint32_t child = 2 * hole + 1;
		if (child >= s->count)
			break;
		if (child + 1 < s->count && before(&s->items[child + 1], &s->items[child]))
			child++;
		if (!before(&s->items[child], &last))
			break;
		s->items[hole] = s->items[child];
		hole = child;
	}
	s->items[hole] = last;
	return 0;
}
