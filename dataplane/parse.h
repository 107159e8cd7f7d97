/* SPDX-License-Identifier: BSD-2-Clause */
/* What nearly all packets are, in a straight line: TCP or UDP right behind an IPv4 header without options or an IPv6 header
 * without extensions, and no fragment. Everything else is dp_parse_ip()'s. */
#pragma once

#include "dataplane/burst.h"
#include "wire/bytes.h"

/* Behind a header of `header` bytes: `total` bytes of packet are there. The key has its addresses. */
static inline bool dp_parse_plain_l4(
    struct dp_burst *b, unsigned i, uint8_t *ip, unsigned header, unsigned total, uint8_t protocol)
{
	uint8_t *l4 = ip + header;
	unsigned there = total - header;
	if (protocol == WIRE_PROTO_TCP && there >= sizeof(struct wire_tcp)) {
		const struct wire_tcp *tcp = (const struct wire_tcp *)l4;
		unsigned length = (tcp->offset >> 4) * 4u;
		if (length < sizeof(*tcp) || length > there)
			return false;
		b->kind[i] = DP_KIND_TCP;
		b->tcp_flags[i] = tcp->flags;
	} else if (protocol == WIRE_PROTO_UDP && there >= sizeof(struct wire_udp)) {
		unsigned length = wire_be16(&((const struct wire_udp *)l4)->length);
		if (length < sizeof(struct wire_udp) || length > there)
			return false;
		b->kind[i] = DP_KIND_UDP;
		b->tcp_flags[i] = 0;
	} else {
		return false;
	}
	lb_flow_key_put_rest(&b->key[i], wire_be16(l4), wire_be16(l4 + 2), protocol);
	b->ip[i] = ip;
	b->l4[i] = l4;
	b->length[i] = (uint16_t)total;
	b->plain |= UINT64_C(1) << i;
	return true;
}

/* Fills column i, all but the hash, if the packet at `ip` is a plain one and right; `available` bytes are there. summed:
 * the port has found the IPv4 header's checksum right. false: the column is void. */
static inline bool dp_parse_plain(struct dp_burst *b, unsigned i, uint8_t *ip, uint32_t available, bool summed)
{
	const struct wire_ipv4 *v4 = (const struct wire_ipv4 *)ip;
	const struct wire_ipv6 *v6 = (const struct wire_ipv6 *)ip;
	if (available < sizeof(*v4))
		return false;
	if (v4->version_ihl == 0x45) {
		unsigned total = wire_be16(&v4->total_length);
		if (total > available || total < sizeof(*v4) ||
		    wire_be16(&v4->frag_off) & (WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK) ||
		    (!summed && wire_csum_fold(wire_csum_add(0, v4, sizeof(*v4))) != 0xffff))
			return false;
		lb_flow_key_put_v4(&b->key[i], v4->src);
		return dp_parse_plain_l4(b, i, ip, sizeof(*v4), total, v4->protocol);
	}
	if (!wire_ip_is_v6(ip) || available < sizeof(*v6))
		return false;
	unsigned total = (unsigned)sizeof(*v6) + wire_be16(&v6->payload_length);
	if (total > available || total > UINT16_MAX)
		return false;
	lb_flow_key_put_v6(&b->key[i], v6->src);
	if (wire_addr_is_v4(&b->key[i].client) || wire_addr_is_v4(&b->key[i].vip))
		return false;
	return dp_parse_plain_l4(b, i, ip, sizeof(*v6), total, v6->next_header);
}
