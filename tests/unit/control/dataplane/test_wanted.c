/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dataplane/wanted.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The other side, naively: what a data plane holds of endpoints and groups, by id. */
#define IDS 40u
struct model {
	bool held[2][IDS];
	uint16_t value[2][IDS];
	unsigned messages;
};

static int kind_of(unsigned object)
{
	return object == WIRE_OBJ_GROUP;
}

static int apply(void *arg, enum wire_ctl_type type, unsigned object, const void *body, size_t size)
{
	struct model *model = arg;
	uint32_t id;
	memcpy(&id, body, sizeof(id));
	cr_assert(size == ctl_wanted_size(object));
	for (size_t i = ctl_wanted_key_size(object); i < size && type == WIRE_CTL_DELETE; i++)
		cr_assert(((const uint8_t *)body)[i] == 0, "a deletion says nothing but the key");
	bool upsert = type == WIRE_CTL_UPSERT;
	cr_assert(upsert || model->held[kind_of(object)][id], "deletes what is not there");
	model->held[kind_of(object)][id] = upsert;
	if (upsert)
		model->value[kind_of(object)][id] = kind_of(object) ? ((const struct wire_ctl_group *)body)->egress_pop
		                                                    : ((const struct wire_ctl_endpoint *)body)->port;
	model->messages++;
	return 0;
}

static void want(struct ctl_wanted *table, struct model *wanted, int kind, uint32_t id, bool present)
{
	uint16_t value = (uint16_t)(rand() % 3);
	wanted->held[kind][id] = present;
	wanted->value[kind][id] = value;
	struct wire_ctl_group group = {.group = id, .egress_pop = value};
	struct wire_ctl_endpoint endpoint = {.endpoint = id, .port = value};
	const void *body = kind ? (void *)&group : (void *)&endpoint;
	unsigned object = kind ? WIRE_OBJ_GROUP : WIRE_OBJ_ENDPOINT;
	cr_assert((present ? ctl_wanted_upsert(table, object, body) : ctl_wanted_delete(table, object, body)) >= 0);
}

static void assert_same(const struct model *wanted, const struct model *held)
{
	for (int kind = 0; kind < 2; kind++)
		for (unsigned id = 0; id < IDS; id++) {
			cr_assert(wanted->held[kind][id] == held->held[kind][id]);
			cr_assert(!wanted->held[kind][id] || wanted->value[kind][id] == held->value[kind][id]);
		}
}

Test(wanted, differences_keep_the_data_plane_equal_to_what_is_wanted_whatever_is_refused)
{
	srand(1);
	struct ctl_wanted *table;
	cr_assert(ctl_wanted_new(&table) == 0);
	static struct model wanted, held;
	for (int round = 0; round < 5000; round++) {
		for (int i = rand() % 6; i > 0; i--)
			want(table, &wanted, rand() % 2, (uint32_t)rand() % IDS, rand() % 2);
		bool full = rand() % 50 == 0, refused = rand() % 4 == 0;
		struct model after = held;
		if (full)
			memset(&after, 0, sizeof(after));
		cr_assert(ctl_wanted_diff(table, full, apply, &after) >= 0);
		if (rand() % 2) /* while the transaction is in flight */
			want(table, &wanted, rand() % 2, (uint32_t)rand() % IDS, rand() % 2);
		if (refused) {
			ctl_wanted_refused(table);
			continue;
		}
		held = after;
		ctl_wanted_acked(table);
		cr_assert(ctl_wanted_diff(table, false, apply, &held) >= 0);
		ctl_wanted_acked(table);
		assert_same(&wanted, &held);
		cr_assert_not(ctl_wanted_differ(table));
	}
	ctl_wanted_free(table);
}

Test(wanted, replace_deletes_what_is_not_among_the_rows_and_leaves_other_kinds_alone)
{
	struct ctl_wanted *table;
	cr_assert(ctl_wanted_new(&table) == 0);
	static struct model held;
	struct wire_ctl_endpoint rows[3] = {
	    {.endpoint = 1, .port = 1}, {.endpoint = 2, .port = 2}, {.endpoint = 3, .port = 3}};
	struct wire_ctl_group group = {.group = 7, .egress_pop = 9};
	cr_assert(ctl_wanted_upsert(table, WIRE_OBJ_GROUP, &group) == 1);
	cr_assert(ctl_wanted_upsert(table, WIRE_OBJ_GROUP, &group) == 0, "that is no news");
	cr_assert(ctl_wanted_replace(table, WIRE_OBJ_ENDPOINT, rows, 3) == 1);
	cr_assert(ctl_wanted_replace(table, WIRE_OBJ_ENDPOINT, rows, 3) == 0);
	cr_assert(ctl_wanted_diff(table, false, apply, &held) == 4);
	ctl_wanted_acked(table);
	cr_assert(ctl_wanted_replace(table, WIRE_OBJ_ENDPOINT, rows + 1, 1) == 1);
	cr_assert(ctl_wanted_diff(table, false, apply, &held) == 2);
	ctl_wanted_acked(table);
	cr_assert(held.held[0][2] && !held.held[0][1] && !held.held[0][3] && held.held[1][7]);
	cr_assert(ctl_wanted_count(table) == 2);
	ctl_wanted_free(table);
}

Test(wanted, of_no_known_kind_are_refused)
{
	struct ctl_wanted *table;
	uint8_t body[256] = {0};
	cr_assert(ctl_wanted_new(&table) == 0);
	cr_assert(ctl_wanted_upsert(table, 0, body) < 0);
	cr_assert(ctl_wanted_upsert(table, WIRE_OBJ_COUNT, body) < 0);
	for (unsigned object = 1; object < WIRE_OBJ_COUNT; object++)
		cr_assert(ctl_wanted_upsert(table, object, body) == 1, "%s", ctl_wanted_name(object));
	ctl_wanted_free(table);
}
