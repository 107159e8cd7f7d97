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
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

struct lb_key;

#define DP_FRAME_MAX  64u  /* more than an Ethernet and an IPv6 header */
#define DP_WAY_HEADER 192u /* more than an Ethernet header and WIRE_OVERLAY_HEADROOM */

/* Over a link of ours, to the neighbour. */
struct dp_exit {
	const struct lb_link *link;           /* NULL: nothing is kept here */
	const struct lb_key *key;             /* to sign with; NULL: there is none */
	const struct lb_key *rx_key;          /* that the last packet from there named */
	struct dp_link *counters;             /* NULL: more links than we can count for */
	const struct dp_adjacency *adjacency; /* NULL: no route */
	uint16_t
	    mtu; /* up to which an outer packet may go straight on; 0: no key, no counters, no neighbour that is known */
	uint16_t size; /* of the frame */
	uint32_t sum;  /* of the IPv4 header with neither TOS nor length (wire/checksum.h) */
	uint8_t
	    frame[DP_FRAME_MAX]; /* Ethernet, zero if mtu is, and outer IP header, but for what is each packet's own */
};

/* Along a leg: all headers up to the inner packet, complete but for what is each packet's own, and where in them that
 * stands. */
struct dp_way {
	const struct lb_leg *leg; /* NULL: nothing is kept here */
	struct dp_exit exit;
	uint16_t room;                                 /* for the inner packet, bytes */
	uint16_t size;                                 /* of the headers, the exit's frame among them */
	uint16_t covered;                              /* bytes under the tag, from the UDP header on */
	uint16_t geneve, path, steer, telemetry, auth; /* offsets; of options, of their bodies */
	uint8_t header[DP_WAY_HEADER];
};

struct dp_ways;

/* 0 or -ENOMEM. */
int dp_ways_create(struct dp_ways **ret_ways);
void dp_ways_destroy(struct dp_ways *ways);

void dp_ways_forget(struct dp_ways *ways);

/* Along the leg in use towards a POP, in a class; NULL: there is none. `*ret_backup`: it is the backup. */
const struct dp_way *dp_ways_towards(struct dp_worker *w, uint16_t to_pop, uint8_t class, bool *ret_backup);

enum dp_place { DP_PLACE_OTHER, DP_PLACE_VIP, DP_PLACE_NAT };

/* What an address is to us: that of a VIP, of NAT, or neither. */
enum dp_place dp_ways_place(struct dp_worker *w, const struct wire_addr *address);

/* As lb_snapshot_link_by_address(). */
const struct lb_link *dp_ways_link(struct dp_worker *w, const struct wire_addr *local, const struct wire_addr *remote);

/* The link of ours that a hop of a PATH names, as lb_snapshot_link_by_ends(). */
const struct lb_link *dp_ways_next(struct dp_worker *w, const struct wire_path_hop *hop);

/* As lb_snapshot_rx_key() of the neighbour on a link of ours. */
const struct lb_key *dp_ways_rx_key(struct dp_worker *w, const struct lb_link *link, uint8_t key_id);

/* Never NULL. */
const struct dp_exit *dp_ways_exit(struct dp_worker *w, const struct lb_link *link);

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
