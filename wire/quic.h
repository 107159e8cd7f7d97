/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What every version of QUIC has in common (RFC 8999), and the bounds of connection ids that name their server
 * (draft-ietf-quic-load-balancers-21). */
#pragma once

#include "wire/bytes.h"

#define WIRE_QUIC_LONG 0x80u /* header form, RFC 8999, 5.1; else the connection id follows at once, 5.2 */

/* A connection id as the draft lays it out, sections 3 and 5.2: rotation bits (3) and length or random bits (5), then
 * server id and nonce, together one plaintext block, which may be encrypted. */
#define WIRE_QUIC_CODEPOINTS    7u /* of the rotation bits; 0b111 is never routable */
#define WIRE_QUIC_ROTATION(cid) ((uint8_t)((cid)[0] >> 5))
#define WIRE_QUIC_MIN_NONCE     4u
#define WIRE_QUIC_MAX_BLOCK     19u
#define WIRE_QUIC_MAX_SERVER_ID (WIRE_QUIC_MAX_BLOCK - WIRE_QUIC_MIN_NONCE)

/* The destination connection id of a UDP payload, or NULL: too short. A short header does not say how long its id is:
 * *ret_length is all that follows. */
static inline const uint8_t *wire_quic_destination(const void *payload, size_t length, size_t *ret_length)
{
	struct wire_cursor c = wire_cursor(payload, length);
	const uint8_t *first = wire_take(&c, 1);
	if (!first)
		return NULL;
	size_t n = wire_left(&c);
	if (*first & WIRE_QUIC_LONG) {
		const uint8_t *version_and_length = wire_take(&c, 5);
		n = version_and_length ? version_and_length[4] : 0;
	}
	const uint8_t *id = wire_take(&c, n);
	if (id)
		*ret_length = n;
	return id;
}
