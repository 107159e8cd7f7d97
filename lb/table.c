/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/hash.h"

#define CHAINS 1024u /* a power of two; a POP with more tables than that follows chains of a few */

struct lb_table_pool {
	uint32_t refs;
	uint32_t count;
	struct lb_table *chain[CHAINS];
};

struct lb_table_pool *lb_table_pool_new(void)
{
	struct lb_table_pool *pool = calloc(1, sizeof(*pool));
	if (pool)
		pool->refs = 1;
	return pool;
}

struct lb_table_pool *lb_table_pool_hold(struct lb_table_pool *pool)
{
	pool->refs++;
	return pool;
}

void lb_table_pool_drop(struct lb_table_pool *pool)
{
	if (pool && !--pool->refs)
		free(pool);
}

uint32_t lb_table_pool_count(const struct lb_table_pool *pool)
{
	return pool->count;
}

static uint64_t digest_of(const struct lb_candidate *c, uint32_t n)
{
	uint64_t digest = n;
	for (uint32_t i = 0; i < n; i++)
		digest = lb_hash_words(digest, c[i].name, (uint64_t)c[i].weight << 1 | c[i].usable);
	return digest;
}

static bool is_of(const struct lb_table *table, uint64_t digest, const struct lb_candidate *c, uint32_t n)
{
	if (table->digest != digest || table->candidates != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const struct lb_candidate *own = &table->candidate[i];
		if (own->name != c[i].name || own->weight != c[i].weight || own->usable != c[i].usable)
			return false;
	}
	return true;
}

static struct lb_table *table_new(const struct lb_candidate *c, uint32_t n)
{
	uint32_t slots = lb_maglev_slots(n);
	size_t body = sizeof(struct lb_table) + slots * sizeof(uint16_t);
	body = (body + 7) / 8 * 8;
	struct lb_table *table = lb_object_new(LB_KIND_TABLE, body + n * sizeof(*c));
	if (!table)
		return NULL;
	table->slots = slots;
	table->candidates = n;
	table->candidate = (struct lb_candidate *)((uintptr_t)table + body);
	memcpy(table->candidate, c, n * sizeof(*c));
	return table;
}

static void enter(struct lb_table_pool *pool, struct lb_table *table, uint64_t digest)
{
	struct lb_table **chain = &pool->chain[digest % CHAINS];
	table->pool = lb_table_pool_hold(pool);
	table->digest = digest;
	table->next = *chain;
	*chain = table;
	pool->count++;
}

int lb_table_get(struct lb_table_pool *pool, const struct lb_candidate *c, uint32_t n, struct lb_table **ret_table)
{
	uint64_t digest = digest_of(c, n);
	for (struct lb_table *t = pool->chain[digest % CHAINS]; t; t = t->next)
		if (is_of(t, digest, c, n)) {
			*ret_table = lb_hold(t);
			return 0;
		}
	struct lb_table *table = table_new(c, n);
	void *scratch = malloc(lb_maglev_scratch_size(n));
	int error =
	    table && scratch ? lb_maglev_build(table->slot, table->slots, table->candidate, n, scratch) : -ENOMEM;
	free(scratch);
	if (error) {
		free(table);
		return error;
	}
	enter(pool, table, digest);
	*ret_table = table;
	return 0;
}

void lb_table_free(struct lb_table *table)
{
	struct lb_table **link = &table->pool->chain[table->digest % CHAINS];
	while (*link != table)
		link = &(*link)->next;
	*link = table->next;
	table->pool->count--;
	lb_table_pool_drop(table->pool);
	free(table);
}
