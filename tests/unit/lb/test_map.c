/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/map.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lb/snapshot.h"

#define KEYS     400u
#define VERSIONS 6u

/* The naive map: which part a key has. */
struct version {
	struct lb_map *map;
	struct lb_adjacency *part[KEYS];
};

static void check(const struct version *v)
{
	uint32_t count = 0, seen = 0;
	for (uint32_t k = 0; k < KEYS; k++) {
		cr_assert(lb_map_get(v->map, lb_key_id(k)) == v->part[k], "key %u", k);
		cr_assert(!v->part[k] || v->part[k]->row.adjacency == k);
		count += v->part[k] != NULL;
	}
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(v->map, &cursor)); seen++)
		cr_assert(v->part[e->key.a] == e->part);
	cr_assert(lb_map_count(v->map) == count && seen == count);
}

static void change(struct version *v, uint32_t k)
{
	if (rand() % 3 == 0) {
		cr_assert(lb_map_delete(&v->map, lb_key_id(k)) == 0);
		v->part[k] = NULL;
		return;
	}
	struct lb_adjacency *part = lb_object_new(LB_KIND_ADJACENCY, sizeof(*part));
	part->row.adjacency = k;
	cr_assert(lb_map_set(&v->map, lb_key_id(k), part) == 0);
	v->part[k] = part;
}

Test(map, versions_stay_as_they_were_while_others_change)
{
	static struct version version[VERSIONS];
	srand(1);
	for (int round = 0; round < 3000; round++) {
		struct version *from = &version[(unsigned)rand() % VERSIONS],
		               *to = &version[(unsigned)rand() % VERSIONS];
		if (from != to) {
			lb_map_drop(to->map);
			*to = *from;
			lb_map_hold(to->map);
		}
		for (int i = rand() % 30; i; i--)
			change(to, (uint32_t)rand() % (1 + (uint32_t)round % KEYS));
		for (unsigned i = 0; i < VERSIONS && round % 10 == 0; i++)
			check(&version[i]);
	}
	for (unsigned i = 0; i < VERSIONS; i++) {
		check(&version[i]);
		lb_map_drop(version[i].map);
	}
}

Test(map, a_part_is_held_once_by_each_chunk_that_names_it)
{
	struct lb_map *one = NULL;
	struct lb_adjacency *part = lb_object_new(LB_KIND_ADJACENCY, sizeof(*part));
	cr_assert(lb_map_set(&one, lb_key_id(1), lb_hold(part)) == 0 && part->object.refs == 2);
	struct lb_map *two = lb_map_hold(one);
	for (uint32_t k = 2; k < 100; k++)
		cr_assert(lb_map_set(&two, lb_key_id(k), lb_object_new(LB_KIND_ADJACENCY, sizeof(*part))) == 0);
	cr_assert(part->object.refs == 3 && one != two && lb_map_count(one) == 1);
	lb_map_drop(one);
	cr_assert(part->object.refs == 2);
	cr_assert(lb_map_delete(&two, lb_key_id(1)) == 0 && part->object.refs == 1);
	lb_map_drop(two);
	lb_drop(part);
}

/* Of a map of 10,000, one change copies the array of chunk pointers and one chunk: all other chunks are the same. */
Test(map, a_change_copies_one_chunk)
{
	struct lb_map *one = NULL;
	for (uint32_t k = 0; k < 10000; k++)
		cr_assert(
		    lb_map_set(&one, lb_key_id(k), lb_object_new(LB_KIND_ADJACENCY, sizeof(struct lb_adjacency))) == 0);
	struct lb_map *two = lb_map_hold(one);
	cr_assert(lb_map_delete(&two, lb_key_id(77)) == 0);
	uint32_t different = 0, longest = 0;
	for (uint32_t i = 0; i <= one->mask; i++) {
		different += one->chunk[i] != two->chunk[i];
		longest = one->chunk[i] && one->chunk[i]->count > longest ? one->chunk[i]->count : longest;
	}
	cr_assert(different == 1 && longest < 20, "%u chunks differ, the longest has %u", different, longest);
	lb_map_drop(one);
	lb_map_drop(two);
}
