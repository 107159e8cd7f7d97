/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/parts/link_numbers.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define POPS 60u

static struct ctl_link forward[POPS * POPS], backward[POPS * POPS];

static unsigned all_links(struct ctl_link *link, bool reversed)
{
	unsigned n = 0;
	for (unsigned i = 0; i < POPS * POPS; i++) {
		unsigned at = reversed ? POPS * POPS - 1 - i : i;
		uint16_t from = (uint16_t)(1 + at / POPS), to = (uint16_t)(1 + at % POPS);
		if (from != to)
			link[n++] = (struct ctl_link){.key = {from, to, (uint8_t)(at % 3), 0}};
	}
	return n;
}

/* A kuafud that restarts learns of the POPs in another order. */
Test(link_numbers, do_not_depend_on_the_order_in_which_links_are_learnt)
{
	unsigned n = all_links(forward, false);
	cr_assert(ctl_link_numbers(forward, n) == 0);
	cr_assert(all_links(backward, true) == n);
	for (unsigned known = 1; known <= n; known += 97) /* in parts: what has a number keeps it */
		cr_assert(ctl_link_numbers(backward, known) == 0);
	cr_assert(ctl_link_numbers(backward, n) == 0);
	for (unsigned i = 0; i < n; i++)
		cr_assert(forward[i].number == backward[n - 1 - i].number);
}

Test(link_numbers, are_unique_and_not_zero)
{
	unsigned n = all_links(forward, false);
	cr_assert(ctl_link_numbers(forward, n) == 0);
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert(forward[i].number && forward[i].number != forward[j].number);
}

Test(link_numbers, a_number_that_is_taken_goes_to_nobody_else)
{
	struct ctl_link link[2] = {{.key = {1, 2, 0, 0}}, {.key = {1, 2, 0, 0}}};
	cr_assert(ctl_link_numbers(link, 2) == 0);
	cr_assert(link[1].number == link[0].number + 1, "the next free one");
}

/* One link too many refuses every transaction: the data plane's limit is kept here. */
Test(link_numbers, of_too_many_links_ours_are_kept_and_the_rest_is_stable)
{
	enum { MANY = 130, ALL = MANY * (MANY - 1), SELF = 77 };
	struct ctl_link *one = calloc(ALL, sizeof(*one)), *other = calloc(ALL, sizeof(*other));
	unsigned n = 0, ours = 0;
	for (uint16_t from = 1; from <= MANY; from++)
		for (uint16_t to = 1; to <= MANY; to++)
			if (from != to)
				one[n++].key = (struct route_link_key){from, to, 0, 0};
	for (unsigned i = 0; i < n; i++)
		other[n - 1 - i] = one[i];
	cr_assert(n > WIRE_CTL_MAX_LINKS && ctl_links_most_useful(one, n, SELF) == WIRE_CTL_MAX_LINKS);
	cr_assert(ctl_links_most_useful(other, n, SELF) == WIRE_CTL_MAX_LINKS);
	for (unsigned i = 0; i < WIRE_CTL_MAX_LINKS; i++) {
		cr_assert(memcmp(&one[i].key, &other[i].key, sizeof(one[i].key)) == 0);
		ours += one[i].key.from == SELF || one[i].key.to == SELF;
	}
	cr_assert(ours == 2 * (MANY - 1), "%u", ours);
	cr_assert(ctl_links_most_useful(one, 5, SELF) == 5);
	free(one);
	free(other);
}
