/* SPDX-License-Identifier: BSD-2-Clause */
/* QUIC connection ids that name their server, after draft-ietf-quic-load-balancers-21: so that a client whose address
 * changes keeps its endpoint, and no POP needs to remember anything for it.
 *
 * Invariant: what is read is a function of the id's bytes and the configuration alone. An id that a client chose (its
 * first packets) is as random as its bytes: hardly ever an endpoint's, and then always the same one's. */
#pragma once

#include <stddef.h>

#include "lb/aes.h"
#include "lb/object.h"
#include "wire/quic.h"

struct lb_quic {
	struct lb_object object;
	struct wire_ctl_quic row;
	struct lb_aes aes[WIRE_QUIC_CODEPOINTS]; /* of those with a key */
};

/* Round keys from the row's keys. */
void lb_quic_expand(struct lb_quic *quic);

/* The server id in the connection id cid[0 .. length), which may be followed by what is no part of it: writes it and
 * returns its length, or 0: not routable (no such configuration, too short). */
uint8_t lb_quic_server_id(
    const struct lb_quic *quic, const uint8_t *cid, size_t length, uint8_t ret_id[WIRE_QUIC_MAX_SERVER_ID]);
