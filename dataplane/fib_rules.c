/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/fib_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64u

struct wire_addr dp_fib_mask(const struct wire_addr *a, uint32_t length)
{
	struct wire_addr masked = {0};
	memcpy(masked.bytes, a->bytes, length / 8);
	if (length % 8 != 0)
		masked.bytes[length / 8] = (uint8_t)(a->bytes[length / 8] & (0xff00u >> (length % 8)));
	return masked;
}

/* A multiplicative mix (Knuth, 6.4) folded to the table's size. */
static size_t home(const struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length)
{
	uint64_t h = length;
	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ prefix->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)h & (rules->size - 1);
}

/* The slot of this prefix, or the empty one where it would go. The table has an empty slot. */
static size_t locate(const struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length)
{
	size_t at = home(rules, prefix, length);
	while (rules->slots[at].value != 0 &&
	       !(rules->slots[at].length == length && wire_addr_equal(&rules->slots[at].prefix, prefix)))
		at = (at + 1) & (rules->size - 1);
	return at;
}

uint32_t dp_fib_rules_get(const struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length)
{
	return rules->size == 0 ? 0 : rules->slots[locate(rules, prefix, length)].value;
}

int dp_fib_rules_reserve(struct dp_fib_rules *rules, size_t n)
{
	size_t size = rules->size == 0 ? FIRST_SIZE : rules->size;
	while ((rules->n + n) * 4 > size * 3)
		size *= 2;
	if (size == rules->size)
		return 0;
	struct dp_fib_rules bigger = *rules;
	bigger.slots = calloc(size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	bigger.size = size;
	for (size_t i = 0; i < rules->size; i++) {
		const struct dp_fib_rule *rule = &rules->slots[i];
		if (rule->value != 0)
			bigger.slots[locate(&bigger, &rule->prefix, rule->length)] = *rule;
	}
	free(rules->slots);
	*rules = bigger;
	return 0;
}

/* Close the gap at `hole`: move back what would no longer be found (Knuth, 6.4, algorithm R). */
static void remove_at(struct dp_fib_rules *rules, size_t hole)
{
	size_t mask = rules->size - 1;
	for (size_t at = (hole + 1) & mask; rules->slots[at].value != 0; at = (at + 1) & mask) {
		size_t from = home(rules, &rules->slots[at].prefix, rules->slots[at].length);
		if (((at - from) & mask) >= ((at - hole) & mask)) {
			rules->slots[hole] = rules->slots[at];
			hole = at;
		}
	}
	rules->slots[hole].value = 0;
}

int dp_fib_rules_set(struct dp_fib_rules *rules, const struct wire_addr *prefix, uint32_t length, uint32_t value)
{
	if (value == 0 && rules->size == 0)
		return 0;
	if (value != 0) {
		int error = dp_fib_rules_reserve(rules, 1);
		if (error != 0)
			return error;
	}
	size_t at = locate(rules, prefix, length);
	uint32_t old = rules->slots[at].value;
	if (value == 0 && old != 0) {
		remove_at(rules, at);
		rules->n--;
		rules->per_length[length]--;
	} else if (value != 0) {
		rules->slots[at] = (struct dp_fib_rule){.prefix = *prefix, .length = length, .value = value};
		if (old == 0) {
			rules->n++;
			rules->per_length[length]++;
		}
	}
	return 0;
}

void dp_fib_rules_free(struct dp_fib_rules *rules)
{
	free(rules->slots);
	*rules = (struct dp_fib_rules){0};
}
