/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/schedule.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define CAPACITY 500u

static struct wanem_item items[CAPACITY];

Test(schedule, gives_random_pushes_back_by_time_and_then_by_arrival)
{
	struct wanem_schedule s;
	static uint64_t due_of[100000];
	uint32_t pushed = 0;
	srand(1);
	wanem_schedule_init(&s, items, CAPACITY);
	for (uint64_t now = 0; pushed < 100000; now += 3) {
		for (int i = rand() % 40; i > 0 && s.count < CAPACITY && pushed < 100000; i--) {
			due_of[pushed] = now + (uint64_t)rand() % 50;
			cr_assert(wanem_schedule_push(&s, due_of[pushed], pushed) == 0);
			pushed++;
		}
		struct wanem_item item, last = {0};
		bool first = true;
		while (wanem_schedule_pop(&s, now, &item) == 0) {
			cr_assert(item.due <= now && item.due == due_of[item.packet]);
			cr_assert(first || last.due < item.due || (last.due == item.due && last.packet < item.packet));
			last = item;
			first = false;
		}
		cr_assert(wanem_schedule_next(&s) > now);
	}
}

Test(schedule, loses_nothing)
{
	struct wanem_schedule s;
	struct wanem_item item;
	bool seen[CAPACITY] = {false};
	wanem_schedule_init(&s, items, CAPACITY);
	for (uint32_t i = 0; i < CAPACITY; i++)
		cr_assert(wanem_schedule_push(&s, (i * 7919u) % 100, i) == 0);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		cr_assert(wanem_schedule_pop(&s, 1000, &item) == 0);
		cr_assert_not(seen[item.packet]);
		seen[item.packet] = true;
	}
	cr_assert(wanem_schedule_pop(&s, 1000, &item) == -EAGAIN);
	cr_assert(wanem_schedule_next(&s) == UINT64_MAX);
}

Test(schedule, refuses_more_than_it_holds_and_stays_as_it_was)
{
	struct wanem_schedule s;
	wanem_schedule_init(&s, items, 2);
	cr_assert(wanem_schedule_push(&s, 5, 1) == 0);
	cr_assert(wanem_schedule_push(&s, 4, 2) == 0);
	cr_assert(wanem_schedule_push(&s, 3, 3) == -ENOSPC);
	cr_assert(s.count == 2 && wanem_schedule_next(&s) == 4);
}

Test(schedule, keeps_back_what_is_not_due)
{
	struct wanem_schedule s;
	struct wanem_item item = {.packet = 77};
	wanem_schedule_init(&s, items, 2);
	cr_assert(wanem_schedule_push(&s, 100, 1) == 0);
	cr_assert(wanem_schedule_pop(&s, 99, &item) == -EAGAIN && item.packet == 77);
	cr_assert(wanem_schedule_pop(&s, 100, &item) == 0 && item.packet == 1);
}
