/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packets to send: a set of flows out of address and port ranges, and the sizes of their packets.
 *
 * Flow i of n has source address base + i % addresses and source port lo + i / addresses % ports, so every flow of a
 * set that is not larger than addresses * ports is different. */
#pragma once

#include <stdint.h>

#include "tools/pktgen/check.h"
#include "wire/address.h"

struct flow_set {
	uint8_t src_mac[6], dst_mac[6];
	struct wire_addr src; /* the first; same family as dst */
	struct wire_addr dst;
	uint32_t addresses;
	uint16_t src_port_lo, src_port_hi;
	uint16_t dst_port;
	uint8_t protocol; /* WIRE_PROTO_UDP or WIRE_PROTO_TCP (ACK segments) */
	uint32_t flows;
};

/* Simple IMIX: 7 of 64, 4 of 594, 1 of 1518 bytes (frame with FCS), repeated. */
#define FLOWS_IMIX_PERIOD 12u

/* Frame sizes are without the 4 bytes of FCS. The smallest that holds headers and stamp is told by flows_min_size. */
uint16_t flows_min_size(const struct flow_set *set);
uint16_t flows_imix_size(const struct flow_set *set, uint64_t sequence);

/* Writes the frame of `size` bytes (>= flows_min_size) of flow `flow`, checksums right, stamp at its end. */
void flows_write(
    const struct flow_set *set, uint32_t flow, uint8_t *frame, uint16_t size, const struct check_stamp *stamp);
