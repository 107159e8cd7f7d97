/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/check.h"

#include <string.h>

void check_start(struct check *c, uint32_t trial, double ns_per_tick)
{
	memset(c, 0, offsetof(struct check, latency));
	c->trial = trial;
	c->ns_per_tick = ns_per_tick;
	histogram_reset(&c->latency);
	histogram_reset(&c->recent);
}

static bool test_and_set(struct check *c, uint64_t sequence)
{
	uint64_t *word = &c->seen[sequence % CHECK_WINDOW / 64], bit = (uint64_t)1 << sequence % 64;
	bool was = *word & bit;
	*word |= bit;
	return was;
}

/* Forgets what falls out of the window when `sequence` becomes the newest. */
static void advance(struct check *c, uint64_t sequence)
{
	if (sequence - c->next >= CHECK_WINDOW) {
		memset(c->seen, 0, sizeof(c->seen));
	} else {
		for (uint64_t s = c->next; s <= sequence; s++)
			c->seen[s % CHECK_WINDOW / 64] &= ~((uint64_t)1 << s % 64);
	}
	c->next = sequence + 1;
}

void check_packet(struct check *c, const uint8_t *end, size_t length, uint64_t now)
{
	struct check_stamp stamp;
	if (length < sizeof(stamp)) {
		c->foreign++;
		return;
	}
	memcpy(&stamp, end - sizeof(stamp), sizeof(stamp));
	if (stamp.mark != (CHECK_MAGIC ^ c->trial)) {
		c->foreign++;
		return;
	}
	/* The 64-bit number nearest to the one expected next. */
	uint64_t sequence = c->next + (uint64_t)(int64_t)(int32_t)(stamp.sequence - (uint32_t)c->next);
	if (sequence > UINT64_MAX / 2) {
		c->foreign++;
		return;
	}
	if (sequence >= c->next) {
		advance(c, sequence);
		test_and_set(c, sequence);
	} else if (c->next - sequence > CHECK_WINDOW || test_and_set(c, sequence)) {
		c->duplicated++;
		return;
	} else {
		c->reordered++;
	}
	c->received++;
	uint64_t ns = (uint64_t)((double)(now - stamp.sent_at) * c->ns_per_tick);
	histogram_add(&c->latency, ns);
	histogram_add(&c->recent, ns);
}
