/* SPDX-License-Identifier: BSD-2-Clause */
/* Egress: an overlay packet with no hops left goes to an endpoint. Unwrap; the flow's NAT state, which overrides the
 * endpoint that STEER names, or new state; source NAT; out by the kernel's FIB.
 *
 * Each packet teaches the flow its present ingress POP, so replies follow the client when anycast moves it. A TCP packet
 * that is no SYN and meets no state goes to the next candidate (second chance); the last one answers with a reset. */
#include <errno.h>

#include "dataplane/icmp.h"
#include "dataplane/output.h"
#include "dataplane/rewrite.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "lb/nat.h"
#include "wire/bytes.h"

void dp_egress_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_group bare = {.n = 0};
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		enum wire_drop drop = dp_tunnel_unwrap(b, i);
		if (drop == WIRE_DROP_NONE)
			dp_group_add(&bare, i);
		else
			dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, drop);
	}
	if (bare.n)
		dp_egress_deliver(w, b, &bare);
}

static uint8_t class_of(const struct dp_worker *w, const struct lb_flow_key *key)
{
	const struct lb_listener *listener = lb_snapshot_listener(w->snapshot, &key->vip, key->protocol, key->vip_port);
	return listener ? listener->row.class : 0;
}

/* A RST in the endpoint's place, back to where the packet entered. */
static void answer_reset(struct dp_worker *w, struct dp_tunnel *t, const struct dp_burst *b, unsigned i)
{
	const struct dp_steer *from = &b->steer[i];
	struct rte_mbuf *m = b->kind[i] == DP_KIND_TCP ? dp_icmp_reset(w, b, i) : NULL;
	if (!m)
		return;
	if (from->ingress_pop == w->snapshot->self) {
		dp_output(w, m, WIRE_JOURNEY_RETURN);
		return;
	}
	const struct lb_leg *leg = dp_tunnel_leg(w, from->ingress_pop, class_of(w, &b->key[i]));
	if (!leg) {
		dp_drop(w, m, WIRE_DROP_NO_PATH);
		return;
	}
	struct dp_steer steer = {.flags = WIRE_STEER_RETURN,
	    .ingress_pop = from->ingress_pop,
	    .egress_pop = w->snapshot->self,
	    .vni = from->vni};
	dp_tunnel_wrap(w, t, m, leg, lb_hash14(b->hash[i]), &steer, WIRE_JOURNEY_REPLY);
}

/* A flood of SYNs from anybody's address fills tables: what refuses one is limited. */
static void deny(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, enum wire_drop drop)
{
	if (!dp_begins_flow(b, i) || dp_icmp_within_rate(w))
		answer_reset(w, t, b, i);
	dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, drop);
}

/* No state here: on to the next candidate that can be reached, else denied. */
static void second_chance(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i)
{
	struct dp_steer *steer = &b->steer[i];
	while (steer->flags & WIRE_STEER_SECOND && steer->tried < WIRE_STEER_MAX_CANDIDATES) {
		uint16_t next = steer->candidate[steer->tried++];
		const struct lb_leg *leg = NULL;
		if (next && next != w->snapshot->self)
			leg = dp_tunnel_leg(w, next, class_of(w, &b->key[i]));
		if (!leg || b->length[i] > dp_tunnel_room(leg))
			continue;
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "no state here: second chance at POP %u", next);
		dp_tunnel_wrap(w, t, b->pkt[i], leg, lb_hash14(b->hash[i]), steer, WIRE_JOURNEY_EGRESS);
		return;
	}
	deny(w, t, b, i, WIRE_DROP_NO_STATE);
}

/* The endpoint for a new flow: STEER's, but if that is down and its group has another, that one. */
static const struct lb_endpoint *endpoint_for(const struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	const struct lb_endpoint *named = lb_snapshot_endpoint(w->snapshot, b->steer[i].endpoint);
	if (named && named->row.state != WIRE_ENDPOINT_DOWN)
		return named;
	const struct lb_group *group = lb_snapshot_group(w->snapshot, named ? named->row.group : b->steer[i].group);
	const struct lb_endpoint *other = group ? lb_group_pick(group, (uint32_t)lb_hash_choice(b->hash[i])) : NULL;
	return other ? other : named;
}

/* State for a flow that begins here. */
static enum wire_drop begin_flow(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow **ret_flow)
{
	const struct lb_endpoint *endpoint = endpoint_for(w, b, i);
	bool made;
	if (!endpoint)
		return WIRE_DROP_NO_ENDPOINT;
	if (endpoint->row.mode != WIRE_MODE_NAT || !wire_addr_is_v4(&endpoint->row.address))
		return WIRE_DROP_UNSUPPORTED;
	uint32_t vni = b->steer[i].vni;
	struct lb_nat_target target = {.address = endpoint->row.address,
	    .port = endpoint->row.port,
	    .ingress_pop = b->steer[i].ingress_pop,
	    .endpoint = endpoint->row.endpoint,
	    .group = endpoint->row.group,
	    .class = class_of(w, &b->key[i]),
	    .vni = {(uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni}};
	int result = lb_nat_insert(w->nat, &b->key[i], b->hash[i], &target, w->now_ns, ret_flow, &made);
	if (result == 0 && made)
		dp_count(w, WIRE_COUNTER_NAT_NEW);
	if (result == 0)
		return WIRE_DROP_NONE;
	return result == -EADDRNOTAVAIL ? WIRE_DROP_NAT_FULL : WIRE_DROP_FLOW_FULL;
}

/* Client -> VIP becomes NAT address -> endpoint; an ICMP error's quote, VIP -> client, endpoint -> NAT address. */
static void rewrite(struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow)
{
	struct dp_ends to = dp_ends(&flow->nat_address, flow->nat_port, &flow->endpoint_address, flow->endpoint_port);
	if (b->kind[i] == DP_KIND_ICMP_ERROR)
		dp_rewrite_icmp_error(b->ip[i], b->l4[i], dp_burst_l4_length(b, i), &to, b->key[i].protocol);
	else
		dp_rewrite_ends(b->ip[i], b->l4[i], dp_burst_l4_length(b, i), &to, b->key[i].protocol);
}

/* A flow whose endpoint died loses its state: what begins a flow begins anew, TCP in progress is reset. */
static bool is_dead(const struct dp_worker *w, const struct lb_nat_flow *flow)
{
	const struct lb_endpoint *endpoint = lb_snapshot_endpoint(w->snapshot, flow->endpoint);
	const struct lb_group *group = endpoint ? lb_snapshot_group(w->snapshot, endpoint->row.group) : NULL;
	return endpoint && endpoint->row.state == WIRE_ENDPOINT_DOWN && group && group->healthy;
}

static void deliver(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	if (flow && is_dead(w, flow)) {
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "endpoint %u is down: its state ends", flow->endpoint);
		lb_nat_remove(w->nat, flow, w->now_ns);
		flow = NULL;
	}
	bool known = flow != NULL;
	if (!known && !dp_begins_flow(b, i)) {
		second_chance(w, t, b, i);
		return;
	}
	if (!known) {
		enum wire_drop drop = begin_flow(w, b, i, &flow);
		if (drop != WIRE_DROP_NONE) {
			deny(w, t, b, i, drop);
			return;
		}
	} else if (b->kind[i] != DP_KIND_ICMP_ERROR) {
		struct lb_segment segment = dp_burst_segment(b, i);
		lb_nat_touch(w->nat, flow, &segment, true, w->now_ns);
	}
	flow->ingress_pop = b->steer[i].ingress_pop;
	DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "%s: from POP %u to endpoint %u, %s:%u, as %s:%u",
	    known ? "flow" : "new flow", flow->ingress_pop, flow->endpoint,
	    dp_trace_address(&flow->endpoint_address).text, flow->endpoint_port,
	    dp_trace_address(&flow->nat_address).text, flow->nat_port);
	dp_tunnel_clamp_back(w, b, i, flow->ingress_pop, flow->class);
	rewrite(b, i, flow);
	dp_output(w, b->pkt[i], WIRE_JOURNEY_EGRESS);
}

void dp_egress_deliver(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	const struct lb_flow_key *key[DP_BURST_MAX];
	uint64_t hash[DP_BURST_MAX];
	struct lb_nat_flow *flow[DP_BURST_MAX];
	struct dp_group flows = {.n = 0};
	struct dp_tunnel t = {.n = 0};

	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		if (b->kind[i] == DP_KIND_OTHER || b->kind[i] == DP_KIND_ICMP_ECHO) {
			dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, WIRE_DROP_UNSUPPORTED);
			continue;
		}
		key[flows.n] = &b->key[i];
		hash[flows.n] = b->hash[i];
		dp_group_add(&flows, i);
	}
	if (flows.n == 0)
		return;
	lb_nat_lookup_bulk(w->nat, key, hash, flows.n, flow);
	for (unsigned k = 0; k < flows.n; k++) {
		/* A flow that was begun, or whose place another took, earlier in this burst is looked up again. */
		unsigned i = flows.i[k];
		struct lb_nat_flow *now = flow[k];
		if (!now || !lb_flow_key_equal(&now->key, key[k]))
			now = lb_nat_lookup(w->nat, key[k], hash[k]);
		deliver(w, &t, b, i, now);
	}
	dp_tunnel_flush(w, &t);
}
