/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/auth.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <immintrin.h>
#include <rte_cpuflags.h>

#define BLOCK LB_AES_BLOCK
#define LANES 8u  /* messages in flight: AES-NI takes 3 to 4 cycles a round and starts up to 2 a cycle */
#define WIDE  16u /* the same with VAES, which takes two blocks at a time */

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

#define SSE __attribute__((target("aes,sse4.1")))
#define AVX __attribute__((target("aes,vaes,avx2")))

SSE static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

/* last_block() with whole loads, none of them outside the message. */
SSE static inline __m128i last_of(const struct dp_auth_message *m, unsigned blocks)
{
	unsigned left = m->length - (blocks - 1) * BLOCK;
	const uint8_t *end = (const uint8_t *)m->data + m->length;
	if (left == BLOCK)
		return _mm_xor_si128(load(end - BLOCK), load(m->key->k1));
	if (m->length < BLOCK) {
		uint8_t out[BLOCK];
		last_block(m, out);
		return load(out);
	}
	const __m128i order = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m128i away = _mm_set1_epi8((char)(BLOCK - left)), at = _mm_set1_epi8((char)left);
	__m128i inside = _mm_cmplt_epi8(order, at), pad = _mm_cmpeq_epi8(order, at);
	__m128i bytes = _mm_shuffle_epi8(load(end - BLOCK), _mm_add_epi8(order, away));
	bytes = _mm_or_si128(_mm_and_si128(bytes, inside), _mm_and_si128(pad, _mm_set1_epi8((char)0x80)));
	return _mm_xor_si128(bytes, load(m->key->k2));
}

/* LANES messages of any length, each under its own key. */
SSE static void tags_aesni(const struct dp_auth_message *const m[LANES], uint8_t *const tag[LANES])
{
	__m128i x[LANES], last[LANES];
	unsigned blocks[LANES], most = 0;
	for (unsigned i = 0; i < LANES; i++) {
		blocks[i] = blocks_of(m[i]);
		most = blocks[i] > most ? blocks[i] : most;
		last[i] = last_of(m[i], blocks[i]);
		x[i] = _mm_setzero_si128();
	}
	for (unsigned b = 0; b < most; b++) {
		__m128i y[LANES];
		for (unsigned i = 0; i < LANES; i++) {
			__m128i block = b + 1 < blocks[i] ? load((const uint8_t *)m[i]->data + b * BLOCK) : last[i];
			y[i] = _mm_xor_si128(_mm_xor_si128(x[i], block), load(m[i]->key->aes.round[0]));
		}
		for (unsigned round = 1; round < 10; round++)
			for (unsigned i = 0; i < LANES; i++)
				y[i] = _mm_aesenc_si128(y[i], load(m[i]->key->aes.round[round]));
		for (unsigned i = 0; i < LANES; i++) {
			y[i] = _mm_aesenclast_si128(y[i], load(m[i]->key->aes.round[10]));
			x[i] = b < blocks[i] ? y[i] : x[i]; /* a message that is through keeps its result */
		}
	}
	for (unsigned i = 0; i < LANES; i++)
		_mm_storel_epi64((__m128i *)(void *)tag[i], x[i]);
}

#define PAIRS (WIDE / 2)

AVX static inline __m256i pair(__m128i low, __m128i high)
{
	return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

AVX static inline __m256i both(const void *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}

/* WIDE messages of one length, a whole block at least, under one key: as the packets of a burst to one neighbour are. */
AVX static void tags_vaes(const struct dp_auth_message *const m[WIDE], uint8_t *const tag[WIDE])
{
	const struct dp_auth_key *key = m[0]->key;
	unsigned blocks = blocks_of(m[0]);
	__m256i x[PAIRS];
	for (unsigned i = 0; i < PAIRS; i++)
		x[i] = _mm256_setzero_si256();
	for (unsigned b = 0; b < blocks; b++) {
		__m256i round_key = both(key->aes.round[0]);
		for (unsigned i = 0; i < PAIRS; i++) {
			const struct dp_auth_message *low = m[2 * i], *high = m[2 * i + 1];
			__m256i block = b + 1 < blocks ? pair(load((const uint8_t *)low->data + b * BLOCK),
			                                     load((const uint8_t *)high->data + b * BLOCK))
			                               : pair(last_of(low, blocks), last_of(high, blocks));
			x[i] = _mm256_xor_si256(_mm256_xor_si256(x[i], block), round_key);
		}
		for (unsigned round = 1; round < 10; round++) {
			round_key = both(key->aes.round[round]);
			for (unsigned i = 0; i < PAIRS; i++)
				x[i] = _mm256_aesenc_epi128(x[i], round_key);
		}
		round_key = both(key->aes.round[10]);
		for (unsigned i = 0; i < PAIRS; i++)
			x[i] = _mm256_aesenclast_epi128(x[i], round_key);
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		_mm_storel_epi64((__m128i *)(void *)tag[2 * i], _mm256_castsi256_si128(x[i]));
		_mm_storel_epi64((__m128i *)(void *)tag[2 * i + 1], _mm256_extracti128_si256(x[i], 1));
	}
}

/* How many of m[0..n), WIDE at most, are like the first one. */
static unsigned alike(const struct dp_auth_message *m, unsigned n)
{
	unsigned k = 1;
	while (k < n && k < WIDE && m[k].key == m[0].key && m[k].length == m[0].length)
		k++;
	return m[0].length < BLOCK ? 1 : k;
}

/* Asked once: CPUID is slow, more so in a virtual machine, and not every compiler knows the name of this feature. */
static bool has_vaes(void)
{
	enum { NOT_ASKED, NO, YES };
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);
	if (known == NOT_ASKED) {
		known = __builtin_cpu_supports("avx2") && rte_cpu_get_flag_enabled(RTE_CPUFLAG_VAES) == 1 ? YES : NO;
		atomic_store_explicit(&answer, known, memory_order_relaxed);
	}
	return known == YES;
}

void dp_auth_tags(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("sse4.1")) {
		dp_auth_tags_portable(m, n, ret_tag);
		return;
	}
	bool vaes = has_vaes();
	uint8_t spare[DP_AUTH_TAG_SIZE];
	for (unsigned k = 0, took; k < n; k += took) {
		const struct dp_auth_message *group[WIDE];
		uint8_t *tag[WIDE];
		unsigned same = vaes ? alike(m + k, n - k) : 1;
		bool wide = same > LANES;
		unsigned lanes = wide ? WIDE : LANES;
		took = wide ? same : n - k < LANES ? n - k : LANES;
		for (unsigned i = 0; i < lanes; i++) { /* a group that is not full repeats its first */
			group[i] = &m[i < took ? k + i : k];
			tag[i] = i < took ? ret_tag[k + i] : spare;
		}
		(wide ? tags_vaes : tags_aesni)(group, tag);
	}
}
