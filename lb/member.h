/* SPDX-License-Identifier: BSD-2-Clause */
/* Which containers (groups, port tables) a transaction touches, and which members it puts there.
 *
 * Private to lb/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lb/map.h"

struct lb_member {
	struct lb_map_key container;
	uint32_t id;
	bool only_mark; /* no member: the container lost one, or is new */
};

struct lb_members {
	struct lb_member *member;
	uint32_t count;
	uint32_t room;
};

int lb_members_add(struct lb_members *list, struct lb_member member); /* -ENOMEM */
void lb_members_sort(struct lb_members *list);                        /* by container */
/* Of a sorted list: the end of the run of the container that starts at `from`. */
uint32_t lb_members_run(const struct lb_members *list, uint32_t from);
