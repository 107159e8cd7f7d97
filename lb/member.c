/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/member.h"

#include <errno.h>
#include <stdlib.h>

int lb_members_add(struct lb_members *list, struct lb_member member)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 16;
		struct lb_member *larger = realloc(list->member, room * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		list->member = larger;
		list->room = room;
	}
	list->member[list->count++] = member;
	return 0;
}

static int order(uint64_t x, uint64_t y)
{
	return x != y ? (x < y ? -1 : 1) : 0;
}

static int by_container(const void *x, const void *y)
{
	const struct lb_map_key *a = &((const struct lb_member *)x)->container;
	const struct lb_map_key *b = &((const struct lb_member *)y)->container;
	int first = order(a->a, b->a), second = order(a->b, b->b);
	return first ? first : second ? second : order(a->c, b->c);
}

void lb_members_sort(struct lb_members *list)
{
	if (list->count)
		qsort(list->member, list->count, sizeof(list->member[0]), by_container);
}

uint32_t lb_members_run(const struct lb_members *list, uint32_t from)
{
	uint32_t end = from + 1;
	while (end < list->count && lb_map_key_equal(&list->member[end].container, &list->member[from].container))
		end++;
	return end;
}
