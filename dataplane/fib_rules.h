/* SPDX-License-Identifier: BSD-2-Clause */
/* The prefixes that are in a FIB, by prefix and length: what a trie of expanded prefixes has forgotten and needs again
 * when one is taken out. An open-addressed hash table that grows.
 *
 * Invariant: n * 4 <= 3 * size, and every rule is reached from its home slot without crossing an empty one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

struct dp_fib_rule {
	struct wire_addr prefix; /* masked */
	uint32_t length;
	uint32_t value; /* 0: empty slot */
};

struct dp_fib_rules {
	struct dp_fib_rule *slots;
	size_t size; /* a power of two, or 0 */
	size_t n;
	uint32_t per_length[129]; /* how many rules have this length */
};

/* The address without the bits after `length`. */
struct wire_addr dp_fib_mask(const struct wire_addr *a, uint32_t length);

/* The value of exactly this prefix, or 0. `prefix` is masked. */
uint32_t dp_fib_rules_get(const struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length);

/* Set it, or take it out with value 0. Returns 0 or -ENOMEM; with value 0, or after dp_fib_rules_reserve, always 0. */
int dp_fib_rules_set(struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length, uint32_t value);

/* Room for n more. Returns 0 or -ENOMEM. */
int dp_fib_rules_reserve(struct dp_fib_rules *rules, size_t n);

void dp_fib_rules_free(struct dp_fib_rules *rules);
