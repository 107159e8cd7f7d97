/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/path.h"

#include "lb/snapshot.h"

void lb_link_states_adopt(struct lb_link_states *states, const struct lb_snapshot *s, bool own, bool foreign)
{
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_LINK], &cursor));) {
		const struct lb_link *link = e->part;
		if (states->known[link->slot] && states->id[link->slot] == link->row.link)
			continue;
		states->known[link->slot] = true;
		states->id[link->slot] = link->row.link;
		states->up[link->slot] = link->row.from_pop == s->self ? own : foreign;
	}
}

static bool is_up(const struct lb_leg *leg, const struct lb_link_states *states)
{
	bool up = leg->count > 0;
	for (unsigned i = 0; i < leg->count; i++)
		up = up && states->up[leg->slot[i]];
	return up;
}

void lb_paths_recompute(const struct lb_snapshot *s, const struct lb_link_states *states, uint8_t active[])
{
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_PATH], &cursor));) {
		const struct lb_path *path = e->part;
		uint8_t which = is_up(&path->leg[LB_ACTIVE_PRIMARY], states)  ? LB_ACTIVE_PRIMARY
		                : is_up(&path->leg[LB_ACTIVE_BACKUP], states) ? LB_ACTIVE_BACKUP
		                                                              : LB_ACTIVE_NONE;
		__atomic_store_n(&active[path->slot], which, __ATOMIC_RELAXED);
	}
}
