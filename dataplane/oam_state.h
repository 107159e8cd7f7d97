/* SPDX-License-Identifier: BSD-2-Clause */
/* What oam.c (keepalives, our links, path choices) and flood.c (notices) share. Worker 0's alone. */
#pragma once

#include "dataplane/links.h"
#include "dataplane/oam.h"
#include "dataplane/tunnel.h"
#include "lb/snapshot.h"

/* Notices that are remembered: the latest of each part of each origin, so that it is passed on once. 30 POPs with three
 * parts each fill one percent; when a set is full, the part that was silent longest makes room. */
#define DP_FLOOD_SETS 1024u
#define DP_FLOOD_WAYS 8u

/* A sequence that is not higher counts as new after such a silence: the origin speaks once a second, so it has begun anew,
 * and its clock has fallen back. Whoever replays a neighbour's recorded notice of an origin that is silent so long is
 * believed, too, until that origin speaks. */
#define DP_FLOOD_SILENCE_NS (4000u * UINT64_C(1000000))

/* Requests whose replies are awaited: of 50 ms each, so many that a reply may take 3 s. */
#define DP_OAM_AWAITED 64u

/* One of our links. Its near verdict is what we ourselves see, and what we tell others. */
struct dp_oam_link {
	const struct lb_link *link; /* of the snapshot in use */
	uint32_t id;
	bool up; /* both ends' word */
	bool keepalive_up;
	bool stamp_down; /* says kuafud */
	bool unheard;    /* says the other end's latest keepalive: it does not hear us */
	bool requests_seen;
	uint8_t replies; /* in a row since the link went down */
	uint32_t newest_request_us;
	uint32_t nonce_sent;
	uint32_t nonce_heard;
	uint32_t sent_us[DP_OAM_AWAITED]; /* the time in the latest requests, by nonce */
	uint64_t next_request_ns;
	uint64_t heard_ns;
	uint64_t grace_ns; /* until then silence is no sign */
	uint64_t rtt_ns;
};

/* The latest notice taken of something. */
struct dp_flood_mark {
	uint64_t sequence; /* 0: none */
	uint64_t heard_ns;
};

/* What notices say of a link, by its slot: each end speaks for itself. */
struct dp_oam_notes {
	uint32_t id; /* of the link whose notes these are */
	bool near_down;
	bool far_down;
	struct dp_flood_mark near;
	struct dp_flood_mark far;
};

/* What kuafud was told last of a path, by the path's slot; to_pop 0: nothing yet. */
struct dp_oam_told {
	uint16_t to_pop;
	uint8_t class;
	uint8_t active;
};

/* The same of a link, by its slot. A link that nothing was told of counts as up. */
struct dp_oam_told_link {
	uint32_t id;
	bool down;
};

struct dp_flood {
	uint64_t sequence; /* of our latest notice */
	uint8_t repeats;   /* still to be sent */
	uint64_t repeat_ns;
	uint64_t refresh_ns;
	struct {
		uint16_t origin;
		uint16_t part;
		struct dp_flood_mark mark;
	} seen[DP_FLOOD_SETS][DP_FLOOD_WAYS];
};

struct dp_oam {
	const struct dp_state *state; /* for which all below was made */
	uint64_t generation;
	uint64_t next_ns;
	uint64_t remind_ns; /* when to tell everything that is down, or not on its primary */
	uint64_t retell_ns; /* when to tell what there was no room to tell */
	unsigned n;
	struct dp_oam_link ours[DP_LINKS_MAX];
	struct dp_flood flood;
	struct lb_link_states states;
	struct dp_oam_notes notes[LB_MAX_LINKS];
	uint8_t active[LB_MAX_PATHS];
	struct dp_oam_told told[LB_MAX_PATHS];
	struct dp_oam_told_link told_link[LB_MAX_LINKS];
};

static inline bool dp_oam_near_up(const struct dp_oam_link *l)
{
	return l->keepalive_up && !l->stamp_down;
}

/* Both ends' word on a link, put into oam->states; changes are told to kuafud. Returns whether it changed. */
bool dp_oam_judge(struct dp_worker *w, const struct lb_link *link);

/* Choices of all paths from oam->states; changes are told to kuafud. */
void dp_oam_choose(struct dp_worker *w);

/* Sends a control packet of `body` bytes over one of our links: fill() writes the option's body. */
void dp_oam_send(struct dp_worker *w, struct dp_tunnel *t, const struct lb_link *link, uint8_t type, const void *body,
    uint16_t size);

/* ---- flood.c ---- */

/* One of our links has changed: tell everybody. */
void dp_flood_start(struct dp_worker *w);

/* Repeats, and once a second the whole again, for POPs that missed it or have just started. */
void dp_flood_tick(struct dp_worker *w);

/* A neighbour's copy of a notice, received on `link`. */
enum wire_drop dp_flood_receive(struct dp_worker *w, const struct lb_link *link, const struct wire_linkstate *notice);
