/* SPDX-License-Identifier: BSD-2-Clause */
/* Maglev tables as parts, and the pool in which equal groups find the same one.
 *
 * Invariant: no two tables in a pool were built of equal candidates. The pool does not keep a table alive: its last
 * holder takes it out. */
#pragma once

#include <stdint.h>

#include "lb/maglev.h"
#include "lb/object.h"

struct lb_table_pool;

struct lb_table {
	struct lb_object object;
	struct lb_table_pool *pool; /* in whose list it stands; held */
	struct lb_table *next;
	uint64_t digest; /* of the candidates */
	uint32_t candidates;
	uint32_t slots;
	struct lb_candidate *candidate; /* what it was built of, in their order */
	uint16_t slot[];                /* indexes into candidate[] */
};

/* Counted like a part; shared by all snapshots of a line. */
struct lb_table_pool *lb_table_pool_new(void);
struct lb_table_pool *lb_table_pool_hold(struct lb_table_pool *pool);
void lb_table_pool_drop(struct lb_table_pool *pool);
uint32_t lb_table_pool_count(const struct lb_table_pool *pool); /* tables alive */

/* The table of these candidates (1 <= n <= LB_MAGLEV_CANDIDATES, sorted by name), held by the caller: the pool's, or
 * built now. -ENOENT: none may own a slot. -ENOMEM. */
int lb_table_get(struct lb_table_pool *pool, const struct lb_candidate *c, uint32_t n, struct lb_table **ret_table);

/* What lb_drop() does for the last holder. */
void lb_table_free(struct lb_table *table);
