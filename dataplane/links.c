/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/snapshot.h"

#define SLOTS (2 * DP_LINKS_MAX) /* open addressing, half full at most */

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a power of two");

struct dp_overlay_state {
	_Atomic uint32_t n;    /* places that are or were used */
	uint16_t place[SLOTS]; /* index into link[] + 1 */
	struct dp_link link[DP_LINKS_MAX];
	unsigned lanes;
	uint64_t first_sequence; /* a link that is new sends the next one first */
	uint64_t *sequence;
	struct dp_replay *replay;
};

int dp_overlay_state_create(uint16_t n_workers, struct dp_overlay_state **ret_state)
{
	struct dp_overlay_state *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->lanes = (WIRE_OVERLAY_LANES + n_workers - 1u) / n_workers;
	s->sequence = calloc((size_t)DP_LINKS_MAX * s->lanes, sizeof(*s->sequence));
	s->replay = calloc((size_t)DP_LINKS_MAX * s->lanes, sizeof(*s->replay));
	if (!s->sequence || !s->replay) {
		dp_overlay_state_destroy(s);
		return -ENOMEM;
	}
	*ret_state = s;
	return 0;
}

void dp_overlay_state_destroy(struct dp_overlay_state *state)
{
	if (!state)
		return;
	free(state->sequence);
	free(state->replay);
	free(state);
}

/* Where a link's number stands in place[], or the empty slot where it would. */
static uint32_t slot_of(const struct dp_overlay_state *state, uint32_t link)
{
	uint32_t at = link * 2654435761u % SLOTS; /* Knuth, TAOCP 3, 6.4: multiplicative hashing */
	while (state->place[at] && state->link[state->place[at] - 1].link != link)
		at = (at + 1) % SLOTS;
	return at;
}

/* Its own, if it comes back and no other has taken that; else one that nobody had, or the first that is free. */
static uint32_t place_for(const struct dp_overlay_state *state, uint32_t link)
{
	uint32_t unused = state->n;
	for (uint32_t k = state->n; k-- > 0;) {
		if (state->link[k].used)
			continue;
		if (state->link[k].link == link)
			return k;
		if (state->n == DP_LINKS_MAX)
			unused = k;
	}
	return unused;
}

static void begin_anew(struct dp_overlay_state *state, struct dp_link *l)
{
	memset(l->replay, 0, state->lanes * sizeof(*l->replay));
	for (unsigned lane = 0; lane < state->lanes; lane++)
		l->sequence[lane] = state->first_sequence;
}

struct dp_link *dp_link_find(struct dp_overlay_state *state, uint32_t link)
{
	uint32_t at = slot_of(state, link);
	if (state->place[at])
		return &state->link[state->place[at] - 1];
	uint32_t k = place_for(state, link);
	if (k == DP_LINKS_MAX)
		return NULL;
	struct dp_link *l = &state->link[k];
	bool returns = k < state->n && l->link == link;
	*l = (struct dp_link){
	    .link = link,
	    .sequence = state->sequence + (size_t)k * state->lanes,
	    .replay = state->replay + (size_t)k * state->lanes,
	};
	if (!returns)
		begin_anew(state, l);
	atomic_store_explicit(&l->used, true, memory_order_release);
	if (k == state->n)
		atomic_store_explicit(&state->n, k + 1, memory_order_release);
	state->place[at] = (uint16_t)(k + 1);
	return l;
}

/* Its neighbour remembers what was sent last on it, and it may come back to another place. Far enough ahead that the step
 * is no loss. */
static void note_sequences(struct dp_overlay_state *state, const struct dp_link *l)
{
	for (unsigned lane = 0; lane < state->lanes; lane++)
		if (l->sequence[lane] + DP_REPLAY_MAX_LOST + 1 > state->first_sequence)
			state->first_sequence = l->sequence[lane] + DP_REPLAY_MAX_LOST + 1;
}

void dp_links_keep(struct dp_overlay_state *state, const struct lb_snapshot *snapshot)
{
	bool gone = false;
	for (uint32_t k = 0; k < state->n; k++) {
		struct dp_link *l = &state->link[k];
		const struct lb_link *known = l->used ? lb_snapshot_link(snapshot, l->link) : NULL;
		if (!l->used || (known && known->row.from_pop == snapshot->self))
			continue;
		atomic_store_explicit(&l->used, false, memory_order_release);
		note_sequences(state, l);
		gone = true;
	}
	if (!gone)
		return;
	memset(state->place, 0, sizeof(state->place));
	for (uint32_t k = 0; k < state->n; k++)
		if (state->link[k].used)
			state->place[slot_of(state, state->link[k].link)] = (uint16_t)(k + 1);
}

struct wire_stats_link *dp_link_block(uint32_t link, struct wire_stats_link *block, uint32_t n)
{
	struct wire_stats_link *unused = NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (block[i].link == link)
			return &block[i];
		if (!unused && block[i].link == 0 && block[i].tx_packets == 0 && block[i].rx_packets == 0)
			unused = &block[i];
	}
	return unused;
}

/* Workers' bases differ by no more than delays do; the block keeps the one that it once had. */
static void add_delays(struct wire_stats_link *b, const struct dp_link *l)
{
	if (b->rx_delay_base_us == 0)
		b->rx_delay_base_us = l->rx_delay_base_us;
	b->rx_delay_us +=
	    l->rx_delay_us + (int64_t)l->rx_packets * (int32_t)(l->rx_delay_base_us - b->rx_delay_base_us);
}

void dp_overlay_state_collect(const struct dp_overlay_state *state, struct wire_stats_link *block, uint32_t n)
{
	for (uint32_t k = 0; k < state->n; k++) {
		const struct dp_link *l = &state->link[k];
		if (!atomic_load_explicit(&l->used, memory_order_acquire))
			continue;
		struct wire_stats_link *b = dp_link_block(l->link, block, n);
		if (!b)
			continue;
		b->link = l->link;
		b->tx_packets += l->tx_packets;
		b->tx_bytes += l->tx_bytes;
		add_delays(b, l);
		b->rx_packets += l->rx_packets;
		b->rx_bytes += l->rx_bytes;
		for (unsigned lane = 0; lane < state->lanes; lane++) {
			b->rx_lost += l->replay[lane].lost;
			b->rx_missing += dp_replay_missing(&l->replay[lane]);
		}
	}
}
