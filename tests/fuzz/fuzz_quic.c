/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP payload, behind a configuration of any lengths, as a listener for QUIC reads it. */
#include <stdlib.h>
#include <string.h>

#include "lb/quic.h"
#include "tests/fuzz/expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct lb_quic quic = {0};
	for (unsigned i = 0; i < WIRE_QUIC_CODEPOINTS; i++) {
		struct wire_ctl_quic_config *c = &quic.row.config[i];
		c->server_id_length = (uint8_t)((data[0] + i) % (WIRE_QUIC_MAX_SERVER_ID + 1));
		unsigned room = WIRE_QUIC_MAX_BLOCK - WIRE_QUIC_MIN_NONCE - c->server_id_length;
		c->nonce_length = (uint8_t)(WIRE_QUIC_MIN_NONCE + data[1] % (room + 1));
		c->keyed = data[2] >> i & 1;
		memcpy(c->key, data, 3);
	}
	lb_quic_expand(&quic);
	/* A copy that ends where the payload ends, so that a read beyond it is seen. */
	size_t left = size - 3, length;
	uint8_t *payload = malloc(left ? left : 1), *id = malloc(WIRE_QUIC_MAX_SERVER_ID);
	if (!payload || !id)
		abort();
	memcpy(payload, data + 3, left);
	const uint8_t *cid = wire_quic_destination(payload, left, &length);
	if (cid &&
	    (cid + length > payload + left || lb_quic_server_id(&quic, cid, length, id) > WIRE_QUIC_MAX_SERVER_ID))
		abort();
	free(payload);
	free(id);
	return 0;
}
