/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/hash.h"

/* The same at every POP, and in every group that lists the same host. */
static uint64_t name_of(const struct lb_endpoint *e)
{
	return lb_hash_words(lb_hash_word(e->row.address.bytes), lb_hash_word(e->row.address.bytes + 8), e->row.port);
}

static int by_name(const void *x, const void *y)
{
	uint64_t a = name_of(*(struct lb_endpoint *const *)x), b = name_of(*(struct lb_endpoint *const *)y);
	return a != b ? (a < b ? -1 : 1) : 0;
}

static bool any_in(const struct lb_group *group, enum wire_ctl_endpoint_state state)
{
	for (uint32_t i = 0; i < group->count; i++)
		if (group->endpoint[i]->row.state == state && group->endpoint[i]->row.weight)
			return true;
	return false;
}

/* The state that an endpoint must be in to get new flows. */
static enum wire_ctl_endpoint_state usable_state(const struct lb_group *group)
{
	if (any_in(group, WIRE_ENDPOINT_UP))
		return WIRE_ENDPOINT_UP;
	return any_in(group, WIRE_ENDPOINT_DOWN) ? WIRE_ENDPOINT_DOWN : WIRE_ENDPOINT_DRAINED;
}

static int find_table(struct lb_group *group, struct lb_table_pool *pool)
{
	struct lb_candidate *c = calloc(group->count + 1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	enum wire_ctl_endpoint_state state = usable_state(group);
	for (uint32_t i = 0; i < group->count; i++) {
		const struct lb_endpoint *e = group->by_name[i];
		c[i].name = name_of(e);
		c[i].weight = e->row.weight;
		c[i].usable = e->row.state == state;
	}
	int error = group->count ? lb_table_get(pool, c, group->count, &group->table) : 0;
	free(c);
	return error == -ENOENT ? 0 : error;
}

int lb_group_new(struct lb_table_pool *pool, const struct wire_ctl_group *row, struct lb_endpoint *const endpoint[],
    uint32_t count, struct lb_group **ret_group, const struct lb_endpoint **ret_twice)
{
	struct lb_group *group =
	    lb_object_new(LB_KIND_GROUP, sizeof(*group) + 2 * (size_t)count * sizeof(group->endpoint[0]));
	if (!group)
		return -ENOMEM;
	group->row = *row;
	group->count = count;
	group->by_name = group->endpoint + count;
	for (uint32_t i = 0; i < count; i++)
		group->by_name[i] = group->endpoint[i] = lb_hold(endpoint[i]);
	qsort(group->by_name, count, sizeof(group->by_name[0]), by_name);
	for (uint32_t i = 1; i < count; i++)
		if (name_of(group->by_name[i]) == name_of(group->by_name[i - 1])) {
			*ret_twice = group->by_name[i];
			lb_group_free(group);
			return -EEXIST;
		}
	group->healthy = any_in(group, WIRE_ENDPOINT_UP);
	int error = find_table(group, pool);
	if (error) {
		lb_group_free(group);
		return error;
	}
	*ret_group = group;
	return 0;
}

void lb_group_free(struct lb_group *group)
{
	for (uint32_t i = 0; i < group->count; i++)
		lb_drop(group->endpoint[i]);
	lb_drop(group->table);
	free(group);
}
