/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNKS 4u

static struct lb_map *map_new(uint32_t chunks)
{
	struct lb_map *map = calloc(1, sizeof(*map) + chunks * sizeof(map->chunk[0]));
	if (map) {
		map->refs = 1;
		map->mask = chunks - 1;
	}
	return map;
}

static void chunk_drop(struct lb_map_chunk *chunk)
{
	if (!chunk || --chunk->refs)
		return;
	for (uint32_t i = 0; i < chunk->count; i++)
		lb_drop(chunk->entry[i].part);
	free(chunk);
}

struct lb_map *lb_map_hold(struct lb_map *map)
{
	if (map)
		map->refs++;
	return map;
}

void lb_map_drop(struct lb_map *map)
{
	if (!map || --map->refs)
		return;
	for (uint32_t i = 0; i <= map->mask; i++)
		chunk_drop(map->chunk[i]);
	free(map);
}

const struct lb_map_entry *lb_map_next(const struct lb_map *map, uint64_t *cursor)
{
	uint64_t i = *cursor >> 32;
	uint32_t place = (uint32_t)*cursor;
	for (; map && i <= map->mask; i++, place = 0) {
		const struct lb_map_chunk *chunk = map->chunk[i];
		if (chunk && place < chunk->count) {
			*cursor = i << 32 | (place + 1);
			return &chunk->entry[place];
		}
	}
	*cursor = i << 32;
	return NULL;
}

/* The map for ourselves alone: itself, or a copy that shares all chunks. */
static int make_ours(struct lb_map **map)
{
	if (!*map) {
		*map = map_new(FIRST_CHUNKS);
		return *map ? 0 : -ENOMEM;
	}
	if ((*map)->refs == 1)
		return 0;
	struct lb_map *copy = map_new((*map)->mask + 1);
	if (!copy)
		return -ENOMEM;
	copy->count = (*map)->count;
	for (uint32_t i = 0; i <= copy->mask; i++) {
		copy->chunk[i] = (*map)->chunk[i];
		if (copy->chunk[i])
			copy->chunk[i]->refs++;
	}
	(*map)->refs--;
	*map = copy;
	return 0;
}

/* A chunk for ourselves with room for `count` entries and the entries of `chunk`, whose hold it takes over. */
static struct lb_map_chunk *chunk_resize(struct lb_map_chunk *chunk, uint32_t count)
{
	struct lb_map_chunk *ours = chunk && chunk->refs == 1 ? chunk : NULL;
	struct lb_map_chunk *larger = realloc(ours, sizeof(*larger) + count * sizeof(larger->entry[0]));
	if (!larger)
		return NULL;
	if (!ours) {
		larger->refs = 1;
		larger->count = 0;
	}
	if (chunk && !ours) {
		memcpy(larger->entry, chunk->entry, chunk->count * sizeof(chunk->entry[0]));
		larger->count = chunk->count;
		for (uint32_t i = 0; i < chunk->count; i++)
			lb_hold(chunk->entry[i].part);
		chunk->refs--;
	}
	return larger;
}

static struct lb_map_entry *find(struct lb_map_chunk *chunk, const struct lb_map_key *key)
{
	for (uint32_t i = 0; chunk && i < chunk->count; i++)
		if (lb_map_key_equal(&chunk->entry[i].key, key))
			return &chunk->entry[i];
	return NULL;
}

static int append(struct lb_map *map, const struct lb_map_entry *entry)
{
	struct lb_map_chunk **chunk = &map->chunk[lb_map_place(map, &entry->key)];
	struct lb_map_chunk *larger = chunk_resize(*chunk, (*chunk ? (*chunk)->count : 0) + 1);
	if (!larger)
		return -ENOMEM;
	*chunk = larger;
	larger->entry[larger->count++] = *entry;
	map->count++;
	return 0;
}

/* Twice the chunks. The map is ours. */
static int grow(struct lb_map **map)
{
	struct lb_map *larger = map_new(((*map)->mask + 1) * 2);
	if (!larger)
		return -ENOMEM;
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(*map, &cursor));) {
		if (append(larger, e)) {
			lb_map_drop(larger);
			return -ENOMEM;
		}
		lb_hold(e->part);
	}
	lb_map_drop(*map);
	*map = larger;
	return 0;
}

static int replace(struct lb_map *map, struct lb_map_key key, void *part)
{
	struct lb_map_chunk **chunk = &map->chunk[lb_map_place(map, &key)];
	struct lb_map_chunk *ours = chunk_resize(*chunk, (*chunk)->count);
	if (!ours)
		return -ENOMEM;
	*chunk = ours;
	struct lb_map_entry *entry = find(ours, &key);
	lb_drop(entry->part);
	entry->part = part;
	return 0;
}

int lb_map_set(struct lb_map **map, struct lb_map_key key, void *part)
{
	int error = make_ours(map);
	if (error)
		return error;
	if (lb_map_get(*map, key))
		return replace(*map, key, part);
	if ((*map)->count >= ((*map)->mask + 1) * LB_MAP_CHUNK && (error = grow(map)))
		return error;
	return append(*map, &(struct lb_map_entry){key, part});
}

int lb_map_delete(struct lb_map **map, struct lb_map_key key)
{
	if (!lb_map_get(*map, key))
		return 0;
	int error = make_ours(map);
	if (error)
		return error;
	struct lb_map_chunk **chunk = &(*map)->chunk[lb_map_place(*map, &key)];
	struct lb_map_chunk *ours = chunk_resize(*chunk, (*chunk)->count);
	if (!ours)
		return -ENOMEM;
	struct lb_map_entry *entry = find(ours, &key);
	lb_drop(entry->part);
	*entry = ours->entry[--ours->count];
	*chunk = ours;
	(*map)->count--;
	if (!ours->count) {
		free(ours);
		*chunk = NULL;
	}
	return 0;
}
