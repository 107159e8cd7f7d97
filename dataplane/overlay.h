/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing the overlay of wire/overlay.h: pure functions over packet bytes.
 *
 * Invariant of struct dp_overlay: every pointer that is not NULL points to a whole option body inside the packet, and
 * a packet that parsed has AUTH as its last option and either {PATH, STEER, TELEMETRY} (data) or one of
 * {KEEPALIVE, LINKSTATE} (O bit set). Nothing is known to be authentic yet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/drop.h"
#include "wire/overlay.h"
#include "wire/packet.h"

struct dp_overlay {
	struct wire_geneve *geneve;
	struct wire_path *path;
	struct wire_steer *steer;
	struct wire_telemetry *telemetry;
	struct wire_keepalive *keepalive;
	struct wire_linkstate *linkstate;
	struct wire_auth *auth;
	uint16_t covered; /* bytes under the tag, from the Geneve header on */
	uint16_t length;  /* of the Geneve header and its options: where the inner packet starts */
};

/* Reads the Geneve header at `data` and its options; `length` is that of the UDP payload. Returns WIRE_DROP_NONE, or
 * why the packet must be dropped (*ret_overlay untouched). RFC 8926, 3.4, 3.5; order of options: wire/overlay.h. */
enum wire_drop dp_overlay_parse(uint8_t *data, size_t length, struct dp_overlay *ret_overlay);

/* The outer headers of one packet about to enter the overlay. Addresses are IPv4. */
struct dp_encap {
	struct wire_addr local;
	struct wire_addr remote;
	uint32_t vni;
	uint16_t hash; /* 14 bits */
	uint16_t inner_length;
	uint8_t tos; /* of the inner packet: DSCP and ECN are copied (RFC 6040, 4.1, normal mode) */
	uint8_t key_id;
	uint8_t n_hops; /* 1 .. WIRE_PATH_MAX_HOPS; hop[0] is the receiver of this packet */
	struct wire_path_hop hop[WIRE_PATH_MAX_HOPS]; /* network order */
	struct wire_steer steer;                      /* network order */
	uint32_t sequence;
	uint32_t time_us;
};

/* Bytes from the outer IPv4 header to the inner packet. */
static inline uint16_t dp_encap_size(unsigned n_hops)
{
	return (uint16_t)(sizeof(struct wire_ipv4) + sizeof(struct wire_udp) + sizeof(struct wire_geneve) +
	                  WIRE_OVERLAY_OPTIONS(n_hops));
}

/* Writes dp_encap_size(n_hops) bytes at `at`, with a zero tag, and returns where everything is. */
struct dp_overlay dp_encap_write(uint8_t *at, const struct dp_encap *e);

/* Writes outer IPv4, UDP, Geneve with the O bit and one critical option of `type` (KEEPALIVE or LINKSTATE) with a zeroed
 * body of `body` bytes (a multiple of 4), then AUTH: dp_control_size(body) bytes. */
struct dp_overlay dp_control_write(uint8_t *at, const struct wire_addr *local, const struct wire_addr *remote,
    uint16_t hash, uint8_t type, uint16_t body);

static inline uint16_t dp_control_size(uint16_t body)
{
	return (uint16_t)(sizeof(struct wire_ipv4) + sizeof(struct wire_udp) + sizeof(struct wire_geneve) +
	                  WIRE_OPT_SIZE(body) + WIRE_OPT_SIZE(sizeof(struct wire_auth)));
}

/* Turns the outer header of a packet at a relay towards the next hop: addresses, TTL, and checksums. ECN and DSCP stay,
 * as in any router. */
void dp_overlay_forward(struct wire_ipv4 *outer, const struct wire_addr *local, const struct wire_addr *remote);

/* The ECN field that the inner packet leaves the tunnel with (RFC 6040, 4.2, figure 4), or -1: drop, because
 * congestion was marked on a packet whose transport would not see the mark. */
int dp_ecn_decap(uint8_t inner, uint8_t outer);

/* Sequence numbers of one link and lane, to stop replays. */
#define DP_REPLAY_WINDOW 1024u

struct dp_replay {
	uint64_t bits[DP_REPLAY_WINDOW / 64];
	uint32_t top;       /* highest sequence taken */
	uint32_t newest_us; /* sender's time of the newest packet taken */
	uint32_t offset_us; /* our time less the sender's, then */
	uint32_t heard_us;  /* our time, then */
	uint64_t lost;      /* sequences that left the window unseen */
	bool started;
};

/* How far a restarted sender's clock may have moved against ours and still be taken for the same sender, and after
 * which silence its 32-bit times are not compared any more. */
#define DP_REPLAY_CLOCK_SLACK_US 2000000u
#define DP_REPLAY_STALE_US       1000000000u

/* Takes an authentic packet's sequence. Returns true if it is new: above the window's top, or inside it and unseen.
 * A sender that restarts counts anew: a sequence far from the window is taken if the packet was *sent* after everything
 * taken so far and, by the clocks' known offset, just now; a recorded packet cannot show that. */
bool dp_replay_take(struct dp_replay *r, uint32_t sequence, uint32_t time_us, uint32_t now_us);
