/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/fragment.h"

#include "dataplane/headers.h"
#include "dataplane/trace.h"
#include "lb/fragment.h"
#include "lb/nat.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

/* What the owner of a datagram tells the owner of its flow stands in fields that only a NIC's flow director would use,
 * which we never ask for: ports in hash.fdir.hi, the new identification in hash.fdir.lo. */
#define MARK RTE_MBUF_F_RX_FDIR

static struct dp_headers headers_of(const struct dp_burst *b, unsigned i)
{
	struct dp_headers h = {.l4 = 0};
	if (wire_ip_is_v6(b->ip[i]))
		dp_headers_find(b->ip[i], b->length[i], &h);
	else
		h = dp_headers_of_v4((const struct wire_ipv4 *)b->ip[i]);
	return h;
}

bool dp_fragment_is(const struct dp_burst *b, unsigned i)
{
	if (wire_ip_is_v6(b->ip[i]) && b->l4[i] == b->ip[i] + sizeof(struct wire_ipv6))
		return false;
	struct dp_headers h = headers_of(b, i);
	return dp_headers_fragment(&h);
}

static struct lb_flow_key datagram_of(const struct dp_burst *b, unsigned i, const struct dp_headers *h)
{
	const uint8_t *ip = b->ip[i], *id = ip + h->identifier;
	struct wire_addr src = wire_ip_src(ip), dst = wire_ip_dst(ip);
	return lb_fragment_key(&src, &dst, wire_ip_is_v6(ip) ? wire_be32(id) : wire_be16(id), h->protocol);
}

/* The column as that of a packet of the flow with these ports. */
static void set_ports(struct dp_burst *b, unsigned i, uint16_t src_port, uint16_t dst_port)
{
	struct dp_headers h = headers_of(b, i);
	if (h.offset == 0)
		return;
	b->kind[i] = DP_KIND_FRAGMENT;
	b->tcp_flags[i] = 0;
	b->key[i] = (struct lb_flow_key){.client = wire_ip_src(b->ip[i]),
	    .vip = wire_ip_dst(b->ip[i]),
	    .client_port = src_port,
	    .vip_port = dst_port,
	    .protocol = h.protocol};
	b->hash[i] = lb_flow_hash(&b->key[i]);
}

static void mark(const struct dp_worker *w, struct rte_mbuf *m, const struct lb_fragment_result *r)
{
	m->ol_flags |= MARK;
	m->hash.fdir.hi = (uint32_t)r->src_port << 16 | r->dst_port;
	m->hash.fdir.lo = r->serial * w->n_workers + w->id;
}

/* What the table says of packet i, which must be of TCP or UDP. What it forgets is dropped. */
static void take(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_headers *h,
    const struct lb_flow_key *datagram, uint64_t hash, struct lb_fragment_result *ret)
{
	uint32_t begin = h->offset * 8u;
	bool first = begin == 0, known = b->kind[i] == DP_KIND_TCP || b->kind[i] == DP_KIND_UDP;
	struct lb_fragment f = {.begin = begin,
	    .end = begin + dp_burst_l4_length(b, i),
	    .last = !h->more,
	    .src_port = first ? b->key[i].client_port : 0,
	    .dst_port = first ? b->key[i].vip_port : 0,
	    .packet = b->pkt[i]};
	*ret = (struct lb_fragment_result){.verdict = LB_FRAGMENT_DROP};
	if (first ? known : datagram->protocol == WIRE_PROTO_TCP || datagram->protocol == WIRE_PROTO_UDP)
		lb_fragment_take(w->fragments, datagram, hash, &f, w->now_ns, ret);
	for (unsigned k = 0; k < ret->n_forgotten; k++)
		dp_drop(w, ret->forgotten[k], WIRE_DROP_FRAGMENT);
	DP_TRACE(w, b, i, WIRE_JOURNEY_PUNT, "bytes %u to %u of a fragmented datagram: %s", f.begin, f.end,
	    ret->verdict == LB_FRAGMENT_PASS   ? "its flow is known"
	    : ret->verdict == LB_FRAGMENT_HOLD ? "waits for the first"
	                                       : "dropped");
}

static uint16_t flow_owner(const struct dp_worker *w, const struct dp_burst *b, unsigned i, enum wire_journey journey)
{
	return journey == WIRE_JOURNEY_REPLY ? dp_nat_owner(w, b->key[i].vip_port) : dp_owner(w, lb_hash14(b->hash[i]));
}

bool dp_fragment_classify(struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey)
{
	struct rte_mbuf *m = b->pkt[i];
	if (m->ol_flags & MARK) {
		m->ol_flags &= ~MARK;
		set_ports(b, i, (uint16_t)(m->hash.fdir.hi >> 16), (uint16_t)m->hash.fdir.hi);
		return true;
	}
	struct dp_headers h = headers_of(b, i);
	struct lb_flow_key datagram = datagram_of(b, i, &h);
	uint64_t hash = lb_flow_hash(&datagram);
	uint16_t owner = dp_owner(w, lb_hash14(hash));
	if (owner != w->id) {
		dp_hand_over(w, owner, m);
		return false;
	}
	struct lb_fragment_result r;
	take(w, b, i, &h, &datagram, hash, &r);
	if (r.verdict == LB_FRAGMENT_DROP)
		dp_refuse(w, b, i, journey, WIRE_DROP_FRAGMENT);
	if (r.verdict != LB_FRAGMENT_PASS)
		return false;
	set_ports(b, i, r.src_port, r.dst_port);
	mark(w, m, &r);
	owner = flow_owner(w, b, i, journey);
	if (owner != w->id)
		dp_hand_over(w, owner, m);
	else
		m->ol_flags &= ~MARK;
	for (unsigned k = 0; k < r.n_released; k++) { /* behind the first: our own ring is read after this burst */
		mark(w, r.released[k], &r);
		dp_hand_over(w, owner, r.released[k]);
	}
	return owner == w->id;
}

bool dp_fragment_inside(struct dp_worker *w, struct dp_burst *b, unsigned i, struct dp_released *released)
{
	struct dp_headers h = headers_of(b, i);
	struct lb_flow_key datagram = datagram_of(b, i, &h);
	struct lb_fragment_result r;
	take(w, b, i, &h, &datagram, lb_flow_hash(&datagram), &r);
	if (r.verdict == LB_FRAGMENT_DROP)
		dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, WIRE_DROP_FRAGMENT);
	if (r.verdict != LB_FRAGMENT_PASS)
		return false;
	set_ports(b, i, r.src_port, r.dst_port);
	mark(w, b->pkt[i], &r);
	for (unsigned k = 0; k < r.n_released; k++) {
		if (released->n == DP_BURST_MAX) {
			dp_drop(w, r.released[k], WIRE_DROP_FRAGMENT);
			continue;
		}
		mark(w, r.released[k], &r);
		released->first[released->n] = (uint8_t)i;
		released->pkt[released->n++] = r.released[k];
	}
	return true;
}

void dp_fragment_release(struct dp_worker *w, const struct dp_burst *b, const struct dp_released *released)
{
	struct dp_burst more;
	struct dp_group group = {.n = 0};
	more.n = (uint16_t)released->n;
	more.port = b->port;
	more.serial = ++w->bursts;
	more.trace = b->trace;
	more.traced = more.plain = 0;
	for (unsigned k = 0; k < released->n; k++) {
		unsigned first = released->first[k];
		struct rte_mbuf *m = more.pkt[k] = released->pkt[k];
		dp_parse_ip(&more, k, rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_pkt_len(m));
		set_ports(&more, k, (uint16_t)(m->hash.fdir.hi >> 16), (uint16_t)m->hash.fdir.hi);
		more.steer[k] = b->steer[first];
		more.traced |= (b->traced >> first & 1) << k;
		dp_group_add(&group, k);
	}
	dp_egress_deliver(w, &more, &group);
}

void dp_fragment_identify(struct dp_burst *b, unsigned i)
{
	if (!dp_fragment_is(b, i))
		return;
	struct dp_headers h = headers_of(b, i);
	struct wire_ipv4 *ip = (struct wire_ipv4 *)b->ip[i];
	uint32_t id = b->pkt[i]->hash.fdir.lo;
	if (wire_ip_is_v6(ip)) {
		wire_put_be32(b->ip[i] + h.identifier, id);
		return;
	}
	uint16_t was = ip->id;
	wire_put_be16(&ip->id, (uint16_t)id);
	ip->checksum = wire_csum_replace(ip->checksum, &was, &ip->id, 2);
}

void dp_fragment_tick(struct dp_worker *w)
{
	void *packet[LB_FRAGMENT_HELD];
	unsigned n = lb_fragment_sweep(w->fragments, w->now_ns, DP_FRAGMENT_DATAGRAMS / 16, packet);
	for (unsigned k = 0; k < n; k++)
		dp_drop(w, packet[k], WIRE_DROP_FRAGMENT);
}
