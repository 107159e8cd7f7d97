/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/snapshot.h"

#include <stdlib.h>

struct lb_snapshot *lb_snapshot_hold(struct lb_snapshot *s)
{
	s->refs++;
	return s;
}

void lb_snapshot_put(struct lb_snapshot *s)
{
	if (!s || --s->refs)
		return;
	for (unsigned i = 0; i < LB_PARTS; i++)
		lb_map_drop(s->part[i]);
	lb_table_pool_drop(s->tables);
	free(s->active);
	free(s);
}

struct lb_map_key lb_key_pair(const struct wire_addr *local, const struct wire_addr *remote)
{
	uint64_t ours = lb_hash_words(lb_hash_word(local->bytes), lb_hash_word(local->bytes + 8), 0);
	return lb_key_address(remote, ours);
}

const struct lb_link *lb_snapshot_link_by_address(
    const struct lb_snapshot *s, const struct wire_addr *local, const struct wire_addr *remote)
{
	const struct lb_link *link = lb_map_get(s->part[LB_PART_LINK_BY_ADDRESS], lb_key_pair(local, remote));
	bool same = link && wire_addr_equal(&link->row.local, local) && wire_addr_equal(&link->row.remote, remote);
	return same ? link : NULL;
}
