/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of links and paths, on worker 0 alone.
 *
 * Keepalives: a request on each of our links every interval; the other end echoes it. A link goes down when nothing of
 * the other end (request or reply) came for `keepalive_dead` intervals, when the other end says that it does not hear
 * us, when a flooded notice says so, or when kuafud's STAMP sessions do. It comes up when none of these holds and
 * DP_OAM_UP_REPLIES replies came in a row. A replayed keepalive proves nothing: requests must be younger than all
 * before, replies must answer a request that is still open.
 *
 * Flood: each change of one of our links is sent to every neighbour as LINKSTATE, and again after 20 and 60 ms, for
 * the network that just broke may break the notice too. A notice that is new to a POP is passed on once, on every other
 * link that is up.
 *
 * Choices: for each path in the snapshot, primary if no link of it is down, else backup, else none
 * (snapshot->active). Each change is told to kuafud; what finds no room in the ring is told as soon as there is some,
 * and what is down, or not on its primary, again every second. */
#pragma once

#include "dataplane/overlay.h"
#include "dataplane/worker.h"

#define DP_OAM_UP_REPLIES 3u
#define DP_OAM_REPEATS    3u                /* of a notice: at once, after 20 ms, after 60 ms */
#define DP_OAM_GRACE_NS   (500u * 1000000u) /* a new link counts as up for so long before it must have been heard */

struct dp_oam;

int dp_oam_create(struct dp_oam **ret_oam);
void dp_oam_destroy(struct dp_oam *oam);

/* Keepalives that are due, links gone silent, repeats of notices; and, when the state is new, links and choices anew.
 * At least every millisecond while the worker is awake; dp_oam_next_ns() says when it must wake. */
void dp_oam_tick(struct dp_worker *w);

/* CLOCK_MONOTONIC of the next thing that dp_oam_tick() has to do. */
uint64_t dp_oam_next_ns(const struct dp_oam *oam);

/* A command: what kuafud's STAMP sessions know of one of our links. */
void dp_oam_link_state(struct dp_worker *w, const struct wire_ctl_link_state *state);

/* An authentic KEEPALIVE or LINKSTATE that arrived on our own link with id `link`. Returns why it was refused, if it was. */
enum wire_drop dp_oam_receive(struct dp_worker *w, uint32_t link, const struct dp_overlay *overlay);

/* Fills `up` and `keepalive_rtt_ns` of the blocks of our links. For the main thread. */
void dp_oam_collect(const struct dp_oam *oam, struct wire_stats_link *block, uint32_t n);
