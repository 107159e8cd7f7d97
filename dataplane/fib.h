/* SPDX-License-Identifier: BSD-2-Clause */
/* Longest-prefix match from an address to an adjacency: the mirror of the kernel's FIB.
 *
 * A multibit trie (16 bits, then strides of 8; Srinivasan and Varghese, "Fast Address Lookups Using Controlled Prefix
 * Expansion", 1999) that is persistent: a change copies the nodes on its way and leaves the others shared, so that
 * readers of an old version are not disturbed and a transaction appears to them whole, together with the rest of its
 * state (rte_lpm changes in place, route by route).
 *
 * Invariant: a view finds exactly the longest prefix that was in the table when the view was made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define DP_FIB_ROOT_BITS    16u
#define DP_FIB_STRIDE_BITS  8u
#define DP_FIB_NODE_ENTRIES (1u << DP_FIB_STRIDE_BITS)
#define DP_FIB_MAX_NODES    (1u << 18) /* 1 KiB each: room for a full Internet table with /24 and longer */
#define DP_FIB_MAX_VALUE    ((1u << 23) - 1)

/* An entry of a node: bit 31 set: the index of a node below. Else prefix length + 1 in bits 30..23 and the value in
 * 22..0; 0: nothing here. */
#define DP_FIB_IS_NODE(entry) ((entry) >> 31)
#define DP_FIB_NODE(entry)    ((entry)&0x7fffffffu)
#define DP_FIB_VALUE(entry)   ((entry)&DP_FIB_MAX_VALUE)

struct dp_fib_view {
	const uint32_t *v4; /* 2^16 entries, by the first two bytes */
	const uint32_t *v6;
	const uint32_t *nodes; /* DP_FIB_NODE_ENTRIES each */
};

/* The value of the longest prefix that holds `a`, or 0. */
static inline uint32_t dp_fib_find(const struct dp_fib_view *view, const struct wire_addr *a)
{
	const uint8_t *at = a->bytes;
	const uint32_t *root = view->v6;
	if (wire_addr_is_v4(a)) {
		at += 12;
		root = view->v4;
	}
	uint32_t entry = root[(uint32_t)at[0] << 8 | at[1]];
	for (at += 2; DP_FIB_IS_NODE(entry); at++)
		entry = view->nodes[(uint64_t)DP_FIB_NODE(entry) * DP_FIB_NODE_ENTRIES + *at];
	return DP_FIB_VALUE(entry);
}

/* ---- the writer: one thread, the main one ---- */

struct dp_fib;
struct dp_fib_garbage; /* what only readers of older views still need */

struct dp_fib_change {
	struct wire_addr prefix; /* bits after `length` are ignored */
	uint32_t length;         /* 0 .. 128; an IPv4 prefix of n bits is 96 + n of a mapped address */
	uint32_t value;          /* 1 .. DP_FIB_MAX_VALUE; 0 takes the prefix out, if it is there */
};

/* An empty table. Returns 0 or -ENOMEM. */
int dp_fib_create(struct dp_fib **ret_fib);
void dp_fib_destroy(struct dp_fib *fib);

/* The current version, valid until the garbage of the next change is freed. */
struct dp_fib_view dp_fib_current(const struct dp_fib *fib);

/* Make the next version: the changes in order, all or none. *ret_garbage is to be given back with dp_fib_collect when
 * nobody reads a view from before this call. Returns 0, -EINVAL (a change is out of range), -ENOSPC (no node left) or
 * -ENOMEM. */
int dp_fib_apply(
    struct dp_fib *fib, const struct dp_fib_change *changes, size_t n, struct dp_fib_garbage **ret_garbage);
void dp_fib_collect(struct dp_fib *fib, struct dp_fib_garbage *garbage);

/* The value of exactly this prefix, or 0. */
uint32_t dp_fib_get(const struct dp_fib *fib, const struct wire_addr *prefix, uint32_t length);

/* Every prefix in the table, in no order: start with *cursor 0; false at the end. No change in between. */
bool dp_fib_next(const struct dp_fib *fib, size_t *cursor, struct dp_fib_change *ret_prefix);

/* How many nodes are in use, garbage included. */
uint32_t dp_fib_nodes(const struct dp_fib *fib);
