/* SPDX-License-Identifier: BSD-2-Clause */
/* Making fragments of an IPv4 packet that is too large for what lies before it (RFC 791, 3.2). IPv6 packets are their
 * sender's alone to fragment (RFC 8200, 5). */
#pragma once

#include "dataplane/worker.h"

#define DP_SPLIT_MAX 64u /* fragments of one packet */

/* Whether its sender lets the IP packet be fragmented. */
bool dp_split_may(const uint8_t *ip);

/* Takes `m`, whose data is an IPv4 packet that may be fragmented, and makes packets of at most `room` bytes in its place.
 * Returns how many, in order; 0: there are not enough buffers, or too many would be needed, which is counted as NO_MBUF or
 * TOO_BIG. */
unsigned dp_split(struct dp_worker *w, struct rte_mbuf *m, uint16_t room, struct rte_mbuf *ret_piece[DP_SPLIT_MAX]);
