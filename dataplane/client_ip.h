/* SPDX-License-Identifier: BSD-2-Clause */
/* Telling an endpoint of mode nat the client's address, as its listener asks: an option in the client's first segments
 * (dataplane/toa.h), or a header in front of its stream (dataplane/proxy.h).
 *
 * Egress alone decides, when it makes the flow, by the listener as it knows it; the flow remembers. So POPs need not agree
 * while a listener changes, and a connection that has begun one way stays that way: both directions pass here. */
#pragma once

#include "dataplane/burst.h"

struct lb_nat_flow;

/* enum wire_ctl_client_ip for a new flow of packet i to an endpoint of that mode. */
uint8_t dp_client_ip_wanted(const struct dp_worker *w, const struct dp_burst *b, unsigned i, uint8_t mode);

/* Both are for flows whose client_ip is not none, just before the packet is given its new ends. */

/* Packet i of the client, bare and of at most `room` bytes, to which it may grow. False: it was taken, and what is to be sent
 * for it was. */
bool dp_client_ip_forward(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow, unsigned room);

/* Packet i of the endpoint, or an ICMP error about the client's. It keeps its size. */
void dp_client_ip_back(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow);
