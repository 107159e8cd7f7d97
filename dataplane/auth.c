/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/auth.h"

#include <stdbool.h>
#include <string.h>
#include <immintrin.h>

#define BLOCK LB_AES_BLOCK
#define LANES 4u /* messages in flight: AES-NI takes about 4 cycles a round and starts one a cycle */

/* Doubling in GF(2^128): RFC 4493, 2.3. */
static void double_block(uint8_t out[BLOCK], const uint8_t in[BLOCK])
{
	for (unsigned i = 0; i < BLOCK; i++)
		out[i] = (uint8_t)(in[i] << 1 | (i + 1 < BLOCK ? in[i + 1] >> 7 : 0));
	if (in[0] & 0x80)
		out[15] ^= 0x87;
}

void dp_auth_expand(struct dp_auth_key *ret_key, const uint8_t secret[DP_AUTH_KEY_SIZE])
{
	lb_aes_expand(&ret_key->aes, secret);
	uint8_t zero[BLOCK] = {0};
	lb_aes_encrypt_portable(&ret_key->aes, zero);
	double_block(ret_key->k1, zero);
	double_block(ret_key->k2, ret_key->k1);
}

static unsigned blocks_of(const struct dp_auth_message *m)
{
	return m->length ? (m->length + BLOCK - 1u) / BLOCK : 1;
}

/* The last block: whole ones under K1, others padded with 10..0 under K2 (RFC 4493, 2.4). */
static void last_block(const struct dp_auth_message *m, uint8_t out[BLOCK])
{
	unsigned at = (blocks_of(m) - 1) * BLOCK, left = m->length - at;
	memset(out, 0, BLOCK);
	memcpy(out, (const uint8_t *)m->data + at, left);
	if (left < BLOCK)
		out[left] = 0x80;
	const uint8_t *subkey = left == BLOCK ? m->key->k1 : m->key->k2;
	for (unsigned i = 0; i < BLOCK; i++)
		out[i] ^= subkey[i];
}

void dp_auth_tags_portable(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	for (unsigned k = 0; k < n; k++) {
		uint8_t x[BLOCK] = {0}, last[BLOCK];
		unsigned blocks = blocks_of(&m[k]);
		last_block(&m[k], last);
		for (unsigned b = 0; b < blocks; b++) {
			const uint8_t *p = b + 1 < blocks ? (const uint8_t *)m[k].data + b * BLOCK : last;
			for (unsigned i = 0; i < BLOCK; i++)
				x[i] ^= p[i];
			lb_aes_encrypt_portable(&m[k].key->aes, x);
		}
		memcpy(ret_tag[k], x, DP_AUTH_TAG_SIZE);
	}
}

#define AESNI __attribute__((target("aes,sse4.1")))

AESNI static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

/* Encrypts four blocks, each under its own key. */
AESNI static inline void encrypt4(const struct dp_auth_message *m[LANES], __m128i x[LANES])
{
	for (unsigned i = 0; i < LANES; i++)
		x[i] = _mm_xor_si128(x[i], load(m[i]->key->aes.round[0]));
	for (unsigned round = 1; round < 10; round++)
		for (unsigned i = 0; i < LANES; i++)
			x[i] = _mm_aesenc_si128(x[i], load(m[i]->key->aes.round[round]));
	for (unsigned i = 0; i < LANES; i++)
		x[i] = _mm_aesenclast_si128(x[i], load(m[i]->key->aes.round[10]));
}

AESNI static void tags4_aesni(const struct dp_auth_message *m[LANES], uint8_t *tag[LANES])
{
	uint8_t last[LANES][BLOCK];
	unsigned blocks[LANES], most = 0;
	__m128i x[LANES];
	for (unsigned i = 0; i < LANES; i++) {
		last_block(m[i], last[i]);
		blocks[i] = blocks_of(m[i]);
		most = blocks[i] > most ? blocks[i] : most;
		x[i] = _mm_setzero_si128();
	}
	for (unsigned b = 0; b < most; b++) {
		__m128i before[LANES];
		for (unsigned i = 0; i < LANES; i++) {
			const void *p = b + 1 < blocks[i] ? (const uint8_t *)m[i]->data + b * BLOCK : last[i];
			before[i] = x[i];
			x[i] = _mm_xor_si128(x[i], load(p));
		}
		encrypt4(m, x);
		for (unsigned i = 0; i < LANES; i++) /* a message that is through keeps its result */
			x[i] = b < blocks[i] ? x[i] : before[i];
	}
	for (unsigned i = 0; i < LANES; i++)
		_mm_storel_epi64((__m128i *)(void *)tag[i], x[i]);
}

void dp_auth_tags(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	if (!__builtin_cpu_supports("aes")) {
		dp_auth_tags_portable(m, n, ret_tag);
		return;
	}
	uint8_t spare[DP_AUTH_TAG_SIZE];
	for (unsigned k = 0; k < n; k += LANES) {
		const struct dp_auth_message *group[LANES];
		uint8_t *tag[LANES];
		for (unsigned i = 0; i < LANES; i++) { /* a last group that is not full repeats its first */
			group[i] = &m[k + i < n ? k + i : k];
			tag[i] = k + i < n ? ret_tag[k + i] : spare;
		}
		tags4_aesni(group, tag);
	}
}
