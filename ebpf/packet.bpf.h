/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a frame is, as far as the XDP program needs to know. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire/address.h"
#include "wire/packet.h"

struct packet {
	struct wire_addr src;
	struct wire_addr dst;
	uint32_t l4;       /* offset of the layer 4 header; 0: not in this packet, or not understood */
	uint32_t l4_bytes; /* as the IP header says, the frame being that long */
	uint8_t protocol;
	uint8_t ttl;
	bool v6;
	bool options; /* something stands between the fixed IP header and layer 4 */
	bool fragment;
};

static __always_inline bool parse_ipv4(struct packet *p, const uint8_t *data, const uint8_t *end)
{
	const struct wire_ipv4 *ip = (const void *)(data + sizeof(struct wire_ether));
	if ((const uint8_t *)(ip + 1) > end || ip->version_ihl >> 4 != 4)
		return false;
	p->src = wire_addr_from_v4(ip->src);
	p->dst = wire_addr_from_v4(ip->dst);
	p->protocol = ip->protocol;
	p->ttl = ip->ttl;
	uint16_t fragment = bpf_ntohs(ip->frag_off);
	p->fragment = fragment & (WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK);
	uint32_t header = (ip->version_ihl & 0xfu) * 4u, total = bpf_ntohs(ip->total_length);
	p->options = header != sizeof(*ip);
	if (header < sizeof(*ip) || total < header || (const uint8_t *)ip + total > end)
		return true;
	if (fragment & WIRE_IPV4_OFFSET_MASK)
		return true;
	p->l4 = sizeof(struct wire_ether) + header;
	p->l4_bytes = total - header;
	return true;
}

/* Extension headers are the forwarder's business: behind them l4 stays 0. */
static __always_inline bool parse_ipv6(struct packet *p, const uint8_t *data, const uint8_t *end)
{
	const struct wire_ipv6 *ip = (const void *)(data + sizeof(struct wire_ether));
	if ((const uint8_t *)(ip + 1) > end ||
	    (ip->version_class_flow & bpf_htonl(0xf0000000u)) != bpf_htonl(0x60000000u))
		return false;
	p->v6 = true;
	p->src = wire_addr_from_v6(ip->src);
	p->dst = wire_addr_from_v6(ip->dst);
	p->protocol = ip->next_header;
	p->ttl = ip->hop_limit;
	uint32_t payload = bpf_ntohs(ip->payload_length);
	if ((const uint8_t *)(ip + 1) + payload > end)
		return true;
	if (p->protocol == WIRE_PROTO_UDP) {
		p->l4 = sizeof(struct wire_ether) + sizeof(*ip);
		p->l4_bytes = payload;
	}
	return true;
}

/* *p is zero before. False: no IP, or not even an address can be read (VLAN-tagged frames are the kernel's). */
static __always_inline bool parse(struct packet *p, const uint8_t *data, const uint8_t *end)
{
	const struct wire_ether *ether = (const void *)data;
	if ((const uint8_t *)(ether + 1) > end)
		return false;
	if (ether->type == bpf_htons(WIRE_ETHERTYPE_IPV4))
		return parse_ipv4(p, data, end);
	if (ether->type == bpf_htons(WIRE_ETHERTYPE_IPV6))
		return parse_ipv6(p, data, end);
	return false;
}

/* The UDP header, or NULL. Bounds as the verifier likes them: the offset is small and the end is tested. */
static __always_inline const struct wire_udp *udp_of(const struct packet *p, const uint8_t *data, const uint8_t *end)
{
	if (p->protocol != WIRE_PROTO_UDP || p->l4 == 0 || p->l4 > 14u + 60u || p->l4_bytes < sizeof(struct wire_udp))
		return NULL;
	const struct wire_udp *udp = (const void *)(data + p->l4);
	return (const uint8_t *)(udp + 1) > end ? NULL : udp;
}
