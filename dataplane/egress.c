/* SPDX-License-Identifier: BSD-2-Clause */
/* Egress: an overlay packet with no hops left goes to an endpoint. Unwrap; the flow's state, which overrides the endpoint
 * that STEER names, or new state; source NAT, or new outer headers; out by the kernel's FIB.
 *
 * Each packet teaches the flow its present ingress POP, so replies follow the client when anycast moves it. A TCP packet
 * that is no SYN and meets no state goes to the next candidate (second chance), and so does UDP that asks; what of that
 * nobody knows begins at the egress that the ingress chose. When all deny it, it goes to STEER's endpoint if that is of
 * mode tunnel, for then an origin's kernel has the state, and it asks which (dataplane/ask.h); else it is answered with a
 * reset. */
#include <errno.h>

#include "dataplane/answer.h"
#include "dataplane/ask.h"
#include "dataplane/client_ip.h"
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/output.h"
#include "dataplane/path_mtu.h"
#include "dataplane/progress.h"
#include "dataplane/readdress.h"
#include "dataplane/rewrite.h"
#include "dataplane/split.h"
#include "dataplane/trace.h"
#include "dataplane/wrap.h"
#include "lb/nat.h"
#include "wire/bytes.h"

void dp_egress_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_group bare = {.n = 0};
	struct dp_released released = {.n = 0};
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		enum wire_drop drop = dp_tunnel_unwrap(b, i);
		bool plain = b->plain >> i & 1;
		if (plain)
			b->hash[i] = lb_flow_hash(&b->key[i]);
		if (drop != WIRE_DROP_NONE)
			dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, drop);
		else if (plain || !dp_fragment_is(b, i) || dp_fragment_inside(w, b, i, &released))
			dp_group_add(&bare, i);
	}
	if (bare.n)
		dp_egress_deliver(w, b, &bare);
	if (released.n)
		dp_fragment_release(w, b, &released);
}

/* A RST in the endpoint's place, back to where the packet entered. */
static void answer_reset(struct dp_worker *w, struct dp_tunnel *t, const struct dp_burst *b, unsigned i)
{
	struct dp_answer to = dp_answer_to_packet(w, b, i);
	if (b->kind[i] == DP_KIND_TCP)
		dp_answer(w, t, dp_icmp_reset(w, b, i), &to);
}

/* A flood of SYNs from anybody's address fills tables: what refuses one is limited. */
static void deny(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, enum wire_drop drop)
{
	if (!dp_begins_flow(b, i) || dp_icmp_within_rate(w))
		answer_reset(w, t, b, i);
	dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, drop);
}

/* No state here: on to the next candidate that can be reached. false: there is none. */
static bool pass_on(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i)
{
	struct dp_steer *steer = &b->steer[i];
	uint8_t class = dp_answer_to_packet(w, b, i).class;
	while (steer->flags & WIRE_STEER_SECOND && steer->tried < WIRE_STEER_MAX_CANDIDATES) {
		uint16_t next = steer->candidate[steer->tried++];
		const struct dp_way *way = NULL;
		if (next && next != w->snapshot->self)
			way = dp_tunnel_way(w, next, class);
		if (!way || b->length[i] > way->room)
			continue;
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "no state here: second chance at POP %u", next);
		dp_tunnel_wrap(w, t, b->pkt[i], way, lb_hash14(b->hash[i]), steer, WIRE_JOURNEY_EGRESS);
		return true;
	}
	return false;
}

/* UDP that no candidate knew goes back to the first of them, to begin there. */
static bool send_home(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i)
{
	struct dp_steer *steer = &b->steer[i];
	bool asks = steer->flags & WIRE_STEER_SECOND && b->key[i].protocol == WIRE_PROTO_UDP;
	steer->flags &= (uint8_t)~WIRE_STEER_SECOND;
	if (!asks || b->kind[i] == DP_KIND_ICMP_ERROR || steer->egress_pop == w->snapshot->self)
		return false;
	const struct dp_way *way = dp_tunnel_way(w, steer->egress_pop, dp_answer_to_packet(w, b, i).class);
	if (!way || b->length[i] > way->room)
		return false;
	DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "nobody has state: it begins at POP %u", steer->egress_pop);
	dp_tunnel_wrap(w, t, b->pkt[i], way, lb_hash14(b->hash[i]), steer, WIRE_JOURNEY_EGRESS);
	return true;
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

/* Whether STEER's endpoint holds the state of its connections itself, or, if that is down, another can say whether it
 * does. */
static bool origin_has_state(const struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	const struct lb_endpoint *endpoint = endpoint_for(w, b, i);
	if (!endpoint || endpoint->row.mode != WIRE_MODE_TUNNEL || endpoint->row.state == WIRE_ENDPOINT_DOWN)
		return false;
	return endpoint->row.endpoint == b->steer[i].endpoint || endpoint->row.encap == WIRE_ENCAP_GENEVE;
}

/* A tunnelled packet needs no state: there is none of an ICMP error, nor of a flow that the table has no room for. */
static enum wire_drop make_passing(
    const struct dp_worker *w, const struct lb_nat_target *target, uint16_t hash14, struct lb_nat_flow *ret_passing)
{
	struct wire_addr address;
	if (lb_nat_tunnel_address(w->nat, wire_addr_is_v4(&target->address), &address) != 0)
		return WIRE_DROP_NAT_FULL;
	*ret_passing = (struct lb_nat_flow){.endpoint_address = target->address,
	    .endpoint_port = target->port,
	    .endpoint = target->endpoint,
	    .nat_address = address,
	    .group = target->group,
	    .class = target->class,
	    .hash14 = hash14,
	    .vni = {target->vni[0], target->vni[1], target->vni[2]},
	    .mode = target->mode,
	    .encap = target->encap};
	return WIRE_DROP_NONE;
}

/* State for a flow that begins here, or is taken up here; *ret_flow may be `passing`. */
static enum wire_drop begin_flow(
    struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *passing, struct lb_nat_flow **ret_flow)
{
	const struct lb_endpoint *endpoint = endpoint_for(w, b, i);
	bool made;
	if (!endpoint)
		return WIRE_DROP_NO_ENDPOINT;
	bool tunnel = endpoint->row.mode == WIRE_MODE_TUNNEL;
	struct dp_answer client = dp_answer_to_packet(w, b, i);
	struct lb_nat_target target = {.address = endpoint->row.address,
	    .port = tunnel ? b->key[i].vip_port : endpoint->row.port,
	    .ingress_pop = client.ingress_pop,
	    .endpoint = endpoint->row.endpoint,
	    .group = endpoint->row.group,
	    .class = client.class,
	    .vni = {(uint8_t)(client.vni >> 16), (uint8_t)(client.vni >> 8), (uint8_t)client.vni},
	    .mode = endpoint->row.mode,
	    .encap = endpoint->row.encap,
	    .client_ip = dp_client_ip_wanted(w, b, i, endpoint->row.mode)};
	int result = -ENOENT;
	if (b->kind[i] != DP_KIND_ICMP_ERROR)
		result = lb_nat_insert(w->nat, &b->key[i], b->hash[i], &target, w->now_ns, ret_flow, &made);
	if (result == 0 && made)
		dp_count(w, WIRE_COUNTER_NAT_NEW);
	if (result == 0 && made && !dp_begins_flow(b, i))
		dp_ask_begin(*ret_flow);
	if (result == 0)
		return WIRE_DROP_NONE;
	if (!tunnel)
		return result == -EADDRNOTAVAIL ? WIRE_DROP_NAT_FULL : WIRE_DROP_FLOW_FULL;
	*ret_flow = passing;
	return make_passing(w, &target, lb_hash14(b->hash[i]), passing);
}

/* Whether packet i fits `room` bytes on its way to the endpoint, in fragments if it may be fragmented; if not, its sender
 * is told and it is dropped. */
static bool fits(
    struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, unsigned room, bool may_split)
{
	if (b->length[i] <= room || may_split)
		return true;
	struct dp_answer to = dp_answer_to_packet(w, b, i);
	dp_answer(w, t, dp_icmp_make(w, b->ip[i], b->length[i], DP_ICMP_TOO_BIG, (uint16_t)room), &to);
	dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, WIRE_DROP_TOO_BIG);
	return false;
}

/* Client -> VIP becomes NAT address -> endpoint; an ICMP error's quote, VIP -> client, endpoint -> NAT address. */
static void send_translated(
    struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	struct dp_ends to = dp_ends(&flow->nat_address, flow->nat_port, &flow->endpoint_address, flow->endpoint_port);
	const struct dp_adjacency *a = dp_fib_lookup(w, &flow->endpoint_address);
	int growth = dp_burst_growth(b, i, !wire_addr_is_v4(&flow->endpoint_address));
	bool may_split = wire_addr_is_v4(&flow->endpoint_address) && dp_split_may(b->ip[i]);
	unsigned room = (unsigned)((a ? a->mtu : UINT16_MAX) - growth);
	if (!fits(w, t, b, i, room, may_split))
		return;
	if (b->tcp_flags[i] & WIRE_TCP_SYN)
		dp_tunnel_clamp_back(w, b, i, flow->ingress_pop, flow->class);
	if (flow->client_ip && !dp_client_ip_forward(w, b, i, flow, room))
		return;
	enum wire_drop drop = dp_readdress(w, b, i, &to);
	if (drop != WIRE_DROP_NONE)
		dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, drop);
	else
		dp_output_by(w, b->pkt[i], a, WIRE_JOURNEY_EGRESS);
}

static void send_outer(
    struct dp_worker *w, struct rte_mbuf *m, const struct dp_wrap *wrap, uint16_t size, const struct dp_adjacency *a)
{
	uint16_t length = (uint16_t)rte_pktmbuf_pkt_len(m);
	uint8_t *at = dp_output_prepend(m, size);
	if (!at) {
		dp_drop(w, m, WIRE_DROP_NO_MBUF);
		return;
	}
	dp_wrap_write(at, wrap, length);
	dp_count(w, WIRE_COUNTER_WRAPPED);
	dp_output_by(w, m, a, WIRE_JOURNEY_EGRESS);
}

/* As it is, in a packet of ours to the endpoint. */
static void send_wrapped(
    struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow)
{
	const struct wire_addr *endpoint = &flow->endpoint_address;
	struct dp_wrap wrap = {.src = flow->nat_address,
	    .dst = *endpoint,
	    .vni = dp_answer_to_flow(flow).vni,
	    .hash14 = lb_hash14(b->hash[i]),
	    .cookie = dp_path_mtu_cookie(w, endpoint),
	    .encap = flow->encap};
	dp_ask_put(w, flow, &wrap);
	uint16_t size = dp_wrap_size(&wrap), mtu = dp_path_mtu(w, endpoint);
	const struct dp_adjacency *a = dp_fib_lookup(w, endpoint);
	if (a && a->mtu < mtu)
		mtu = a->mtu;
	uint16_t room = mtu > size ? (uint16_t)(mtu - size) : 0;
	if (!fits(w, t, b, i, room, dp_split_may(b->ip[i])))
		return;
	struct rte_mbuf *piece[DP_SPLIT_MAX] = {b->pkt[i]};
	unsigned n = b->length[i] > room ? dp_split(w, b->pkt[i], room, piece) : 1;
	for (unsigned k = 0; k < n; k++)
		send_outer(w, piece[k], &wrap, size, a);
}

/* A flow whose endpoint died loses its state: what begins a flow begins anew, TCP in progress is reset. */
static inline bool is_dead(struct dp_worker *w, const struct lb_nat_flow *flow)
{
	if (__builtin_expect(!dp_ways_is_down(w, flow->endpoint), 1))
		return false;
	const struct lb_endpoint *endpoint = lb_snapshot_endpoint(w->snapshot, flow->endpoint);
	const struct lb_group *group = lb_snapshot_group(w->snapshot, endpoint->row.group);
	return group && group->healthy;
}

static void send_to_endpoint(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    struct lb_nat_flow *flow, const char *what)
{
	bool tunnel = flow->mode == WIRE_MODE_TUNNEL;
	DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "%s: from POP %u to endpoint %u, %s:%u, %s %s:%u", what,
	    b->steer[i].ingress_pop, flow->endpoint, dp_trace_address(&flow->endpoint_address).text,
	    flow->endpoint_port,
	    !tunnel                            ? "as"
	    : flow->asked                      ? "asked, wrapped in Geneve by"
	    : flow->encap == WIRE_ENCAP_GENEVE ? "wrapped in Geneve by"
	                                       : "wrapped in IP by",
	    dp_trace_address(&flow->nat_address).text, flow->nat_port);
	if (tunnel)
		send_wrapped(w, t, b, i, flow);
	else
		send_translated(w, t, b, i, flow);
}

static void deliver(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	struct lb_nat_flow passing;
	if (flow && is_dead(w, flow)) {
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "endpoint %u is down: its state ends", flow->endpoint);
		lb_nat_remove(w->nat, flow, w->now_ns);
		flow = NULL;
	}
	bool known = flow != NULL, begins = dp_begins_flow(b, i);
	bool asks = !known && (!begins || b->steer[i].flags & WIRE_STEER_SECOND);
	if (asks && (pass_on(w, t, b, i) || send_home(w, t, b, i)))
		return;
	if (!known) {
		enum wire_drop drop = WIRE_DROP_NO_STATE;
		if (begins || origin_has_state(w, b, i))
			drop = begin_flow(w, b, i, &passing, &flow);
		if (drop != WIRE_DROP_NONE) {
			deny(w, t, b, i, drop);
			return;
		}
	} else if (b->kind[i] != DP_KIND_ICMP_ERROR) {
		dp_progress_nat(w, b, i, flow, true);
		if (b->tcp_flags[i] & WIRE_TCP_SYN)
			flow->asked = 0;
	}
	flow->ingress_pop = b->steer[i].ingress_pop;
	send_to_endpoint(w, t, b, i, flow, known ? "flow" : flow == &passing ? "no flow made" : "new flow");
}

void dp_egress_deliver(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	const struct lb_flow_key *key[DP_BURST_MAX];
	uint64_t hash[DP_BURST_MAX];
	struct lb_nat_flow *flow[DP_BURST_MAX];
	struct dp_group flows = {.n = 0};
	struct dp_tunnel t;
	dp_tunnel_begin(&t);

	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		if (!dp_burst_has_flow(b, i)) {
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
