/* SPDX-License-Identifier: BSD-2-Clause */
/* An endpoint group with its Maglev table.
 *
 * Invariants:
 * - New flows go to endpoints in state UP. With none up, fail open: to those that are DOWN; with only drained ones
 *   left, to these. Weight 0 is never chosen.
 * - A table is rebuilt only if addresses, ports, weights or usability of the group's endpoints changed, and groups
 *   that are equal in these share one table (struct lb_table_pool), whatever their ids. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/maglev.h"
#include "lb/object.h"

struct lb_table_pool;

struct lb_table {
	struct lb_object object;
	struct lb_table_pool *pool; /* in whose list it stands; held */
	struct lb_table *next;
	uint64_t digest;
	uint32_t candidates;
	uint32_t slots;
	struct lb_candidate *candidate; /* what it was built of, sorted by name */
	uint16_t slot[];                /* indexes into candidate[] */
};

struct lb_group {
	struct lb_object object;
	struct wire_ctl_group row;
	uint32_t count;                 /* of endpoints */
	bool healthy;                   /* at least one endpoint of weight > 0 is UP; else the table fails open */
	struct lb_table *table;         /* NULL: no endpoint of weight > 0 */
	struct lb_endpoint **by_name;   /* the table's indexes, in the order of its candidates; count entries */
	struct lb_endpoint *endpoint[]; /* by id; count entries */
};

/* The endpoint of a slot's hash (32 random bits), or NULL if the group has none. */
static inline const struct lb_endpoint *lb_group_pick(const struct lb_group *group, uint32_t bits)
{
	const struct lb_table *table = group->table;
	if (!table)
		return NULL;
	return group->by_name[table->slot[(uint64_t)bits * table->slots >> 32]];
}

/* The tables that exist in a line of snapshots, so that equal groups find theirs. Counted like a part. */
struct lb_table_pool *lb_table_pool_new(void);
struct lb_table_pool *lb_table_pool_hold(struct lb_table_pool *pool);
void lb_table_pool_drop(struct lb_table_pool *pool);
uint32_t lb_table_pool_count(const struct lb_table_pool *pool); /* tables alive */

/* A part of the row and its endpoints, which it holds: sorted by id, count <= LB_MAGLEV_CANDIDATES. Takes its table
 * from the pool or builds it. -ENOMEM, or -EEXIST: two endpoints have the same address and port (*ret_twice). */
int lb_group_new(struct lb_table_pool *pool, const struct wire_ctl_group *row, struct lb_endpoint *const endpoint[],
    uint32_t count, struct lb_group **ret_group, const struct lb_endpoint **ret_twice);

/* What lb_drop() does for the last holder. */
void lb_group_free(struct lb_group *group);
void lb_table_free(struct lb_table *table);
