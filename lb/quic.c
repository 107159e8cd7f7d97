/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/quic.h"

#include <string.h>

#define HALF_MAX ((WIRE_QUIC_MAX_BLOCK + 1) / 2)

void lb_quic_expand(struct lb_quic *quic)
{
	for (unsigned i = 0; i < WIRE_QUIC_CODEPOINTS; i++)
		if (quic->row.config[i].keyed)
			lb_aes_expand(&quic->aes[i], quic->row.config[i].key);
}

/* ---- the four passes (draft, 5.4.2 and 5.5.2) ---- */

/* Two halves of a block, overlapping in its middle byte if its length is odd: the left one has the upper four bits of
 * that byte, the right one the lower. */
struct halves {
	uint8_t length; /* of the block */
	uint8_t half;   /* bytes in each */
	uint8_t left[HALF_MAX];
	uint8_t right[HALF_MAX];
};

static void keep_to_halves(struct halves *h)
{
	if (h->length % 2 == 0)
		return;
	h->left[h->half - 1] &= 0xf0;
	h->right[0] &= 0x0f;
}

static struct halves split(const uint8_t *block, uint8_t length)
{
	struct halves h = {.length = length, .half = (uint8_t)((length + 1) / 2)};
	memcpy(h.left, block, h.half);
	memcpy(h.right, block + length - h.half, h.half);
	keep_to_halves(&h);
	return h;
}

static void join(const struct halves *h, uint8_t *block)
{
	memcpy(block, h->left, h->half);
	if (h->length % 2)
		block[h->half - 1] |= h->right[0];
	memcpy(block + h->half, h->right + h->length % 2, h->length - h->half);
}

/* to ^= AES(expand(length, pass, from)), cut to the half. Each pass is its own inverse. */
static void pass(const struct lb_aes *aes, struct halves *h, uint8_t number, const uint8_t *from, uint8_t *to)
{
	uint8_t block[LB_AES_BLOCK] = {0};
	memcpy(block, from, h->half);
	block[14] = h->length;
	block[15] = number;
	lb_aes_encrypt(aes, block);
	for (unsigned i = 0; i < HALF_MAX && i < h->half; i++)
		to[i] ^= block[i];
	keep_to_halves(h);
}

/* As many passes as the server id needs: it may lie in the left half alone. */
static void decrypt(const struct lb_aes *aes, uint8_t *block, uint8_t length, uint8_t server_id_length)
{
	struct halves h = split(block, length);
	pass(aes, &h, 4, h.right, h.left);
	pass(aes, &h, 3, h.left, h.right);
	pass(aes, &h, 2, h.right, h.left);
	if (server_id_length > length / 2)
		pass(aes, &h, 1, h.left, h.right);
	join(&h, block);
}

/* ---- reading ---- */

uint8_t lb_quic_server_id(
    const struct lb_quic *quic, const uint8_t *cid, size_t length, uint8_t ret_id[WIRE_QUIC_MAX_SERVER_ID])
{
	unsigned codepoint = length ? WIRE_QUIC_ROTATION(cid) : WIRE_QUIC_CODEPOINTS;
	if (codepoint >= WIRE_QUIC_CODEPOINTS)
		return 0;
	const struct wire_ctl_quic_config *config = &quic->row.config[codepoint];
	uint8_t block[WIRE_QUIC_MAX_BLOCK];
	uint8_t size = (uint8_t)(config->server_id_length + config->nonce_length);
	if (!config->server_id_length || length < 1u + size)
		return 0;
	memcpy(block, cid + 1, size);
	if (config->keyed && size == LB_AES_BLOCK)
		lb_aes_decrypt(&quic->aes[codepoint], block);
	else if (config->keyed)
		decrypt(&quic->aes[codepoint], block, size, config->server_id_length);
	memcpy(ret_id, block, config->server_id_length);
	return config->server_id_length;
}
