/* SPDX-License-Identifier: BSD-2-Clause */
/* Outer headers towards an endpoint of mode tunnel: IP in IP (RFC 2003, RFC 2473, RFC 4213) or Geneve (RFC 8926), which a
 * Linux origin or kuafu-endpoint takes off. Pure functions over packet bytes.
 *
 *   ipip    outer IPv4/IPv6 | inner packet
 *   geneve  outer IPv4/IPv6 | UDP | Geneve, VNI = accelerator | inner packet
 *           outer IPv4/IPv6 | UDP | Geneve, VNI = accelerator | ASK | inner packet      (wire/ask.h)
 *
 * Invariants:
 * - The inner packet is not touched; its DSCP and ECN stand in the outer header as well (RFC 6040, 4.1, normal mode).
 * - An outer IPv4 packet is never fragmented (DF): its sender finds the MTU (RFC 2003, 5.1), and the identification,
 *   which then means nothing (RFC 6864, 4.1), is a cookie: who sends ICMP errors about what he did not see must guess it.
 * - Geneve's UDP source port is 0xC000 | the flow's hash with its lane in the lower bits, so that an ICMP error that quotes
 *   it belongs to the flow's worker by the rule of NAT ports (lb_nat_owner()). */
#pragma once

#include <stdint.h>

#include "wire/ask.h"
#include "wire/ip.h"

struct dp_wrap {
	struct wire_addr src; /* of one family, the outer's */
	struct wire_addr dst;
	uint32_t vni;
	uint16_t hash14;
	uint16_t cookie;
	uint8_t encap; /* enum wire_ctl_encap */
	bool asks;     /* of Geneve only */
	struct wire_ask ask;
};

/* Bytes of the outer headers. */
uint16_t dp_wrap_size(const struct dp_wrap *wrap);

/* Writes dp_wrap_size() bytes at `at`, which the inner IP packet of `length` bytes follows. */
void dp_wrap_write(uint8_t *at, const struct dp_wrap *wrap, uint16_t length);

/* The source port of Geneve. Host order. */
uint16_t dp_wrap_port(uint16_t hash14);

/* A packet that we wrapped, of which `length` bytes are quoted at `quoted`. */
struct dp_wrapped {
	struct wire_addr src;
	struct wire_addr dst;
	uint16_t cookie;      /* 0 of IPv6, which has none */
	uint8_t encap;        /* enum wire_ctl_encap */
	uint16_t overhead;    /* of the outer headers */
	const uint8_t *inner; /* NULL: no byte of the inner packet is there */
	uint16_t left;        /* bytes there from `inner` on */
};

/* Reads the outer headers. false: no such packet. */
bool dp_wrap_read(const uint8_t *quoted, uint16_t length, struct dp_wrapped *ret);
