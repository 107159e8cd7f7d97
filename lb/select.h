/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a new flow goes: listener -> group by share -> endpoint by Maglev. A function of its arguments alone, so POPs
 * with the same state choose alike for the same flow. */
#pragma once

#include "lb/snapshot.h"

struct lb_choice {
	const struct lb_group *group;
	const struct lb_endpoint *endpoint;
};

/* The choice for a flow. hash: lb_flow_hash(key); client: the key's, used for affinity source-ip. The share of a group
 * that has no endpoint at all goes to the next in the listener's list, going round. Returns 0, or -ENOENT if no
 * group of the listener has an endpoint (WIRE_DROP_NO_ENDPOINT). */
int lb_select(const struct lb_snapshot *s, const struct lb_listener *listener, const struct wire_addr *client,
    uint64_t hash, struct lb_choice *ret_choice);
