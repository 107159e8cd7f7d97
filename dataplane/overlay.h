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
#include "wire/ip.h"

struct dp_overlay {
	struct wire_geneve *geneve;
	struct wire_path *path;
	struct wire_steer *steer;
	struct wire_telemetry *telemetry;
	struct wire_keepalive *keepalive;
	struct wire_linkstate *linkstate;
	struct wire_auth *auth;
	uint16_t covered; /* bytes under the tag, which follows them, from the UDP header before the Geneve header on */
	uint16_t length;  /* of the Geneve header and its options: where the inner packet starts */
};

/* What the tag is made of: o->covered bytes. */
static inline const uint8_t *dp_overlay_signed(const struct dp_overlay *o)
{
	return (const uint8_t *)o->geneve - sizeof(struct wire_udp);
}

/* Reads the Geneve header at `data`, behind its UDP header, and its options; `length` is that of the UDP payload. Returns
 * WIRE_DROP_NONE, or why the packet must be dropped (*ret_overlay untouched). RFC 8926, 3.4, 3.5; order of options:
 * wire/overlay.h. */
enum wire_drop dp_overlay_parse(uint8_t *data, size_t length, struct dp_overlay *ret_overlay);

/* The outer headers of one packet about to enter the overlay, of the version of its addresses. */
struct dp_encap {
	struct wire_addr local;
	struct wire_addr remote;
	uint32_t vni;
	uint16_t hash; /* 14 bits */
	uint16_t inner_length;
	uint16_t inner_type; /* ethertype of the inner packet */
	uint8_t tos;         /* of the inner packet: DSCP and ECN are copied (RFC 6040, 4.1, normal mode) */
	uint8_t key_id;
	uint8_t n_hops; /* 1 .. WIRE_PATH_MAX_HOPS; hop[0] is the receiver of this packet */
	struct wire_path_hop hop[WIRE_PATH_MAX_HOPS]; /* network order */
	struct wire_steer steer;                      /* network order */
};

/* Bytes from the outer IP header, of either version, to the inner packet. */
static inline uint16_t dp_encap_size(bool v6, unsigned n_hops)
{
	return (uint16_t)(wire_ip_header_size(v6) + sizeof(struct wire_udp) + sizeof(struct wire_geneve) +
	                  WIRE_OVERLAY_OPTIONS(n_hops));
}

/* Writes dp_encap_size() bytes at `at`, with zeroes for what dp_overlay_stamp() writes and for the tag, and returns
 * where everything is. */
struct dp_overlay dp_encap_write(uint8_t *at, const struct dp_encap *e);

/* Writes UDP, Geneve with the O bit and one critical option of `type` (KEEPALIVE or LINKSTATE) with a zeroed body of
 * `body` bytes (a multiple of 4), then AUTH: dp_control_size() bytes, in front of which dp_tunnel_seal() puts the rest. */
struct dp_overlay dp_control_write(uint8_t *at, uint16_t hash, uint8_t type, uint16_t body);

static inline uint16_t dp_control_size(uint16_t body)
{
	return (uint16_t)(sizeof(struct wire_udp) + sizeof(struct wire_geneve) + WIRE_OPT_SIZE(body) +
	                  WIRE_OPT_SIZE(sizeof(struct wire_auth)));
}

/* Writes the outer IP header at `at`, of the version of its addresses, before `payload` bytes, and returns where it ends. */
uint8_t *dp_outer_write(
    uint8_t *at, uint16_t payload, uint8_t tos, const struct wire_addr *local, const struct wire_addr *remote);

/* What the sender of a data packet says of it, for its link: written at each hop. */
static inline void dp_overlay_stamp(const struct dp_overlay *o, uint64_t sequence, uint32_t time_us)
{
	wire_put_be16(&o->path->sequence_high, (uint16_t)(sequence >> 32));
	wire_put_be32(&o->telemetry->sequence, (uint32_t)sequence);
	wire_put_be32(&o->telemetry->time_us, time_us);
}

static inline uint64_t dp_overlay_sequence(const struct dp_overlay *o)
{
	return (uint64_t)wire_be16(&o->path->sequence_high) << 32 | wire_be32(&o->telemetry->sequence);
}

/* The epoch in AUTH, 24 bits behind the key id: read and written as one word. */
static inline uint32_t dp_overlay_epoch(const struct dp_overlay *o)
{
	return wire_be32(o->auth) & 0xffffffu;
}

static inline void dp_overlay_put_epoch(const struct dp_overlay *o, uint8_t key_id, uint32_t epoch)
{
	wire_put_be32(o->auth, (uint32_t)key_id << 24 | epoch);
}

/* Sequence numbers of one link and lane, to stop replays. */
#define DP_REPLAY_WINDOW   1024u
/* A step larger than this is no loss, but the first packet since a recorded one came in its place. */
#define DP_REPLAY_MAX_LOST (1u << 20)

struct dp_replay {
	uint64_t bits[DP_REPLAY_WINDOW / 64];
	uint64_t top;  /* highest sequence taken */
	uint64_t lost; /* sequences that left the window unseen */
	uint32_t epoch;
	bool started;
};

/* Takes an authentic packet's sequence. Returns true if it is new in its epoch: above the window's top, or inside it and
 * unseen. Another epoch begins the window anew: whether it is the sender's present one is for the caller to know.
 *
 * No packet closes the window to later ones: sequences of an epoch only grow. A lane that has not been heard since we
 * started, or since its sender did, takes its first packet unseen, even if that is a recording of the same epoch. */
bool dp_replay_take(struct dp_replay *r, uint32_t epoch, uint64_t sequence);

/* How many sequences of the window have not come: late yet, or lost. Another thread than the window's may ask, and see a
 * step of it half done. */
unsigned dp_replay_missing(const struct dp_replay *r);
