/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/icmp.h"

#include <string.h>

#include "dataplane/output.h"
#include "dataplane/rewrite.h"
#include "dataplane/trace.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define TTL 64u

bool dp_icmp_is_host(const struct wire_addr *a)
{
	const uint8_t *address = a->bytes + 12;
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

/* A bucket of DP_ICMP_BURST, kept as one time: that at which it is full again (GCRA, ITU-T I.371). */
bool dp_icmp_within_rate(struct dp_worker *w)
{
	uint64_t full = w->icmp_full_ns > w->now_ns ? w->icmp_full_ns : w->now_ns;
	if (full - w->now_ns > (uint64_t)(DP_ICMP_BURST - 1) * DP_ICMP_INTERVAL_NS) {
		dp_count_drop(w, WIRE_DROP_RATE);
		return false;
	}
	w->icmp_full_ns = full + DP_ICMP_INTERVAL_NS;
	return true;
}

static bool may_be_told(const struct wire_ipv4 *about)
{
	struct wire_addr src = wire_ip_src(about), dst = wire_ip_dst(about);
	if (!dp_icmp_is_host(&src) || !dp_icmp_is_host(&dst))
		return false;
	if (wire_be16(&about->frag_off) & WIRE_IPV4_OFFSET_MASK)
		return false;
	if (about->protocol != WIRE_PROTO_ICMP)
		return true;
	const uint8_t *type = (const uint8_t *)about + (about->version_ihl & 0x0fu) * 4u;
	return *type == WIRE_ICMP_ECHO || *type == WIRE_ICMP_ECHO_REPLY;
}

static void put_ip(struct wire_ipv4 *ip, uint16_t total, uint8_t protocol, const uint8_t src[4], const uint8_t dst[4])
{
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .ttl = TTL, .protocol = protocol};
	wire_put_be16(&ip->total_length, total);
	memcpy(ip->src, src, 4);
	memcpy(ip->dst, dst, 4);
	ip->checksum = wire_csum(ip, sizeof(*ip));
}

static struct wire_icmp header_for(enum dp_icmp_reason reason, uint16_t mtu)
{
	static const uint8_t type[] = {[DP_ICMP_TIME_EXCEEDED] = WIRE_ICMP_TIME_EXCEEDED,
	    [DP_ICMP_TOO_BIG] = WIRE_ICMP_UNREACHABLE,
	    [DP_ICMP_UNREACHABLE] = WIRE_ICMP_UNREACHABLE};
	static const uint8_t code[] = {[DP_ICMP_TIME_EXCEEDED] = 0,
	    [DP_ICMP_TOO_BIG] = WIRE_ICMP_FRAG_NEEDED,
	    [DP_ICMP_UNREACHABLE] = WIRE_ICMP_HOST_UNREACHABLE};
	struct wire_icmp h = {.type = type[reason], .code = code[reason]};
	wire_put_be16(&h.rest_lo, mtu);
	return h;
}

struct rte_mbuf *dp_icmp_make(
    struct dp_worker *w, const uint8_t *packet, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu)
{
	const struct wire_ipv4 *about = (const struct wire_ipv4 *)packet;
	if (!may_be_told(about) || !dp_icmp_within_rate(w))
		return NULL;
	const uint16_t headers = sizeof(struct wire_ipv4) + sizeof(struct wire_icmp);
	uint16_t quote = (uint16_t)RTE_MIN(available, DP_ICMP_MAX - headers);
	struct rte_mbuf *m = dp_output_alloc(w, (uint16_t)(headers + quote));
	if (!m) {
		dp_count_drop(w, WIRE_DROP_NO_MBUF);
		return NULL;
	}
	struct wire_ipv4 *ip = rte_pktmbuf_mtod(m, struct wire_ipv4 *);
	struct wire_icmp *icmp = (struct wire_icmp *)(ip + 1);
	put_ip(ip, (uint16_t)(headers + quote), WIRE_PROTO_ICMP, about->dst, about->src);
	*icmp = header_for(reason, mtu);
	memcpy(icmp + 1, about, quote);
	icmp->checksum = wire_csum(icmp, sizeof(*icmp) + quote);
	return m;
}

void dp_icmp_error(
    struct dp_worker *w, const uint8_t *about, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu)
{
	struct rte_mbuf *m = dp_icmp_make(w, about, available, reason, mtu);
	if (m)
		dp_output(w, m, WIRE_JOURNEY_ICMP);
}

void dp_icmp_echo(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)b->ip[i];
	struct wire_icmp *icmp = (struct wire_icmp *)b->l4[i];
	uint8_t request[2] = {WIRE_ICMP_ECHO, 0}, reply[2] = {WIRE_ICMP_ECHO_REPLY, 0}, client[4];
	DP_TRACE(w, b, i, WIRE_JOURNEY_ICMP, "echo request to a VIP: answered");
	memcpy(client, ip->src, 4);
	memcpy(ip->src, ip->dst, 4);
	memcpy(ip->dst, client, 4);
	ip->ttl = TTL;
	ip->checksum = 0;
	ip->checksum = wire_csum(ip, (ip->version_ihl & 0x0fu) * 4u);
	icmp->type = WIRE_ICMP_ECHO_REPLY;
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
	const struct wire_ipv4 *about = (const struct wire_ipv4 *)b->ip[i];
	const struct wire_tcp *tcp = (const struct wire_tcp *)b->l4[i];
	const uint16_t total = sizeof(struct wire_ipv4) + sizeof(struct wire_tcp);
	struct rte_mbuf *m = tcp->flags & WIRE_TCP_RST ? NULL : dp_output_alloc(w, total);
	if (!m)
		return NULL;
	struct wire_ipv4 *ip = rte_pktmbuf_mtod(m, struct wire_ipv4 *);
	struct wire_tcp *rst = (struct wire_tcp *)(ip + 1);
	put_ip(ip, total, WIRE_PROTO_TCP, about->dst, about->src);
	put_reset(rst, tcp, dp_burst_l4_length(b, i));
	uint8_t pseudo[4] = {0, WIRE_PROTO_TCP, 0, sizeof(*rst)};
	uint64_t sum = wire_csum_add(wire_csum_add(0, ip->src, 8), pseudo, sizeof(pseudo));
	rst->checksum = (uint16_t)~wire_csum_fold(wire_csum_add(sum, rst, sizeof(*rst)));
	return m;
}
