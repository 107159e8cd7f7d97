/* SPDX-License-Identifier: BSD-2-Clause */
/* Ingress: client -> VIP. Screen; flow table, else listener -> group -> endpoint and a new flow; then the path to the
 * egress POP in the flow's class, or straight on to egress if that is this POP.
 *
 * A packet without a flow that cannot begin one (TCP but no SYN, ICMP errors) is steered by our own tables with the
 * second-chance flag: its flow may have entered at another POP, and an egress may know it. UDP always begins one; but
 * for a while after a change of its listener, group or endpoints, when POPs choose differently, and until the flow is
 * answered, it asks as well. */
#include "dataplane/icmp.h"
#include "dataplane/progress.h"
#include "dataplane/rewrite.h"
#include "dataplane/trace.h"
#include "dataplane/traffic.h"
#include "dataplane/tunnel.h"
#include "lb/flow.h"
#include "lb/select.h"

/* What a packet's flow, or our tables, say. */
struct decision {
	const struct lb_flow *flow;      /* in the table, touched in this burst and so not displaced; or `passing` */
	struct wire_stats_traffic *near; /* dp_traffic_near() */
	struct lb_flow passing;          /* written only where there is no flow to keep */
};

/* Echo requests are answered, what has no flow is refused, what has used up its TTL is reported. */
static bool refuse(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	enum wire_drop drop = WIRE_DROP_UNSUPPORTED;
	if (!wire_addr_is_host(&b->key[i].client)) {
		drop = WIRE_DROP_BAD_SOURCE;
	} else if (b->kind[i] == DP_KIND_ICMP_ECHO) {
		dp_icmp_echo(w, b, i);
		return false;
	} else if (dp_burst_has_flow(b, i)) {
		dp_icmp_error(w, b->ip[i], b->length[i], DP_ICMP_TIME_EXCEEDED, 0);
		drop = WIRE_DROP_TTL_EXPIRED;
	}
	dp_refuse(w, b, i, WIRE_JOURNEY_INGRESS, drop);
	return false;
}

static inline bool passes_screen(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	return (dp_burst_has_flow(b, i) && wire_ip_ttl(b->ip[i]) > 1 && wire_addr_is_host(&b->key[i].client)) ||
	       refuse(w, b, i);
}

static void store_choice(struct lb_flow *flow, const struct lb_listener *listener, const struct lb_choice *choice)
{
	flow->endpoint = choice->endpoint->row.endpoint;
	flow->group = choice->group->row.group;
	flow->egress_pop = choice->group->row.egress_pop;
	flow->class = listener->row.class;
	__builtin_memcpy(flow->vni, listener->vni, sizeof(flow->vni));
}

/* For so long POPs may hold different opinions after a change. */
#define ASK_NS (30u * UINT64_C(1000000000))

static bool may_be_elsewhere(const struct dp_worker *w, const struct dp_burst *b, unsigned i,
    const struct lb_listener *listener, const struct lb_group *group)
{
	uint64_t changed = RTE_MAX(listener->changed_ns, group->changed_ns);
	return b->kind[i] == DP_KIND_UDP && group->row.candidate[0] && changed && w->now_ns < changed + ASK_NS;
}

/* The flow that packet i begins, or NULL: the table has no room for it, or it begins none. */
static struct lb_flow *begin_flow(struct dp_worker *w, struct dp_burst *b, unsigned i,
    const struct lb_listener *listener, const struct lb_choice *choice)
{
	struct lb_flow *flow;
	bool made;
	if (!dp_begins_flow(b, i))
		return NULL;
	if (lb_flow_insert(w->flows, &b->key[i], b->hash[i], w->now_ns, &flow, &made) != 0) {
		dp_count(w, WIRE_COUNTER_FLOWS_UNSTORED);
		return NULL;
	}
	if (made) {
		dp_count(w, WIRE_COUNTER_FLOWS_NEW);
		store_choice(flow, listener, choice);
		dp_traffic_begin(w, &b->key[i].vip, flow->endpoint, flow->egress_pop)->flows++;
		if (choice->endpoint->row.mode == WIRE_MODE_TUNNEL)
			flow->flags |= LB_FLOW_ONE_WAY;
		if (may_be_elsewhere(w, b, i, listener, choice->group))
			flow->flags |= LB_FLOW_ASKS;
	}
	return flow;
}

/* Whether QUIC's connection id names the endpoint. A connection that is known by its addresses is not asked: it costs
 * some AES blocks. */
static bool names_endpoint(struct dp_worker *w, const struct dp_burst *b, unsigned i,
    const struct lb_listener *listener, struct lb_choice *ret_choice)
{
	if (!listener->row.quic || b->kind[i] != DP_KIND_UDP)
		return false;
	const uint8_t *payload = b->l4[i] + sizeof(struct wire_udp);
	size_t length = dp_burst_l4_length(b, i) - sizeof(struct wire_udp);
	return lb_select_quic(w->snapshot, listener, payload, length, ret_choice) == 0;
}

static enum wire_drop decide_by_tables(struct dp_worker *w, struct dp_burst *b, unsigned i, struct decision *d)
{
	const struct lb_flow_key *key = &b->key[i];
	const struct lb_listener *listener = lb_snapshot_listener(w->snapshot, &key->vip, key->protocol, key->vip_port);
	struct lb_choice choice;
	const char *how = "by QUIC connection id";
	if (lb_snapshot_vip(w->snapshot, &key->client))
		return WIRE_DROP_BAD_SOURCE;
	if (!listener)
		return WIRE_DROP_NO_LISTENER;
	if (!names_endpoint(w, b, i, listener, &choice)) {
		how = "by Maglev";
		if (lb_select(w->snapshot, listener, &key->client, b->hash[i], &choice) != 0)
			return WIRE_DROP_NO_ENDPOINT;
	}
	struct lb_flow *flow = begin_flow(w, b, i, listener, &choice);
	d->flow = flow;
	if (!flow) {
		d->passing = (struct lb_flow){.flags = dp_begins_flow(b, i) ? 0 : LB_FLOW_ASKS};
		store_choice(&d->passing, listener, &choice);
		d->flow = &d->passing;
	}
	DP_TRACE(w, b, i, WIRE_JOURNEY_INGRESS, "listener %u, group %u, endpoint %u %s: %s", listener->row.listener,
	    choice.group->row.group, choice.endpoint->row.endpoint, how, flow ? "new flow" : "no flow made");
	return WIRE_DROP_NONE;
}

/* A flow whose endpoint is down begins again if it can; TCP connections in progress end with their endpoint. */
static inline bool must_move(struct dp_worker *w, const struct dp_burst *b, unsigned i, const struct lb_flow *flow)
{
	return dp_begins_flow(b, i) && dp_ways_is_down(w, flow->endpoint);
}

/* What was decided by the flow earlier in this burst keeps a copy of it. */
static void remove_flow(
    struct dp_worker *w, struct lb_flow *flow, const struct dp_group *decided, struct decision decision[DP_BURST_MAX])
{
	for (unsigned k = 0; k < decided->n; k++) {
		struct decision *d = &decision[decided->i[k]];
		if (d->flow != flow)
			continue;
		d->passing = *flow;
		d->flow = &d->passing;
	}
	lb_flow_remove(w->flows, flow);
}

static inline void decide_by_flow(
    struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_flow *flow, struct decision *d)
{
	d->flow = flow;
	if (b->kind[i] == DP_KIND_ICMP_ERROR) { /* touches nothing: another may take the flow's place in this burst */
		d->passing = *flow;
		d->flow = &d->passing;
	} else {
		dp_progress_flow(w, b, i, flow, true);
	}
	DP_TRACE(w, b, i, WIRE_JOURNEY_INGRESS, "flow (%s): egress POP %u, endpoint %u",
	    lb_flow_state_name(flow->state), flow->egress_pop, flow->endpoint);
}

static inline struct dp_steer steer_by(const struct dp_worker *w, const struct lb_flow *flow)
{
	return (struct dp_steer){.ingress_pop = w->snapshot->self,
	    .egress_pop = flow->egress_pop,
	    .endpoint = flow->endpoint,
	    .group = flow->group,
	    .vni = wire_be32(flow->vni) >> 8};
}

/* A flow that is known here is at its egress, and asks nobody but while it may be elsewhere. */
static inline bool asks(const struct lb_flow *flow)
{
	return flow->flags & LB_FLOW_ASKS;
}

/* STEER with the candidates of a second chance: whom an egress without state asks. */
__attribute__((noinline)) static struct dp_steer steer_asking(const struct dp_worker *w, const struct lb_flow *flow)
{
	struct dp_steer steer = steer_by(w, flow);
	const struct lb_group *group = lb_snapshot_group(w->snapshot, flow->group);
	if (!group)
		return steer;
	steer.flags = WIRE_STEER_SECOND;
	for (unsigned k = 0; k < WIRE_STEER_MAX_CANDIDATES; k++)
		steer.candidate[k] = group->row.candidate[k];
	return steer;
}

static inline void send_to_egress(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    const struct decision *d, const struct dp_course *course)
{
	const struct dp_way *way = dp_tunnel_along(w, course);
	if (!way) {
		dp_refuse(w, b, i, WIRE_JOURNEY_INGRESS, WIRE_DROP_NO_PATH);
		return;
	}
	if (!dp_tunnel_fits(w, b, i, way, wire_ip_is_v6(b->ip[i]), WIRE_JOURNEY_INGRESS))
		return;
	DP_TRACE(w, b, i, WIRE_JOURNEY_INGRESS, "path of %u hops to POP %u in class %u, first over link %u",
	    way->leg->count, d->flow->egress_pop, d->flow->class, way->leg->first->row.link);
	if (b->tcp_flags[i] & WIRE_TCP_SYN)
		dp_tunnel_clamp(w, b, i, way);
	dp_rewrite_ttl(b->ip[i]);
	if (asks(d->flow)) {
		struct dp_steer steer = steer_asking(w, d->flow);
		dp_burst_trim(b, i);
		dp_tunnel_wrap(w, t, b->pkt[i], way, lb_hash14(b->hash[i]), &steer, WIRE_JOURNEY_INGRESS);
	} else {
		struct dp_steer steer = steer_by(w, d->flow);
		dp_tunnel_send(w, t, b, i, way, lb_hash14(b->hash[i]), &steer, WIRE_JOURNEY_INGRESS);
	}
}

static inline void count(struct dp_worker *w, const struct dp_burst *b, unsigned i, const struct decision *d)
{
	struct wire_stats_traffic *row =
	    dp_traffic_at(w, d->near, &b->key[i].vip, d->flow->endpoint, d->flow->egress_pop);
	row->packets_in++;
	row->bytes_in += b->length[i];
}

/* Screens and looks up in bulk, and decides; ret_decided are those that go on, ret_decision[i] theirs by column. */
static void decide_all(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g, struct dp_group *ret_decided,
    struct decision ret_decision[DP_BURST_MAX])
{
	const struct lb_flow_key *key[DP_BURST_MAX];
	uint64_t hash[DP_BURST_MAX];
	uint8_t column[DP_BURST_MAX];
	struct lb_flow *flow[DP_BURST_MAX];
	unsigned n = 0;
	bool moved = false;
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		if (!passes_screen(w, b, i))
			continue;
		key[n] = &b->key[i];
		hash[n] = b->hash[i];
		column[n++] = (uint8_t)i;
	}
	if (n == 0)
		return;
	lb_flow_lookup_bulk(w->flows, key, hash, n, flow);
	for (unsigned k = 0; k < n; k++) {
		/* A flow that was begun, or whose place another took, earlier in this burst is looked up again. */
		unsigned i = column[k];
		struct lb_flow *now = flow[k];
		struct decision *d = &ret_decision[i];
		if (!now || (moved && (now->state == LB_FLOW_FREE || !lb_flow_key_equal(&now->key, key[k]))))
			now = lb_flow_lookup(w->flows, key[k], hash[k]);
		enum wire_drop drop = WIRE_DROP_NONE;
		if (now && must_move(w, b, i, now)) {
			remove_flow(w, now, ret_decided, ret_decision);
			now = NULL;
		}
		if (now) {
			decide_by_flow(w, b, i, now, d);
		} else {
			moved = true;
			drop = decide_by_tables(w, b, i, d);
		}
		if (drop != WIRE_DROP_NONE) {
			dp_refuse(w, b, i, WIRE_JOURNEY_INGRESS, drop);
			continue;
		}
		d->near = dp_traffic_near(w, &key[k]->vip, d->flow->endpoint, d->flow->egress_pop);
		__builtin_prefetch(d->near, 1);
		dp_group_add(ret_decided, i);
	}
}

void dp_ingress_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	struct decision decision[DP_BURST_MAX];
	struct dp_group decided = {.n = 0}, here = {.n = 0};
	const struct dp_course *course = NULL;
	struct dp_tunnel t;
	dp_tunnel_begin(&t);

	decide_all(w, b, g, &decided, decision);
	for (unsigned k = 0; k < decided.n; k++) {
		unsigned i = decided.i[k];
		const struct decision *d = &decision[i];
		count(w, b, i, d);
		if (d->flow->egress_pop == w->snapshot->self) {
			dp_count_journey(w, WIRE_JOURNEY_INGRESS, b->length[i]);
			dp_rewrite_ttl(b->ip[i]);
			dp_burst_trim(b, i);
			b->steer[i] = asks(d->flow) ? steer_asking(w, d->flow) : steer_by(w, d->flow);
			dp_group_add(&here, i);
		} else {
			course = dp_course_next(w, course, d->flow->egress_pop, d->flow->class);
			send_to_egress(w, &t, b, i, d, course);
		}
	}
	dp_tunnel_flush(w, &t);
	if (here.n)
		dp_egress_deliver(w, b, &here);
}
