/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/auth.h"

#include <stdbool.h>
#include <string.h>
#include <immintrin.h>

#define BLOCK 16u
#define LANES 4u /* messages in flight: AES-NI takes about 4 cycles a round and starts one a cycle */

/* FIPS 197, figure 7. */
static const uint8_t sbox[256] = {
    0x63,
    0x7c,
    0x77,
    0x7b,
    0xf2,
    0x6b,
    0x6f,
    0xc5,
    0x30,
    0x01,
    0x67,
    0x2b,
    0xfe,
    0xd7,
    0xab,
    0x76,
    0xca,
    0x82,
    0xc9,
    0x7d,
    0xfa,
    0x59,
    0x47,
    0xf0,
    0xad,
    0xd4,
    0xa2,
    0xaf,
    0x9c,
    0xa4,
    0x72,
    0xc0,
    0xb7,
    0xfd,
    0x93,
    0x26,
    0x36,
    0x3f,
    0xf7,
    0xcc,
    0x34,
    0xa5,
    0xe5,
    0xf1,
    0x71,
    0xd8,
    0x31,
    0x15,
    0x04,
    0xc7,
    0x23,
    0xc3,
    0x18,
    0x96,
    0x05,
    0x9a,
    0x07,
    0x12,
    0x80,
    0xe2,
    0xeb,
    0x27,
    0xb2,
    0x75,
    0x09,
    0x83,
    0x2c,
    0x1a,
    0x1b,
    0x6e,
    0x5a,
    0xa0,
    0x52,
    0x3b,
    0xd6,
    0xb3,
    0x29,
    0xe3,
    0x2f,
    0x84,
    0x53,
    0xd1,
    0x00,
    0xed,
    0x20,
    0xfc,
    0xb1,
    0x5b,
    0x6a,
    0xcb,
    0xbe,
    0x39,
    0x4a,
    0x4c,
    0x58,
    0xcf,
    0xd0,
    0xef,
    0xaa,
    0xfb,
    0x43,
    0x4d,
    0x33,
    0x85,
    0x45,
    0xf9,
    0x02,
    0x7f,
    0x50,
    0x3c,
    0x9f,
    0xa8,
    0x51,
    0xa3,
    0x40,
    0x8f,
    0x92,
    0x9d,
    0x38,
    0xf5,
    0xbc,
    0xb6,
    0xda,
    0x21,
    0x10,
    0xff,
    0xf3,
    0xd2,
    0xcd,
    0x0c,
    0x13,
    0xec,
    0x5f,
    0x97,
    0x44,
    0x17,
    0xc4,
    0xa7,
    0x7e,
    0x3d,
    0x64,
    0x5d,
    0x19,
    0x73,
    0x60,
    0x81,
    0x4f,
    0xdc,
    0x22,
    0x2a,
    0x90,
    0x88,
    0x46,
    0xee,
    0xb8,
    0x14,
    0xde,
    0x5e,
    0x0b,
    0xdb,
    0xe0,
    0x32,
    0x3a,
    0x0a,
    0x49,
    0x06,
    0x24,
    0x5c,
    0xc2,
    0xd3,
    0xac,
    0x62,
    0x91,
    0x95,
    0xe4,
    0x79,
    0xe7,
    0xc8,
    0x37,
    0x6d,
    0x8d,
    0xd5,
    0x4e,
    0xa9,
    0x6c,
    0x56,
    0xf4,
    0xea,
    0x65,
    0x7a,
    0xae,
    0x08,
    0xba,
    0x78,
    0x25,
    0x2e,
    0x1c,
    0xa6,
    0xb4,
    0xc6,
    0xe8,
    0xdd,
    0x74,
    0x1f,
    0x4b,
    0xbd,
    0x8b,
    0x8a,
    0x70,
    0x3e,
    0xb5,
    0x66,
    0x48,
    0x03,
    0xf6,
    0x0e,
    0x61,
    0x35,
    0x57,
    0xb9,
    0x86,
    0xc1,
    0x1d,
    0x9e,
    0xe1,
    0xf8,
    0x98,
    0x11,
    0x69,
    0xd9,
    0x8e,
    0x94,
    0x9b,
    0x1e,
    0x87,
    0xe9,
    0xce,
    0x55,
    0x28,
    0xdf,
    0x8c,
    0xa1,
    0x89,
    0x0d,
    0xbf,
    0xe6,
    0x42,
    0x68,
    0x41,
    0x99,
    0x2d,
    0x0f,
    0xb0,
    0x54,
    0xbb,
    0x16,
};

static uint8_t times_x(uint8_t a)
{
	return (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
}

static void encrypt_portable(const struct dp_auth_key *key, uint8_t s[BLOCK])
{
	for (unsigned i = 0; i < BLOCK; i++)
		s[i] ^= key->round[0][i];
	for (unsigned round = 1; round <= 10; round++) {
		uint8_t t[BLOCK];
		for (unsigned i = 0; i < BLOCK; i++) /* SubBytes and ShiftRows */
			t[i] = sbox[s[(i + 4 * (i & 3)) & 15]];
		for (unsigned c = 0; c < BLOCK; c += 4) {
			uint8_t all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];
			for (unsigned i = 0; i < 4; i++) { /* MixColumns, but not in the last round */
				uint8_t mixed = t[c + i] ^ all ^ times_x(t[c + i] ^ t[c + ((i + 1) & 3)]);
				s[c + i] = (round < 10 ? mixed : t[c + i]) ^ key->round[round][c + i];
			}
		}
	}
}

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
	uint8_t *w = ret_key->round[0], rcon = 1;
	memcpy(w, secret, BLOCK);
	for (unsigned i = 16; i < 11 * BLOCK; i += 4) {
		uint8_t t[4] = {w[i - 4], w[i - 3], w[i - 2], w[i - 1]};
		if (i % 16 == 0) {
			uint8_t first = t[0];
			t[0] = sbox[t[1]] ^ rcon;
			t[1] = sbox[t[2]];
			t[2] = sbox[t[3]];
			t[3] = sbox[first];
			rcon = times_x(rcon);
		}
		for (unsigned k = 0; k < 4; k++)
			w[i + k] = w[i + k - 16] ^ t[k];
	}
	uint8_t zero[BLOCK] = {0};
	encrypt_portable(ret_key, zero);
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
			encrypt_portable(m[k].key, x);
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
		x[i] = _mm_xor_si128(x[i], load(m[i]->key->round[0]));
	for (unsigned round = 1; round < 10; round++)
		for (unsigned i = 0; i < LANES; i++)
			x[i] = _mm_aesenc_si128(x[i], load(m[i]->key->round[round]));
	for (unsigned i = 0; i < LANES; i++)
		x[i] = _mm_aesenclast_si128(x[i], load(m[i]->key->round[10]));
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
