/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/client_ip.h"

#include "dataplane/fragment.h"
#include "dataplane/headers.h"
#include "dataplane/output.h"
#include "dataplane/proxy.h"
#include "dataplane/tcp_option.h"
#include "dataplane/toa.h"
#include "dataplane/trace.h"
#include "lb/nat.h"
#include "wire/bytes.h"

/* lb_nat_flow's client_progress. */
enum progress {
	SENT = 0x01, /* proxy-v2: a header has been sent */
	TOLD = 0x02, /* the endpoint knows */
};

uint8_t dp_client_ip_wanted(const struct dp_worker *w, const struct dp_burst *b, unsigned i, uint8_t mode)
{
	const struct lb_flow_key *key = &b->key[i];
	if (mode != WIRE_MODE_NAT || key->protocol != WIRE_PROTO_TCP)
		return WIRE_CLIENT_IP_NONE;
	const struct lb_listener *listener = lb_snapshot_listener(w->snapshot, &key->vip, key->protocol, key->vip_port);
	return listener ? listener->row.client_ip : WIRE_CLIENT_IP_NONE;
}

static struct wire_tcp *tcp_of(const struct dp_burst *b, unsigned i)
{
	return (struct wire_tcp *)b->l4[i];
}

static uint16_t payload_of(const struct dp_burst *b, unsigned i)
{
	return (uint16_t)(dp_burst_l4_length(b, i) - dp_tcp_header_size(tcp_of(b, i)));
}

/* The SYN that a connection begins with, or begins anew with. Anybody can send one into a connection that stands, and the
 * endpoint will not take it either (RFC 5961, 4). */
static void begin(struct lb_nat_flow *flow, const struct wire_tcp *tcp)
{
	uint32_t isn = wire_be32(&tcp->seq);
	bool again = flow->client_isn == isn && flow->flags & LB_FLOW_ANSWERED;
	if (flow->state != LB_FLOW_NEW || again)
		return;
	flow->client_isn = isn;
	flow->client_progress = 0;
}

/* ---- the option ---- */

static bool insert(struct dp_burst *b, unsigned i, const struct lb_flow_key *key, unsigned room)
{
	uint16_t size = dp_toa_size(&key->client), l4 = (uint16_t)(b->l4[i] - b->ip[i]);
	if (dp_fragment_is(b, i) || b->length[i] + (unsigned)size > room || !dp_toa_fits(tcp_of(b, i), &key->client))
		return false;
	uint8_t *at = dp_output_prepend(b->pkt[i], size);
	if (!at)
		return false;
	dp_toa_insert(at + size, at + size + l4, b->length[i], &key->client, key->client_port);
	b->ip[i] = at;
	b->l4[i] = at + l4;
	b->length[i] = (uint16_t)(b->length[i] + size);
	return true;
}

static void tell_by_option(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow, unsigned room)
{
	struct wire_tcp *tcp = tcp_of(b, i);
	bool makes_socket = !(tcp->flags & WIRE_TCP_RST) && (!(tcp->flags & WIRE_TCP_SYN) || payload_of(b, i));
	if (flow->client_progress & TOLD)
		return;
	if (dp_toa_blank(tcp, dp_burst_l4_length(b, i)))
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "the client's own address option is blanked");
	if (!makes_socket)
		return;
	bool told = insert(b, i, &flow->key, room);
	if (!told)
		dp_count(w, WIRE_COUNTER_CLIENT_UNTOLD);
	DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "the client's address %s",
	    told ? "goes with it as an option" : "does not fit into it");
}

/* The segments that the client makes by this MSS will have room for the option, at the endpoint and at our port to it. */
static void leave_room(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow)
{
	struct wire_tcp *tcp = tcp_of(b, i);
	uint16_t length = dp_burst_l4_length(b, i), mss = dp_rewrite_mss_of(tcp, length);
	uint16_t headers = (uint16_t)(wire_ip_header_size(wire_ip_is_v6(b->ip[i])) + sizeof(*tcp));
	const struct dp_adjacency *a = dp_fib_lookup(w, &flow->endpoint_address);
	uint16_t most = (uint16_t)RTE_MIN(mss, (a ? a->mtu : UINT16_MAX) - headers);
	uint16_t size = dp_toa_size(&flow->key.client);
	if (most > size && dp_rewrite_mss(tcp, length, (uint16_t)(most - size)))
		dp_count(w, WIRE_COUNTER_MSS_CLAMPED);
}

/* A packet with the option did not fit somewhere behind us: what its sender is told is without. */
static void narrow(const struct dp_burst *b, unsigned i, uint16_t size)
{
	struct wire_icmp *icmp = (struct wire_icmp *)b->l4[i];
	bool v6 = wire_ip_is_v6(b->ip[i]);
	bool too_big = v6 ? icmp->type == WIRE_ICMPV6_TOO_BIG
	                  : icmp->type == WIRE_ICMP_UNREACHABLE && icmp->code == WIRE_ICMP_FRAG_NEEDED;
	uint16_t mtu = wire_be16(&icmp->rest_lo);
	if (too_big && mtu >= (v6 ? WIRE_IPV6_MIN_MTU : WIRE_IPV4_MIN_MTU) + size)
		wire_put_be16(&icmp->rest_lo, (uint16_t)(mtu - size));
}

static void learn_by_option(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	if (flow->client_progress & TOLD)
		return;
	if (b->kind[i] == DP_KIND_ICMP_ERROR)
		narrow(b, i, dp_toa_size(&flow->key.client));
	else if (tcp_of(b, i)->flags & WIRE_TCP_SYN)
		leave_room(w, b, i, flow);
	else if (dp_toa_is_read(tcp_of(b, i), payload_of(b, i), flow->client_isn))
		flow->client_progress |= TOLD;
}

/* ---- the header ---- */

static struct dp_proxy proxy_of(const struct lb_nat_flow *flow)
{
	return (struct dp_proxy){.first = flow->client_isn + 1,
	    .size = dp_proxy_size(&flow->key.client),
	    .sent = flow->client_progress & SENT,
	    .told = flow->client_progress & TOLD};
}

static void remember(struct lb_nat_flow *flow, const struct dp_proxy *proxy)
{
	flow->client_progress = (uint8_t)((proxy->sent ? SENT : 0) | (proxy->told ? TOLD : 0));
}

static void send_header(struct dp_worker *w, const struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow,
    const struct dp_proxy *proxy)
{
	struct dp_ends to = dp_ends(&flow->nat_address, flow->nat_port, &flow->endpoint_address, flow->endpoint_port);
	struct rte_mbuf *m = dp_output_alloc(w, DP_PROXY_SEGMENT_MAX);
	if (!m) {
		dp_count_drop(w, WIRE_DROP_NO_MBUF);
		return;
	}
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t length = dp_proxy_segment(at, proxy, &flow->key, &to, b->ip[i], tcp_of(b, i));
	rte_pktmbuf_trim(m, (uint16_t)(DP_PROXY_SEGMENT_MAX - length));
	dp_output(w, m, WIRE_JOURNEY_EGRESS);
}

static bool begin_without_data(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	if (!payload_of(b, i))
		return true;
	if (dp_fragment_is(b, i)) {
		dp_refuse(w, b, i, WIRE_JOURNEY_EGRESS, WIRE_DROP_UNSUPPORTED);
		return false;
	}
	b->length[i] = dp_proxy_cut(b->ip[i], b->l4[i], b->length[i]);
	dp_burst_trim(b, i);
	return true;
}

static bool tell_by_header(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	struct wire_tcp *tcp = tcp_of(b, i);
	struct dp_proxy proxy = proxy_of(flow);
	if (tcp->flags & WIRE_TCP_SYN)
		return begin_without_data(w, b, i);
	struct dp_proxy_step step = dp_proxy_forward(&proxy, tcp, payload_of(b, i));
	remember(flow, &proxy);
	if (step.header) {
		DP_TRACE(w, b, i, WIRE_JOURNEY_EGRESS, "PROXY header of %u bytes %s", proxy.size,
		    step.segment ? "in front of it" : "in its place");
		send_header(w, b, i, flow, &proxy);
	}
	if (!step.segment)
		rte_pktmbuf_free(b->pkt[i]);
	return step.segment;
}

/* The error's own checksum is made anew when it gets its ends. */
static void take_quote_back(const struct dp_burst *b, unsigned i, const struct lb_nat_flow *flow)
{
	uint8_t *quoted = b->l4[i] + sizeof(struct wire_icmp), *end = b->ip[i] + b->length[i];
	struct dp_proxy proxy = proxy_of(flow);
	struct dp_headers h;
	if (dp_headers_find(quoted, (size_t)(end - quoted), &h) == WIRE_DROP_NONE)
		dp_proxy_quoted(&proxy, (struct wire_tcp *)(quoted + h.l4), (uint16_t)(end - quoted - h.l4));
}

static void learn_by_header(const struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	if (b->kind[i] == DP_KIND_ICMP_ERROR) {
		take_quote_back(b, i, flow);
		return;
	}
	struct dp_proxy proxy = proxy_of(flow);
	dp_proxy_back(&proxy, tcp_of(b, i), dp_burst_l4_length(b, i));
	remember(flow, &proxy);
}

/* ---- either ---- */

bool dp_client_ip_forward(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow, unsigned room)
{
	if (b->kind[i] != DP_KIND_TCP)
		return true; /* a later fragment, or an ICMP error about the endpoint's packet: its numbers are the same */
	if (dp_begins_flow(b, i))
		begin(flow, tcp_of(b, i));
	if (flow->client_ip == WIRE_CLIENT_IP_PROXY_V2)
		return tell_by_header(w, b, i, flow);
	tell_by_option(w, b, i, flow, room);
	return true;
}

void dp_client_ip_back(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	if (b->kind[i] != DP_KIND_TCP && b->kind[i] != DP_KIND_ICMP_ERROR)
		return;
	if (flow->client_ip == WIRE_CLIENT_IP_PROXY_V2)
		learn_by_header(b, i, flow);
	else
		learn_by_option(w, b, i, flow);
}
