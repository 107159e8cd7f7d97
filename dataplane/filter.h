/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a packet match a filter of wire/control.h? The two ends of a key may stand either way round. */
#pragma once

#include "lb/flow.h"
#include "wire/control.h"

static inline bool dp_filter_has_address(const struct wire_addr *address, const struct lb_flow_key *k)
{
	return wire_addr_is_unset(address) || wire_addr_equal(address, &k->client) || wire_addr_equal(address, &k->vip);
}

/* What a filter says of packets; that of flows is dataplane/flows.c's. */
static inline bool dp_filter_matches(const struct wire_ctl_filter *f, const struct lb_flow_key *k)
{
	return dp_filter_has_address(&f->address, k) && dp_filter_has_address(&f->address2, k) &&
	       (!f->protocol || f->protocol == k->protocol) &&
	       (!f->l4_port || f->l4_port == k->client_port || f->l4_port == k->vip_port);
}
