/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/path.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/lb/cluster.h"

static struct lb_link_states *states_of(const struct lb_snapshot *s)
{
	struct lb_link_states *states = calloc(1, sizeof(*states));
	lb_link_states_adopt(states, s, true, true);
	return states;
}

Test(path, takes_the_primary_then_the_backup_then_none)
{
	struct lb_snapshot *s = cluster(NULL);
	struct lb_link_states *states = states_of(s);
	const struct lb_path *path = lb_snapshot_path(s, 3, 0);
	for (unsigned up = 0; up < 16; up++) {
		for (unsigned i = 0; i < 4; i++)
			states->up[lb_snapshot_link(s, 10 + i)->slot] = up >> i & 1;
		lb_paths_recompute(s, states, s->active);
		const struct lb_leg *leg = leg_in_use(path, s->active);
		const struct lb_leg *expected = (up & 3) == 3 ? &path->leg[0] : up & 4 ? &path->leg[1] : NULL;
		cr_assert(leg == expected, "links up: %x", up);
		cr_assert((leg_in_use(lb_snapshot_path(s, 2, 0), s->active) != NULL) == (up & 1), "no backup");
	}
	free(states);
	lb_snapshot_put(s);
}

Test(path, a_choice_can_be_computed_aside_to_see_what_would_change)
{
	struct lb_snapshot *s = cluster(NULL);
	struct lb_link_states *states = states_of(s);
	uint8_t *aside = calloc(s->active_size, 1);
	states->up[lb_snapshot_link(s, 11)->slot] = false;
	lb_paths_recompute(s, states, aside);
	const struct lb_path *path = lb_snapshot_path(s, 3, 0);
	cr_assert(aside[path->slot] == LB_ACTIVE_BACKUP && s->active[path->slot] == LB_ACTIVE_PRIMARY);
	free(aside);
	free(states);
	lb_snapshot_put(s);
}

Test(path, new_links_begin_as_told_and_known_ones_keep_their_state)
{
	struct lb_snapshot *s = cluster(NULL), *next = NULL;
	struct lb_link_states *states = calloc(1, sizeof(*states));
	struct wire_ctl_error error = {0};
	struct lb_change *change;
	lb_link_states_adopt(states, s, false, true);
	uint32_t slot = lb_snapshot_link(s, 13)->slot;
	cr_assert(!states->up[slot] && states->up[lb_snapshot_link(s, 11)->slot]);
	states->up[slot] = true;
	lb_link_states_adopt(states, s, false, true);
	cr_assert(states->up[slot]);
	cr_assert(lb_change_begin(s, false, NULL, &change) == 0);
	DELETE(change, &error, LINK, link, .link = 13);
	UPSERT(change, &error, LINK, link, .link = 14, .from_pop = 1, .to_pop = 3, .local_link = 1, .mtu = 1500,
	    .local = addr(10, 1, 1, 2), .remote = addr(10, 3, 0, 2));
	cr_assert(lb_change_commit(change, 2, &next, &error) == 0);
	lb_change_free(change);
	cr_assert(lb_snapshot_link(next, 14)->slot == slot, "takes the free slot");
	lb_link_states_adopt(states, next, false, true);
	cr_assert(!states->up[slot]);
	free(states);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}
