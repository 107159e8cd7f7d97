/* SPDX-License-Identifier: BSD-2-Clause */
/* One fragment of a datagram (RFC 791, 3.1; RFC 8200, 4.5), with a stamp of its own at its end.
 *
 * A datagram has n fragments of equal size. Invariant: behind the transport header the bytes of each fragment sum to
 * zero, by two bytes before its stamp, so that the datagram's checksum does not depend on stamps of fragments to come. */
#pragma once

#include "tools/pktgen/flow.h"

#define FRAGMENT_MOST 8u /* of a datagram, which has at most 65,535 bytes behind its IP header */

struct fragment {
	uint32_t datagram; /* the Identification; IPv4 has its low 16 bits */
	uint8_t n, index;  /* 2 <= n <= FRAGMENT_MOST, index < n */
};

/* The smallest frame of a fragment, 60 or more; and the frame nearest below `size` that a fragment can have: what it
 * carries is a multiple of 8 bytes. */
uint16_t fragment_min_size(const struct flow *flow);
uint16_t fragment_size(const struct flow *flow, uint16_t size);

/* As flow_write; size: one that fragment_size returned, the same for all fragments of the datagram. */
void fragment_write(const struct flow *flow, const struct fragment *fragment, const uint8_t macs[12], uint8_t tcp_flags,
    uint8_t *frame, uint16_t size, const struct check_stamp *stamp);
