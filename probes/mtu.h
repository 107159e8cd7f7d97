/* SPDX-License-Identifier: BSD-2-Clause */
/* The largest packet that a link takes, found by sending some: Datagram Packetization Layer Path MTU Discovery (RFC 8899),
 * which needs no ICMP. A probe is answered in its own length, so both directions are tried at once. Pure.
 *
 *   BASE ──base answered──▶ SEARCHING ──nothing left to try──▶ COMPLETE ──raise timer──▶ SEARCHING
 *    ▲ └─ unanswered: again                                       │
 *    └──────── what was confirmed is answered no more ◀───────────┘
 *
 * Sizes are bytes of the IP packet. The caller sends what probe_mtu_next() asks for, while the link is up. Loss alone says
 * nothing of a size: a probe counts as unanswered only if the small ones of the same time were answered. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PROBE_MTU_BASE       1200u           /* BASE_PLPMTU, 5.1.2 */
#define PROBE_MTU_TRIES      3u              /* MAX_PROBES, 5.1.2 */
#define PROBE_MTU_TIMER_NS   1000000000ull   /* PROBE_TIMER, 5.1.1: the least that is allowed */
#define PROBE_MTU_CONFIRM_NS 10000000000ull  /* between probes of the size in use */
#define PROBE_MTU_RAISE_NS   600000000000ull /* PMTU_RAISE_TIMER, 5.1.1 */
#define PROBE_MTU_STEP       4u              /* the search ends when what is left to try is no more */

enum probe_mtu_state { PROBE_MTU_AT_BASE, PROBE_MTU_SEARCHING, PROBE_MTU_COMPLETE };

/* "base", "searching", "complete". */
const char *probe_mtu_state_name(enum probe_mtu_state state);

/* The link's other probes, which are small: counters. */
struct probe_mtu_small {
	uint64_t sent, answered;
};

struct probe_mtu {
	enum probe_mtu_state state;
	uint16_t max;                 /* as configured: nothing larger is tried */
	uint16_t found;               /* by the last search that was completed; 0: none was */
	uint16_t confirmed;           /* the largest that was answered in this search; 0: not even the base */
	uint32_t refused;             /* the smallest that was not; max + 1: none */
	uint16_t probing;             /* under way; 0: none */
	uint8_t tries;                /* of it, unanswered */
	uint64_t due_ns;              /* when the next is sent, or the one under way is given up */
	uint64_t raise_ns;            /* when larger ones are tried again */
	struct probe_mtu_small small; /* when the one under way was sent */
};

void probe_mtu_init(struct probe_mtu *m, uint16_t max, uint64_t now_ns);

/* The size of a probe that is to be sent now, or 0. */
uint16_t probe_mtu_next(struct probe_mtu *m, uint64_t now_ns, struct probe_mtu_small small);

/* A probe of that size was answered. Late answers count, too. */
void probe_mtu_answered(struct probe_mtu *m, uint16_t size, uint64_t now_ns);
