/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/path_mtu.h"

#include "lb/hash.h"

#define LIFE_S 600u

static uint64_t hash_of(struct dp_worker *w, const struct wire_addr *to)
{
	return lb_hash_words(lb_hash_word(to->bytes), lb_hash_word(to->bytes + 8), dp_shared(w)->epoch);
}

/* A word: hash 32 bits, second of learning 16, MTU 16. */
static uint16_t now_s(const struct dp_worker *w)
{
	return (uint16_t)(w->now_ns / 1000000000u);
}

static uint16_t mtu_in(const struct dp_worker *w, uint64_t word, uint64_t hash)
{
	bool ours = word >> 32 == hash >> 32 && (uint16_t)word != 0;
	return ours && (uint16_t)(now_s(w) - (uint16_t)(word >> 16)) < LIFE_S ? (uint16_t)word : UINT16_MAX;
}

static _Atomic uint64_t *place_of(struct dp_worker *w, uint64_t hash)
{
	return &dp_shared(w)->path_mtu[hash % DP_PATH_MTUS];
}

uint16_t dp_path_mtu(struct dp_worker *w, const struct wire_addr *to)
{
	uint64_t hash = hash_of(w, to);
	return mtu_in(w, atomic_load_explicit(place_of(w, hash), memory_order_relaxed), hash);
}

void dp_path_mtu_learn(struct dp_worker *w, const struct wire_addr *to, uint16_t mtu)
{
	uint64_t hash = hash_of(w, to);
	_Atomic uint64_t *place = place_of(w, hash);
	if (mtu < WIRE_IPV4_MIN_MTU)
		mtu = WIRE_IPV4_MIN_MTU;
	if (mtu >= mtu_in(w, atomic_load_explicit(place, memory_order_relaxed), hash))
		return;
	uint64_t word = hash >> 32 << 32 | (uint64_t)now_s(w) << 16 | mtu;
	atomic_store_explicit(place, word, memory_order_relaxed);
}

uint16_t dp_path_mtu_cookie(struct dp_worker *w, const struct wire_addr *to)
{
	return (uint16_t)(hash_of(w, to) >> 16);
}
