/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways into this POP and out of it: what all packets to one address, over one link, and along one leg of a path have
 * in common. Gathered when a packet first takes a way, kept for the next ones.
 *
 * Invariant: all that is kept is of the worker's present state; dp_ways_forget() goes with every new one. Which leg of a
 * path is in use is not kept: that changes between states. */
#pragma once

#include <stdint.h>

#include "dataplane/links.h"
#include "dataplane/worker.h"
#include "lb/path.h"
#include "lb/snapshot.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

struct lb_key;

#define DP_FRAME_MAX  64u  /* more than an Ethernet and an IPv6 header */
#define DP_WAY_HEADER 192u /* more than an Ethernet header and WIRE_OVERLAY_HEADROOM */

/* Over a link of ours, to the neighbour. The frame is an Ethernet header, zero if mtu is, and the outer IP header, but for
 * what is each packet's own. A packet may go straight on, without a look at where, if it is no longer than mtu. */
struct dp_exit {
	const struct lb_link *link;           /* NULL: nothing is kept here */
	const struct lb_key *key;             /* to sign with; NULL: there is none */
	const struct lb_key *rx_key;          /* that the last packet from there named */
	struct dp_link *counters;             /* NULL: more links than we can count for */
	const struct dp_adjacency *adjacency; /* NULL: no route */
	uint16_t mtu;                         /* of the outer packet; 0: no key, counters, or neighbour that is known */
	uint16_t size;                        /* of the frame */
	uint32_t epoch;                       /* ours */
	uint32_t sum;                         /* of the IPv4 header with neither TOS nor length (wire/checksum.h) */
	uint8_t frame[DP_FRAME_MAX];
};

/* Along a leg of a path: all headers up to the inner packet, complete but for what is each packet's own, and where in them
 * that stands. */
struct dp_way {
	const struct lb_leg *leg;
	struct dp_exit exit;
	uint16_t room;                                 /* for the inner packet, bytes */
	uint16_t straight;                             /* the longest inner packet whose outer one may go straight on */
	uint16_t size;                                 /* of the headers, the exit's frame among them */
	uint16_t covered;                              /* bytes under the tag, from the UDP header on */
	uint16_t geneve, path, steer, telemetry, auth; /* offsets; of options, of their bodies */
	uint8_t header[DP_WAY_HEADER];
};

/* To a POP in a class. */
struct dp_course {
	uint32_t to;                                    /* dp_course_to(); 0: nothing is kept here */
	const uint8_t *active;                          /* enum lb_active: which is in use */
	const struct dp_way *along[LB_ACTIVE_NONE + 1]; /* by enum lb_active; NULL: there is no such leg */
	struct dp_way way[LB_ACTIVE_NONE];
};

/* ---- what is kept: a hit is found in line, a miss is looked up in the snapshot ---- */

enum dp_place { DP_PLACE_OTHER, DP_PLACE_VIP, DP_PLACE_NAT };

#define DP_WAYS_KEPT      16u   /* of each kind but these: most POPs have fewer neighbours; all are powers of two */
#define DP_WAYS_COURSES   64u   /* some twenty POPs in three classes */
#define DP_WAYS_PLACES    1024u /* some hundred VIPs: few of them in each other's place */
#define DP_WAYS_ENDPOINTS 1024u /* 8 KiB */

struct dp_ways {
	struct dp_kept_place {
		struct wire_addr address;
		bool known;
		uint8_t what; /* enum dp_place */
	} place[DP_WAYS_PLACES];
	struct dp_kept_link {
		struct wire_addr local;
		struct wire_addr remote;
		bool known;
		const struct lb_link *link;
	} link[DP_WAYS_KEPT];
	struct dp_kept_next {
		uint32_t hop; /* as it stands in PATH; 0: nothing is kept here, and there is no POP 0 */
		const struct lb_link *link;
	} next[DP_WAYS_KEPT];
	struct dp_kept_endpoint {
		uint32_t endpoint; /* 0: nothing is kept here */
		bool down;
	} endpoint[DP_WAYS_ENDPOINTS];
	struct dp_exit exit[DP_WAYS_KEPT];
	struct dp_course course[DP_WAYS_COURSES];
};

static inline unsigned dp_ways_slot(const struct wire_addr *a, unsigned slots)
{
	return (unsigned)(lb_hash_word(a->bytes + 8) * 0x9e3779b97f4a7c15u >> 32) % slots;
}

/* 0 or -ENOMEM. */
int dp_ways_create(struct dp_ways **ret_ways);
void dp_ways_destroy(struct dp_ways *ways);

void dp_ways_forget(struct dp_ways *ways);

static inline uint32_t dp_course_to(uint16_t to_pop, uint8_t class)
{
	return ((uint32_t)to_pop << 8 | class) + 1;
}

void dp_ways_build_course(struct dp_worker *w, struct dp_course *c, uint16_t to_pop, uint8_t class);

static inline const struct dp_course *dp_ways_course(struct dp_worker *w, uint16_t to_pop, uint8_t class)
{
	struct dp_course *c = &w->ways->course[(to_pop + 5u * class) % DP_WAYS_COURSES];
	if (c->to != dp_course_to(to_pop, class))
		dp_ways_build_course(w, c, to_pop, class);
	return c;
}

/* The same after another packet's course, which is likely the same one. NULL: there was none. */
static inline const struct dp_course *dp_course_next(
    struct dp_worker *w, const struct dp_course *before, uint16_t to_pop, uint8_t class)
{
	return before && before->to == dp_course_to(to_pop, class) ? before : dp_ways_course(w, to_pop, class);
}

/* Along the leg in use, or NULL: there is none. */
static inline const struct dp_way *dp_course_way(const struct dp_course *c)
{
	return c->along[__atomic_load_n(c->active, __ATOMIC_RELAXED)];
}

/* What an address is to us: that of a VIP, of NAT, or neither. */
void dp_ways_find_place(struct dp_worker *w, struct dp_kept_place *p, const struct wire_addr *address);

static inline enum dp_place dp_ways_place(struct dp_worker *w, const struct wire_addr *address)
{
	struct dp_kept_place *p = &w->ways->place[dp_ways_slot(address, DP_WAYS_PLACES)];
	if (!p->known || !wire_addr_equal(&p->address, address))
		dp_ways_find_place(w, p, address);
	return p->what;
}

/* Whether an endpoint is known, and down. */
void dp_ways_find_endpoint(struct dp_worker *w, struct dp_kept_endpoint *k, uint32_t endpoint);

static inline bool dp_ways_is_down(struct dp_worker *w, uint32_t endpoint)
{
	struct dp_kept_endpoint *k = &w->ways->endpoint[endpoint % DP_WAYS_ENDPOINTS];
	if (k->endpoint != endpoint)
		dp_ways_find_endpoint(w, k, endpoint);
	return k->down;
}

/* As lb_snapshot_link_by_address(). */
void dp_ways_find_link(
    struct dp_worker *w, struct dp_kept_link *k, const struct wire_addr *local, const struct wire_addr *remote);

static inline const struct lb_link *dp_ways_link(
    struct dp_worker *w, const struct wire_addr *local, const struct wire_addr *remote)
{
	struct dp_kept_link *k = &w->ways->link[dp_ways_slot(remote, DP_WAYS_KEPT)];
	if (!k->known || !wire_addr_equal(&k->remote, remote) || !wire_addr_equal(&k->local, local))
		dp_ways_find_link(w, k, local, remote);
	return k->link;
}

/* The link of ours that a hop of a PATH names, as lb_snapshot_link_by_ends(). */
const struct lb_link *dp_ways_next(struct dp_worker *w, const struct wire_path_hop *hop);

void dp_ways_build_exit(struct dp_worker *w, struct dp_exit *e, const struct lb_link *link);

static inline struct dp_exit *dp_ways_exit(struct dp_worker *w, const struct lb_link *link)
{
	struct dp_exit *e = &w->ways->exit[link->slot % DP_WAYS_KEPT];
	if (e->link != link)
		dp_ways_build_exit(w, e, link);
	return e;
}

/* As lb_snapshot_rx_key() of the neighbour on a link of ours. */
static inline const struct lb_key *dp_ways_rx_key(struct dp_worker *w, const struct lb_link *link, uint8_t key_id)
{
	struct dp_exit *e = dp_ways_exit(w, link);
	if (!e->rx_key || e->rx_key->row.key_id != key_id)
		e->rx_key = lb_snapshot_rx_key(w->snapshot, link->row.to_pop, key_id);
	return e->rx_key;
}

/* What is each packet's own in the outer IP header at `ip`, which came from the exit's frame; `length`: of what follows. */
static inline void dp_exit_fill(const struct dp_exit *exit, uint8_t *ip, uint8_t tos, uint16_t length)
{
	if (wire_ip_is_v6(ip)) {
		wire_put_be32(ip, 6u << 28 | (uint32_t)tos << 20);
		wire_put_be16(&((struct wire_ipv6 *)ip)->payload_length, length);
		return;
	}
	struct wire_ipv4 *v4 = (struct wire_ipv4 *)ip;
	uint8_t tos_word[2] = {0, tos};
	wire_put_be16(&v4->total_length, (uint16_t)(sizeof(*v4) + length));
	v4->tos = tos;
	v4->checksum = (uint16_t)~wire_csum_fold((uint64_t)exit->sum + v4->total_length + wire_csum_load(tos_word));
}

/* Writes exit->size bytes at `at`, in two pieces of a fixed size, which overlap. */
static inline void dp_exit_put(const struct dp_exit *exit, uint8_t *at, uint8_t tos, uint16_t length)
{
	enum { PIECE = 32 };
	_Static_assert(sizeof(struct wire_ether) + sizeof(struct wire_ipv4) >= PIECE, "no shorter frame");
	_Static_assert(sizeof(struct wire_ether) + sizeof(struct wire_ipv6) <= 2 * PIECE, "no gap");
	__builtin_memcpy(at, exit->frame, PIECE);
	__builtin_memcpy(at + exit->size - PIECE, exit->frame + exit->size - PIECE, PIECE);
	dp_exit_fill(exit, at + sizeof(struct wire_ether), tos, length);
}
