/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The POP-to-POP overlay: Geneve (RFC 8926) over UDP, with options of experimental class 0xFF4B.
 *
 *   outer IPv4/IPv6 | UDP, source 0xC000 | 14 bits of flow hash, destination 6081 | Geneve | options | inner packet
 *
 * A data packet carries PATH, STEER, TELEMETRY and AUTH in this order. AUTH is always the last option: its tag covers
 * everything before it from the outer UDP header on (its source port is the flow's lane, and sequences are a lane's), so
 * every other option is under it.
 * With the O bit set there is no inner packet: KEEPALIVE or LINKSTATE, then AUTH (and nothing is forwarded as data).
 * All fields are in network order. */
#pragma once

#include "wire/bytes.h"

#define WIRE_OVERLAY_PORT      6081u
#define WIRE_OVERLAY_SRC_PORT  0xc000u /* upper bits of the source port; the lower 14 are the flow's hash */
#define WIRE_OVERLAY_HASH_BITS 14u
#define WIRE_OVERLAY_HASH_MASK 0x3fffu

/* A flow's lane is the upper 6 bits of its 14-bit hash. A lane belongs to one worker (lane % workers) at every POP, so
 * per-lane link sequences and replay windows have one writer and need no lock. */
#define WIRE_OVERLAY_LANES 64u
static inline unsigned wire_overlay_lane(uint16_t hash14)
{
	return (hash14 & WIRE_OVERLAY_HASH_MASK) >> 8;
}

struct wire_geneve {            /* RFC 8926, section 3.4 */
	uint8_t version_optlen; /* version 2 bits, option length in 4-byte words 6 bits */
	uint8_t flags;
	uint16_t protocol; /* ethertype of the inner packet */
	uint8_t vni[3];    /* accelerator id */
	uint8_t reserved;
} __attribute__((packed));

#define WIRE_GENEVE_OAM          0x80u /* O: control packet */
#define WIRE_GENEVE_CRITICAL     0x40u /* C: critical options present */
#define WIRE_GENEVE_OPTLEN_MASK  0x3fu
#define WIRE_GENEVE_MAX_OPTIONS  (WIRE_GENEVE_OPTLEN_MASK * 4u)
#define WIRE_GENEVE_OPT_CRITICAL 0x80u /* top bit of an option's type */

struct wire_geneve_opt {
	uint16_t class;
	uint8_t type;
	uint8_t length; /* 3 reserved bits; body length in 4-byte words, 5 bits */
} __attribute__((packed));

#define WIRE_GENEVE_OPT_LENGTH_MASK 0x1fu

#define WIRE_OVERLAY_CLASS 0xff4bu

enum wire_overlay_option {
	WIRE_OPT_PATH = 0x81,
	WIRE_OPT_STEER = 0x82,
	WIRE_OPT_TELEMETRY = 0x03,
	WIRE_OPT_AUTH = 0x84,
	WIRE_OPT_KEEPALIVE = 0x85,
	WIRE_OPT_LINKSTATE = 0x86,
};

#define WIRE_PATH_MAX_HOPS 4u

/* The link to take towards `pop`: from address number local_link of the POP before to number remote_link of `pop`. */
struct wire_path_hop {
	uint16_t pop;
	uint8_t local_link;
	uint8_t remote_link;
} __attribute__((packed));

/* Source route. hop[0..count) are the POPs after the ingress; the receiver of a packet is hop[count - 1 - left].
 * left == 0: the receiver is the last. Else it takes hop[count - left] and sends on with left - 1. */
struct wire_path {
	uint8_t left;
	uint8_t count;          /* 1 .. WIRE_PATH_MAX_HOPS */
	uint16_t sequence_high; /* upper 16 bits of TELEMETRY's sequence */
	struct wire_path_hop hop[];
} __attribute__((packed));

#define WIRE_STEER_MAX_CANDIDATES 4u

enum wire_steer_flags {
	WIRE_STEER_RETURN = 0x01, /* towards the client; clear: towards the endpoint */
	WIRE_STEER_SECOND = 0x02, /* second chance: an egress without state passes it to the next candidate */
};

/* Forward: ingress_pop is where the packet entered, endpoint and group what the ingress chose, candidate[] the other
 * egress POPs to ask (0 pads). Return: ingress_pop is the POP the packet goes to; endpoint, group and egress_pop are
 * the flow's true ones, for the ingress to learn. */
struct wire_steer {
	uint8_t flags;
	uint8_t tried; /* how many candidates have denied it */
	uint16_t ingress_pop;
	uint16_t egress_pop;
	uint16_t reserved;
	uint32_t endpoint;
	uint32_t group;
	uint16_t candidate[WIRE_STEER_MAX_CANDIDATES];
} __attribute__((packed));

/* Rewritten at each hop. sequence counts the packets of this link and lane from 1 on, with its upper bits in PATH: 48
 * bits are not used up in the life of a process. time is the sender's wall clock in microseconds modulo 2^32. */
struct wire_telemetry {
	uint32_t sequence;
	uint32_t time_us;
} __attribute__((packed));

/* AES-128-CMAC (RFC 4493) with the key of the directed POP pair, its first 8 bytes, over everything from the outer
 * UDP header up to the tag itself.
 *
 * epoch is a random number of the sender's process, within which sequences only grow. A receiver takes data of that
 * epoch alone which the sender's latest answer to a KEEPALIVE of its own carried. Such an answer returns nonce and time of
 * a request that still waits, each of 32 bits and neither a secret: a recording is taken for one only if an earlier
 * process of the asker once sent the same pair, and then until the next true answer. */
struct wire_auth {
	uint8_t key_id;
	uint8_t epoch[3];
	uint8_t tag[8];
} __attribute__((packed));

/* Data planes ask and echo it on every link. The echo returns nonce and time of the request unchanged. */
struct wire_keepalive {
	uint8_t kind; /* enum wire_keepalive_kind */
	uint8_t local_link;
	uint8_t remote_link;
	uint8_t hears; /* 1: the sender has heard the other end within the down time */
	uint16_t from_pop;
	uint16_t to_pop;
	uint32_t nonce;
	uint32_t time_us;
} __attribute__((packed));

enum wire_keepalive_kind { WIRE_KEEPALIVE_REQUEST = 1, WIRE_KEEPALIVE_REPLY = 2 };

#define WIRE_LINKSTATE_MAX_ENTRIES 12u

/* The state of the link from `origin`'s address local_link to `remote_pop`'s address remote_link, as its near end
 * sees it. Both directions count: a link is used only while neither end calls it down. */
struct wire_linkstate_entry {
	uint16_t remote_pop;
	uint8_t local_link;
	uint8_t remote_link;
	uint8_t state; /* enum wire_link_state */
	uint8_t cause; /* enum wire_link_cause */
	uint16_t reserved;
} __attribute__((packed));

/* Flooded POP to POP. An origin with more links than fit sends several notices, its parts, at a time. sequence grows with
 * every new notice of an origin and survives its restarts (it is the wall clock in nanoseconds at the notice), so a POP
 * passes each part of a notice on once and takes no old one, but for an origin whose clock fell back: see
 * dataplane/oam_state.h. */
struct wire_linkstate {
	uint16_t origin_pop;
	uint8_t count;     /* 1 .. WIRE_LINKSTATE_MAX_ENTRIES */
	uint8_t ttl;       /* POPs it may still cross */
	uint16_t from_pop; /* the sender of this copy: whose key made the tag */
	uint16_t part;     /* 0, 1, ... */
	uint64_t sequence;
	struct wire_linkstate_entry entry[];
} __attribute__((packed));

enum wire_link_state { WIRE_LINK_DOWN = 0, WIRE_LINK_UP = 1 };
enum wire_link_cause {
	WIRE_CAUSE_NONE = 0,
	WIRE_CAUSE_STAMP = 1,     /* STAMP sessions unanswered */
	WIRE_CAUSE_KEEPALIVE = 2, /* the other data plane is silent */
	WIRE_CAUSE_REMOTE = 3,    /* the other end says it does not hear us */
	WIRE_CAUSE_ADMIN = 4,     /* drained by an operator */
};

/* The largest outer part: IPv6, UDP, Geneve and four options with the longest PATH. */
#define WIRE_OPT_SIZE(body)  (sizeof(struct wire_geneve_opt) + (body))
#define WIRE_PATH_SIZE(hops) (sizeof(struct wire_path) + (hops) * sizeof(struct wire_path_hop))
#define WIRE_OVERLAY_OPTIONS(hops)                                                                                     \
	(WIRE_OPT_SIZE(WIRE_PATH_SIZE(hops)) + WIRE_OPT_SIZE(sizeof(struct wire_steer)) +                              \
	    WIRE_OPT_SIZE(sizeof(struct wire_telemetry)) + WIRE_OPT_SIZE(sizeof(struct wire_auth)))
#define WIRE_OVERLAY_HEADROOM (40u + 8u + sizeof(struct wire_geneve) + WIRE_OVERLAY_OPTIONS(WIRE_PATH_MAX_HOPS))

_Static_assert(sizeof(struct wire_geneve) == 8, "RFC 8926");
_Static_assert(sizeof(struct wire_geneve_opt) == 4, "RFC 8926");
_Static_assert(sizeof(struct wire_path) == 4, "PATH without hops");
_Static_assert(sizeof(struct wire_path_hop) == 4, "a hop");
_Static_assert(sizeof(struct wire_steer) == 24, "STEER");
_Static_assert(sizeof(struct wire_telemetry) == 8, "TELEMETRY");
_Static_assert(sizeof(struct wire_auth) == 12, "AUTH");
_Static_assert(sizeof(struct wire_keepalive) == 16, "KEEPALIVE");
_Static_assert(sizeof(struct wire_linkstate) == 16, "LINKSTATE without entries");
_Static_assert(sizeof(struct wire_linkstate_entry) == 8, "a link's state");
_Static_assert(WIRE_OVERLAY_OPTIONS(WIRE_PATH_MAX_HOPS) <= WIRE_GENEVE_MAX_OPTIONS, "all four options fit");
