/* SPDX-License-Identifier: BSD-2-Clause */
/* A persistent map from keys of three words to parts: versions share what is equal in them.
 *
 * Invariants:
 * - A version that somebody else holds never changes: whatever is shared (holders > 1) is copied before it is written.
 * - A change copies one array of chunk pointers (once per version) and one chunk of about LB_MAP_CHUNK entries. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/hash.h"
#include "lb/object.h"

#define LB_MAP_CHUNK 4u /* entries a chunk on average, at most, before the map doubles */

struct lb_map_key {
	uint64_t a, b, c;
};

struct lb_map_entry {
	struct lb_map_key key;
	void *part;
};

struct lb_map_chunk {
	uint32_t refs;
	uint32_t count;
	struct lb_map_entry entry[];
};

struct lb_map {
	uint32_t refs;
	uint32_t mask; /* chunks - 1 */
	uint32_t count;
	uint32_t reserved;
	struct lb_map_chunk *chunk[]; /* NULL: empty */
};

static inline bool lb_map_key_equal(const struct lb_map_key *x, const struct lb_map_key *y)
{
	return x->a == y->a && x->b == y->b && x->c == y->c;
}

static inline uint32_t lb_map_place(const struct lb_map *map, const struct lb_map_key *key)
{
	return (uint32_t)lb_hash_words(key->a, key->b, key->c) & map->mask;
}

/* The part of the key, or NULL. A map that is NULL is empty. */
static inline void *lb_map_get(const struct lb_map *map, struct lb_map_key key)
{
	if (!map)
		return NULL;
	const struct lb_map_chunk *chunk = map->chunk[lb_map_place(map, &key)];
	for (uint32_t i = 0; chunk && i < chunk->count; i++)
		if (lb_map_key_equal(&chunk->entry[i].key, &key))
			return chunk->entry[i].part;
	return NULL;
}

static inline uint32_t lb_map_count(const struct lb_map *map)
{
	return map ? map->count : 0;
}

/* The entry after *cursor (start with 0), or NULL at the end. In no order. */
const struct lb_map_entry *lb_map_next(const struct lb_map *map, uint64_t *cursor);

/* Sets the key's part in *map, which the caller holds; takes over the caller's hold of the part on success and drops
 * the part that was there. *map may become another one; the versions of other holders stay as they were. -ENOMEM. */
int lb_map_set(struct lb_map **map, struct lb_map_key key, void *part);

/* Removes the key if it is there. -ENOMEM. */
int lb_map_delete(struct lb_map **map, struct lb_map_key key);

struct lb_map *lb_map_hold(struct lb_map *map);
void lb_map_drop(struct lb_map *map);
