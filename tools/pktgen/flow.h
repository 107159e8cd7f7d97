/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow, and a frame of it: Ethernet, IPv4 or IPv6, UDP or TCP, with the stamp of check.h at its end.
 * Sizes are of the frame without the 4 bytes of FCS. */
#pragma once

#include <stdint.h>

#include "tools/pktgen/check.h"
#include "wire/address.h"

struct flow {
	struct wire_addr src, dst; /* of one family */
	uint16_t src_port, dst_port;
	uint8_t protocol;    /* WIRE_PROTO_UDP or WIRE_PROTO_TCP */
	uint8_t reserved[3]; /* 0: flows are compared byte by byte */
};
_Static_assert(sizeof(struct flow) == 40, "no holes");

/* The smallest frame that holds headers and stamp. */
uint16_t flow_min_size(const struct flow *flow);

/* Writes a frame of `size` >= flow_min_size bytes, checksums right, zeros between headers and stamp.
 * macs: destination, then source. tcp_flags: WIRE_TCP_…, of no meaning for UDP. */
void flow_write(const struct flow *flow, const uint8_t macs[12], uint8_t tcp_flags, uint8_t *frame, uint16_t size,
    const struct check_stamp *stamp);
