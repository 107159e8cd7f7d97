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

struct lb_key;

/* Over a link of ours, to the neighbour. */
struct dp_exit {
	const struct lb_link *link;           /* NULL: nothing is kept here */
	const struct lb_key *key;             /* to sign with; NULL: there is none */
	const struct lb_key *rx_key;          /* that the last packet from there named */
	struct dp_link *counters;             /* NULL: more links than we can count for */
	const struct dp_adjacency *adjacency; /* NULL: no route */
};

#define DP_WAY_HEADER 192u /* more than WIRE_OVERLAY_HEADROOM */

/* Along a leg: the outer headers, complete but for what is each packet's own, and where in them that stands. */
struct dp_way {
	const struct lb_leg *leg; /* NULL: nothing is kept here */
	struct dp_exit exit;
	uint16_t size;                                      /* of the headers */
	uint16_t covered;                                   /* bytes under the tag, from the UDP header on */
	uint16_t udp, geneve, path, steer, telemetry, auth; /* offsets; of options, of their bodies */
	uint32_t sum; /* of the outer IPv4 header with neither TOS nor length (wire/checksum.h) */
	uint8_t header[DP_WAY_HEADER];
};

struct dp_ways;

/* 0 or -ENOMEM. */
int dp_ways_create(struct dp_ways **ret_ways);
void dp_ways_destroy(struct dp_ways *ways);

void dp_ways_forget(struct dp_ways *ways);

/* As lb_snapshot_path() of the worker's snapshot. */
const struct lb_path *dp_ways_path(struct dp_worker *w, uint16_t to_pop, uint8_t class);

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
const struct dp_way *dp_ways_along(struct dp_worker *w, const struct lb_leg *leg);
