/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's table of datagrams that arrive in fragments: which flow the fragments of each belong to.
 *
 * Only the first fragment has ports. The table remembers them for those that follow, and holds those that came before it.
 * Nothing is put together again: fragments go on one by one.
 *
 * Invariants:
 * - Memory is fixed; of a datagram at most LB_FRAGMENT_HELD packets are held, in all at most `held_max`.
 * - A datagram is forgotten LB_FRAGMENT_LIFE_MS after its first packet, or when `datagrams` others have begun since that,
 *   and not before. So while a flood begins R datagrams a second, each has datagrams / R seconds to arrive.
 * - No byte of a datagram passes twice. A fragment that repeats what is known already is dropped; if it overlaps it in
 *   part, or contradicts its end, the datagram is dropped from then on (RFC 5722, section 4; RFC 3128).
 * - A packet that was held comes back exactly once: released, forgotten or swept. Packets are the caller's.
 * One writer, no lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/hash.h"

#define LB_FRAGMENT_HELD  8u
#define LB_FRAGMENT_SPANS 8u /* parts of a datagram with gaps between them */
#define LB_FRAGMENT_LIFE_MS                                                                                            \
	4000u /* a sender's fragments follow one another at once; the rest is for paths that differ */
#define LB_FRAGMENT_MAX (1u << 16)

struct lb_fragment_table;

/* A fragment. Bytes [begin, end) of what its datagram's IP header is followed by. */
struct lb_fragment {
	uint32_t begin;
	uint32_t end;
	bool last;         /* no more fragments */
	uint16_t src_port; /* of the first (begin is 0): host order */
	uint16_t dst_port;
	void *packet; /* not NULL */
};

enum lb_fragment_verdict {
	LB_FRAGMENT_PASS, /* its ports are known */
	LB_FRAGMENT_HOLD, /* the table has the packet */
	LB_FRAGMENT_DROP,
};

struct lb_fragment_result {
	enum lb_fragment_verdict verdict;
	uint16_t src_port; /* PASS */
	uint16_t dst_port;
	uint32_t serial; /* PASS: counts the datagrams of this table */
	unsigned n_released;
	unsigned n_forgotten;
	void *released[LB_FRAGMENT_HELD];      /* with a first fragment's PASS: they go after it, as it does */
	void *forgotten[2 * LB_FRAGMENT_HELD]; /* to be dropped: of a displaced datagram, of this one */
};

/* Who fragments a datagram: addresses, identification and protocol (RFC 791, RFC 8200, 4.5). */
static inline struct lb_flow_key lb_fragment_key(
    const struct wire_addr *src, const struct wire_addr *dst, uint32_t id, uint8_t protocol)
{
	return (struct lb_flow_key){.client = *src,
	    .vip = *dst,
	    .client_port = (uint16_t)(id >> 16),
	    .vip_port = (uint16_t)id,
	    .protocol = protocol};
}

/* Bytes, 64-byte aligned by the caller; 0: datagrams is not within 2 .. LB_FRAGMENT_MAX. */
size_t lb_fragment_table_size(uint32_t datagrams);
int lb_fragment_table_init(
    void *memory, size_t size, uint32_t datagrams, uint32_t held_max, struct lb_fragment_table **ret_table);

/* One fragment. `hash` is lb_flow_hash(key). */
void lb_fragment_take(struct lb_fragment_table *table, const struct lb_flow_key *key, uint64_t hash,
    const struct lb_fragment *fragment, uint64_t now_ns, struct lb_fragment_result *ret);

/* Looks at the next `n` datagrams for one whose life has ended with packets held, and gives these back. Returns their
 * number, 0: there is none among them. */
unsigned lb_fragment_sweep(
    struct lb_fragment_table *table, uint64_t now_ns, uint32_t n, void *ret_packet[LB_FRAGMENT_HELD]);

uint32_t lb_fragment_held(const struct lb_fragment_table *table);
