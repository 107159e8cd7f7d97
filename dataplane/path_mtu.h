/* SPDX-License-Identifier: BSD-2-Clause */
/* What the network told us of the MTU towards tunnel endpoints: the soft state of RFC 2003, section 5.1.
 *
 * Invariant: each entry is one 64-bit word, which any worker writes and all read without a lock; what is not known, too
 * old (RFC 1191, 6.3: ten minutes) or displaced by another endpoint's costs one lost packet and its ICMP error. */
#pragma once

#include "dataplane/worker.h"

/* Bytes of the largest outer packet towards `to`, as far as known; UINT16_MAX: nothing is known. */
uint16_t dp_path_mtu(struct dp_worker *w, const struct wire_addr *to);

/* A router said so. Values below WIRE_IPV4_MIN_MTU count as that; one that is larger than what is known changes nothing. */
void dp_path_mtu_learn(struct dp_worker *w, const struct wire_addr *to, uint16_t mtu);

/* What stands in the identification of outer IPv4 packets towards `to`, which an ICMP error must quote. */
uint16_t dp_path_mtu_cookie(struct dp_worker *w, const struct wire_addr *to);
