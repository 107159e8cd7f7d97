/* SPDX-License-Identifier: BSD-2-Clause */
/* What one worker keeps of each of our own links: the sequences it sends, the replay windows of what it receives, and
 * counters. A lane of a link belongs to one worker (wire/overlay.h), so all of this has one writer.
 *
 * Invariant: a link keeps its place as long as it is in the snapshot, whatever else changes. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/overlay.h"
#include "wire/stats.h"

#define DP_LINKS_MAX WIRE_STATS_MAX_LINKS

struct dp_overlay_state;
struct lb_snapshot;

struct dp_link {
	uint32_t link;     /* id in wire_ctl_link */
	_Atomic bool used; /* written last: the main thread looks at it first */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_packets;
	uint64_t rx_bytes;
	int64_t rx_delay_us; /* sum of the delays of rx_packets, less the base */
	uint32_t rx_delay_base_us;
	uint64_t *sequence;       /* by dp_lane_place(): the last one sent */
	struct dp_replay *replay; /* by dp_lane_place() */
};

/* One more data packet, `delay_us` by the sender's clock and ours after it was sent. */
static inline void dp_link_count_rx(struct dp_link *link, uint16_t bytes, uint32_t delay_us)
{
	if (link->rx_packets == 0)
		link->rx_delay_base_us = delay_us;
	link->rx_packets++;
	link->rx_bytes += bytes;
	link->rx_delay_us += (int32_t)(delay_us - link->rx_delay_base_us);
}

/* Memory for DP_LINKS_MAX links, touched only as far as links are used. 0 or -errno. */
int dp_overlay_state_create(uint16_t n_workers, struct dp_overlay_state **ret_state);
void dp_overlay_state_destroy(struct dp_overlay_state *state);

/* The place of a link, made when it is first asked for. NULL: more than DP_LINKS_MAX links. A link that comes back goes on
 * as it left off, but for its counters, or, if another has its place, with sequences above all that it sent. */
struct dp_link *dp_link_find(struct dp_overlay_state *state, uint32_t link);

/* Frees the places of links that are not our own in the snapshot. For the worker, when it takes a new state. */
void dp_links_keep(struct dp_overlay_state *state, const struct lb_snapshot *snapshot);

/* The block of a link among n: its own, or the first that no link has, or NULL. */
struct wire_stats_link *dp_link_block(uint32_t link, struct wire_stats_link *block, uint32_t n);

/* Adds this worker's counters to the blocks of the same links; a link without one takes the first with no id and no
 * packets. For the main thread: it may see a packet counted and its bytes not yet. */
void dp_overlay_state_collect(const struct dp_overlay_state *state, struct wire_stats_link *block, uint32_t n);
