/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/links.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS (2 * DP_LINKS_MAX) /* open addressing, half full at most */

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a power of two");

struct dp_overlay_state {
	uint32_t n;
	uint16_t place[SLOTS]; /* index into link[] + 1 */
	struct dp_link link[DP_LINKS_MAX];
	unsigned lanes;
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

struct dp_link *dp_link_find(struct dp_overlay_state *state, uint32_t link)
{
	uint32_t at = link * 2654435761u % SLOTS; /* Knuth, TAOCP 3, 6.4: multiplicative hashing */
	for (; state->place[at]; at = (at + 1) % SLOTS)
		if (state->link[state->place[at] - 1].link == link)
			return &state->link[state->place[at] - 1];
	if (state->n == DP_LINKS_MAX)
		return NULL;
	struct dp_link *l = &state->link[state->n];
	l->link = link;
	l->sequence = state->sequence + (size_t)state->n * state->lanes;
	l->replay = state->replay + (size_t)state->n * state->lanes;
	state->place[at] = (uint16_t)++state->n;
	return l;
}

struct wire_stats_link *dp_link_block(uint32_t link, struct wire_stats_link *block, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (block[i].link == link)
			return &block[i];
		if (block[i].link == 0 && block[i].tx_packets == 0 && block[i].rx_packets == 0)
			return &block[i];
	}
	return NULL;
}

void dp_overlay_state_collect(const struct dp_overlay_state *state, struct wire_stats_link *block, uint32_t n)
{
	for (uint32_t k = 0; k < state->n; k++) {
		const struct dp_link *l = &state->link[k];
		struct wire_stats_link *b = dp_link_block(l->link, block, n);
		if (!b)
			continue;
		b->link = l->link;
		b->tx_packets += l->tx_packets;
		b->tx_bytes += l->tx_bytes;
		b->rx_packets += l->rx_packets;
		b->rx_bytes += l->rx_bytes;
		for (unsigned lane = 0; lane < state->lanes; lane++)
			b->rx_lost += l->replay[lane].lost;
	}
}
