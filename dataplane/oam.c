/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/oam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/oam_state.h"
#include "dataplane/output.h"
#include "wire/bytes.h"

#define LONGEST_PAUSE_NS (10u * 1000000u) /* a new state is noticed within it even without keepalives */
#define REMIND_NS        (1000u * 1000000u)
#define RETELL_NS        (10u * 1000000u) /* after the main thread had no room */

int dp_oam_create(struct dp_oam **ret_oam)
{
	struct dp_oam *oam = calloc(1, sizeof(*oam));
	if (!oam)
		return -ENOMEM;
	*ret_oam = oam;
	return 0;
}

void dp_oam_destroy(struct dp_oam *oam)
{
	free(oam);
}

uint64_t dp_oam_next_ns(const struct dp_oam *oam)
{
	return oam->next_ns;
}

static uint64_t interval_ns(const struct dp_worker *w)
{
	return (uint64_t)w->snapshot->settings.keepalive_interval_us * 1000u;
}

static uint64_t dead_ns(const struct dp_worker *w)
{
	return interval_ns(w) * w->snapshot->settings.keepalive_dead;
}

static struct dp_oam_link *find_ours(struct dp_oam *oam, uint32_t id)
{
	for (unsigned k = 0; k < oam->n; k++)
		if (oam->ours[k].id == id)
			return &oam->ours[k];
	return NULL;
}

/* ---- verdicts ---- */

static enum wire_link_cause cause_of(const struct dp_oam_link *l)
{
	if (!l)
		return WIRE_CAUSE_REMOTE;
	if (!l->keepalive_up)
		return WIRE_CAUSE_KEEPALIVE;
	return l->stamp_down ? WIRE_CAUSE_STAMP : WIRE_CAUSE_REMOTE;
}

static void post_link(struct dp_worker *w, const struct lb_link *link, bool up)
{
	struct dp_event e = {.type = DP_EVENT_LINK_STATE};
	e.link_state = (struct wire_ctl_link_state){.from_pop = link->row.from_pop,
	    .to_pop = link->row.to_pop,
	    .local_link = link->row.local_link,
	    .remote_link = link->row.remote_link,
	    .state = up ? WIRE_LINK_UP : WIRE_LINK_DOWN,
	    .cause = up ? WIRE_CAUSE_NONE : (uint8_t)cause_of(find_ours(w->oam, link->row.link)),
	    .at_ns = w->wall_ns};
	if (dp_post(w, &e) == 0)
		w->oam->told_link[link->slot] = (struct dp_oam_told_link){.id = link->row.link, .down = !up};
	else
		w->oam->retell_ns = w->now_ns + RETELL_NS;
}

bool dp_oam_judge(struct dp_worker *w, const struct lb_link *link)
{
	struct dp_oam *oam = w->oam;
	const struct dp_oam_notes *notes = &oam->notes[link->slot];
	struct dp_oam_link *ours = link->row.from_pop == w->snapshot->self ? find_ours(oam, link->row.link) : NULL;
	bool noted = notes->id == link->row.link;
	bool up = !(noted && notes->far_down);
	if (ours)
		up = up && dp_oam_near_up(ours) && !ours->unheard;
	else
		up = up && !(noted && notes->near_down);
	if (oam->states.up[link->slot] == up)
		return false;
	oam->states.up[link->slot] = up;
	if (ours)
		ours->up = up;
	post_link(w, link, up);
	return true;
}

static void post_path(struct dp_worker *w, const struct lb_path *path, uint8_t active)
{
	struct dp_event e = {.type = DP_EVENT_PATH_STATE};
	e.path_state = (struct wire_ctl_path_state){
	    .to_pop = path->row.to_pop, .class = path->row.class, .active = active, .at_ns = w->wall_ns};
	if (dp_post(w, &e) == 0)
		w->oam->told[path->slot] =
		    (struct dp_oam_told){.to_pop = path->row.to_pop, .class = path->row.class, .active = active};
	else
		w->oam->retell_ns = w->now_ns + RETELL_NS;
}

static bool path_is_told(const struct dp_oam *oam, const struct lb_path *path, uint8_t active)
{
	const struct dp_oam_told *told = &oam->told[path->slot];
	return told->to_pop == path->row.to_pop && told->class == path->row.class && told->active == active;
}

/* Tells kuafud if this is news to it. A new snapshot starts with every path on its primary, so its own memory of what
 * is active is no measure of what kuafud knows. */
static void tell_path(struct dp_worker *w, const struct lb_path *path, uint8_t active)
{
	if (!path_is_told(w->oam, path, active))
		post_path(w, path, active);
}

static bool link_is_told(const struct dp_oam *oam, const struct lb_link *link, bool up)
{
	const struct dp_oam_told_link *told = &oam->told_link[link->slot];
	return (told->id == link->row.link && told->down) == !up;
}

void dp_oam_choose(struct dp_worker *w)
{
	const struct lb_snapshot *s = w->snapshot;
	const struct lb_map_entry *entry;
	uint64_t cursor = 0;
	lb_paths_recompute(s, &w->oam->states, w->oam->active);
	while ((entry = lb_map_next(s->part[LB_PART_PATH], &cursor))) {
		const struct lb_path *path = entry->part;
		uint8_t now = w->oam->active[path->slot];
		__atomic_store_n(&s->active[path->slot], now, __ATOMIC_RELAXED);
		tell_path(w, path, now);
	}
}

/* The state of one of our links changed as we see it: everybody shall know. */
static void changed_near(struct dp_worker *w, struct dp_oam_link *l)
{
	if (dp_oam_judge(w, l->link))
		dp_oam_choose(w);
	dp_flood_start(w);
}

/* ---- a new snapshot ---- */

static struct dp_oam_link new_link(const struct dp_worker *w, const struct lb_link *link)
{
	return (struct dp_oam_link){.link = link,
	    .id = link->row.link,
	    .up = true,
	    .keepalive_up = true,
	    .nonce_sent = (uint32_t)w->wall_ns,
	    .nonce_heard = (uint32_t)w->wall_ns,
	    .next_request_ns = w->now_ns,
	    .heard_ns = w->now_ns,
	    .grace_ns = w->now_ns + DP_OAM_GRACE_NS};
}

/* Our links in the new snapshot; those that stayed keep their state. */
static void adopt_links(struct dp_worker *w)
{
	struct dp_oam *oam = w->oam;
	const struct lb_map_entry *entry;
	uint64_t cursor = 0;
	for (unsigned k = 0; k < oam->n; k++)
		oam->ours[k].link = NULL;
	while ((entry = lb_map_next(w->snapshot->part[LB_PART_LINK], &cursor))) {
		const struct lb_link *link = entry->part;
		if (link->row.from_pop != w->snapshot->self)
			continue;
		struct dp_oam_link *l = find_ours(oam, link->row.link);
		if (l)
			l->link = link;
		else if (oam->n < DP_LINKS_MAX)
			oam->ours[oam->n++] = new_link(w, link);
	}
	for (unsigned k = 0; k < oam->n;)
		if (oam->ours[k].link)
			k++;
		else
			oam->ours[k] = oam->ours[--oam->n];
}

static void adopt(struct dp_worker *w)
{
	struct dp_oam *oam = w->oam;
	oam->state = w->state;
	oam->generation = w->state->generation;
	adopt_links(w);
	lb_link_states_adopt(&oam->states, w->snapshot, true, true);
	dp_oam_choose(w);
}

/* ---- keepalives ---- */

void dp_oam_send(
    struct dp_worker *w, struct dp_tunnel *t, const struct lb_link *link, uint8_t type, const void *body, uint16_t size)
{
	struct rte_mbuf *m = dp_output_alloc(w, dp_control_size(size));
	if (!m) {
		dp_count_drop(w, WIRE_DROP_NO_MBUF);
		return;
	}
	struct dp_overlay o = dp_control_write(rte_pktmbuf_mtod(m, uint8_t *), 0, type, size);
	memcpy(type == WIRE_OPT_KEEPALIVE ? (void *)o.keepalive : (void *)o.linkstate, body, size);
	dp_tunnel_seal(w, t, m, link, 0, 0, &o, WIRE_JOURNEY_OAM);
}

static bool hears(const struct dp_worker *w, const struct dp_oam_link *l)
{
	return w->now_ns - l->heard_ns <= dead_ns(w);
}

static struct wire_keepalive keepalive(const struct dp_worker *w, const struct dp_oam_link *l, uint8_t kind)
{
	struct wire_keepalive k = {.kind = kind,
	    .local_link = l->link->row.local_link,
	    .remote_link = l->link->row.remote_link,
	    .hears = hears(w, l)};
	wire_put_be16(&k.from_pop, w->snapshot->self);
	wire_put_be16(&k.to_pop, l->link->row.to_pop);
	return k;
}

static void request(struct dp_worker *w, struct dp_tunnel *t, struct dp_oam_link *l)
{
	struct wire_keepalive k = keepalive(w, l, WIRE_KEEPALIVE_REQUEST);
	uint32_t nonce = ++l->nonce_sent, now_us = (uint32_t)(w->wall_ns / 1000u);
	l->sent_us[nonce % DP_OAM_AWAITED] = now_us;
	wire_put_be32(&k.nonce, nonce);
	wire_put_be32(&k.time_us, now_us);
	dp_oam_send(w, t, l->link, WIRE_OPT_KEEPALIVE, &k, sizeof(k));
	l->next_request_ns += interval_ns(w);
	if (l->next_request_ns <= w->now_ns) /* we were late by more than a turn: no burst to catch up */
		l->next_request_ns = w->now_ns + interval_ns(w);
}

static void check_silence(struct dp_worker *w, struct dp_oam_link *l)
{
	if (!l->keepalive_up || hears(w, l) || w->now_ns < l->grace_ns)
		return;
	l->keepalive_up = false;
	l->replies = 0;
	changed_near(w, l);
}

static void heard(struct dp_worker *w, struct dp_oam_link *l, bool other_hears)
{
	l->heard_ns = w->now_ns;
	if (l->unheard == !other_hears)
		return;
	l->unheard = !other_hears;
	if (dp_oam_judge(w, l->link))
		dp_oam_choose(w);
}

/* A neighbour with an epoch that is new to us has begun anew: our next request, whose reply will prove it, is due. */
static void look_at_epoch(struct dp_worker *w, struct dp_oam_link *l, uint32_t epoch)
{
	if (atomic_load(&dp_shared(w)->peer_epoch[l->link->row.to_pop]) == (epoch | DP_EPOCH_KNOWN))
		return;
	l->next_request_ns = w->now_ns;
	w->oam->next_ns = w->now_ns;
}

static void take_request(struct dp_worker *w, struct dp_oam_link *l, const struct wire_keepalive *k, uint32_t epoch)
{
	uint32_t sent = wire_be32(&k->time_us);
	if (!l->requests_seen || (int32_t)(sent - l->newest_request_us) > 0) {
		l->requests_seen = true;
		l->newest_request_us = sent;
		/* Silence at the other end before it could hear us is no verdict. */
		heard(w, l, k->hears || w->now_ns < l->grace_ns);
	}
	look_at_epoch(w, l, epoch);
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	struct wire_keepalive reply = keepalive(w, l, WIRE_KEEPALIVE_REPLY);
	reply.nonce = k->nonce;
	reply.time_us = k->time_us;
	dp_oam_send(w, &t, l->link, WIRE_OPT_KEEPALIVE, &reply, sizeof(reply));
	dp_tunnel_flush(w, &t);
}

/* Nonce and time are those of one request that still waits: so a recording would have to meet both, 64 bits. */
static bool is_awaited(const struct dp_oam_link *l, uint32_t nonce, uint32_t time_us)
{
	if (nonce - l->nonce_heard - 1 >= l->nonce_sent - l->nonce_heard || l->nonce_sent - nonce >= DP_OAM_AWAITED)
		return false;
	return l->sent_us[nonce % DP_OAM_AWAITED] == time_us;
}

static enum wire_drop take_reply(
    struct dp_worker *w, struct dp_oam_link *l, const struct wire_keepalive *k, uint32_t epoch)
{
	uint32_t nonce = wire_be32(&k->nonce), sent_us = wire_be32(&k->time_us);
	if (!is_awaited(l, nonce, sent_us))
		return WIRE_DROP_OVERLAY_REPLAY;
	if (nonce != l->nonce_heard + 1)
		l->replies = 0; /* one was lost */
	l->nonce_heard = nonce;
	atomic_store(&dp_shared(w)->peer_epoch[l->link->row.to_pop], epoch | DP_EPOCH_KNOWN);
	l->rtt_ns = ((uint32_t)(w->wall_ns / 1000u) - sent_us) * UINT64_C(1000);
	heard(w, l, k->hears || w->now_ns < l->grace_ns);
	if (!l->keepalive_up && ++l->replies >= DP_OAM_UP_REPLIES) {
		l->keepalive_up = true;
		changed_near(w, l);
	}
	return WIRE_DROP_NONE;
}

static enum wire_drop take_keepalive(struct dp_worker *w, struct dp_oam_link *l, const struct dp_overlay *o)
{
	const struct wire_keepalive *k = o->keepalive;
	const struct wire_ctl_link *row = &l->link->row;
	if (wire_be16(&k->from_pop) != row->to_pop || wire_be16(&k->to_pop) != row->from_pop ||
	    k->local_link != row->remote_link || k->remote_link != row->local_link)
		return WIRE_DROP_OVERLAY_PATH;
	if (k->kind == WIRE_KEEPALIVE_REPLY)
		return take_reply(w, l, k, dp_overlay_epoch(o));
	if (k->kind != WIRE_KEEPALIVE_REQUEST)
		return WIRE_DROP_OVERLAY_OPTION;
	take_request(w, l, k, dp_overlay_epoch(o));
	return WIRE_DROP_NONE;
}

/* ---- what comes in ---- */

enum wire_drop dp_oam_receive(struct dp_worker *w, uint32_t link, const struct dp_overlay *overlay)
{
	if (w->oam->generation != w->state->generation || w->oam->state != w->state)
		adopt(w);
	struct dp_oam_link *l = find_ours(w->oam, link);
	if (!l)
		return WIRE_DROP_OVERLAY_PEER;
	if (overlay->keepalive)
		return take_keepalive(w, l, overlay);
	return dp_flood_receive(w, l->link, overlay->linkstate);
}

void dp_oam_link_state(struct dp_worker *w, const struct wire_ctl_link_state *state)
{
	if (w->oam->generation != w->state->generation || w->oam->state != w->state)
		adopt(w);
	const struct lb_link *link = lb_snapshot_link_by_ends(
	    w->snapshot, state->from_pop, state->local_link, state->to_pop, state->remote_link);
	struct dp_oam_link *l = link ? find_ours(w->oam, link->row.link) : NULL;
	if (!l || l->stamp_down == (state->state == WIRE_LINK_DOWN))
		return;
	l->stamp_down = state->state == WIRE_LINK_DOWN;
	changed_near(w, l);
}

/* Tells what there was no room to tell; `all`: and what is not as it should be, for a kuafud that lost an event. Not all
 * of it each time, or the first of many would take the room of the last. */
static void remind(struct dp_worker *w, bool all)
{
	const struct lb_snapshot *s = w->snapshot;
	const struct lb_map_entry *entry;
	uint64_t cursor = 0;
	w->oam->retell_ns = UINT64_MAX;
	while ((entry = lb_map_next(s->part[LB_PART_LINK], &cursor))) {
		const struct lb_link *link = entry->part;
		bool up = w->oam->states.up[link->slot];
		if ((all && !up) || !link_is_told(w->oam, link, up))
			post_link(w, link, up);
	}
	cursor = 0;
	while ((entry = lb_map_next(s->part[LB_PART_PATH], &cursor))) {
		const struct lb_path *path = entry->part;
		uint8_t active = w->oam->active[path->slot];
		if ((all && active != LB_ACTIVE_PRIMARY) || !path_is_told(w->oam, path, active))
			post_path(w, path, active);
	}
}

static void tell_again(struct dp_worker *w)
{
	struct dp_oam *oam = w->oam;
	bool all = w->now_ns >= oam->remind_ns;
	if (all)
		oam->remind_ns = w->now_ns + REMIND_NS;
	if (all || w->now_ns >= oam->retell_ns)
		remind(w, all);
}

void dp_oam_tick(struct dp_worker *w)
{
	struct dp_oam *oam = w->oam;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	if (oam->generation != w->state->generation || oam->state != w->state)
		adopt(w);
	uint64_t next = w->now_ns + LONGEST_PAUSE_NS;
	for (unsigned k = 0; k < oam->n && interval_ns(w); k++) {
		struct dp_oam_link *l = &oam->ours[k];
		if (w->now_ns >= l->next_request_ns)
			request(w, &t, l);
		check_silence(w, l);
		next = RTE_MIN(next, l->next_request_ns);
	}
	dp_tunnel_flush(w, &t);
	dp_flood_tick(w);
	tell_again(w);
	if (oam->flood.repeats)
		next = RTE_MIN(next, oam->flood.repeat_ns);
	oam->next_ns = next;
}

void dp_oam_collect(const struct dp_oam *oam, struct wire_stats_link *block, uint32_t n)
{
	for (unsigned k = 0; k < oam->n; k++) {
		const struct dp_oam_link *l = &oam->ours[k];
		struct wire_stats_link *b = dp_link_block(l->id, block, n);
		if (!b)
			continue;
		b->link = l->id;
		b->up = l->up;
		b->keepalive_rtt_ns = l->rtt_ns;
	}
}
