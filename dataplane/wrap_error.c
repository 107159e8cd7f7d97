/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/wrap_error.h"

#include "dataplane/answer.h"
#include "dataplane/icmp.h"
#include "dataplane/path_mtu.h"
#include "dataplane/trace.h"
#include "lb/nat.h"

bool dp_wrap_inner_key(const struct dp_wrapped *wrapped, struct lb_flow_key *ret_key)
{
	struct wire_cursor c = wire_cursor(wrapped->inner, wrapped->left);
	bool v6 = wrapped->left && wire_ip_is_v6(wrapped->inner);
	const struct wire_ipv4 *v4 = wire_take(&c, wire_ip_header_size(v6));
	if (!v4 || (!v6 && v4->version_ihl >> 4 != 4))
		return false;
	unsigned header = (v4->version_ihl & 0x0fu) * 4u;
	if (!v6 && (header < sizeof(*v4) || !wire_take(&c, header - sizeof(*v4)) ||
	               wire_be16(&v4->frag_off) & WIRE_IPV4_OFFSET_MASK))
		return false;
	uint8_t protocol = v6 ? ((const struct wire_ipv6 *)v4)->next_header : v4->protocol;
	const uint8_t *ports = wire_take(&c, 8);
	if (!ports || (protocol != WIRE_PROTO_TCP && protocol != WIRE_PROTO_UDP))
		return false;
	*ret_key = (struct lb_flow_key){.client = wire_ip_src(v4),
	    .vip = wire_ip_dst(v4),
	    .client_port = wire_be16(ports),
	    .vip_port = wire_be16(ports + 2),
	    .protocol = protocol};
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

static bool is_too_big(const struct dp_burst *b, unsigned i)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)b->l4[i];
	return icmp->type == WIRE_ICMP_UNREACHABLE && icmp->code == WIRE_ICMP_FRAG_NEEDED;
}

bool dp_wrap_error(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)b->l4[i];
	struct dp_wrapped wrapped;
	struct wire_addr told = wire_ip_dst(b->ip[i]);
	uint16_t quoted = (uint16_t)(dp_burst_l4_length(b, i) - sizeof(*icmp));
	if (!dp_wrap_read((const uint8_t *)(icmp + 1), quoted, &wrapped) || !wire_addr_equal(&wrapped.src, &told) ||
	    wrapped.cookie != dp_path_mtu_cookie(w, &wrapped.dst))
		return false;
	bool too_big = is_too_big(b, i);
	if (too_big)
		dp_path_mtu_learn(w, &wrapped.dst, wire_be16(&icmp->rest_lo));
	uint16_t room = (uint16_t)(dp_path_mtu(w, &wrapped.dst) - wrapped.overhead);
	const struct lb_nat_flow *flow = flow_of(w, &wrapped);
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
