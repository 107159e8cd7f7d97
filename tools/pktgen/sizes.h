/* SPDX-License-Identifier: BSD-2-Clause */
/* How large the packets are: all alike, or IMIX. Sizes are of the frame without the 4 bytes of FCS. */
#pragma once

#include <stdint.h>

#define SIZES_IMIX     0u /* in place of a size */
#define SIZES_RECORDED 1u /* in place of a size: those of the capture file */
#define SIZES_FCS      4u
#define SIZES_MOST     (9216u + 14u) /* of an IP packet of 9,216 bytes */

/* Simple IMIX: 7 of 64, 4 of 594, 1 of 1518 bytes (with FCS), repeated. */
#define SIZES_IMIX_PERIOD 12u

/* The size of packet number `sequence`, and no smaller than `least`. size: that of all, or SIZES_IMIX;
 * of SIZES_RECORDED sizes.c knows nothing. */
uint16_t sizes_of(uint16_t size, uint64_t sequence, uint16_t least);
