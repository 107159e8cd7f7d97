/* SPDX-License-Identifier: BSD-2-Clause */
/* From bytes to a column of the burst. Everything is checked against the bytes that are there; nothing is changed. */
#include "dataplane/parse.h"

#include "dataplane/burst.h"
#include "dataplane/headers.h"
#include "dataplane/wrap_error.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define TCP_OFFSET_MIN 5u

/* Ends of a packet of TCP or UDP: the first 4 bytes of both headers are the ports. */
static inline struct lb_flow_key key_of(const void *ip, uint8_t protocol, const uint8_t *l4)
{
	return lb_flow_key_of(wire_ip_src(ip), wire_ip_dst(ip), wire_be16(l4), wire_be16(l4 + 2), protocol);
}

static enum wire_drop parse_tcp(struct dp_burst *b, unsigned i, struct wire_cursor c)
{
	const struct wire_tcp *tcp = wire_take(&c, sizeof(*tcp));
	if (!tcp)
		return WIRE_DROP_TRUNCATED;
	unsigned words = tcp->offset >> 4;
	if (words < TCP_OFFSET_MIN)
		return WIRE_DROP_BAD_L4_HEADER;
	if (!wire_take(&c, words * 4u - sizeof(*tcp)))
		return WIRE_DROP_TRUNCATED;
	b->kind[i] = DP_KIND_TCP;
	b->tcp_flags[i] = tcp->flags;
	return WIRE_DROP_NONE;
}

/* `fragment`: a first fragment, whose UDP length is that of the whole datagram. */
static enum wire_drop parse_udp(struct dp_burst *b, unsigned i, struct wire_cursor c, bool fragment)
{
	size_t there = wire_left(&c);
	const struct wire_udp *udp = wire_take(&c, sizeof(*udp));
	if (!udp)
		return WIRE_DROP_TRUNCATED;
	uint16_t length = wire_be16(&udp->length);
	if (length < sizeof(*udp))
		return WIRE_DROP_BAD_L4_HEADER;
	if (length > there && !fragment)
		return WIRE_DROP_TRUNCATED;
	b->kind[i] = DP_KIND_UDP;
	return WIRE_DROP_NONE;
}

/* An error about IP in IP: perhaps about what we sent to an endpoint of mode tunnel. */
static enum wire_drop parse_wrapped(struct dp_burst *b, unsigned i, const uint8_t *quoted, const uint8_t *end)
{
	struct dp_wrapped wrapped;
	if (!dp_wrap_read(quoted, (uint16_t)(end - quoted), &wrapped))
		return WIRE_DROP_UNSUPPORTED;
	b->kind[i] = DP_KIND_WRAP_ERROR;
	if (!dp_wrap_inner_key(&wrapped, &b->key[i]))
		b->key[i] = lb_flow_key_of(wire_ip_src(b->ip[i]), wire_ip_dst(b->ip[i]), 0, 0, WIRE_PROTO_ICMP);
	return WIRE_DROP_NONE;
}

/* An error quotes the IP header and 8 bytes behind it (RFC 792), or more (RFC 1812, 4.3.2.3; RFC 4443, 2.4). */
static enum wire_drop parse_quote(struct dp_burst *b, unsigned i, struct wire_cursor c)
{
	const uint8_t *quoted = c.at;
	struct dp_headers h;
	enum wire_drop drop = dp_headers_find(quoted, wire_left(&c), &h);
	if (drop == WIRE_DROP_TRUNCATED)
		return drop;
	if (drop != WIRE_DROP_NONE || wire_ip_is_v6(quoted) != wire_ip_is_v6(b->ip[i]))
		return WIRE_DROP_BAD_L4_HEADER;
	wire_take(&c, h.l4);
	const uint8_t *l4 = wire_take(&c, 8);
	if (!l4)
		return WIRE_DROP_TRUNCATED;
	if (h.protocol == WIRE_PROTO_IPIP || h.protocol == WIRE_PROTO_IPV6)
		return parse_wrapped(b, i, quoted, c.end);
	if (h.protocol != WIRE_PROTO_TCP && h.protocol != WIRE_PROTO_UDP)
		return WIRE_DROP_UNSUPPORTED;
	if (h.offset)
		return WIRE_DROP_FRAGMENT;
	struct lb_flow_key key = key_of(quoted, h.protocol, l4);
	struct wire_addr told = wire_ip_dst(b->ip[i]);
	b->key[i] = lb_flow_key_exchanged(&key);
	if (!wire_addr_equal(&key.client, &told))
		return WIRE_DROP_BAD_L4_HEADER; /* about a packet that this address did not send */
	b->kind[i] = DP_KIND_ICMP_ERROR;
	return WIRE_DROP_NONE;
}

static enum dp_kind kind_of_icmp(uint8_t type)
{
	switch (type) {
	case WIRE_ICMP_UNREACHABLE:
	case WIRE_ICMP_TIME_EXCEEDED:
	case WIRE_ICMP_PARAMETER:
		return DP_KIND_ICMP_ERROR;
	default:
		return type == WIRE_ICMP_ECHO ? DP_KIND_ICMP_ECHO : DP_KIND_OTHER;
	}
}

static enum dp_kind kind_of_icmpv6(uint8_t type)
{
	if (type >= WIRE_ICMPV6_UNREACHABLE && type <= WIRE_ICMPV6_PARAMETER)
		return DP_KIND_ICMP_ERROR;
	if (type >= WIRE_ICMPV6_ND_FIRST && type <= WIRE_ICMPV6_ND_LAST)
		return DP_KIND_NEIGHBOUR;
	return type == WIRE_ICMPV6_ECHO ? DP_KIND_ICMP_ECHO : DP_KIND_OTHER;
}

/* ICMPv6 has a pseudo header (RFC 4443, 2.3), ICMP has none. */
static bool icmp_checksum_is_right(const uint8_t *ip, const uint8_t *icmp, size_t length)
{
	uint64_t sum = wire_ip_is_v6(ip) ? wire_ip_pseudo(ip, WIRE_PROTO_ICMPV6, (uint16_t)length) : 0;
	return wire_csum_fold(wire_csum_add(sum, icmp, length)) == 0xffff;
}

static enum wire_drop parse_icmp(struct dp_burst *b, unsigned i, struct wire_cursor c, bool fragment)
{
	const uint8_t *start = c.at;
	size_t length = wire_left(&c);
	const struct wire_icmp *icmp = wire_take(&c, sizeof(*icmp));
	if (!icmp)
		return WIRE_DROP_TRUNCATED;
	enum dp_kind kind = wire_ip_is_v6(b->ip[i]) ? kind_of_icmpv6(icmp->type) : kind_of_icmp(icmp->type);
	if (kind != DP_KIND_ICMP_ERROR && kind != DP_KIND_ICMP_ECHO) {
		b->kind[i] = (uint8_t)kind;
		return WIRE_DROP_NONE;
	}
	if (fragment)
		return WIRE_DROP_FRAGMENT;
	if (!icmp_checksum_is_right(b->ip[i], start, length))
		return WIRE_DROP_BAD_L4_HEADER;
	if (kind == DP_KIND_ICMP_ERROR)
		return parse_quote(b, i, c);
	b->kind[i] = DP_KIND_ICMP_ECHO;
	return WIRE_DROP_NONE;
}

static enum wire_drop parse_l4(struct dp_burst *b, unsigned i, const struct dp_headers *h)
{
	struct wire_cursor c = wire_cursor(b->l4[i], dp_burst_l4_length(b, i));
	if (h->offset) /* a later fragment has no ports */
		return WIRE_DROP_FRAGMENT;
	switch (h->protocol) {
	case WIRE_PROTO_TCP:
		return parse_tcp(b, i, c);
	case WIRE_PROTO_UDP:
		return parse_udp(b, i, c, h->more);
	case WIRE_PROTO_ICMP:
	case WIRE_PROTO_ICMPV6:
		if ((h->protocol == WIRE_PROTO_ICMPV6) == wire_ip_is_v6(b->ip[i]))
			return parse_icmp(b, i, c, h->more);
		return WIRE_DROP_NONE;
	default:
		return WIRE_DROP_NONE;
	}
}

static inline enum wire_drop parse_v4(
    uint8_t *data, uint32_t available, uint16_t *ret_length, struct dp_headers *ret_headers)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)data;
	if (available < sizeof(*ip))
		return WIRE_DROP_TRUNCATED;
	unsigned header = (ip->version_ihl & 0x0fu) * 4u;
	uint16_t total = wire_be16(&ip->total_length);
	if (header < sizeof(*ip) || total < header)
		return WIRE_DROP_BAD_IP_HEADER;
	if (total > available)
		return WIRE_DROP_TRUNCATED;
	if (wire_csum_fold(wire_csum_add(0, data, header)) != 0xffff)
		return WIRE_DROP_BAD_IP_CHECKSUM;
	*ret_length = total;
	*ret_headers = dp_headers_of_v4(ip);
	return WIRE_DROP_NONE;
}

/* An IPv4-mapped address in a header would be taken for IPv4's (RFC 4291, 2.5.5.2 gives it no meaning there). */
static enum wire_drop parse_v6(uint8_t *data, uint32_t available, uint16_t *ret_length, struct dp_headers *ret_headers)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)data;
	if (available < sizeof(*ip))
		return WIRE_DROP_TRUNCATED;
	uint32_t total = (uint32_t)sizeof(*ip) + wire_be16(&ip->payload_length);
	if (total > available)
		return WIRE_DROP_TRUNCATED;
	struct wire_addr src = wire_addr_from_v6(ip->src), dst = wire_addr_from_v6(ip->dst);
	if (wire_addr_is_v4(&src) || wire_addr_is_v4(&dst) || total > UINT16_MAX)
		return WIRE_DROP_BAD_IP_HEADER;
	*ret_length = (uint16_t)total;
	return dp_headers_find(data, total, ret_headers);
}

__attribute__((noinline)) static enum wire_drop parse_any(
    struct dp_burst *b, unsigned i, uint8_t *data, uint32_t available)
{
	struct dp_headers h = {.l4 = 0};
	uint16_t length = 0;
	if (available == 0)
		return WIRE_DROP_TRUNCATED;
	enum wire_drop drop = WIRE_DROP_BAD_IP_HEADER;
	if (*data >> 4 == 4)
		drop = parse_v4(data, available, &length, &h);
	else if (*data >> 4 == 6)
		drop = parse_v6(data, available, &length, &h);
	if (length == 0)
		return drop;
	b->ip[i] = data;
	b->l4[i] = data + h.l4;
	b->length[i] = length;
	b->kind[i] = DP_KIND_OTHER;
	b->tcp_flags[i] = 0;
	if (drop == WIRE_DROP_NONE)
		drop = parse_l4(b, i, &h);
	if (b->kind[i] == DP_KIND_TCP || b->kind[i] == DP_KIND_UDP)
		b->key[i] = key_of(data, h.protocol, b->l4[i]);
	else if (b->kind[i] != DP_KIND_ICMP_ERROR && b->kind[i] != DP_KIND_WRAP_ERROR)
		b->key[i] = lb_flow_key_of(wire_ip_src(data), wire_ip_dst(data), 0, 0, h.protocol);
	if (drop == WIRE_DROP_NONE)
		b->hash[i] = lb_flow_hash(&b->key[i]);
	return drop;
}

enum wire_drop dp_parse_ip(struct dp_burst *b, unsigned i, uint8_t *data, uint32_t available)
{
	if (!dp_parse_plain(b, i, data, available, false)) {
		b->plain &= ~(UINT64_C(1) << i);
		return parse_any(b, i, data, available);
	}
	b->hash[i] = lb_flow_hash(&b->key[i]);
	return WIRE_DROP_NONE;
}

struct lb_segment dp_burst_segment(const struct dp_burst *b, unsigned i)
{
	if (b->kind[i] != DP_KIND_TCP)
		return (struct lb_segment){.flags = 0};
	const struct wire_tcp *tcp = (const struct wire_tcp *)b->l4[i];
	return (struct lb_segment){.seq = wire_be32(&tcp->seq), .ack = wire_be32(&tcp->ack), .flags = tcp->flags};
}

void dp_burst_trim(struct dp_burst *b, unsigned i)
{
	struct rte_mbuf *m = b->pkt[i];
	rte_pktmbuf_adj(m, (uint16_t)(b->ip[i] - rte_pktmbuf_mtod(m, uint8_t *)));
	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_pkt_len(m) - b->length[i]));
}
