/* SPDX-License-Identifier: BSD-2-Clause */
/* The stamp at the end of every generated packet, and what the received ones say about loss, order and delay.
 *
 * The stamp is the last bytes of the packet, so that it is found whatever headers were put on, taken off or rewritten
 * in between. Invariant: received + lost == the highest sequence number seen + 1, duplicates not counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/pktgen/histogram.h"

#define CHECK_MAGIC 0x6b756670u /* "kufp" */

/* 16 bytes, so that a 64-byte frame (60 without FCS) of IPv4 and UDP holds one. */
struct check_stamp {
	uint32_t mark;     /* CHECK_MAGIC ^ trial: a late packet of an earlier trial is foreign */
	uint32_t sequence; /* from 0, over all flows of the trial; the receiver extends it to 64 bits */
	uint64_t sent_at;  /* the sender's clock, ticks */
} __attribute__((packed));

#define CHECK_WINDOW 65536u /* how far behind the newest a packet is still told from a duplicate */

struct check {
	uint32_t trial;
	double ns_per_tick;
	uint64_t next; /* highest sequence seen + 1 */
	uint64_t received, reordered, duplicated, foreign;
	uint64_t seen[CHECK_WINDOW / 64];
	struct histogram latency;
	struct histogram recent; /* the same, since its user last reset it */
};

void check_start(struct check *c, uint32_t trial, double ns_per_tick);

/* end: one past the packet's last byte; length: bytes that may be read before it; now: ticks. */
void check_packet(struct check *c, const uint8_t *end, size_t length, uint64_t now);

/* Packets of `sent` that never came (so far). */
static inline uint64_t check_lost(const struct check *c, uint64_t sent)
{
	return sent > c->received ? sent - c->received : 0;
}
