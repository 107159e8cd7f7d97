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

/* Up to LANES messages of any length, each under its own key; a group that is not full repeats its first. */
SSE static void tags_mixed(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	__m128i x[LANES], last[LANES];
	const struct dp_auth_message *lane[LANES];
	unsigned blocks[LANES], most = 0;
	for (unsigned i = 0; i < LANES; i++) {
		lane[i] = &m[i < n ? i : 0];
		blocks[i] = blocks_of(lane[i]);
		most = blocks[i] > most ? blocks[i] : most;
		last[i] = last_of(lane[i], blocks[i]);
		x[i] = _mm_setzero_si128();
	}
	for (unsigned b = 0; b < most; b++) {
		__m128i y[LANES];
		for (unsigned i = 0; i < LANES; i++) {
			__m128i block = b + 1 < blocks[i] ? load((const uint8_t *)lane[i]->data + b * BLOCK) : last[i];
			y[i] = _mm_xor_si128(_mm_xor_si128(x[i], block), load(lane[i]->key->aes.round[0]));
		}
		for (unsigned round = 1; round < 10; round++)
			for (unsigned i = 0; i < LANES; i++)
				y[i] = _mm_aesenc_si128(y[i], load(lane[i]->key->aes.round[round]));
		for (unsigned i = 0; i < LANES; i++) {
			y[i] = _mm_aesenclast_si128(y[i], load(lane[i]->key->aes.round[10]));
			x[i] = b < blocks[i] ? y[i] : x[i]; /* a message that is through keeps its result */
		}
	}
	for (unsigned i = 0; i < n; i++)
		_mm_storel_epi64((__m128i *)(void *)ret_tag[i], x[i]);
}

/* Up to LANES messages of one length, a whole block at least, under one key. */
SSE static void tags_alike(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	const struct dp_auth_key *key = m[0].key;
	unsigned blocks = blocks_of(m);
	__m128i x[LANES], round_key = load(key->aes.round[0]);
	for (unsigned i = 0; i < LANES; i++)
		x[i] = round_key;
	for (unsigned b = 0; b < blocks; b++) {
		for (unsigned i = 0; i < LANES; i++) {
			const struct dp_auth_message *one = &m[i < n ? i : 0];
			x[i] = _mm_xor_si128(
			    x[i], b + 1 < blocks ? load((const uint8_t *)one->data + b * BLOCK) : last_of(one, blocks));
		}
		for (unsigned round = 1; round < 10; round++) {
			round_key = load(key->aes.round[round]);
			for (unsigned i = 0; i < LANES; i++)
				x[i] = _mm_aesenc_si128(x[i], round_key);
		}
		round_key = load(key->aes.round[10]);
		if (b + 1 < blocks) /* the first key of the next block rides on the last of this one */
			round_key = _mm_xor_si128(round_key, load(key->aes.round[0]));
		for (unsigned i = 0; i < LANES; i++)
			x[i] = _mm_aesenclast_si128(x[i], round_key);
	}
	for (unsigned i = 0; i < n; i++)
		_mm_storel_epi64((__m128i *)(void *)ret_tag[i], x[i]);
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

/* tags_alike() of up to WIDE. */
AVX static void tags_vaes(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE])
{
	const struct dp_auth_key *key = m[0].key;
	unsigned blocks = blocks_of(m);
	__m256i x[PAIRS], round_key = both(key->aes.round[0]);
	for (unsigned i = 0; i < PAIRS; i++)
		x[i] = round_key;
	for (unsigned b = 0; b < blocks; b++) {
		for (unsigned i = 0; i < PAIRS; i++) {
			const struct dp_auth_message *low = &m[2 * i < n ? 2 * i : 0],
			                             *high = &m[2 * i + 1 < n ? 2 * i + 1 : 0];
			x[i] =
			    _mm256_xor_si256(x[i], b + 1 < blocks ? pair(load((const uint8_t *)low->data + b * BLOCK),
			                                                load((const uint8_t *)high->data + b * BLOCK))
			                                          : pair(last_of(low, blocks), last_of(high, blocks)));
		}
		for (unsigned round = 1; round < 10; round++) {
			round_key = both(key->aes.round[round]);
			for (unsigned i = 0; i < PAIRS; i++)
				x[i] = _mm256_aesenc_epi128(x[i], round_key);
		}
		round_key = both(key->aes.round[10]);
		if (b + 1 < blocks)
			round_key = _mm256_xor_si256(round_key, both(key->aes.round[0]));
		for (unsigned i = 0; i < PAIRS; i++)
			x[i] = _mm256_aesenclast_epi128(x[i], round_key);
	}
	for (unsigned i = 0; i < n; i++) {
		__m128i one = i % 2 ? _mm256_extracti128_si256(x[i / 2], 1) : _mm256_castsi256_si128(x[i / 2]);
		_mm_storel_epi64((__m128i *)(void *)ret_tag[i], one);
	}
}

/* How many of m[0..n), `most` at most, are like the first one. */
static unsigned alike(const struct dp_auth_message *m, unsigned n, unsigned most)
{
	unsigned k = 1;
	while (k < n && k < most && m[k].key == m[0].key && m[k].length == m[0].length)
		k++;
	return m[0].length < BLOCK ? 0 : k;
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
	for (unsigned k = 0, took; k < n; k += took) {
		unsigned left = n - k;
		took = alike(m + k, left, vaes ? WIDE : LANES);
		if (vaes && took > LANES) {
			tags_vaes(m + k, took, ret_tag + k);
		} else if (took > LANES / 2 || took == left) {
			took = took < LANES ? took : LANES;
			tags_alike(m + k, took, ret_tag + k);
		} else {
			took = left < LANES ? left : LANES;
			tags_mixed(m + k, took, ret_tag + k);
		}
	}
}
