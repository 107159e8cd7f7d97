/* SPDX-License-Identifier: BSD-2-Clause */
/* What egress and reply do to a packet once they know its flow: new ends. */
#pragma once

#include "dataplane/burst.h"
#include "dataplane/rewrite.h"

/* dp_readdress() of any packet. */
enum wire_drop dp_readdress_any(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_ends *to);

/* Gives packet i, of TCP or UDP or an ICMP error about one, new ends, of either version: then it is translated (RFC 7915),
 * and the column and the mbuf are those of the new packet. What dp_translate() returns, or NO_MBUF. */
static inline enum wire_drop dp_readdress(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_ends *to)
{
	if (!(b->plain >> i & 1) || wire_ip_is_v6(b->ip[i]) || !wire_addr_is_v4(to->dst))
		return dp_readdress_any(w, b, i, to);
	dp_rewrite_plain_v4((struct wire_ipv4 *)b->ip[i], b->l4[i], to);
	return WIRE_DROP_NONE;
}
