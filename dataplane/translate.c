/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/translate.h"

#include <string.h>

#include "dataplane/headers.h"

#define V4_ERROR_MAX 576u /* RFC 1812, 4.3.2.3; ICMPv6: RFC 4443, 2.4 (c) */

/* What both headers say, and what is left of the old one. */
struct common {
	uint8_t tos;
	uint8_t ttl;
	uint8_t protocol; /* of the new version */
	bool fragment;    /* has a fragment's fields, if only of a whole packet (RFC 6946) */
	bool more;
	uint16_t offset;
	uint32_t id;
	uint16_t payload; /* bytes behind the headers, as the header says */
};

static uint8_t protocol_there(uint8_t protocol)
{
	if (protocol == WIRE_PROTO_ICMP)
		return WIRE_PROTO_ICMPV6;
	return protocol == WIRE_PROTO_ICMPV6 ? WIRE_PROTO_ICMP : protocol;
}

static struct common common_of(const uint8_t *ip, const struct dp_headers *h)
{
	bool v6 = wire_ip_is_v6(ip);
	unsigned total = v6 ? sizeof(struct wire_ipv6) + wire_be16(&((const struct wire_ipv6 *)ip)->payload_length)
	                    : wire_be16(&((const struct wire_ipv4 *)ip)->total_length);
	struct common c = {.tos = wire_ip_tos(ip),
	    .ttl = wire_ip_ttl(ip),
	    .protocol = protocol_there(h->protocol),
	    .more = h->more,
	    .offset = h->offset,
	    .payload = (uint16_t)(total > h->l4 ? total - h->l4 : 0)};
	c.fragment = v6 ? h->identifier != 0 : dp_headers_fragment(h);
	if (c.fragment)
		c.id = v6 ? wire_be32(ip + h->identifier) : wire_be16(ip + h->identifier);
	return c;
}

/* Both write in front of `l4` and return where the header begins. */
static uint8_t *put_v6(uint8_t *l4, const struct common *c, const struct dp_ends *to)
{
	struct wire_ipv6_fragment *fragment = (struct wire_ipv6_fragment *)l4 - 1;
	struct wire_ipv6 *ip = (struct wire_ipv6 *)(c->fragment ? (uint8_t *)fragment : l4) - 1;
	size_t payload = c->payload + (c->fragment ? sizeof(*fragment) : 0u);
	*ip = (struct wire_ipv6){.next_header = c->protocol, .hop_limit = c->ttl};
	wire_put_be32(&ip->version_class_flow, 6u << 28 | (uint32_t)c->tos << 20);
	wire_put_be16(&ip->payload_length, (uint16_t)payload);
	memcpy(ip->src, to->src->bytes, sizeof(ip->src));
	memcpy(ip->dst, to->dst->bytes, sizeof(ip->dst));
	if (c->fragment) {
		ip->next_header = WIRE_PROTO_FRAGMENT;
		*fragment = (struct wire_ipv6_fragment){.next_header = c->protocol};
		wire_put_be16(&fragment->offset_flags, (uint16_t)(c->offset << 3 | (c->more ? WIRE_IPV6_MF : 0)));
		wire_put_be32(&fragment->id, c->id);
	}
	return (uint8_t *)ip;
}

/* DF as RFC 7915, 5.1, says: a packet that fits IPv6's least MTU may be fragmented behind us. */
static uint8_t *put_v4(uint8_t *l4, const struct common *c, const struct dp_ends *to, uint16_t id)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)l4 - 1;
	uint16_t total = (uint16_t)(sizeof(*ip) + c->payload);
	bool df = !c->fragment && total > WIRE_IPV6_MIN_MTU - sizeof(*ip);
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .tos = c->tos, .ttl = c->ttl, .protocol = c->protocol};
	wire_put_be16(&ip->total_length, total);
	wire_put_be16(&ip->id, c->fragment ? (uint16_t)c->id : df ? 0 : id);
	wire_put_be16(&ip->frag_off, (uint16_t)((df ? WIRE_IPV4_DF : 0) | (c->more ? WIRE_IPV4_MF : 0) | c->offset));
	memcpy(ip->src, to->src->bytes + 12, sizeof(ip->src));
	memcpy(ip->dst, to->dst->bytes + 12, sizeof(ip->dst));
	ip->checksum = wire_csum(ip, sizeof(*ip));
	return (uint8_t *)ip;
}

static uint8_t *put(uint8_t *l4, const struct common *c, const struct dp_ends *to, uint16_t id)
{
	return wire_addr_is_v4(to->dst) ? put_v4(l4, c, to, id) : put_v6(l4, c, to);
}

/* A checksum where there is none, over the whole datagram under its present header. */
static enum wire_drop complete_udp(const uint8_t *ip, const struct dp_headers *h, struct wire_udp *udp, uint16_t length)
{
	uint16_t datagram = wire_be16(&udp->length);
	if (wire_ip_is_v6(ip) || datagram > length)
		return wire_ip_is_v6(ip) ? WIRE_DROP_BAD_L4_HEADER : WIRE_DROP_FRAGMENT;
	if (dp_headers_fragment(h))
		return WIRE_DROP_FRAGMENT;
	uint64_t sum = wire_csum_add(wire_ip_pseudo(ip, WIRE_PROTO_UDP, datagram), udp, datagram);
	uint16_t checksum = (uint16_t)~wire_csum_fold(sum);
	udp->checksum = checksum ? checksum : 0xffff;
	return WIRE_DROP_NONE;
}

static enum wire_drop translate_segment(
    uint8_t *ip, uint16_t length, const struct dp_headers *h, const struct dp_ends *to, uint16_t id, uint8_t **ret_ip)
{
	uint8_t *l4 = ip + h->l4;
	uint16_t left = (uint16_t)(length - h->l4);
	struct wire_udp *udp = (struct wire_udp *)l4;
	struct common c = common_of(ip, h);
	if (h->offset == 0) {
		enum wire_drop drop = WIRE_DROP_NONE;
		if (h->protocol == WIRE_PROTO_UDP && udp->checksum == 0)
			drop = complete_udp(ip, h, udp, left);
		if (drop != WIRE_DROP_NONE)
			return drop;
		dp_rewrite_l4(ip, l4, left, to, h->protocol);
	}
	*ret_ip = put(l4, &c, to, id);
	return WIRE_DROP_NONE;
}

/* Behind the quote that its length field tells there may be an extension (RFC 4884), which does not fit the new quote. */
static uint16_t quote_end(const struct wire_icmp *icmp, bool v6, uint16_t length)
{
	const uint8_t *rest = (const uint8_t *)&icmp->rest_hi;
	bool has_mtu = v6 ? icmp->type == WIRE_ICMPV6_TOO_BIG : false;
	unsigned told = v6 ? rest[0] * 8u : rest[1] * 4u;
	unsigned end = sizeof(*icmp) + told;
	if (has_mtu || (v6 && icmp->type == WIRE_ICMPV6_PARAMETER) || told == 0 || end > length)
		return length;
	return (uint16_t)end;
}

static enum wire_drop translate_error(uint8_t *ip, uint16_t length, const struct dp_headers *h,
    const struct dp_ends *to, uint16_t id, struct dp_translated *ret_translated)
{
	bool v6 = wire_ip_is_v6(ip);
	struct wire_icmp was, is;
	memcpy(&was, ip + h->l4, sizeof(was));
	uint8_t *quoted = ip + h->l4 + sizeof(was), *end = ip + h->l4;
	end += quote_end(&was, v6, (uint16_t)(length - h->l4));
	struct dp_headers q;
	if (dp_headers_find(quoted, (size_t)(end - quoted), &q) != WIRE_DROP_NONE || end - quoted < q.l4 + 8)
		return WIRE_DROP_BAD_L4_HEADER;
	struct common outer = common_of(ip, h), inner = common_of(quoted, &q);
	if (v6 ? !dp_translate_icmp_to_v4(&was, &is)
	       : !dp_translate_icmp_to_v6(&was, wire_be16(&((struct wire_ipv4 *)quoted)->total_length), &is))
		return WIRE_DROP_UNSUPPORTED;

	struct dp_ends back = dp_ends_exchanged(to);
	uint8_t *l4 = quoted + q.l4;
	dp_rewrite_l4(quoted, l4, (uint16_t)(end - l4), &back, q.protocol);
	uint8_t *icmp = put(l4, &inner, &back, 0) - sizeof(is);
	memcpy(icmp, &is, sizeof(is));
	unsigned header = wire_ip_header_size(!v6), most = v6 ? V4_ERROR_MAX : WIRE_IPV6_MIN_MTU;
	if (end - icmp > (ptrdiff_t)(most - header))
		end = icmp + most - header;
	outer.payload = (uint16_t)(end - icmp);
	outer.fragment = false;
	uint8_t *start = put(icmp, &outer, to, id);
	dp_rewrite_icmp_checksum(start, icmp, outer.payload);
	*ret_translated = (struct dp_translated){.ip = start, .l4 = icmp, .length = (uint16_t)(end - start)};
	return WIRE_DROP_NONE;
}

enum wire_drop dp_translate(
    uint8_t *ip, uint16_t length, const struct dp_ends *to, uint16_t id, struct dp_translated *ret_translated)
{
	struct dp_headers h;
	enum wire_drop drop = dp_headers_find(ip, length, &h);
	if (drop != WIRE_DROP_NONE)
		return drop;
	if (h.protocol == WIRE_PROTO_ICMP || h.protocol == WIRE_PROTO_ICMPV6)
		return translate_error(ip, length, &h, to, id, ret_translated);
	uint8_t *start;
	drop = translate_segment(ip, length, &h, to, id, &start);
	if (drop == WIRE_DROP_NONE)
		*ret_translated =
		    (struct dp_translated){.ip = start, .l4 = ip + h.l4, .length = (uint16_t)(ip + length - start)};
	return drop;
}
