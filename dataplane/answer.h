/* SPDX-License-Identifier: BSD-2-Clause */
/* What an egress originates for the client of a flow, in the endpoint's place: resets and ICMP errors. They go to the POP
 * where the client's packets enter, as replies do, and teach it nothing. */
#pragma once

#include "dataplane/tunnel.h"

struct lb_nat_flow;

struct dp_answer {
	uint16_t ingress_pop;
	uint16_t hash14;
	uint32_t vni;
	uint8_t class;
};

/* To the client of packet i, which STEER brought. */
struct dp_answer dp_answer_to_packet(const struct dp_worker *w, const struct dp_burst *b, unsigned i);
struct dp_answer dp_answer_to_flow(const struct lb_nat_flow *flow);

/* Sends `m`, whose data is an IP packet from the VIP to the client. NULL is nothing. */
void dp_answer(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_answer *to);
