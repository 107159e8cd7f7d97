/* SPDX-License-Identifier: BSD-2-Clause */
/* Reply: endpoint -> our NAT address. The NAT port names the flow; the packet becomes VIP -> client again and goes to
 * the POP where the client last entered, or straight out if that is this one. What an endpoint sends back because it is of
 * no connection of its own goes to egress again, to the next endpoint. */
#include "dataplane/ask.h"
#include "dataplane/client_ip.h"
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/output.h"
#include "dataplane/progress.h"
#include "dataplane/readdress.h"
#include "dataplane/rewrite.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "dataplane/wrap_error.h"
#include "lb/nat.h"
#include "wire/bytes.h"

static bool refuse(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	enum wire_drop drop = WIRE_DROP_UNSUPPORTED;
	if (b->kind[i] != DP_KIND_OTHER && b->kind[i] != DP_KIND_ICMP_ECHO) {
		dp_icmp_error(w, b->ip[i], b->length[i], DP_ICMP_TIME_EXCEEDED, 0);
		drop = WIRE_DROP_TTL_EXPIRED;
	}
	dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, drop);
	return false;
}

static inline bool passes_screen(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	bool ours = dp_burst_has_flow(b, i) || b->kind[i] == DP_KIND_WRAP_ERROR;
	return (ours && wire_ip_ttl(b->ip[i]) > 1) || refuse(w, b, i);
}

static bool is_error(const struct dp_burst *b, unsigned i)
{
	return b->kind[i] == DP_KIND_ICMP_ERROR || b->kind[i] == DP_KIND_WRAP_ERROR;
}

/* An error about IP in IP names no port of ours: it is nobody's reply. */
static inline const struct lb_flow_key *reply_of(const struct dp_burst *b, unsigned i)
{
	static const struct lb_flow_key nobodys;
	return b->kind[i] == DP_KIND_WRAP_ERROR ? &nobodys : &b->key[i];
}

/* Endpoint -> NAT address becomes VIP -> client; an ICMP error, whoever sent it, comes from the VIP, and its quote,
 * NAT address -> endpoint, becomes client -> VIP. */
static inline bool rewrite(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	const struct lb_flow_key *key = &flow->key;
	struct dp_ends to = dp_ends(&key->vip, key->vip_port, &key->client, key->client_port);
	if (flow->client_ip)
		dp_client_ip_back(w, b, i, flow);
	enum wire_drop drop = dp_readdress(w, b, i, &to);
	if (drop != WIRE_DROP_NONE) {
		dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, drop);
		return false;
	}
	dp_rewrite_ttl(b->ip[i]);
	return true;
}

/* An endpoint whose connection has no flow any more is told, or it would wait for its own time-out with a download that
 * nobody takes. A stranger's SYN is worth no answer. */
static void refuse_unknown(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	const unsigned both = WIRE_TCP_ACK | WIRE_TCP_RST;
	if (b->kind[i] == DP_KIND_TCP && (b->tcp_flags[i] & both) == WIRE_TCP_ACK && dp_icmp_within_rate(w)) {
		struct rte_mbuf *reset = dp_icmp_reset(w, b, i);
		if (reset)
			dp_output(w, reset, WIRE_JOURNEY_ICMP);
	}
	dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, WIRE_DROP_NO_NAT);
}

/* It is nobody's reply, but may be about what we wrapped. */
static void take_unknown(
    struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, struct dp_group *again)
{
	bool deliver = false;
	if (is_error(b, i) && dp_wrap_error(w, t, b, i))
		return;
	if (dp_ask_denied(w, b, i, &deliver)) {
		if (deliver)
			dp_group_add(again, i);
		return;
	}
	refuse_unknown(w, b, i);
}

static struct dp_steer steer_back(const struct dp_worker *w, const struct lb_nat_flow *flow)
{
	return (struct dp_steer){.flags = WIRE_STEER_RETURN,
	    .ingress_pop = flow->ingress_pop,
	    .egress_pop = w->snapshot->self,
	    .endpoint = flow->endpoint,
	    .group = flow->group,
	    .vni = wire_be32(flow->vni) >> 8};
}

static inline void send_to_ingress(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    struct lb_nat_flow *flow, const struct dp_course *course)
{
	const struct dp_way *way = dp_tunnel_along(w, course);
	if (!way) {
		dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, WIRE_DROP_NO_PATH);
		return;
	}
	if (!dp_tunnel_fits(w, b, i, way, !wire_addr_is_v4(&flow->key.client), WIRE_JOURNEY_REPLY))
		return;
	DP_TRACE(w, b, i, WIRE_JOURNEY_REPLY, "path of %u hops to POP %u in class %u, first over link %u",
	    way->leg->count, flow->ingress_pop, flow->class, way->leg->first->row.link);
	if (!rewrite(w, b, i, flow))
		return;
	if (b->tcp_flags[i] & WIRE_TCP_SYN)
		dp_tunnel_clamp(w, b, i, way);
	struct dp_steer steer = steer_back(w, flow);
	dp_tunnel_send(w, t, b, i, way, flow->hash14, &steer, WIRE_JOURNEY_REPLY);
}

/* The ingress is here: the column becomes that of the packet to the client, as if it had been unwrapped. */
static bool hand_to_return(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	dp_count_journey(w, WIRE_JOURNEY_REPLY, b->length[i]);
	b->steer[i] = steer_back(w, flow);
	if (!rewrite(w, b, i, flow))
		return false;
	b->key[i] = lb_flow_key_exchanged(&flow->key);
	dp_burst_trim(b, i);
	return true;
}

void dp_reply_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	const struct lb_flow_key *reply[DP_BURST_MAX];
	struct lb_nat_flow *flow[DP_BURST_MAX];
	struct dp_group screened = {.n = 0}, here = {.n = 0}, again = {.n = 0};
	const struct dp_course *course = NULL;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);

	for (unsigned k = 0; k < g->n; k++)
		if (passes_screen(w, b, g->i[k])) {
			reply[screened.n] = reply_of(b, g->i[k]);
			dp_group_add(&screened, g->i[k]);
		}
	if (screened.n == 0)
		return;
	lb_nat_reverse_bulk(w->nat, reply, screened.n, flow);
	for (unsigned k = 0; k < screened.n; k++) {
		unsigned i = screened.i[k];
		if (!flow[k]) {
			take_unknown(w, &t, b, i, &again);
			continue;
		}
		if (__builtin_expect(b->trace != NULL, 0))
			dp_trace_match_flow(w, b, i, WIRE_JOURNEY_REPLY, &flow[k]->key);
		if (b->kind[i] != DP_KIND_ICMP_ERROR)
			dp_progress_nat(w, b, i, flow[k], false);
		DP_TRACE(w, b, i, WIRE_JOURNEY_REPLY, "flow (%s) of client %s:%u, which is at POP %u",
		    lb_flow_state_name(flow[k]->state), dp_trace_address(&flow[k]->key.client).text,
		    flow[k]->key.client_port, flow[k]->ingress_pop);
		if (flow[k]->ingress_pop == w->snapshot->self) {
			if (hand_to_return(w, b, i, flow[k]))
				dp_group_add(&here, i);
		} else {
			course = dp_course_next(w, course, flow[k]->ingress_pop, flow[k]->class);
			send_to_ingress(w, &t, b, i, flow[k], course);
		}
	}
	dp_tunnel_flush(w, &t);
	if (here.n)
		dp_return_deliver(w, b, &here);
	if (again.n)
		dp_egress_deliver(w, b, &again);
}
