/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose connection is it? A TCP flow that meets no state at any egress is taken up at the endpoint that STEER names. If that
 * is of mode tunnel and Geneve, each of the flow's packets asks it (wire/ask.h): kuafu-endpoint sends back what is of no
 * connection of its kernel's, and the flow goes to the next endpoint of its group, and the packet with it.
 *
 * Invariants:
 * - A flow that begins here, with a SYN, asks nobody; one that was taken up asks until it begins anew or ends.
 * - Drained endpoints are asked first, for to them other POPs sent the connections that they lost, then the others, in an
 *   order that is the flow's: DP_ASK_MOST in all, of DP_ASK_PLACES of the group that the flow's hash picks. When all have
 *   denied it, the client is answered with a reset.
 * - A denial counts only from the endpoint that was asked, with the cookie of the question. */
#pragma once

#include "dataplane/burst.h"
#include "dataplane/wrap.h"

struct lb_nat_flow;

#define DP_ASK_MOST        8u /* endpoints */
#define DP_ASK_PLACES      256u
#define DP_ASK_INTERVAL_NS 200000u /* 5,000 denials a second and worker move their flow, */
#define DP_ASK_BURST       500u    /* and so many at once; beyond that packets are dropped, and flows stay */

/* A flow of TCP was taken up: its packets ask from now on, if its endpoint can be asked. */
void dp_ask_begin(struct lb_nat_flow *flow);

/* The question on a packet of the flow, if it has one. */
void dp_ask_put(struct dp_worker *w, const struct lb_nat_flow *flow, struct dp_wrap *wrap);

/* Packet i, of no flow by its ends, came to a NAT address. false: it is no denial of ours, and the column as it was. true:
 * its flow goes to the next endpoint, or ends, and *ret_again says whether the packet is to be delivered by
 * dp_egress_deliver(); if not, it was taken. */
__attribute__((cold)) bool dp_ask_denied(struct dp_worker *w, struct dp_burst *b, unsigned i, bool *ret_again);
