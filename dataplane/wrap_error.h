/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors of the network about what we wrapped towards an endpoint (RFC 2003, section 4): frag-needed lowers the MTU
 * that later packets meet (dataplane/path_mtu.h), and if enough of the inner packet is quoted, its client is told at once,
 * as if the VIP had sent the error. */
#pragma once

#include "dataplane/tunnel.h"
#include "dataplane/wrap.h"

/* The ends of the inner packet, client -> VIP. false: too little is quoted, or it is neither TCP nor UDP. */
bool dp_wrap_inner_key(const struct dp_wrapped *wrapped, struct lb_flow_key *ret_key);

/* Packet i is an ICMP error to one of our NAT addresses. If it is about what we wrapped, takes it and returns true. */
bool dp_wrap_error(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i);
