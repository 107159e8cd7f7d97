/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a frame, for flow.c and fragment.c. */
#pragma once

#include "tools/pktgen/flow.h"
#include "wire/packet.h"

static inline uint16_t flow_l3_size(const struct flow *f)
{
	return wire_addr_is_v4(&f->dst) ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
}

static inline uint16_t flow_l4_size(const struct flow *f)
{
	return f->protocol == WIRE_PROTO_TCP ? sizeof(struct wire_tcp) : sizeof(struct wire_udp);
}

void flow_write_ether(const struct flow *f, const uint8_t macs[12], uint8_t *at);

/* length: of what follows the header. protocol: in its protocol or next-header field. */
void flow_write_l3(const struct flow *f, uint8_t protocol, uint8_t *at, uint16_t length);

/* The header, with the checksum over it and what is written behind it already: `length` bytes together. whole: the length
 * of the datagram, whose bytes beyond `length` sum to zero. */
void flow_write_l4(const struct flow *f, uint8_t tcp_flags, uint8_t *at, uint16_t length, uint16_t whole);
