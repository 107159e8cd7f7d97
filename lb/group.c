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

/* Shorter ids first. */
static int compare_ids(const uint8_t *a, uint8_t a_length, const uint8_t *b, uint8_t b_length)
{
	return a_length != b_length ? a_length - b_length : memcmp(a, b, a_length);
}

static int by_server(const void *x, const void *y)
{
	const struct wire_ctl_endpoint *a = &(*(struct lb_endpoint *const *)x)->row,
	                               *b = &(*(struct lb_endpoint *const *)y)->row;
	return compare_ids(a->server_id, a->server_id_length, b->server_id, b->server_id_length);
}

const struct lb_endpoint *lb_group_server(const struct lb_group *group, const uint8_t *id, uint8_t length)
{
	uint32_t lo = 0, hi = group->servers;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		const struct lb_endpoint *e = group->by_server[middle];
		int order = compare_ids(id, length, e->row.server_id, e->row.server_id_length);
		if (order == 0)
			return e;
		if (order < 0)
			hi = middle;
		else
			lo = middle + 1;
	}
	return NULL;
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

/* Returns one that has a twin, or NULL. */
static const struct lb_endpoint *sort_without_twins(
    struct lb_endpoint **e, uint32_t n, int (*order)(const void *, const void *))
{
	if (n)
		qsort(e, n, sizeof(e[0]), order);
	for (uint32_t i = 1; i < n; i++)
		if (order(&e[i], &e[i - 1]) == 0)
			return e[i];
	return NULL;
}

int lb_group_new(struct lb_table_pool *pool, const struct wire_ctl_group *row, struct lb_endpoint *const endpoint[],
    uint32_t count, struct lb_group **ret_group, const struct lb_endpoint **ret_twice)
{
	struct lb_group *group =
	    lb_object_new(LB_KIND_GROUP, sizeof(*group) + 3 * (size_t)count * sizeof(group->endpoint[0]));
	if (!group)
		return -ENOMEM;
	group->row = *row;
	group->count = count;
	group->by_name = group->endpoint + count;
	group->by_server = group->by_name + count;
	for (uint32_t i = 0; i < count; i++) {
		group->by_name[i] = group->endpoint[i] = lb_hold(endpoint[i]);
		if (endpoint[i]->row.server_id_length)
			group->by_server[group->servers++] = endpoint[i];
	}
	const struct lb_endpoint *twin = sort_without_twins(group->by_name, count, by_name);
	if (!twin)
		twin = sort_without_twins(group->by_server, group->servers, by_server);
	if (twin) {
		*ret_twice = twin;
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
