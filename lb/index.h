/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash index under the flow and NAT tables: buckets of one cache line that name entries by number and signature.
 *
 * Invariants:
 * - An entry starts with its struct lb_flow_key and has a number >= 1; number 0 is an empty place.
 * - An entry stands in its first bucket, or in its second one, and then the first one's `spilled` counts it.
 *
 * Private to lb/. Nothing here is a pointer in the table's memory: struct lb_index is made on the stack. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/hash.h"

#define LB_BUCKET_PLACES 8u

struct lb_bucket {
	uint16_t signature[LB_BUCKET_PLACES];
	uint32_t number[LB_BUCKET_PLACES];
	uint32_t spilled;
	uint32_t reserved[3];
};

_Static_assert(sizeof(struct lb_bucket) == 64, "a cache line");

struct lb_index {
	struct lb_bucket *bucket;
	uint32_t mask;    /* buckets - 1 */
	uint32_t stride;  /* bytes an entry */
	uint8_t *entries; /* of number 1 */
};

/* Five entries a bucket of eight, at most, so that nearly all fit into their first: with buckets a power of two between
 * 2.5 and 5 entries each, a bucket costs an entry at most 26 bytes. */
static inline uint32_t lb_index_buckets(uint32_t entries)
{
	uint32_t buckets = 2;
	while (buckets < (entries + 4) / 5)
		buckets *= 2;
	return buckets;
}

static inline void *lb_index_entry(const struct lb_index *x, uint32_t number)
{
	return x->entries + (size_t)(number - 1) * x->stride;
}

static inline uint16_t lb_index_signature(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

static inline struct lb_bucket *lb_index_first(const struct lb_index *x, uint64_t hash)
{
	return &x->bucket[(uint32_t)(hash >> 16) & x->mask];
}

/* Never the first one: the difference is odd. */
static inline struct lb_bucket *lb_index_second(const struct lb_index *x, uint64_t hash)
{
	uint32_t away = (uint32_t)lb_index_signature(hash) * 0x9e3779b1u | 1u;
	return &x->bucket[((uint32_t)(hash >> 16) ^ away) & x->mask];
}

/* A bit in the upper end of each 16-bit lane that equals the signature (and, seldom, of one above it: callers compare
 * keys anyway). Lanes 0..3 for half 0, 4..7 for half 1. */
static inline uint64_t lb_bucket_match(const struct lb_bucket *b, uint16_t signature, unsigned half)
{
	const uint64_t ones = 0x0001000100010001u;
	uint64_t lanes;
	__builtin_memcpy(&lanes, b->signature + 4 * half, 8);
	lanes ^= signature * ones;
	return (lanes - ones) & ~lanes & (ones << 15);
}

static inline unsigned lb_bucket_lane(uint64_t match, unsigned half)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return half * 4 + (unsigned)__builtin_clzll(match) / 16;
#else
	return half * 4 + (unsigned)__builtin_ctzll(match) / 16;
#endif
}

/* The number of the key in the bucket, or 0. */
static inline uint32_t lb_bucket_find(
    const struct lb_index *x, const struct lb_bucket *b, const struct lb_flow_key *key, uint16_t signature)
{
	for (unsigned half = 0; half < 2; half++)
		for (uint64_t m = lb_bucket_match(b, signature, half); m; m &= m - 1) {
			uint32_t number = b->number[lb_bucket_lane(m, half)];
			if (number && lb_flow_key_equal(lb_index_entry(x, number), key))
				return number;
		}
	return 0;
}

static inline uint32_t lb_index_find(const struct lb_index *x, const struct lb_flow_key *key, uint64_t hash)
{
	uint16_t signature = lb_index_signature(hash);
	const struct lb_bucket *first = lb_index_first(x, hash);
	uint32_t number = lb_bucket_find(x, first, key, signature);
	if (number || !first->spilled)
		return number;
	return lb_bucket_find(x, lb_index_second(x, hash), key, signature);
}

/* ret_number[i] = the number of *key[i], or 0; a bit per hit. n <= 64. */
uint64_t lb_index_find_bulk(const struct lb_index *x, const struct lb_flow_key *const key[], const uint64_t hash[],
    unsigned n, uint32_t ret_number[]);

/* Enters a number whose key is not there yet (its entry need not be filled in). False if both its buckets are full, and
 * the other buckets of all that stand in them: hardly ever below the load that lb_index_buckets() allows. */
bool lb_index_add(const struct lb_index *x, uint32_t number, uint64_t hash);

/* Takes a number out that is there. */
void lb_index_remove(const struct lb_index *x, uint32_t number, uint64_t hash);
