/* SPDX-License-Identifier: BSD-2-Clause */
/* The flows that packets are made of: out of ranges of addresses and ports, or of a capture file.
 *
 * Flow i has source address src + i % addresses and source port lo + i / addresses % ports, so the first
 * flow_set_size flows are all different, and after them they come again. */
#pragma once

#include "tools/pktgen/pcap.h"

struct flow_set {
	const struct pcap *pcap; /* its flows alone, unless NULL; the rest is for ranges */
	struct wire_addr src;    /* the first; same family as dst */
	struct wire_addr dst;
	uint32_t addresses;
	uint16_t src_port_lo, src_port_hi;
	uint16_t dst_port;
	uint8_t protocol;
};

/* How many there are. */
uint64_t flow_set_size(const struct flow_set *set);

struct flow flow_set_get(const struct flow_set *set, uint64_t i);
