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

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* A bit for each place whose signature is this one: bit 0 of each pair of bits, for place 0 upwards. Eight at a time where
 * the machine can; the vectors are the compiler's, and every x86-64 has them. */
static inline uint32_t lb_bucket_match(const struct lb_bucket *b, uint16_t signature)
{
#ifdef __SSE2__
	__m128i wanted = _mm_set1_epi16((short)signature);
	__m128i equal = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)(const void *)b->signature), wanted);
	return (uint32_t)_mm_movemask_epi8(equal) & 0x5555u;
#else
	uint32_t match = 0;
	for (unsigned i = 0; i < LB_BUCKET_PLACES; i++)
		match |= (uint32_t)(b->signature[i] == signature) << 2 * i;
	return match;
#endif
}

/* The lowest place in such a set, which is not empty. */
static inline unsigned lb_bucket_place(uint32_t match)
{
	return (unsigned)__builtin_ctz(match) / 2;
}

/* The number of the key in the bucket, or 0. */
static inline uint32_t lb_bucket_find(
    const struct lb_index *x, const struct lb_bucket *b, const struct lb_flow_key *key, uint16_t signature)
{
	for (uint32_t m = lb_bucket_match(b, signature); m; m &= m - 1) {
		uint32_t number = b->number[lb_bucket_place(m)];
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
