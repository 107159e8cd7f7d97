/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/index.h"

#include <assert.h>

static void prefetch_buckets(const struct lb_index *x, const uint64_t hash[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(lb_index_first(x, hash[i]));
}

/* The first number whose signature matches, likely the right one: 16 bits lie eight times in 65536. */
static uint32_t likely(const struct lb_bucket *b, uint16_t signature)
{
	uint32_t m = lb_bucket_match(b, signature);
	return m ? b->number[lb_bucket_place(m)] : 0;
}

static void prefetch_entries(const struct lb_index *x, const uint64_t hash[], unsigned n, uint32_t guess[])
{
	for (unsigned i = 0; i < n; i++) {
		const struct lb_bucket *b = lb_index_first(x, hash[i]);
		guess[i] = likely(b, lb_index_signature(hash[i]));
		if (guess[i])
			__builtin_prefetch(lb_index_entry(x, guess[i]));
		else if (b->spilled)
			__builtin_prefetch(lb_index_second(x, hash[i]));
	}
}

uint64_t lb_index_find_bulk(const struct lb_index *x, const struct lb_flow_key *const key[], const uint64_t hash[],
    unsigned n, uint32_t ret_number[])
{
	uint64_t hits = 0;
	prefetch_buckets(x, hash, n);
	prefetch_entries(x, hash, n, ret_number);
	for (unsigned i = 0; i < n; i++) {
		uint32_t number = ret_number[i];
		if (!number || !lb_flow_key_equal(lb_index_entry(x, number), key[i]))
			ret_number[i] = lb_index_find(x, key[i], hash[i]);
		hits |= (uint64_t)(ret_number[i] != 0) << i;
	}
	return hits;
}

static bool add_to(struct lb_bucket *b, uint32_t number, uint16_t signature)
{
	for (unsigned i = 0; i < LB_BUCKET_PLACES; i++)
		if (!b->number[i]) {
			b->number[i] = number;
			b->signature[i] = signature;
			return true;
		}
	return false;
}

static bool remove_from(struct lb_bucket *b, uint32_t number)
{
	for (unsigned i = 0; i < LB_BUCKET_PLACES; i++)
		if (b->number[i] == number) {
			b->number[i] = 0;
			b->signature[i] = 0;
			return true;
		}
	return false;
}

/* Frees a place in a full bucket by taking one of its entries to its other bucket. The entries stay where they are;
 * only their names move. False if all the other buckets are full too. */
static bool make_way(const struct lb_index *x, struct lb_bucket *b)
{
	for (unsigned i = 0; i < LB_BUCKET_PLACES; i++) {
		uint32_t number = b->number[i];
		uint64_t hash = lb_flow_hash(lb_index_entry(x, number));
		struct lb_bucket *first = lb_index_first(x, hash), *second = lb_index_second(x, hash);
		if (!add_to(b == first ? second : first, number, b->signature[i]))
			continue;
		b->number[i] = 0;
		b->signature[i] = 0;
		first->spilled += b == first ? 1u : -1u;
		return true;
	}
	return false;
}

bool lb_index_add(const struct lb_index *x, uint32_t number, uint64_t hash)
{
	uint16_t signature = lb_index_signature(hash);
	struct lb_bucket *first = lb_index_first(x, hash), *second = lb_index_second(x, hash);
	if (add_to(first, number, signature))
		return true;
	if (!add_to(second, number, signature)) {
		if (make_way(x, first))
			return add_to(first, number, signature);
		if (!make_way(x, second))
			return false;
		add_to(second, number, signature);
	}
	first->spilled++;
	return true;
}

void lb_index_remove(const struct lb_index *x, uint32_t number, uint64_t hash)
{
	struct lb_bucket *first = lb_index_first(x, hash);
	if (remove_from(first, number))
		return;
	bool there = remove_from(lb_index_second(x, hash), number);
	assert(there);
	(void)there;
	first->spilled--;
}
