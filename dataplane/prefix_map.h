/* SPDX-License-Identifier: BSD-2-Clause */
/* A number for each prefix: what a FIB of expanded prefixes has forgotten and needs again when one is taken out, and what
 * a transaction wants of each. An open-addressed hash table that grows.
 *
 * Invariant: n * 4 <= 3 * size, and every entry is reached from its home slot without crossing an empty one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

struct dp_prefix_entry {
	struct wire_addr prefix; /* masked */
	uint32_t length;
	uint32_t value; /* 0: empty slot */
};

struct dp_prefix_map {
	struct dp_prefix_entry *slots;
	size_t size; /* a power of two, or 0 */
	size_t n;
	uint32_t per_length[129]; /* how many entries have this length */
};

/* The address without the bits after `length`. */
struct wire_addr dp_prefix_mask(const struct wire_addr *a, uint32_t length);

/* The value of exactly this prefix, or 0. `prefix` is masked. */
uint32_t dp_prefix_map_get(const struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length);

/* Set it, or take it out with value 0. Returns 0 or -ENOMEM; with value 0, or after dp_prefix_map_reserve, always 0. */
int dp_prefix_map_set(struct dp_prefix_map *map, const struct wire_addr *prefix, uint32_t length, uint32_t value);

/* Room for n more. Returns 0 or -ENOMEM. */
int dp_prefix_map_reserve(struct dp_prefix_map *map, size_t n);

void dp_prefix_map_free(struct dp_prefix_map *map);
