/* SPDX-License-Identifier: BSD-2-Clause */
/* From bytes to a column of the burst. Everything is checked against the bytes that are there; nothing is changed. */
#include "dataplane/burst.h"
#include "dataplane/wrap_error.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define TCP_OFFSET_MIN 5u

/* Ends of a packet of TCP or UDP: the first 4 bytes of both headers are the ports. */
static struct lb_flow_key key_of(const void *ip, uint8_t protocol, const uint8_t *l4)
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
	b->key[i] = key_of(b->ip[i], WIRE_PROTO_TCP, b->l4[i]);
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
	b->key[i] = key_of(b->ip[i], WIRE_PROTO_UDP, b->l4[i]);
	return WIRE_DROP_NONE;
}

static bool is_error(uint8_t type)
{
	return type == WIRE_ICMP_UNREACHABLE || type == WIRE_ICMP_TIME_EXCEEDED || type == WIRE_ICMP_PARAMETER;
}

/* An error about IP in IP: perhaps about what we sent to an endpoint of mode tunnel. */
static enum wire_drop parse_wrapped(struct dp_burst *b, unsigned i, const uint8_t *quoted, const uint8_t *end)
{
	struct dp_wrapped wrapped;
	if (!dp_wrap_read(quoted, (uint16_t)(end - quoted), &wrapped))
		return WIRE_DROP_UNSUPPORTED;
	b->kind[i] = DP_KIND_WRAP_ERROR;
	dp_wrap_inner_key(&wrapped, &b->key[i]);
	return WIRE_DROP_NONE;
}

/* RFC 792: an error quotes the IP header and 8 bytes behind it, or more (RFC 1812, 4.3.2.3). */
static enum wire_drop parse_quote(struct dp_burst *b, unsigned i, struct wire_cursor c)
{
	const struct wire_ipv4 *quoted = wire_take(&c, sizeof(*quoted));
	if (!quoted)
		return WIRE_DROP_TRUNCATED;
	unsigned header = (quoted->version_ihl & 0x0fu) * 4u;
	if (quoted->version_ihl >> 4 != 4 || header < sizeof(*quoted))
		return WIRE_DROP_BAD_L4_HEADER;
	wire_take(&c, header - sizeof(*quoted));
	const uint8_t *l4 = wire_take(&c, 8);
	if (!l4)
		return WIRE_DROP_TRUNCATED;
	if (quoted->protocol == WIRE_PROTO_IPIP || quoted->protocol == WIRE_PROTO_IPV6)
		return parse_wrapped(b, i, (const uint8_t *)quoted, c.end);
	if (quoted->protocol != WIRE_PROTO_TCP && quoted->protocol != WIRE_PROTO_UDP)
		return WIRE_DROP_UNSUPPORTED;
	if (wire_be16(&quoted->frag_off) & WIRE_IPV4_OFFSET_MASK)
		return WIRE_DROP_FRAGMENT;
	struct lb_flow_key key = key_of(quoted, quoted->protocol, l4);
	b->key[i] = lb_flow_key_exchanged(&key);
	struct wire_addr told = wire_ip_dst(b->ip[i]);
	if (!wire_addr_equal(&key.client, &told))
		return WIRE_DROP_BAD_L4_HEADER; /* about a packet that this address did not send */
	b->kind[i] = DP_KIND_ICMP_ERROR;
	return WIRE_DROP_NONE;
}

static enum wire_drop parse_icmp(struct dp_burst *b, unsigned i, struct wire_cursor c, bool fragment)
{
	const uint8_t *start = c.at;
	size_t length = wire_left(&c);
	const struct wire_icmp *icmp = wire_take(&c, sizeof(*icmp));
	if (!icmp)
		return WIRE_DROP_TRUNCATED;
	if (!is_error(icmp->type) && icmp->type != WIRE_ICMP_ECHO)
		return WIRE_DROP_NONE;
	if (fragment)
		return WIRE_DROP_FRAGMENT;
	if (wire_csum_fold(wire_csum_add(0, start, length)) != 0xffff)
		return WIRE_DROP_BAD_L4_HEADER;
	if (icmp->type != WIRE_ICMP_ECHO)
		return parse_quote(b, i, c);
	b->kind[i] = DP_KIND_ICMP_ECHO;
	return WIRE_DROP_NONE;
}

static enum wire_drop parse_l4(struct dp_burst *b, unsigned i, struct wire_cursor c)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)b->ip[i];
	uint16_t fragment = wire_be16(&ip->frag_off) & (WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK);
	if (fragment & WIRE_IPV4_OFFSET_MASK)
		return WIRE_DROP_FRAGMENT;
	switch (ip->protocol) {
	case WIRE_PROTO_TCP:
		return parse_tcp(b, i, c);
	case WIRE_PROTO_UDP:
		return parse_udp(b, i, c, fragment != 0);
	case WIRE_PROTO_ICMP:
		return parse_icmp(b, i, c, fragment != 0);
	default:
		return WIRE_DROP_NONE;
	}
}

enum wire_drop dp_parse_ip(struct dp_burst *b, unsigned i, uint8_t *data, uint32_t available)
{
	struct wire_cursor c = wire_cursor(data, available);
	const struct wire_ipv4 *ip = wire_take(&c, sizeof(*ip));
	if (!ip)
		return WIRE_DROP_TRUNCATED;
	unsigned header = (ip->version_ihl & 0x0fu) * 4u;
	uint16_t total = wire_be16(&ip->total_length);
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || total < header)
		return WIRE_DROP_BAD_IP_HEADER;
	if (total > available)
		return WIRE_DROP_TRUNCATED;
	if (wire_csum_fold(wire_csum_add(0, data, header)) != 0xffff)
		return WIRE_DROP_BAD_IP_CHECKSUM;
	b->ip[i] = data;
	b->l4[i] = data + header;
	b->length[i] = total;
	b->kind[i] = DP_KIND_OTHER;
	b->tcp_flags[i] = 0;
	b->key[i] = (struct lb_flow_key){
	    .client = wire_addr_from_v4(ip->src), .vip = wire_addr_from_v4(ip->dst), .protocol = ip->protocol};
	enum wire_drop drop = parse_l4(b, i, wire_cursor(b->l4[i], total - header));
	if (drop == WIRE_DROP_NONE)
		b->hash[i] = lb_flow_hash(&b->key[i]);
	return drop;
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
