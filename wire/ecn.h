/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Marks of congestion on their way out of a tunnel (RFC 6040), for the data plane and the origin's BPF program. */
#pragma once

#include "wire/ip.h"

/* The ECN field that the inner packet leaves the tunnel with (RFC 6040, 4.2, figure 4), or -1: drop, because congestion
 * was marked on a packet whose transport would not see the mark. Only the ECN bits of both are looked at. */
static inline int wire_ecn_decap(uint8_t inner, uint8_t outer)
{
	inner &= WIRE_ECN_MASK;
	outer &= WIRE_ECN_MASK;
	if (outer == WIRE_ECN_CE)
		return inner == WIRE_ECN_NOT_ECT ? -1 : (int)WIRE_ECN_CE;
	return inner == WIRE_ECN_ECT0 && outer == WIRE_ECN_ECT1 ? (int)WIRE_ECN_ECT1 : inner;
}

/* Does so to the header of the inner packet, which stood behind one with outer_tos. false: drop it, it is untouched. */
static inline bool wire_ecn_unwrap(void *inner, uint8_t outer_tos)
{
	uint8_t tos = wire_ip_tos(inner);
	int ecn = wire_ecn_decap(tos, outer_tos);
	if (ecn < 0)
		return false;
	uint8_t now = (uint8_t)((tos & ~WIRE_ECN_MASK) | (unsigned)ecn);
	if (now != tos)
		wire_ip_put_tos(inner, now);
	return true;
}
