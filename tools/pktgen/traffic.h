/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets of a run, one after the other: which flow, how large, and whether it begins a connection.
 *
 * `flows` connections are under way at once. Each has a place; popularity chooses the place. Connections end and new ones
 * take their places, `births` a second, the places in turn. Invariant: after b births place p has its connection number
 * g = (b + flows - 1 - p) / flows (from 0), which is flow p + g * flows of the set; the first packet sent of a TCP
 * connection is a SYN, the others are ACKs. */
#pragma once

#include <stdbool.h>

#include "tools/pktgen/flow_set.h"
#include "tools/pktgen/fragment.h"
#include "tools/pktgen/popularity.h"
#include "tools/pktgen/sizes.h"

struct packet {
	uint32_t datagram; /* its number */
	uint8_t fragment;  /* its index, where there are some */
	struct flow flow;
	uint32_t place;
	uint16_t size;
	bool begins;
};

struct traffic {
	struct flow_set set;
	struct popularity popularity; /* over the places */
	uint32_t flows;
	double births;     /* per second */
	uint16_t size;     /* of all frames, or SIZES_IMIX, or SIZES_RECORDED */
	bool recorded;     /* flows come as in the capture file, not by popularity */
	uint8_t fragments; /* of each datagram; 0: it is whole. Each is a packet of its own */
	uint8_t macs[12];
	double past;          /* seconds of earlier trials: births go on where they were */
	uint64_t datagrams;   /* chosen so far, less those given back */
	uint64_t connections; /* begun so far */
	struct packet next;   /* what is to come of a datagram that is under way */
	uint32_t *begun;      /* per place: the last connection begun there + 1 */
};

/* The fields up to `macs` are the caller's; makes the rest. 0 or -ENOMEM. End with traffic_free. */
int traffic_start(struct traffic *t);
void traffic_free(struct traffic *t);

/* The next packet, `elapsed` seconds after `past`. */
struct packet traffic_next(struct traffic *t, double elapsed);

/* How large packets are in the mean, without FCS: of flow 0, or as recorded. */
double traffic_mean_size(const struct traffic *t);

/* A packet that was not sent after all. The last comes first. */
void traffic_give_back(struct traffic *t, const struct packet *packet);

void traffic_write(
    const struct traffic *t, const struct packet *packet, uint8_t *frame, const struct check_stamp *stamp);
