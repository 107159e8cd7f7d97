/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/prefix_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64u

struct wire_addr dp_prefix_mask(const struct wire_addr *a, uint32_t length)
{
	struct wire_addr masked = {0};
	memcpy(masked.bytes, a->bytes, length / 8);
	if (length % 8 != 0)
		masked.bytes[length / 8] = (uint8_t)(a->bytes[length / 8] & (0xff00u >> (length % 8)));
	return masked;
}

/* A multiplicative mix (Knuth, 6.4) folded to the table's size. */
static size_t home(const struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length)
{
	uint64_t h = length;
	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ prefix->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)h & (map->size - 1);
}

/* The slot of this prefix, or the empty one where it would go. The table has an empty slot. */
static size_t locate(const struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length)
{
	size_t at = home(map, prefix, length);
	while (map->slots[at].value != 0 &&
	       !(map->slots[at].length == length && wire_addr_equal(&map->slots[at].prefix, prefix)))
		at = (at + 1) & (map->size - 1);
	return at;
}

uint32_t dp_prefix_map_get(const struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length)
{
	return map->size == 0 ? 0 : map->slots[locate(map, prefix, length)].value;
}

int dp_prefix_map_reserve(struct dp_prefix_map *map, size_t n)
{
	size_t size = map->size == 0 ? FIRST_SIZE : map->size;
	while ((map->n + n) * 4 > size * 3)
		size *= 2;
	if (size == map->size)
		return 0;
	struct dp_prefix_map bigger = *map;
	bigger.slots = calloc(size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	bigger.size = size;
	for (size_t i = 0; i < map->size; i++) {
		const struct dp_prefix_entry *entry = &map->slots[i];
		if (entry->value != 0)
			bigger.slots[locate(&bigger, &entry->prefix, entry->length)] = *entry;
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

/* Close the gap at `hole`: move back what would no longer be found (Knuth, 6.4, algorithm R). */
static void remove_at(struct dp_prefix_map *map, size_t hole)
{
	size_t mask = map->size - 1;
	for (size_t at = (hole + 1) & mask; map->slots[at].value != 0; at = (at + 1) & mask) {
		size_t from = home(map, &map->slots[at].prefix, map->slots[at].length);
		if (((at - from) & mask) >= ((at - hole) & mask)) {
			map->slots[hole] = map->slots[at];
			hole = at;
		}
	}
	map->slots[hole].value = 0;
}

int dp_prefix_map_set(struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length, uint32_t value)
{
	if (value == 0 && map->size == 0)
		return 0;
	if (value != 0) {
		int error = dp_prefix_map_reserve(map, 1);
		if (error != 0)
			return error;
	}
	size_t at = locate(map, prefix, length);
	uint32_t old = map->slots[at].value;
	if (value == 0 && old != 0) {
		remove_at(map, at);
		map->n--;
		map->per_length[length]--;
	} else if (value != 0) {
		map->slots[at] = (struct dp_prefix_entry){.prefix = *prefix, .length = length, .value = value};
		if (old == 0) {
			map->n++;
			map->per_length[length]++;
		}
	}
	return 0;
}

void dp_prefix_map_free(struct dp_prefix_map *map)
{
	free(map->slots);
	*map = (struct dp_prefix_map){0};
}
