/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/path_mtu.h"

#include "lb/hash.h"

/* A word: hash 24 bits, time of learning 24, MTU 16. Time is counted so coarsely that it does not come round while a data
 * plane lives: what is old would seem new. */
#define TICK_NS    UINT64_C(10000000000)
#define TICKS_MASK 0xffffffu
#define LIFE_TICKS 60u

static uint64_t hash_of(struct dp_worker *w, const struct wire_addr *to)
{
	return lb_hash_words(lb_hash_word(to->bytes), lb_hash_word(to->bytes + 8), dp_shared(w)->secret);
}

static uint32_t ticks(const struct dp_worker *w)
{
	return (uint32_t)(w->now_ns / TICK_NS) & TICKS_MASK;
}

static uint64_t word_of(const struct dp_worker *w, uint64_t hash, uint16_t mtu)
{
	return hash >> 40 << 40 | (uint64_t)ticks(w) << 16 | mtu;
}

static uint16_t mtu_in(const struct dp_worker *w, uint64_t word, uint64_t hash)
{
	bool ours = word >> 40 == hash >> 40 && (uint16_t)word != 0;
	uint32_t age = (ticks(w) - (uint32_t)(word >> 16)) & TICKS_MASK;
	return ours && age < LIFE_TICKS ? (uint16_t)word : UINT16_MAX;
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
	atomic_store_explicit(place, word_of(w, hash, mtu), memory_order_relaxed);
}

uint16_t dp_path_mtu_cookie(struct dp_worker *w, const struct wire_addr *to)
{
	return (uint16_t)(hash_of(w, to) >> 16);
}
