/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/icmp.h"

#include <string.h>

#include "dataplane/bucket.h"
#include "dataplane/headers.h"
#include "dataplane/output.h"
#include "dataplane/rewrite.h"
#include "dataplane/trace.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define TTL 64u

bool dp_icmp_within_rate(struct dp_worker *w)
{
	if (dp_bucket_take(&w->icmp_full_ns, w->now_ns, DP_ICMP_INTERVAL_NS, DP_ICMP_BURST))
		return true;
	dp_count_drop(w, WIRE_DROP_RATE);
	return false;
}

static bool may_be_told(const uint8_t *about, uint16_t available)
{
	struct wire_addr src = wire_ip_src(about), dst = wire_ip_dst(about);
	struct dp_headers h;
	if (!wire_addr_is_host(&src) || !wire_addr_is_host(&dst))
		return false;
	if (dp_headers_find(about, available, &h) != WIRE_DROP_NONE || h.offset || h.l4 >= available)
		return false;
	uint8_t type = about[h.l4];
	if (h.protocol == WIRE_PROTO_ICMP)
		return type == WIRE_ICMP_ECHO || type == WIRE_ICMP_ECHO_REPLY;
	return h.protocol != WIRE_PROTO_ICMPV6 || type >= WIRE_ICMPV6_ECHO;
}

/* The header of what goes back to the sender of `about`, from where that was sent to. Returns where it ends. */
static void *put_ip(void *at, uint16_t total, uint8_t protocol, const uint8_t *about)
{
	if (wire_ip_is_v6(about)) {
		const struct wire_ipv6 *to = (const struct wire_ipv6 *)about;
		struct wire_ipv6 *ip = at;
		*ip = (struct wire_ipv6){.next_header = protocol, .hop_limit = TTL};
		*(uint8_t *)at = 6 << 4;
		wire_put_be16(&ip->payload_length, (uint16_t)(total - sizeof(*ip)));
		memcpy(ip->src, to->dst, sizeof(ip->src));
		memcpy(ip->dst, to->src, sizeof(ip->dst));
		return ip + 1;
	}
	const struct wire_ipv4 *to = (const struct wire_ipv4 *)about;
	struct wire_ipv4 *ip = at;
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .ttl = TTL, .protocol = protocol};
	wire_put_be16(&ip->total_length, total);
	memcpy(ip->src, to->dst, sizeof(ip->src));
	memcpy(ip->dst, to->src, sizeof(ip->dst));
	ip->checksum = wire_csum(ip, sizeof(*ip));
	return ip + 1;
}

static struct wire_icmp header_for(bool v6, enum dp_icmp_reason reason, uint16_t mtu)
{
	static const struct {
		uint8_t type, code;
	} v4_of[] = {[DP_ICMP_TIME_EXCEEDED] = {WIRE_ICMP_TIME_EXCEEDED, 0},
	    [DP_ICMP_TOO_BIG] = {WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED},
	    [DP_ICMP_UNREACHABLE] = {WIRE_ICMP_UNREACHABLE, WIRE_ICMP_HOST_UNREACHABLE}},
	  v6_of[] = {[DP_ICMP_TIME_EXCEEDED] = {WIRE_ICMPV6_TIME_EXCEEDED, 0},
	      [DP_ICMP_TOO_BIG] = {WIRE_ICMPV6_TOO_BIG, 0},
	      [DP_ICMP_UNREACHABLE] = {WIRE_ICMPV6_UNREACHABLE, WIRE_ICMPV6_ADDRESS_UNREACHABLE}};
	struct wire_icmp h = {
	    .type = v6 ? v6_of[reason].type : v4_of[reason].type, .code = v6 ? v6_of[reason].code : v4_of[reason].code};
	wire_put_be16(&h.rest_lo, mtu);
	return h;
}

struct rte_mbuf *dp_icmp_make(
    struct dp_worker *w, const uint8_t *about, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu)
{
	bool v6 = wire_ip_is_v6(about);
	if (!may_be_told(about, available) || !dp_icmp_within_rate(w))
		return NULL;
	const uint16_t headers = (uint16_t)(wire_ip_header_size(v6) + sizeof(struct wire_icmp));
	uint16_t quote = (uint16_t)RTE_MIN(available, (v6 ? DP_ICMPV6_MAX : DP_ICMP_MAX) - headers);
	struct rte_mbuf *m = dp_output_alloc(w, (uint16_t)(headers + quote));
	if (!m) {
		dp_count_drop(w, WIRE_DROP_NO_MBUF);
		return NULL;
	}
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	struct wire_icmp *icmp =
	    put_ip(ip, (uint16_t)(headers + quote), v6 ? WIRE_PROTO_ICMPV6 : WIRE_PROTO_ICMP, about);
	*icmp = header_for(v6, reason, mtu);
	memcpy(icmp + 1, about, quote);
	dp_rewrite_icmp_checksum(ip, icmp, (uint16_t)(sizeof(*icmp) + quote));
	return m;
}

void dp_icmp_error(
    struct dp_worker *w, const uint8_t *about, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu)
{
	struct rte_mbuf *m = dp_icmp_make(w, about, available, reason, mtu);
	if (m)
		dp_output(w, m, WIRE_JOURNEY_ICMP);
}

/* Extension headers are not echoed: the fixed header moves up to the ICMP header. */
static void turn_v6(struct dp_burst *b, unsigned i)
{
	uint16_t length = dp_burst_l4_length(b, i);
	struct wire_ipv6 *ip = memmove(b->l4[i] - sizeof(*ip), b->ip[i], sizeof(*ip));
	struct wire_addr client = wire_ip_src(ip);
	memcpy(ip->src, ip->dst, sizeof(ip->src));
	memcpy(ip->dst, client.bytes, sizeof(ip->dst));
	ip->hop_limit = TTL;
	ip->next_header = WIRE_PROTO_ICMPV6;
	wire_put_be16(&ip->payload_length, length);
	b->ip[i] = (uint8_t *)ip;
	b->length[i] = (uint16_t)(sizeof(*ip) + length);
}

static void turn_v4(struct wire_ipv4 *ip)
{
	uint8_t client[4];
	memcpy(client, ip->src, 4);
	memcpy(ip->src, ip->dst, 4);
	memcpy(ip->dst, client, 4);
	ip->ttl = TTL;
	ip->checksum = 0;
	ip->checksum = wire_csum(ip, (ip->version_ihl & 0x0fu) * 4u);
}

void dp_icmp_echo(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	struct wire_icmp *icmp = (struct wire_icmp *)b->l4[i];
	bool v6 = wire_ip_is_v6(b->ip[i]);
	uint8_t request[2] = {icmp->type, 0}, reply[2] = {v6 ? WIRE_ICMPV6_ECHO_REPLY : WIRE_ICMP_ECHO_REPLY, 0};
	DP_TRACE(w, b, i, WIRE_JOURNEY_ICMP, "echo request to a VIP: answered");
	if (v6)
		turn_v6(b, i);
	else
		turn_v4((struct wire_ipv4 *)b->ip[i]);
	icmp->type = reply[0];
	icmp->checksum = wire_csum_replace(icmp->checksum, request, reply, 2);
	dp_burst_trim(b, i);
	dp_output(w, b->pkt[i], WIRE_JOURNEY_ICMP);
}

/* SEQ and ACK of the RST: RFC 9293, 3.10.7.1. */
static void put_reset(struct wire_tcp *rst, const struct wire_tcp *tcp, uint16_t length)
{
	uint32_t used = (uint32_t)(length - (tcp->offset >> 4) * 4u);
	used += (tcp->flags & WIRE_TCP_SYN ? 1u : 0u) + (tcp->flags & WIRE_TCP_FIN ? 1u : 0u);
	*rst = (struct wire_tcp){.src = tcp->dst, .dst = tcp->src, .offset = 0x50, .flags = WIRE_TCP_RST};
	if (tcp->flags & WIRE_TCP_ACK) {
		rst->seq = tcp->ack;
	} else {
		wire_put_be32(&rst->ack, wire_be32(&tcp->seq) + used);
		rst->flags |= WIRE_TCP_ACK;
	}
}

struct rte_mbuf *dp_icmp_reset(struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)b->l4[i];
	const uint16_t total = (uint16_t)(wire_ip_header_size(wire_ip_is_v6(b->ip[i])) + sizeof(*tcp));
	struct rte_mbuf *m = tcp->flags & WIRE_TCP_RST ? NULL : dp_output_alloc(w, total);
	if (!m)
		return NULL;
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	struct wire_tcp *rst = put_ip(ip, total, WIRE_PROTO_TCP, b->ip[i]);
	put_reset(rst, tcp, dp_burst_l4_length(b, i));
	uint64_t sum = wire_csum_add(wire_ip_pseudo(ip, WIRE_PROTO_TCP, sizeof(*rst)), rst, sizeof(*rst));
	rst->checksum = (uint16_t)~wire_csum_fold(sum);
	return m;
}
