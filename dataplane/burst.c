/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/burst.h"

#include "dataplane/fragment.h"
#include "dataplane/frame.h"
#include "dataplane/oam.h"
#include "dataplane/overlay_plain.h"
#include "dataplane/parse.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "dataplane/way.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "wire/bytes.h"

#define SWEEP_PASSES 1024u /* ticks in which the whole of a table is looked at */

/* The groups that classification fills. OVERLAY becomes TRANSIT, EGRESS, RETURN and OAM once its tags are checked. */
struct groups {
	struct dp_group overlay;
	struct dp_group journey[WIRE_JOURNEY_COUNT];
};

void dp_refuse(struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey, enum wire_drop reason)
{
	if (b->traced >> i & 1)
		dp_trace_step(w, b, i, journey, reason, "dropped: %s", wire_drop_text(reason));
	b->traced &= ~(UINT64_C(1) << i); /* its buffer may be another's soon */
	dp_drop(w, b->pkt[i], reason);
}

static bool give_to_owner(struct dp_worker *w, struct dp_burst *b, unsigned i, unsigned owner)
{
	if (owner == w->id)
		return false;
	DP_TRACE(w, b, i, WIRE_JOURNEY_PUNT, "flow of worker %u: handed over", owner);
	dp_hand_over(w, (uint16_t)owner, b->pkt[i]);
	return true;
}

static inline enum wire_drop parse_overlay(uint8_t *geneve, size_t length, struct dp_overlay *ret_overlay)
{
	return dp_overlay_parse_plain(geneve, length, ret_overlay) ? WIRE_DROP_NONE
	                                                           : dp_overlay_parse(geneve, length, ret_overlay);
}

/* UDP to port 6081 from the far end of a link. Control packets are worker 0's. */
static inline void classify_overlay(struct dp_worker *w, struct dp_burst *b, unsigned i, struct groups *g)
{
	struct dp_overlay *o = &b->overlay[i];
	uint16_t length = wire_be16(b->l4[i] + offsetof(struct wire_udp, length));
	enum wire_drop drop = WIRE_DROP_FRAGMENT; /* the first of a fragmented datagram: we never make such */
	if (length <= dp_burst_l4_length(b, i))
		drop = parse_overlay(b->l4[i] + sizeof(struct wire_udp), length - sizeof(struct wire_udp), o);
	if (drop != WIRE_DROP_NONE) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, drop);
		return;
	}
	bool control = o->geneve->flags & WIRE_GENEVE_OAM;
	uint16_t hash14 = b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
	if (!give_to_owner(w, b, i, control ? 0 : dp_owner(w, hash14)))
		dp_group_add(&g->overlay, i);
}

static bool has_nat_flow(const struct dp_burst *b, unsigned i)
{
	return dp_burst_has_flow(b, i) || b->kind[i] == DP_KIND_WRAP_ERROR;
}

/* Of a packet to a NAT address: its port's, but of an error about IP in IP its flow's. */
static unsigned nat_owner(const struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	return b->kind[i] == DP_KIND_WRAP_ERROR ? dp_owner(w, lb_hash14(b->hash[i]))
	                                        : dp_nat_owner(w, b->key[i].vip_port);
}

/* To which of our addresses is it? `drop` is what the parser said of the headers behind IP's: it counts only for
 * packets that are ours, the kernel judges its own. */
static void classify_ip(struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_drop drop, struct groups *g)
{
	if (drop == WIRE_DROP_NONE && b->kind[i] == DP_KIND_NEIGHBOUR) {
		dp_group_add(&g->journey[WIRE_JOURNEY_PUNT], i);
		return;
	}
	struct wire_addr to = wire_ip_dst(b->ip[i]), from = wire_ip_src(b->ip[i]);
	bool overlay = drop == WIRE_DROP_NONE && b->kind[i] == DP_KIND_UDP && b->key[i].vip_port == WIRE_OVERLAY_PORT;
	bool fragmented = dp_fragment_is(b, i) && (drop == WIRE_DROP_NONE || drop == WIRE_DROP_FRAGMENT);
	b->link[i] = overlay ? dp_ways_link(w, &to, &from) : NULL;
	enum dp_place place = b->link[i] ? DP_PLACE_OTHER : dp_ways_place(w, &to);
	if (fragmented && place != DP_PLACE_OTHER) {
		if (!dp_fragment_classify(w, b, i, place == DP_PLACE_VIP ? WIRE_JOURNEY_INGRESS : WIRE_JOURNEY_REPLY))
			return;
		drop = WIRE_DROP_NONE;
	}
	if (b->link[i]) {
		classify_overlay(w, b, i, g);
	} else if (place == DP_PLACE_VIP) {
		if (drop != WIRE_DROP_NONE)
			dp_refuse(w, b, i, WIRE_JOURNEY_INGRESS, drop);
		else if (!dp_burst_has_flow(b, i) || !give_to_owner(w, b, i, dp_owner(w, lb_hash14(b->hash[i]))))
			dp_group_add(&g->journey[WIRE_JOURNEY_INGRESS], i);
	} else if (place == DP_PLACE_NAT) {
		if (drop != WIRE_DROP_NONE)
			dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, drop);
		else if (!has_nat_flow(b, i) || !give_to_owner(w, b, i, nat_owner(w, b, i)))
			dp_group_add(&g->journey[WIRE_JOURNEY_REPLY], i);
	} else if (overlay) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PEER);
	} else {
		dp_group_add(&g->journey[WIRE_JOURNEY_PUNT], i);
	}
}

/* The same for a plain packet, in a straight line. */
static inline void classify_plain(struct dp_worker *w, struct dp_burst *b, unsigned i, struct groups *g)
{
	const struct lb_flow_key *key = &b->key[i];
	bool overlay = key->vip_port == WIRE_OVERLAY_PORT && b->kind[i] == DP_KIND_UDP;
	if (overlay && (b->link[i] = dp_ways_link(w, &key->vip, &key->client)) != NULL) {
		classify_overlay(w, b, i, g);
		return;
	}
	enum dp_place place = dp_ways_place(w, &key->vip);
	if (place == DP_PLACE_VIP) {
		b->hash[i] = lb_flow_hash(key);
		if (!give_to_owner(w, b, i, dp_owner(w, lb_hash14(b->hash[i]))))
			dp_group_add(&g->journey[WIRE_JOURNEY_INGRESS], i);
	} else if (place == DP_PLACE_NAT) {
		if (!give_to_owner(w, b, i, dp_nat_owner(w, key->vip_port)))
			dp_group_add(&g->journey[WIRE_JOURNEY_REPLY], i);
	} else if (overlay) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PEER);
	} else {
		dp_group_add(&g->journey[WIRE_JOURNEY_PUNT], i);
	}
}

/* Any packet that is no plain one. */
__attribute__((noinline)) static void classify_any(
    struct dp_worker *w, struct dp_burst *b, unsigned i, struct groups *g)
{
	struct rte_mbuf *m = b->pkt[i];
	const struct wire_ether *ether = rte_pktmbuf_mtod(m, const struct wire_ether *);
	if (m->data_len < sizeof(*ether)) {
		dp_refuse(w, b, i, WIRE_JOURNEY_PUNT, WIRE_DROP_TRUNCATED);
		return;
	}
	uint16_t type = wire_be16(&ether->type);
	if (type != WIRE_ETHERTYPE_IPV4 && type != WIRE_ETHERTYPE_IPV6) {
		dp_group_add(&g->journey[WIRE_JOURNEY_PUNT], i);
		return;
	}
	b->ip[i] = NULL;
	uint8_t *ip = (uint8_t *)rte_pktmbuf_mtod_offset(m, void *, sizeof(*ether));
	enum wire_drop drop = dp_parse_ip(b, i, ip, m->data_len - (uint32_t)sizeof(*ether));
	if (!b->ip[i] || wire_ip_ethertype(ip) != type) {
		dp_refuse(w, b, i, WIRE_JOURNEY_PUNT, drop);
		return;
	}
	dp_trace_match(b, i, &b->key[i]);
	classify_ip(w, b, i, drop, g);
}

static inline void classify(struct dp_worker *w, struct dp_burst *b, unsigned i, struct groups *g)
{
	struct rte_mbuf *m = b->pkt[i];
	struct wire_ether *ether = rte_pktmbuf_mtod(m, struct wire_ether *);
	uint8_t *ip = (uint8_t *)(ether + 1);
	if (m->data_len > sizeof(*ether) && wire_be16(&ether->type) == wire_ip_ethertype(ip) &&
	    dp_parse_plain(b, i, ip, m->data_len - (uint32_t)sizeof(*ether), dp_frame_summed(m))) {
		dp_trace_match(b, i, &b->key[i]);
		classify_plain(w, b, i, g);
	} else {
		classify_any(w, b, i, g);
	}
}

static void run(struct dp_worker *w, struct dp_burst *b)
{
	struct groups g;
	g.overlay.n = 0;
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++)
		g.journey[j].n = 0;
	for (unsigned i = 0; i < b->n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->pkt[i], void *));
	for (unsigned i = 0; i < b->n; i++)
		classify(w, b, i, &g);
	if (g.overlay.n)
		dp_tunnel_receive(w, b, &g.overlay, g.journey);

	static void (*const journeys[WIRE_JOURNEY_COUNT])(
	    struct dp_worker *, struct dp_burst *, const struct dp_group *) = {
	    [WIRE_JOURNEY_INGRESS] = dp_ingress_run,
	    [WIRE_JOURNEY_TRANSIT] = dp_transit_run,
	    [WIRE_JOURNEY_EGRESS] = dp_egress_run,
	    [WIRE_JOURNEY_REPLY] = dp_reply_run,
	    [WIRE_JOURNEY_RETURN] = dp_return_run,
	    [WIRE_JOURNEY_PUNT] = dp_punt_run,
	};
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
		if (!g.journey[j].n)
			continue;
		if (__builtin_expect(b->trace != NULL, 0))
			dp_trace_in(w, b, &g.journey[j], j);
		journeys[j](w, b, &g.journey[j]);
		if (__builtin_expect(b->trace != NULL, 0))
			dp_trace_out(w, b, &g.journey[j], j);
	}
}

void dp_burst_run(struct dp_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t port)
{
	for (uint16_t done = 0; done < n; done = (uint16_t)(done + DP_BURST_MAX)) {
		struct dp_burst b; /* 15 KiB of columns, of which only those in use are written */
		b.n = (uint16_t)RTE_MIN((unsigned)n - done, DP_BURST_MAX);
		b.port = port;
		b.serial = ++w->bursts;
		b.trace = dp_trace_filter(w);
		b.traced = b.plain = 0;
		for (unsigned i = 0; i < b.n; i++)
			b.pkt[i] = pkts[done + i];
		run(w, &b);
	}
}

void dp_worker_tick(struct dp_worker *w)
{
	const struct lb_timeouts *timeouts = &w->snapshot->timeouts;
	if (!w->snapshot->configured)
		return;
	uint64_t *counter = w->stats->counter;
	counter[WIRE_COUNTER_FLOWS_EXPIRED] +=
	    lb_flow_sweep(w->flows, timeouts, w->now_ns, lb_flow_capacity(w->flows) / SWEEP_PASSES + 1);
	counter[WIRE_COUNTER_NAT_EXPIRED] +=
	    lb_nat_sweep(w->nat, timeouts, w->now_ns, lb_nat_capacity(w->nat) / SWEEP_PASSES + 1);
	dp_fragment_tick(w);
	w->stats->flows = lb_flow_count(w->flows);
	w->stats->nat_flows = lb_nat_count(w->nat);
}
