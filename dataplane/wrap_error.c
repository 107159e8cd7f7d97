/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/wrap_error.h"

#include "dataplane/answer.h"
#include "dataplane/headers.h"
#include "dataplane/icmp.h"
#include "dataplane/path_mtu.h"
#include "dataplane/trace.h"
#include "lb/nat.h"

bool dp_wrap_inner_key(const struct dp_wrapped *wrapped, struct lb_flow_key *ret_key)
{
	struct dp_headers h;
	if (dp_headers_find(wrapped->inner, wrapped->left, &h) != WIRE_DROP_NONE || h.offset)
		return false;
	if (wrapped->left < h.l4 + 8 || (h.protocol != WIRE_PROTO_TCP && h.protocol != WIRE_PROTO_UDP))
		return false;
	const uint8_t *ports = wrapped->inner + h.l4;
	*ret_key = (struct lb_flow_key){.client = wire_ip_src(wrapped->inner),
	    .vip = wire_ip_dst(wrapped->inner),
	    .client_port = wire_be16(ports),
	    .vip_port = wire_be16(ports + 2),
	    .protocol = h.protocol};
	return true;
}

/* The flow that the quoted packet belongs to, if it is tunnelled to where the packet went. */
static const struct lb_nat_flow *flow_of(const struct dp_worker *w, const struct dp_wrapped *wrapped)
{
	struct lb_flow_key key;
	if (!dp_wrap_inner_key(wrapped, &key))
		return NULL;
	const struct lb_nat_flow *flow = lb_nat_lookup(w->nat, &key, lb_flow_hash(&key));
	bool ours = flow && flow->mode == WIRE_MODE_TUNNEL && wire_addr_equal(&flow->endpoint_address, &wrapped->dst);
	return ours ? flow : NULL;
}

/* The MTU that a too-big error tells; 0: it is another error. */
static uint16_t told_mtu(const struct dp_burst *b, unsigned i)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)b->l4[i];
	uint32_t mtu = wire_be32(&icmp->rest_hi);
	if (wire_ip_is_v6(b->ip[i]))
		return icmp->type != WIRE_ICMPV6_TOO_BIG
		           ? 0
		           : (uint16_t)RTE_MIN(RTE_MAX(mtu, WIRE_IPV6_MIN_MTU), UINT16_MAX);
	bool too_big = icmp->type == WIRE_ICMP_UNREACHABLE && icmp->code == WIRE_ICMP_FRAG_NEEDED;
	return too_big ? (uint16_t)RTE_MAX(mtu & UINT16_MAX, WIRE_IPV4_MIN_MTU) : 0;
}

/* IPv6 has no cookie, but its errors quote enough to find the flow. */
static bool is_ours(struct dp_worker *w, const struct dp_wrapped *wrapped, const struct lb_nat_flow *flow)
{
	return wire_addr_is_v4(&wrapped->dst) ? wrapped->cookie == dp_path_mtu_cookie(w, &wrapped->dst) : flow != NULL;
}

bool dp_wrap_error(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)b->l4[i];
	struct dp_wrapped wrapped;
	struct wire_addr told = wire_ip_dst(b->ip[i]);
	uint16_t quoted = (uint16_t)(dp_burst_l4_length(b, i) - sizeof(*icmp)), too_big = told_mtu(b, i);
	if (!dp_wrap_read((const uint8_t *)(icmp + 1), quoted, &wrapped) || !wire_addr_equal(&wrapped.src, &told))
		return false;
	const struct lb_nat_flow *flow = flow_of(w, &wrapped);
	if (!is_ours(w, &wrapped, flow))
		return false;
	if (too_big)
		dp_path_mtu_learn(w, &wrapped.dst, too_big);
	uint16_t room = (uint16_t)(dp_path_mtu(w, &wrapped.dst) - wrapped.overhead);
	if (flow) {
		struct dp_answer to = dp_answer_to_flow(flow);
		enum dp_icmp_reason reason = too_big ? DP_ICMP_TOO_BIG : DP_ICMP_UNREACHABLE;
		dp_answer(w, t, dp_icmp_make(w, wrapped.inner, wrapped.left, reason, too_big ? room : 0), &to);
	}
	DP_TRACE(w, b, i, WIRE_JOURNEY_REPLY, "ICMP type %u code %u about a packet wrapped for %s: %s", icmp->type,
	    icmp->code, dp_trace_address(&wrapped.dst).text, flow ? "its client is told" : "no flow");
	dp_count_journey(w, WIRE_JOURNEY_REPLY, b->length[i]);
	rte_pktmbuf_free(b->pkt[i]);
	return true;
}
