/* SPDX-License-Identifier: BSD-2-Clause */
/* An endpoint group with its Maglev table.
 *
 * Invariants:
 * - New flows go to endpoints in state UP. With none up, fail open: to those that are DOWN; with only drained ones
 *   left, to these. Weight 0 is never chosen.
 * - An endpoint's server id is its own in the group.
 * - A table is built only when addresses, ports, weights or usability of the group's endpoints have changed, and groups
 *   that are equal in these share one (lb/table.h), whatever their ids. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/object.h"
#include "lb/table.h"

struct lb_group {
	struct lb_object object;
	struct wire_ctl_group row;
	uint64_t changed_ns;            /* its row, or one of its endpoints */
	uint32_t count;                 /* of endpoints */
	bool healthy;                   /* an endpoint of weight > 0 is UP; else the table fails open */
	struct lb_table *table;         /* NULL: no endpoint of weight > 0 */
	uint32_t servers;               /* endpoints with a server id */
	struct lb_endpoint **by_name;   /* count entries, in the order of the table's candidates */
	struct lb_endpoint **by_server; /* servers entries, by server id */
	struct lb_endpoint *endpoint[]; /* count entries, by id; then those of by_name, then those of by_server */
};

/* The endpoint for 32 random bits, or NULL if the group has none. */
static inline const struct lb_endpoint *lb_group_pick(const struct lb_group *group, uint32_t bits)
{
	const struct lb_table *table = group->table;
	if (!table)
		return NULL;
	return group->by_name[table->slot[(uint64_t)bits * table->slots >> 32]];
}

/* The endpoint that a QUIC connection id names, or NULL. */
const struct lb_endpoint *lb_group_server(const struct lb_group *group, const uint8_t *id, uint8_t length);

/* A part of the row and its endpoints, which it holds: sorted by id, count <= LB_MAGLEV_CANDIDATES. -ENOMEM, or -EEXIST:
 * two endpoints have the same address and port, or the same server id (*ret_twice). */
int lb_group_new(struct lb_table_pool *pool, const struct wire_ctl_group *row, struct lb_endpoint *const endpoint[],
    uint32_t count, struct lb_group **ret_group, const struct lb_endpoint **ret_twice);

/* What lb_drop() does for the last holder. */
void lb_group_free(struct lb_group *group);
