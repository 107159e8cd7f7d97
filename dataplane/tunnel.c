/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/tunnel.h"

#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/links.h"
#include "dataplane/oam.h"
#include "dataplane/output.h"
#include "dataplane/parse.h"
#include "dataplane/rewrite.h"
#include "dataplane/split.h"
#include "dataplane/trace.h"
#include "dataplane/way.h"
#include "wire/bytes.h"
#include "wire/ecn.h"

static uint16_t hash14_of(const struct dp_burst *b, unsigned i)
{
	return b->key[i].client_port & WIRE_OVERLAY_HASH_MASK;
}

static void read_steer(const struct dp_overlay *o, struct dp_steer *ret_steer)
{
	const struct wire_steer *s = o->steer;
	ret_steer->flags = s->flags;
	ret_steer->tried = s->tried;
	ret_steer->ingress_pop = wire_be16(&s->ingress_pop);
	ret_steer->egress_pop = wire_be16(&s->egress_pop);
	ret_steer->endpoint = wire_be32(&s->endpoint);
	ret_steer->group = wire_be32(&s->group);
	ret_steer->vni = wire_be32(o->geneve->vni) >> 8;
	for (unsigned k = 0; k < WIRE_STEER_MAX_CANDIDATES; k++)
		ret_steer->candidate[k] = wire_be16(&s->candidate[k]);
}

/* The hop that names us must name the link on which the packet came. */
static bool is_our_hop(const struct dp_worker *w, const struct wire_path *path, const struct lb_link *link)
{
	const struct wire_path_hop *hop = &path->hop[path->count - 1 - path->left];
	return wire_be16(&hop->pop) == w->snapshot->self && hop->local_link == link->row.remote_link &&
	       hop->remote_link == link->row.local_link;
}

/* Whether an epoch is that of the neighbour's process which lives now, as far as we know. */
static bool is_present(struct dp_worker *w, uint16_t pop, uint32_t epoch)
{
	uint32_t known = atomic_load_explicit(&dp_shared(w)->peer_epoch[pop], memory_order_relaxed);
	return known == 0 || known == (epoch | DP_EPOCH_KNOWN);
}

/* An authentic data packet: its sequence, its position, its journey. */
static void take_data(struct dp_worker *w, struct dp_burst *b, unsigned i, struct dp_group journey[WIRE_JOURNEY_COUNT])
{
	const struct dp_overlay *o = &b->overlay[i];
	struct dp_link *link = dp_ways_exit(w, b->link[i])->counters;
	if (!link) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PEER);
		return;
	}
	struct dp_replay *replay = &link->replay[dp_lane_place(w, hash14_of(b, i))];
	if (!is_present(w, b->link[i]->row.to_pop, dp_overlay_epoch(o)) ||
	    !dp_replay_take(replay, dp_overlay_epoch(o), dp_overlay_sequence(o))) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_REPLAY);
		return;
	}
	dp_link_count_rx(link, b->length[i], w->wall_us - wire_be32(&o->telemetry->time_us));
	if (!is_our_hop(w, o->path, b->link[i])) {
		dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_PATH);
		return;
	}
	dp_trace_match_inner(b, i);
	if (o->path->left) {
		dp_group_add(&journey[WIRE_JOURNEY_TRANSIT], i); /* which asks nothing of STEER */
		return;
	}
	read_steer(o, &b->steer[i]);
	dp_group_add(&journey[b->steer[i].flags & WIRE_STEER_RETURN ? WIRE_JOURNEY_RETURN : WIRE_JOURNEY_EGRESS], i);
}

static void take_control(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	dp_count_journey(w, WIRE_JOURNEY_OAM, rte_pktmbuf_pkt_len(b->pkt[i]));
	enum wire_drop drop = dp_oam_receive(w, b->link[i]->row.link, &b->overlay[i]);
	if (drop == WIRE_DROP_NONE)
		rte_pktmbuf_free(b->pkt[i]);
	else
		dp_refuse(w, b, i, WIRE_JOURNEY_OAM, drop);
}

void dp_tunnel_receive(
    struct dp_worker *w, struct dp_burst *b, const struct dp_group *g, struct dp_group journey[WIRE_JOURNEY_COUNT])
{
	struct dp_auth_message message[DP_BURST_MAX];
	uint8_t tag[DP_BURST_MAX][DP_AUTH_TAG_SIZE], index[DP_BURST_MAX];
	unsigned n = 0;
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		const struct dp_overlay *o = &b->overlay[i];
		const struct lb_key *key = dp_ways_rx_key(w, b->link[i], o->auth->key_id);
		if (!key) {
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_KEY);
			continue;
		}
		index[n] = (uint8_t)i;
		message[n++] = (struct dp_auth_message){
		    .key = (const void *)key->annex, .data = dp_overlay_signed(o), .length = o->covered};
	}
	if (n == 0)
		return;
	dp_auth_tags(message, n, tag);
	for (unsigned k = 0; k < n; k++) {
		unsigned i = index[k];
		if (dp_auth_differ(tag[k], b->overlay[i].auth->tag))
			dp_refuse(w, b, i, WIRE_JOURNEY_TRANSIT, WIRE_DROP_OVERLAY_AUTH);
		else if (b->overlay[i].geneve->flags & WIRE_GENEVE_OAM)
			take_control(w, b, i);
		else
			take_data(w, b, i, journey);
	}
}

enum wire_drop dp_tunnel_unwrap(struct dp_burst *b, unsigned i)
{
	const struct dp_overlay *o = &b->overlay[i];
	uint8_t outer_tos = wire_ip_tos(b->ip[i]);
	uint8_t *inner = (uint8_t *)o->geneve + o->length, *end = b->ip[i] + b->length[i];
	uint16_t type = wire_be16(&o->geneve->protocol);
	if (type != WIRE_ETHERTYPE_IPV4 && type != WIRE_ETHERTYPE_IPV6)
		return WIRE_DROP_UNSUPPORTED;
	b->ip[i] = NULL;
	enum wire_drop drop = WIRE_DROP_NONE;
	if (!dp_parse_plain(b, i, inner, (uint32_t)(end - inner), false))
		drop = dp_parse_ip(b, i, inner, (uint32_t)(end - inner));
	if (drop == WIRE_DROP_FRAGMENT && dp_fragment_is(b, i))
		b->kind[i] = DP_KIND_FRAGMENT;
	else if (drop != WIRE_DROP_NONE)
		return drop;
	if (wire_ip_ethertype(inner) != type)
		return WIRE_DROP_BAD_IP_HEADER;
	if (!wire_ecn_unwrap(b->ip[i], outer_tos))
		return WIRE_DROP_OVERLAY_ECN;
	dp_burst_trim(b, i);
	return WIRE_DROP_NONE;
}

bool dp_tunnel_squeeze(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way, bool v6, enum wire_journey journey)
{
	int room = way->room - dp_burst_growth(b, i, v6);
	if (b->length[i] <= room || (!v6 && dp_split_may(b->ip[i])))
		return true;
	dp_icmp_error(w, b->ip[i], b->length[i], DP_ICMP_TOO_BIG, (uint16_t)room);
	dp_refuse(w, b, i, journey, WIRE_DROP_TOO_BIG);
	return false;
}

void dp_tunnel_clamp(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way)
{
	if (!(b->tcp_flags[i] & WIRE_TCP_SYN))
		return;
	uint16_t headers = (uint16_t)(wire_ip_header_size(wire_ip_is_v6(b->ip[i])) + sizeof(struct wire_tcp));
	uint16_t max = (uint16_t)(way->room - headers);
	if (dp_rewrite_mss((struct wire_tcp *)b->l4[i], dp_burst_l4_length(b, i), max)) {
		dp_count(w, WIRE_COUNTER_MSS_CLAMPED);
		DP_TRACE(w, b, i, WIRE_JOURNEY_INGRESS, "MSS lowered to %u", max);
	}
}

void dp_tunnel_clamp_back(struct dp_worker *w, struct dp_burst *b, unsigned i, uint16_t to_pop, uint8_t class)
{
	if (!(b->tcp_flags[i] & WIRE_TCP_SYN) || to_pop == w->snapshot->self)
		return;
	const struct dp_way *way = dp_course_way(dp_ways_course(w, to_pop, class));
	if (way)
		dp_tunnel_clamp(w, b, i, way);
}

/* ---- what waits for its tag ---- */

static enum wire_drop check_exit(const struct dp_exit *exit)
{
	if (!exit->key)
		return WIRE_DROP_OVERLAY_KEY;
	return exit->counters ? WIRE_DROP_NONE : WIRE_DROP_OVERLAY_PEER;
}

/* `m` begins with the exit's frame. If the port is too narrow, or nothing is known of the neighbour, it is to be looked at
 * again, from its IP header on. */
static void let_wait(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_exit *exit,
    const uint8_t *udp, uint16_t covered, enum wire_journey journey)
{
	bool straight = m->pkt_len - sizeof(struct wire_ether) <= exit->mtu;
	if (!straight)
		rte_pktmbuf_adj(m, sizeof(struct wire_ether));
	if (t->n == DP_BURST_MAX)
		dp_tunnel_flush(w, t);
	dp_tunnel_add(t, m, exit, udp, covered, journey, straight);
}

enum wire_drop dp_tunnel_seal(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct lb_link *link,
    uint16_t hash14, uint8_t tos, const struct dp_overlay *overlay, enum wire_journey journey)
{
	const struct dp_exit *exit = dp_ways_exit(w, link);
	uint16_t length = (uint16_t)rte_pktmbuf_pkt_len(m);
	enum wire_drop drop = check_exit(exit);
	uint8_t *at = drop == WIRE_DROP_NONE ? (uint8_t *)rte_pktmbuf_prepend(m, exit->size) : NULL;
	if (!at) {
		drop = drop == WIRE_DROP_NONE ? WIRE_DROP_NO_MBUF : drop;
		dp_drop(w, m, drop);
		return drop;
	}
	dp_exit_put(exit, at, tos, length);
	if (overlay->telemetry)
		dp_overlay_stamp(overlay, dp_tunnel_sequence(w, exit, hash14, rte_pktmbuf_pkt_len(m)), w->wall_us);
	dp_overlay_put_epoch(overlay, exit->key->row.key_id, exit->epoch);
	let_wait(w, t, m, exit, dp_overlay_signed(overlay), overlay->covered, journey);
	return WIRE_DROP_NONE;
}
/* The packet in fragments that fit. */
__attribute__((noinline, cold)) static enum wire_drop wrap_pieces(struct dp_worker *w, struct dp_tunnel *t,
    struct rte_mbuf *m, const struct dp_way *way, uint16_t hash14, const struct dp_steer *steer,
    enum wire_journey journey)
{
	struct rte_mbuf *piece[DP_SPLIT_MAX];
	if (!dp_split_may(rte_pktmbuf_mtod(m, const uint8_t *))) {
		dp_drop(w, m, WIRE_DROP_TOO_BIG);
		return WIRE_DROP_TOO_BIG;
	}
	unsigned n = dp_split(w, m, way->room, piece);
	for (unsigned k = 0; k < n; k++)
		dp_tunnel_wrap(w, t, piece[k], way, hash14, steer, journey);
	return n ? WIRE_DROP_NONE : WIRE_DROP_NO_MBUF;
}

enum wire_drop dp_tunnel_wrap(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_way *way,
    uint16_t hash14, const struct dp_steer *steer, enum wire_journey journey)
{
	unsigned length = rte_pktmbuf_pkt_len(m);
	if (length > way->room)
		return wrap_pieces(w, t, m, way, hash14, steer, journey);
	const uint8_t *inner = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type = wire_ip_ethertype(inner);
	uint8_t tos = wire_ip_tos(inner);
	enum wire_drop drop = check_exit(&way->exit);
	uint8_t *at = drop == WIRE_DROP_NONE ? dp_output_prepend(m, way->size) : NULL;
	if (!at) {
		drop = drop == WIRE_DROP_NONE ? WIRE_DROP_NO_MBUF : drop;
		dp_drop(w, m, drop);
		return drop;
	}
	struct dp_encap_own own = {.steer = steer,
	    .sequence = dp_tunnel_sequence(w, &way->exit, hash14, rte_pktmbuf_pkt_len(m)),
	    .time_us = w->wall_us,
	    .hash14 = hash14,
	    .length = (uint16_t)length,
	    .type = type,
	    .tos = tos};
	dp_encap_put(at, way, &own);
	let_wait(w, t, m, &way->exit, at + way->exit.size, way->covered, journey);
	return WIRE_DROP_NONE;
}

void dp_tunnel_flush(struct dp_worker *w, struct dp_tunnel *t)
{
	uint8_t tag[DP_BURST_MAX][DP_AUTH_TAG_SIZE];
	uint64_t bytes[WIRE_JOURNEY_COUNT] = {0}, packets[WIRE_JOURNEY_COUNT] = {0};
	dp_auth_tags(t->message, t->n, tag);
	for (unsigned k = 0; k < t->n; k++) {
		const struct dp_auth_message *m = &t->message[k];
		memcpy((uint8_t *)(uintptr_t)m->data + m->length, tag[k], DP_AUTH_TAG_SIZE); /* behind what it covers */
		if (t->straight >> k & 1) {
			packets[t->journey[k]]++;
			bytes[t->journey[k]] += t->pkt[k]->pkt_len;
			dp_tx(w, t->adjacency[k]->port, t->pkt[k]);
		} else {
			dp_output_by(w, t->pkt[k], t->adjacency[k], t->journey[k]);
		}
	}
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
		w->stats->journey[j].packets += packets[j];
		w->stats->journey[j].bytes += bytes[j];
	}
	t->n = 0;
	t->straight = 0;
}
