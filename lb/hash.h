/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash of a flow, and who reads which of its bits.
 *
 * Invariant: the hash is a function of the key alone, with fixed constants, so every POP, the ingress and the egress
 * side, and a restarted process compute the same one. The key is always in the direction client -> VIP; a reply is
 * hashed by the key of the flow that it belongs to.
 *
 *   bits 0..13   overlay hash: UDP source port, lane (bits 8..13), worker
 *   bits 16..47  bucket of flow and NAT tables
 *   bits 48..63  signature within a bucket
 *   lb_hash_choice()  a second mix of all 64 bits: share of a group (upper half), Maglev slot (lower half)
 *
 * So a worker, which sees only its own lanes, still fills all its buckets and all Maglev slots evenly.
 *
 * Words are folded with 64 x 64 -> 128 bit multiplications (low half xor high half); the constants are the fraction of
 * pi. It is no keyed hash: who knows it can aim at one bucket, which costs him only his own flows' entries (lb/flow.h
 * refuses, and the packet goes by Maglev). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "wire/address.h"
#include "wire/overlay.h"

/* Ports in host order; reserved is zero, for keys are hashed and compared whole. */
struct lb_flow_key {
	struct wire_addr client;
	struct wire_addr vip;
	uint16_t client_port;
	uint16_t vip_port;
	uint8_t protocol;
	uint8_t reserved[3];
};

_Static_assert(sizeof(struct lb_flow_key) == 40, "five words, no padding");

/* The word at p as little endian, whatever the host. */
static inline uint64_t lb_hash_word(const void *p)
{
	uint64_t w;
	__builtin_memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

static inline uint64_t lb_hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Three words, all of whose bits reach all bits of the result. For tables of our own objects. */
static inline uint64_t lb_hash_words(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t h = lb_hash_fold(a ^ 0x243f6a8885a308d3u, b ^ 0x13198a2e03707344u);
	return lb_hash_fold(h ^ c ^ 0xa4093822299f31d0u, h ^ 0x082efa98ec4e6c89u);
}

static inline uint64_t lb_flow_hash(const struct lb_flow_key *key)
{
	const uint8_t *p = (const uint8_t *)key;
	uint64_t client =
	    lb_hash_fold(lb_hash_word(p) ^ 0x243f6a8885a308d3u, lb_hash_word(p + 8) ^ 0x13198a2e03707344u);
	uint64_t vip =
	    lb_hash_fold(lb_hash_word(p + 16) ^ 0xa4093822299f31d0u, lb_hash_word(p + 24) ^ 0x082efa98ec4e6c89u);
	uint64_t both = lb_hash_fold(client ^ lb_hash_word(p + 32) ^ 0x452821e638d01377u, vip ^ 0xbe5466cf34e90c6cu);
	return lb_hash_fold(both ^ 0xc0ac29b7c97c50ddu, both + 0x3f84d5b5b5470917u);
}

/* For affinity source-ip: the same for all connections of a client. Only for lb_hash_choice(). */
static inline uint64_t lb_source_hash(const struct wire_addr *client)
{
	return lb_hash_words(lb_hash_word(client->bytes), lb_hash_word(client->bytes + 8), 0x9216d5d98979fb1bu);
}

/* What travels in the overlay's UDP source port. */
static inline uint16_t lb_hash14(uint64_t hash)
{
	return (uint16_t)(hash & WIRE_OVERLAY_HASH_MASK);
}

/* The worker that owns a flow, 0 .. workers - 1 (workers >= 1). */
static inline unsigned lb_owner(uint16_t hash14, unsigned workers)
{
	return wire_overlay_lane(hash14) % workers;
}

/* Bits for lb_select(), independent of lane, bucket and signature. */
static inline uint64_t lb_hash_choice(uint64_t hash)
{
	return lb_hash_fold(hash ^ 0xd1310ba698dfb5acu, hash + 0x2ffd72dbd01adfb7u);
}

/* x of 32 random bits scaled to 0 .. n - 1 without a division. */
static inline uint32_t lb_hash_scale(uint32_t x, uint32_t n)
{
	return (uint32_t)((uint64_t)x * n >> 32);
}

/* Ports and protocol, written as one word: they are read so at once, by the hash. */
static inline void lb_flow_key_put_rest(
    struct lb_flow_key *key, uint16_t client_port, uint16_t vip_port, uint8_t protocol)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	uint64_t rest = (uint64_t)client_port << 48 | (uint64_t)vip_port << 32 | (uint64_t)protocol << 24;
#else
	uint64_t rest = (uint64_t)protocol << 32 | (uint64_t)vip_port << 16 | client_port;
#endif
	__builtin_memcpy((uint8_t *)key + offsetof(struct lb_flow_key, client_port), &rest, sizeof(rest));
}

static inline struct lb_flow_key lb_flow_key_of(
    struct wire_addr client, struct wire_addr vip, uint16_t client_port, uint16_t vip_port, uint8_t protocol)
{
	struct lb_flow_key key = {.client = client, .vip = vip};
	lb_flow_key_put_rest(&key, client_port, vip_port, protocol);
	return key;
}

/* Both addresses as they stand side by side in an IPv4 header, ... */
static inline void lb_flow_key_put_v4(struct lb_flow_key *key, const void *src_dst)
{
	uint64_t words[4] = {0, 0, 0, 0};
	uint32_t v4[2];
	__builtin_memcpy(v4, src_dst, sizeof(v4));
	for (unsigned i = 0; i < 2; i++)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		words[2 * i + 1] = (uint64_t)0xffff << 32 | v4[i];
#else
		words[2 * i + 1] = (uint64_t)v4[i] << 32 | 0xffff0000u;
#endif
	/* Each in its place at once: who reads a word written in parts waits for them. */
	for (unsigned i = 0; i < 4; i++)
		__builtin_memcpy((uint8_t *)key + 8 * i, &words[i], 8);
}

/* ... or an IPv6 header. */
static inline void lb_flow_key_put_v6(struct lb_flow_key *key, const void *src_dst)
{
	__builtin_memcpy(key, src_dst, 2 * sizeof(struct wire_addr));
}

/* The key of packets the other way. */
static inline struct lb_flow_key lb_flow_key_exchanged(const struct lb_flow_key *k)
{
	return lb_flow_key_of(k->vip, k->client, k->vip_port, k->client_port, k->protocol);
}

static inline bool lb_flow_key_equal(const struct lb_flow_key *a, const struct lb_flow_key *b)
{
#ifdef __SSE2__
	const __m128i *p = (const __m128i *)(const void *)a, *q = (const __m128i *)(const void *)b;
	__m128i client = _mm_cmpeq_epi32(_mm_loadu_si128(p), _mm_loadu_si128(q));
	__m128i vip = _mm_cmpeq_epi32(_mm_loadu_si128(p + 1), _mm_loadu_si128(q + 1));
	return _mm_movemask_epi8(_mm_and_si128(client, vip)) == 0xffff &&
	       lb_hash_word(&a->client_port) == lb_hash_word(&b->client_port);
#else
	uint64_t x[5], y[5];
	__builtin_memcpy(x, a, sizeof(x));
	__builtin_memcpy(y, b, sizeof(y));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
#endif
}
