/* SPDX-License-Identifier: BSD-2-Clause */
/* lb/maglev.h: consistent hashing after Eisenbud et al., "Maglev", NSDI 2016, section 3.4.
 *
 * Invariants:
 * - With n usable candidates of equal weight every candidate owns either floor(m/n) or ceil(m/n) of the m slots, also
 *   while others are unusable; with weights, shares are in proportion to them.
 * - The table is a function of the names, weights and usability of the candidates, not of their order: POPs that list
 *   the same endpoints choose alike.
 * - A candidate that becomes unusable moves its own slots, and one that returns gets exactly them back: the table is
 *   filled with all candidates first, then the slots of unusable ones are dealt again among the others. A slot of a
 *   candidate that stays never moves; of those that had been dealt again because their own are out, a few do.
 * - Adding or removing a candidate moves few slots between others (section 5.3 of the paper). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_MAGLEV_NONE       0xffffu /* no index: lists hold fewer candidates than this */
#define LB_MAGLEV_MAX        65537u  /* slots */
#define LB_MAGLEV_CANDIDATES 16384u

struct lb_candidate {
	uint64_t name;   /* hash of its identity, distinct in a list */
	uint16_t weight; /* 0 .. 255 */
	bool usable;
};

/* The size of a table for n candidates: the smallest listed prime >= 100 n, at most LB_MAGLEV_MAX (section 5.3: with
 * m >= 100 n shares differ by at most 1%). */
uint32_t lb_maglev_slots(uint32_t n);

size_t lb_maglev_scratch_size(uint32_t n);

/* Fills slots[0..m) with indexes into c[0..n). m is prime and m >= n; weight 0 owns no slot, an unusable candidate
 * neither. scratch holds lb_maglev_scratch_size(n) bytes, aligned for uint64_t. Returns 0, or -EINVAL (slots
 * untouched), or -ENOENT if no candidate may own a slot (slots untouched). */
int lb_maglev_build(uint16_t *slots, uint32_t m, const struct lb_candidate *c, uint32_t n, void *scratch);
