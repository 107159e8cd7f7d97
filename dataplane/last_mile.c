/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/last_mile.h"

#include <string.h>

#include "lb/hash.h"

#define NEAR     4u    /* rows from its place on in which a key may be */
#define TICK_US  1049u /* 2^20 ns */
#define V4_BITS  96u   /* struct wire_addr counts an IPv4 prefix of n bits as 96 + n */
#define ALL_BITS 128u

static uint8_t bits_of(enum wire_stats_side side, const struct wire_addr *address)
{
	if (side == WIRE_SIDE_ENDPOINT)
		return ALL_BITS;
	return wire_addr_is_v4(address) ? V4_BITS + WIRE_STATS_CLIENT_BITS_V4 : WIRE_STATS_CLIENT_BITS_V6;
}

static struct wire_addr prefix_of(const struct wire_addr *address, uint8_t bits)
{
	struct wire_addr prefix = *address;
	memset(prefix.bytes + bits / 8, 0, sizeof(prefix.bytes) - bits / 8); /* whole bytes: 48, 120, 128 */
	return prefix;
}

/* Readers see the row unused while its key changes. */
static void give(
    struct wire_stats_last_mile *row, enum wire_stats_side side, const struct wire_addr *prefix, uint8_t bits)
{
	__atomic_store_n(&row->side, WIRE_SIDE_NONE, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	row->prefix = *prefix;
	row->length = bits;
	row->handshakes = row->smooth_us = row->at_seconds = 0;
	memset(row->rtt, 0, sizeof(row->rtt));
	__atomic_store_n(&row->side, (uint8_t)side, __ATOMIC_RELEASE);
}

static struct wire_stats_last_mile *row_of(
    struct dp_worker *w, enum wire_stats_side side, const struct wire_addr *prefix, uint8_t bits)
{
	uint64_t hash =
	    lb_hash_words(lb_hash_word(prefix->bytes), lb_hash_word(prefix->bytes + 8), (uint64_t)side << 8 | bits);
	struct wire_stats_last_mile *oldest = NULL;
	for (uint32_t i = 0; i < NEAR; i++) {
		struct wire_stats_last_mile *row = &w->last_mile[(hash + i) % WIRE_STATS_LAST_MILE_ROWS];
		if (row->side == side && row->length == bits && wire_addr_equal(&row->prefix, prefix))
			return row;
		if (!oldest || (oldest->side && (!row->side || row->at_seconds < oldest->at_seconds)))
			oldest = row;
	}
	give(oldest, side, prefix, bits);
	return oldest;
}

/* Classes go up by a factor of the square root of 2: x < 2^((i + 1) / 2) ms. */
static unsigned class_of(uint32_t us)
{
	uint64_t square = (uint64_t)us * us, bound = 2000000;
	unsigned i = 0;
	for (; i + 1 < WIRE_STATS_LAST_MILE_RTTS && square >= bound; i++)
		bound *= 2;
	return i;
}

void dp_last_mile_add(struct dp_worker *w, enum wire_stats_side side, const struct wire_addr *address, uint32_t ticks)
{
	uint8_t bits = bits_of(side, address);
	struct wire_addr prefix = prefix_of(address, bits);
	struct wire_stats_last_mile *row = row_of(w, side, &prefix, bits);
	uint32_t us = ticks < UINT32_MAX / TICK_US ? ticks * TICK_US : UINT32_MAX;
	row->smooth_us = row->handshakes ? (uint32_t)((7 * (uint64_t)row->smooth_us + us) / 8) : us;
	row->handshakes++;
	row->rtt[class_of(us)]++;
	row->at_seconds = (uint32_t)(w->now_ns / 1000000000u);
}
