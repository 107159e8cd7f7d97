/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a new flow goes: listener -> group by share -> endpoint by Maglev. A function of its arguments alone, so POPs
 * with the same state choose alike for the same flow. */
#pragma once

#include <stddef.h>

#include "lb/snapshot.h"

struct lb_choice {
	const struct lb_group *group;
	const struct lb_endpoint *endpoint;
};

/* The choice for a flow that QUIC knows already: the endpoint that the connection id in the UDP payload names, unless it
 * is down. Returns 0, or -ENOENT: nothing is named so, and lb_select() decides. listener->row.quic is not 0. */
int lb_select_quic(const struct lb_snapshot *s, const struct lb_listener *listener, const void *payload, size_t length,
    struct lb_choice *ret_choice);

/* The choice for a flow. hash: lb_flow_hash(key); client: the key's, used for affinity source-ip. The share of a group
 * that has no endpoint at all goes to the next in the listener's list, going round. Returns 0, or -ENOENT if no
 * group of the listener has an endpoint (WIRE_DROP_NO_ENDPOINT). */
int lb_select(const struct lb_snapshot *s, const struct lb_listener *listener, const struct wire_addr *client,
    uint64_t hash, struct lb_choice *ret_choice);
