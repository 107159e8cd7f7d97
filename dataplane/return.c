/* SPDX-License-Identifier: BSD-2-Clause */
/* Return: an overlay packet with a reply inside, for a client of ours. Unwrap; learn from STEER which egress and
 * endpoint the flow truly has (another POP may have chosen them, before anycast moved the client here); send. */
#include "dataplane/icmp.h"
#include "dataplane/output.h"
#include "dataplane/progress.h"
#include "dataplane/split.h"
#include "dataplane/trace.h"
#include "dataplane/traffic.h"
#include "dataplane/tunnel.h"
#include "lb/flow.h"

void dp_return_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct dp_group bare = {.n = 0};
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		enum wire_drop drop = dp_tunnel_unwrap(b, i);
		if (drop == WIRE_DROP_NONE)
			dp_group_add(&bare, i);
		else
			dp_refuse(w, b, i, WIRE_JOURNEY_RETURN, drop);
	}
	if (bare.n)
		dp_return_deliver(w, b, &bare);
}

/* The flow's entry, made if there is none and the packet shows that the connection lives. */
static struct lb_flow *entry_for(struct dp_worker *w, const struct lb_flow_key *key, uint64_t hash, uint8_t tcp_flags)
{
	const struct lb_listener *listener = lb_snapshot_listener(w->snapshot, &key->vip, key->protocol, key->vip_port);
	struct lb_flow *flow;
	bool made;
	if (!listener || tcp_flags & WIRE_TCP_RST)
		return NULL;
	if (lb_flow_insert(w->flows, key, hash, w->now_ns, &flow, &made) != 0)
		return NULL;
	if (made) {
		dp_count(w, WIRE_COUNTER_FLOWS_NEW);
		flow->flags |= LB_FLOW_LEARNT;
		flow->class = listener->row.class;
		__builtin_memcpy(flow->vni, listener->vni, sizeof(flow->vni));
	}
	return flow;
}

static void learn(struct lb_flow *flow, const struct dp_steer *steer)
{
	flow->egress_pop = steer->egress_pop;
	flow->endpoint = steer->endpoint;
	flow->group = steer->group;
	flow->flags &= (uint8_t) ~(LB_FLOW_ONE_WAY | LB_FLOW_ASKS);
}

/* An ICMP error that we made, client -> VIP, for an endpoint of this POP itself. */
static void deliver_here(struct dp_worker *w, struct rte_mbuf *m, const struct dp_steer *steer)
{
	struct dp_burst one = {.n = 1, .pkt = {m}};
	const struct dp_group group = {.n = 1};
	uint32_t length = rte_pktmbuf_pkt_len(m);
	enum wire_drop drop = dp_parse_ip(&one, 0, rte_pktmbuf_mtod(m, uint8_t *), length);
	one.steer[0] = *steer;
	if (drop == WIRE_DROP_NONE)
		dp_egress_deliver(w, &one, &group);
	else
		dp_drop(w, m, drop);
}

/* Packet i does not fit its client's port: the endpoint is told, as if the client's side had. */
static void tell_endpoint(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    const struct lb_flow *flow, uint64_t hash, uint16_t mtu)
{
	struct rte_mbuf *m = dp_icmp_make(w, b->ip[i], b->length[i], DP_ICMP_TOO_BIG, mtu);
	struct dp_steer steer = b->steer[i];
	steer.flags = 0;
	steer.ingress_pop = w->snapshot->self;
	if (!m)
		return;
	if (steer.egress_pop == w->snapshot->self) {
		deliver_here(w, m, &steer);
		return;
	}
	const struct dp_way *way = dp_tunnel_way(w, steer.egress_pop, flow ? flow->class : 0);
	if (way)
		dp_tunnel_wrap(w, t, m, way, lb_hash14(hash), &steer, WIRE_JOURNEY_ICMP);
	else
		dp_drop(w, m, WIRE_DROP_NO_PATH);
}

static void send_to_client(
    struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i, const struct lb_flow *flow, uint64_t hash)
{
	struct wire_addr client = wire_ip_dst(b->ip[i]);
	const struct dp_adjacency *a = dp_fib_lookup(w, &client);
	if (a && b->length[i] > a->mtu && !dp_split_may(b->ip[i])) {
		tell_endpoint(w, t, b, i, flow, hash, a->mtu);
		dp_refuse(w, b, i, WIRE_JOURNEY_RETURN, WIRE_DROP_TOO_BIG);
		return;
	}
	if (b->tcp_flags[i] & WIRE_TCP_SYN)
		dp_tunnel_clamp_back(w, b, i, b->steer[i].egress_pop, flow ? flow->class : 0);
	dp_output_by(w, b->pkt[i], a, WIRE_JOURNEY_RETURN);
}

/* A reset in the place of an endpoint is no endpoint's. */
static void count(struct dp_worker *w, const struct dp_burst *b, unsigned i, const struct wire_addr *vip)
{
	const struct dp_steer *steer = &b->steer[i];
	if (!steer->endpoint)
		return;
	struct wire_stats_traffic *row = dp_traffic(w, vip, steer->endpoint, steer->egress_pop);
	row->packets_out++;
	row->bytes_out += b->length[i];
}

void dp_return_deliver(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct lb_flow_key flip[DP_BURST_MAX];
	const struct lb_flow_key *key[DP_BURST_MAX];
	uint64_t hash[DP_BURST_MAX];
	struct lb_flow *flow[DP_BURST_MAX];
	struct dp_tunnel t;
	dp_tunnel_begin(&t);

	for (unsigned k = 0; k < g->n; k++) {
		flip[k] = lb_flow_key_exchanged(&b->key[g->i[k]]); /* the packet's is VIP -> client */
		key[k] = &flip[k];
		hash[k] = lb_flow_hash(&flip[k]);
	}
	lb_flow_lookup_bulk(w->flows, key, hash, g->n, flow);
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		const struct dp_steer *steer = &b->steer[i];
		bool segment = b->kind[i] == DP_KIND_TCP || b->kind[i] == DP_KIND_UDP;
		if (flow[k] && !lb_flow_key_equal(&flow[k]->key, key[k]))
			flow[k] = NULL; /* displaced by a new entry earlier in this burst */
		/* A reset in the place of an endpoint names none: nothing to learn, and nothing lives. */
		if (!flow[k] && segment && steer->endpoint)
			flow[k] = entry_for(w, key[k], hash[k], b->tcp_flags[i]);
		if (flow[k] && segment) {
			dp_progress_flow(w, b, i, flow[k], false);
			if (steer->endpoint)
				learn(flow[k], steer);
		}
		count(w, b, i, &key[k]->vip);
		DP_TRACE(w, b, i, WIRE_JOURNEY_RETURN, "to the client; egress POP %u, endpoint %u", steer->egress_pop,
		    steer->endpoint);
		send_to_client(w, &t, b, i, flow[k], hash[k]);
	}
	dp_tunnel_flush(w, &t);
}
