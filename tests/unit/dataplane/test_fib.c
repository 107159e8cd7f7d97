/* SPDX-License-Identifier: BSD-2-Clause */
/* The trie against a list that is searched from end to end. */
#include "dataplane/fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dataplane/prefix_map.h"

#define MAX_RULES 512

struct oracle {
	struct dp_fib_change rule[MAX_RULES];
	unsigned n;
};

static bool covers(const struct wire_addr *prefix, uint32_t length, const struct wire_addr *a)
{
	struct wire_addr masked = dp_prefix_mask(a, length);
	struct wire_addr want = dp_prefix_mask(prefix, length);
	/* the mapped addresses are a family of their own: an IPv6 prefix does not cover them */
	if (wire_addr_is_v4(a) != (length >= 96 && wire_addr_is_v4(prefix)))
		return false;
	return wire_addr_equal(&masked, &want);
}

static uint32_t oracle_find(const struct oracle *o, const struct wire_addr *a)
{
	uint32_t best = 0;
	int best_length = -1;
	for (unsigned i = 0; i < o->n; i++)
		if (covers(&o->rule[i].prefix, o->rule[i].length, a) && (int)o->rule[i].length > best_length) {
			best = o->rule[i].value;
			best_length = (int)o->rule[i].length;
		}
	return best;
}

static void oracle_apply(struct oracle *o, const struct dp_fib_change *c)
{
	struct wire_addr masked = dp_prefix_mask(&c->prefix, c->length);
	unsigned i = 0;
	while (i < o->n && !(o->rule[i].length == c->length && wire_addr_equal(&o->rule[i].prefix, &masked)))
		i++;
	if (c->value == 0) {
		if (i < o->n)
			o->rule[i] = o->rule[--o->n];
		return;
	}
	if (i == o->n)
		o->n++;
	o->rule[i] = (struct dp_fib_change){.prefix = masked, .length = c->length, .value = c->value};
}

static unsigned seed;

static uint32_t draw(uint32_t below)
{
	return (uint32_t)rand_r(&seed) % below;
}

/* Few different bits, so that prefixes nest and meet. */
static struct wire_addr draw_address(void)
{
	static const uint8_t octet[] = {0, 1, 10, 127, 128, 255};
	uint8_t v4[4];
	for (unsigned i = 0; i < 4; i++)
		v4[i] = octet[draw(6)];
	if (draw(3) > 0)
		return wire_addr_from_v4(v4);
	struct wire_addr a;
	for (unsigned i = 0; i < 16; i++)
		a.bytes[i] = octet[draw(i < 2 ? 2 : 6)];
	return a;
}

static struct dp_fib_change draw_change(const struct oracle *o)
{
	if (o->n > 0 && (draw(3) == 0 || o->n == MAX_RULES)) {
		struct dp_fib_change gone = o->rule[draw(o->n)];
		gone.value = 0;
		return gone;
	}
	struct dp_fib_change c = {.prefix = draw_address(), .value = 1 + draw(1000)};
	c.length = wire_addr_is_v4(&c.prefix) ? 96 + draw(33) : draw(129);
	return c;
}

static void expect_same(const struct dp_fib_view *view, const struct oracle *o, unsigned probes)
{
	for (unsigned i = 0; i < probes; i++) {
		struct wire_addr a = draw_address();
		cr_assert_eq(dp_fib_find(view, &a), oracle_find(o, &a));
	}
	for (unsigned i = 0; i < o->n; i++)
		cr_assert_eq(dp_fib_find(view, &o->rule[i].prefix), oracle_find(o, &o->rule[i].prefix));
}

Test(fib, finds_what_a_linear_search_finds_after_any_changes)
{
	seed = 7;
	struct dp_fib *fib = NULL;
	cr_assert_eq(dp_fib_create(&fib), 0);
	struct oracle *o = calloc(1, sizeof(*o));
	for (unsigned round = 0; round < 400; round++) {
		struct dp_fib_change changes[8];
		size_t n = 1 + draw(8);
		for (size_t i = 0; i < n; i++) {
			changes[i] = draw_change(o);
			oracle_apply(o, &changes[i]);
		}
		struct dp_fib_garbage *garbage = NULL;
		cr_assert_eq(dp_fib_apply(fib, changes, n, &garbage), 0);
		dp_fib_collect(fib, garbage);
		struct dp_fib_view view = dp_fib_current(fib);
		expect_same(&view, o, 100);
	}
	free(o);
	dp_fib_destroy(fib);
}

Test(fib, an_older_view_does_not_change_until_its_garbage_is_collected)
{
	seed = 11;
	struct dp_fib *fib = NULL;
	cr_assert_eq(dp_fib_create(&fib), 0);
	struct oracle *now = calloc(1, sizeof(*now)), *before = calloc(1, sizeof(*before));
	for (unsigned round = 0; round < 200; round++) {
		*before = *now;
		struct dp_fib_view old = dp_fib_current(fib);
		struct dp_fib_change changes[4];
		for (size_t i = 0; i < 4; i++) {
			changes[i] = draw_change(now);
			oracle_apply(now, &changes[i]);
		}
		struct dp_fib_garbage *garbage = NULL;
		cr_assert_eq(dp_fib_apply(fib, changes, 4, &garbage), 0);
		expect_same(&old, before, 50);
		dp_fib_collect(fib, garbage);
	}
	free(now);
	free(before);
	dp_fib_destroy(fib);
}

Test(fib, taking_every_prefix_out_gives_every_node_back)
{
	seed = 13;
	struct dp_fib *fib = NULL;
	cr_assert_eq(dp_fib_create(&fib), 0);
	struct oracle *o = calloc(1, sizeof(*o));
	struct dp_fib_garbage *garbage = NULL;
	for (unsigned i = 0; i < 300; i++) {
		struct dp_fib_change c = draw_change(o);
		oracle_apply(o, &c);
		cr_assert_eq(dp_fib_apply(fib, &c, 1, &garbage), 0);
		dp_fib_collect(fib, garbage);
	}
	cr_assert_gt(dp_fib_nodes(fib), 0);
	while (o->n > 0) {
		struct dp_fib_change c = o->rule[draw(o->n)];
		c.value = 0;
		oracle_apply(o, &c);
		cr_assert_eq(dp_fib_apply(fib, &c, 1, &garbage), 0);
		dp_fib_collect(fib, garbage);
	}
	cr_assert_eq(dp_fib_nodes(fib), 0);
	free(o);
	dp_fib_destroy(fib);
}

/* Each IPv6 /128 here needs at least 12 nodes, so the nodes end before 30,000 of them do. */
Test(fib, a_change_that_does_not_fit_leaves_everything_as_it_was)
{
	enum { TOO_MANY = 30000 };
	struct dp_fib *fib = NULL;
	cr_assert_eq(dp_fib_create(&fib), 0);
	struct dp_fib_change *changes = calloc(TOO_MANY, sizeof(*changes));
	for (uint32_t i = 0; i < TOO_MANY; i++) {
		changes[i] = (struct dp_fib_change){.length = 128, .value = i + 1};
		changes[i].prefix.bytes[0] = 0x20;
		memcpy(changes[i].prefix.bytes + 2, &i, sizeof(i));
	}
	struct dp_fib_garbage *garbage = NULL;
	cr_assert_eq(dp_fib_apply(fib, changes, 100, &garbage), 0);
	dp_fib_collect(fib, garbage);
	uint32_t nodes = dp_fib_nodes(fib);
	cr_assert_eq(dp_fib_apply(fib, changes + 50, TOO_MANY - 50, &garbage), -ENOSPC);
	cr_assert_eq(dp_fib_nodes(fib), nodes);
	struct dp_fib_view view = dp_fib_current(fib);
	for (uint32_t i = 0; i < 200; i++)
		cr_assert_eq(dp_fib_find(&view, &changes[i].prefix), i < 100 ? i + 1 : 0);
	for (uint32_t i = 0; i < 100; i++)
		changes[i].value = 0;
	cr_assert_eq(dp_fib_apply(fib, changes, 100, &garbage), 0);
	dp_fib_collect(fib, garbage);
	cr_assert_eq(dp_fib_nodes(fib), 0);
	free(changes);
	dp_fib_destroy(fib);
}

Test(fib, a_change_out_of_range_is_refused)
{
	struct dp_fib *fib = NULL;
	cr_assert_eq(dp_fib_create(&fib), 0);
	struct dp_fib_garbage *garbage = NULL;
	struct dp_fib_change long_prefix = {.length = 129, .value = 1};
	struct dp_fib_change large_value = {.length = 8, .value = DP_FIB_MAX_VALUE + 1};
	cr_assert_eq(dp_fib_apply(fib, &long_prefix, 1, &garbage), -EINVAL);
	cr_assert_eq(dp_fib_apply(fib, &large_value, 1, &garbage), -EINVAL);
	dp_fib_destroy(fib);
}
