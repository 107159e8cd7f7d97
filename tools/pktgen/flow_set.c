/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/flow_set.h"

#include "wire/bytes.h"

static uint32_t ports_of(const struct flow_set *set)
{
	return (uint32_t)set->src_port_hi - set->src_port_lo + 1;
}

uint64_t flow_set_size(const struct flow_set *set)
{
	return set->pcap ? set->pcap->n_flows : (uint64_t)set->addresses * ports_of(set);
}

struct flow flow_set_get(const struct flow_set *set, uint64_t i)
{
	if (set->pcap)
		return set->pcap->flow[i % set->pcap->n_flows];
	struct flow f = {.src = set->src,
	    .dst = set->dst,
	    .src_port = (uint16_t)(set->src_port_lo + i / set->addresses % ports_of(set)),
	    .dst_port = set->dst_port,
	    .protocol = set->protocol};
	wire_put_be32(f.src.bytes + 12, wire_be32(f.src.bytes + 12) + (uint32_t)(i % set->addresses));
	return f;
}
