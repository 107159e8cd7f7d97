/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's table of flows at the ingress: which endpoint and egress POP a client's connection was given.
 *
 * Invariants:
 * - Memory is fixed at the start, at most 96 bytes a flow: 64 for the flow, the rest for buckets of one cache line.
 * - An established flow is never displaced, but a one-way one, which made-up segments establish too (lb/state.h), as a
 *   closing one: it loses what its egress knows as well. A table full of established flows refuses a new one with -ENOSPC;
 *   the caller then steers the packet by Maglev alone.
 * - Flows in state NEW hold at most `new_max` entries. Beyond it, and when there is no room, a new flow takes the place
 *   of an older NEW (or CLOSING, or one-way) one: the oldest in its own two buckets, else the next one a few places round the
 *   table; else it is refused. So a SYN flood displaces itself.
 * - The memory holds no pointer: a successor process may map it elsewhere and go on with lb_flow_table_take_over().
 * - A flow touched or made at the same lb_tick() is not displaced: so a burst first touches what its bulk lookup found,
 *   then inserts what it missed, and every pointer of the burst stays good.
 *
 * A flow lives in the bucket that its hash names, or, when that was full, in a second one; a bucket counts how many of
 * its flows were sent away, so a lookup reads a second bucket only when it must. One writer, no lock.
 * Pointers to flows are good until the flow is removed, swept or displaced: use them within the burst only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/hash.h"
#include "lb/state.h"

#define LB_BURST 64u /* most keys in one bulk call */

#define LB_FLOW_MIN 64u /* flows in a table */
#define LB_FLOW_MAX (1u << 26)

struct lb_flow {
	struct lb_flow_key key;
	uint32_t endpoint;
	uint32_t group;
	uint32_t expected;  /* struct lb_progress; written by this module only */
	uint32_t last_seen; /* lb_tick() */
	uint16_t egress_pop;
	uint8_t class;
	uint8_t state;  /* enum lb_flow_state; written by this module only */
	uint8_t vni[3]; /* accelerator id, network order as in struct wire_geneve */
	uint8_t flags;  /* enum lb_flow_flags */
};

_Static_assert(sizeof(struct lb_flow) == 64, "one cache line a flow");

struct lb_flow_table;

/* Bytes for `flows` flows (LB_FLOW_MIN .. LB_FLOW_MAX), 64-byte aligned by the caller. 0 if out of range. */
size_t lb_flow_table_size(uint32_t flows);

/* Makes an empty table in memory[0..size); new_max: see above, at most flows. -EINVAL on a wrong size or limit. */
int lb_flow_table_init(void *memory, size_t size, uint32_t flows, uint32_t new_max, struct lb_flow_table **ret_table);

/* Takes over a table that another process left, perhaps in the middle of a change: of what it holds only the flows are
 * believed, each for itself; all else is built anew. -EINVAL if it is not one of this version and these sizes. */
int lb_flow_table_take_over(
    void *memory, size_t size, uint32_t flows, uint32_t new_max, uint64_t now_ns, struct lb_flow_table **ret_table);

/* ret_flow[i] = the flow of *key[i], or NULL. hash[i] = lb_flow_hash(key[i]). n <= LB_BURST. Returns a bit per hit.
 * Works in stages (prefetch buckets, match signatures and prefetch flows, compare), so misses overlap. */
uint64_t lb_flow_lookup_bulk(const struct lb_flow_table *table, const struct lb_flow_key *const key[],
    const uint64_t hash[], unsigned n, struct lb_flow *ret_flow[]);

struct lb_flow *lb_flow_lookup(const struct lb_flow_table *table, const struct lb_flow_key *key, uint64_t hash);

/* The flow of the key, made now in state NEW with all else zero (*ret_made) or already there, as when a burst brings
 * two packets of a new flow. -ENOSPC as above. */
int lb_flow_insert(struct lb_flow_table *table, const struct lb_flow_key *key, uint64_t hash, uint64_t now_ns,
    struct lb_flow **ret_flow, bool *ret_made);

/* One more packet of a flow that was there before it: progress and last_seen. */
void lb_flow_touch(struct lb_flow_table *table, struct lb_flow *flow, const struct lb_segment *segment,
    bool from_client, uint64_t now_ns);

void lb_flow_remove(struct lb_flow_table *table, struct lb_flow *flow);

/* Looks at the next n places of the table, going round, and removes the flows that timed out. Returns how many. */
unsigned lb_flow_sweep(struct lb_flow_table *table, const struct lb_timeouts *timeouts, uint64_t now_ns, uint32_t n);

/* The flow at place `index`, or NULL if none is there. Indexes run to lb_flow_capacity(). For the owner's listings. */
struct lb_flow *lb_flow_at(const struct lb_flow_table *table, uint32_t index);
uint32_t lb_flow_capacity(const struct lb_flow_table *table);
uint32_t lb_flow_count(const struct lb_flow_table *table);     /* live now */
uint32_t lb_flow_count_new(const struct lb_flow_table *table); /* of these in state NEW */
