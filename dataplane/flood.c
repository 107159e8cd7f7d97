/* SPDX-License-Identifier: BSD-2-Clause */
/* The flood of link states. A notice holds the state of all links of its origin, as the origin sees them, so that the
 * newest notice is all one needs to know; of an origin with more links than fit, the newest of each part. */
#include "dataplane/oam_state.h"
#include "wire/bytes.h"

#define TTL        8u /* POPs that a notice may cross: more than any chain of neighbours here */
#define REFRESH_NS (1000u * 1000000u)

static const uint64_t repeat_after_ns[DP_OAM_REPEATS] = {0, 20u * 1000000u, 40u * 1000000u};

/* A whole notice with room for all its entries. */
union notice {
	struct wire_linkstate head;
	uint8_t room[sizeof(struct wire_linkstate) + WIRE_LINKSTATE_MAX_ENTRIES * sizeof(struct wire_linkstate_entry)];
};

static uint16_t notice_size(const struct wire_linkstate *n)
{
	return (uint16_t)(sizeof(*n) + n->count * sizeof(n->entry[0]));
}

/* On all our links, whatever we think of them: the other direction may be the broken one. */
static void send_everywhere(struct dp_worker *w, struct dp_tunnel *t, const union notice *n)
{
	for (unsigned k = 0; k < w->oam->n; k++)
		dp_oam_send(w, t, w->oam->ours[k].link, WIRE_OPT_LINKSTATE, n, notice_size(&n->head));
}

static struct wire_linkstate_entry entry_of(const struct dp_oam_link *l)
{
	bool up = dp_oam_near_up(l);
	struct wire_linkstate_entry e = {.local_link = l->link->row.local_link,
	    .remote_link = l->link->row.remote_link,
	    .state = up ? WIRE_LINK_UP : WIRE_LINK_DOWN,
	    .cause = up                ? WIRE_CAUSE_NONE
	             : l->keepalive_up ? WIRE_CAUSE_STAMP
	                               : WIRE_CAUSE_KEEPALIVE};
	wire_put_be16(&e.remote_pop, l->link->row.to_pop);
	return e;
}

static void send_all_states(struct dp_worker *w)
{
	struct dp_oam *oam = w->oam;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	for (unsigned first = 0, part = 0; first < oam->n; first += WIRE_LINKSTATE_MAX_ENTRIES, part++) {
		union notice n = {.head = {.ttl = TTL}};
		wire_put_be16(&n.head.origin_pop, w->snapshot->self);
		wire_put_be16(&n.head.from_pop, w->snapshot->self);
		wire_put_be16(&n.head.part, (uint16_t)part);
		wire_put_be64(&n.head.sequence, oam->flood.sequence);
		for (unsigned k = first; k < oam->n && n.head.count < WIRE_LINKSTATE_MAX_ENTRIES; k++)
			n.head.entry[n.head.count++] = entry_of(&oam->ours[k]);
		send_everywhere(w, &t, &n);
	}
	dp_tunnel_flush(w, &t);
}

void dp_flood_start(struct dp_worker *w)
{
	struct dp_flood *f = &w->oam->flood;
	f->sequence = w->wall_ns > f->sequence ? w->wall_ns : f->sequence + 1;
	f->repeats = DP_OAM_REPEATS;
	f->repeat_ns = w->now_ns;
	f->refresh_ns = w->now_ns + REFRESH_NS;
	dp_flood_tick(w);
}

void dp_flood_tick(struct dp_worker *w)
{
	struct dp_flood *f = &w->oam->flood;
	if (f->repeats && w->now_ns >= f->repeat_ns) {
		send_all_states(w);
		f->repeats--;
		f->repeat_ns = w->now_ns + (f->repeats ? repeat_after_ns[DP_OAM_REPEATS - f->repeats] : 0);
	} else if (w->now_ns >= f->refresh_ns && w->oam->n) {
		dp_flood_start(w);
		f->repeats = 0;
	}
}

/* Whether a notice is newer than the one marked; then it is marked. */
static bool is_news(struct dp_flood_mark *mark, uint64_t sequence, uint64_t now_ns)
{
	if (sequence <= mark->sequence && now_ns - mark->heard_ns < DP_FLOOD_SILENCE_NS)
		return false;
	*mark = (struct dp_flood_mark){.sequence = sequence, .heard_ns = now_ns};
	return true;
}

/* The mark of an origin's part, made if there is none. */
static struct dp_flood_mark *mark_of(struct dp_flood *f, uint16_t origin, uint16_t part)
{
	uint32_t mixed = ((uint32_t)origin << 16 | part) * 2654435761u; /* Knuth, TAOCP 3, 6.4 */
	unsigned set = (mixed >> 16) % DP_FLOOD_SETS, oldest = 0;
	for (unsigned k = 0; k < DP_FLOOD_WAYS; k++) {
		if (f->seen[set][k].origin == origin && f->seen[set][k].part == part)
			return &f->seen[set][k].mark;
		if (f->seen[set][k].mark.heard_ns < f->seen[set][oldest].mark.heard_ns)
			oldest = k;
	}
	f->seen[set][oldest].origin = origin;
	f->seen[set][oldest].part = part;
	f->seen[set][oldest].mark = (struct dp_flood_mark){0};
	return &f->seen[set][oldest].mark;
}

/* The notes of a link's slot; another link's are forgotten. */
static struct dp_oam_notes *notes_of(struct dp_oam *oam, const struct lb_link *link)
{
	struct dp_oam_notes *n = &oam->notes[link->slot];
	if (n->id != link->row.link)
		*n = (struct dp_oam_notes){.id = link->row.link};
	return n;
}

/* What the origin says of its end counts for both directions. Returns whether a link's state changed. */
static bool apply(struct dp_worker *w, uint16_t origin, uint64_t sequence, const struct wire_linkstate_entry *e)
{
	const struct lb_snapshot *s = w->snapshot;
	uint16_t remote = wire_be16(&e->remote_pop);
	const struct lb_link *away = lb_snapshot_link_by_ends(s, origin, e->local_link, remote, e->remote_link);
	const struct lb_link *towards = lb_snapshot_link_by_ends(s, remote, e->remote_link, origin, e->local_link);
	bool changed = false;
	if (away) {
		struct dp_oam_notes *n = notes_of(w->oam, away);
		if (is_news(&n->near, sequence, w->now_ns)) {
			n->near_down = e->state == WIRE_LINK_DOWN;
			changed |= dp_oam_judge(w, away);
		}
	}
	if (towards) {
		struct dp_oam_notes *n = notes_of(w->oam, towards);
		if (is_news(&n->far, sequence, w->now_ns)) {
			n->far_down = e->state == WIRE_LINK_DOWN;
			changed |= dp_oam_judge(w, towards);
		}
	}
	return changed;
}

static bool is_usable(const struct dp_worker *w, const struct lb_link *link)
{
	return w->oam->states.up[link->slot];
}

/* On to every other neighbour, over links that are up. */
static void pass_on(struct dp_worker *w, const struct lb_link *from, const struct wire_linkstate *notice)
{
	struct dp_oam *oam = w->oam;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);
	union notice n;
	__builtin_memcpy(n.room, notice, notice_size(notice));
	n.head.ttl--;
	wire_put_be16(&n.head.from_pop, w->snapshot->self);
	for (unsigned k = 0; k < oam->n; k++) {
		const struct lb_link *link = oam->ours[k].link;
		if (link->row.to_pop != from->row.to_pop && is_usable(w, link))
			dp_oam_send(w, &t, link, WIRE_OPT_LINKSTATE, &n, notice_size(&n.head));
	}
	dp_tunnel_flush(w, &t);
}

enum wire_drop dp_flood_receive(struct dp_worker *w, const struct lb_link *link, const struct wire_linkstate *notice)
{
	uint16_t origin = wire_be16(&notice->origin_pop);
	uint64_t sequence = wire_be64(&notice->sequence);
	bool changed = false;
	if (wire_be16(&notice->from_pop) != link->row.to_pop)
		return WIRE_DROP_OVERLAY_PATH;
	if (origin == w->snapshot->self || !lb_snapshot_pop(w->snapshot, origin))
		return WIRE_DROP_NONE; /* our own, or of a POP that is not known here and has no links */
	if (!is_news(mark_of(&w->oam->flood, origin, wire_be16(&notice->part)), sequence, w->now_ns))
		return WIRE_DROP_NONE; /* a copy that took another way */
	for (unsigned k = 0; k < notice->count; k++)
		changed |= apply(w, origin, sequence, &notice->entry[k]);
	if (changed)
		dp_oam_choose(w);
	if (notice->ttl > 1)
		pass_on(w, link, notice);
	return WIRE_DROP_NONE;
}
