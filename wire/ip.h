/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The fields that IPv4 and IPv6 headers have in common, whichever it is: the version in the first four bits tells.
 * `ip` points to a whole header without options (20 or 40 bytes). */
#pragma once

#include "wire/address.h"
#include "wire/checksum.h"
#include "wire/packet.h"

static inline bool wire_ip_is_v6(const void *ip)
{
	return *(const uint8_t *)ip >> 4 == 6;
}

static inline uint16_t wire_ip_ethertype(const void *ip)
{
	return wire_ip_is_v6(ip) ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4;
}

static inline struct wire_addr wire_ip_src(const void *ip)
{
	return wire_ip_is_v6(ip) ? wire_addr_from_v6(((const struct wire_ipv6 *)ip)->src)
	                         : wire_addr_from_v4(((const struct wire_ipv4 *)ip)->src);
}

static inline struct wire_addr wire_ip_dst(const void *ip)
{
	return wire_ip_is_v6(ip) ? wire_addr_from_v6(((const struct wire_ipv6 *)ip)->dst)
	                         : wire_addr_from_v4(((const struct wire_ipv4 *)ip)->dst);
}

static inline uint8_t wire_ip_ttl(const void *ip)
{
	return wire_ip_is_v6(ip) ? ((const struct wire_ipv6 *)ip)->hop_limit : ((const struct wire_ipv4 *)ip)->ttl;
}

/* IPv4's TOS, IPv6's traffic class: DSCP 6 bits, ECN 2 bits (RFC 2474, RFC 3168). */
static inline uint8_t wire_ip_tos(const void *ip)
{
	const uint8_t *at = ip;
	return wire_ip_is_v6(ip) ? (uint8_t)(at[0] << 4 | at[1] >> 4) : at[1];
}

/* A new one, and IPv4's header checksum with it. */
static inline void wire_ip_put_tos(void *packet, uint8_t tos)
{
	if (wire_ip_is_v6(packet)) {
		uint8_t *at = packet;
		at[0] = (uint8_t)((at[0] & 0xf0u) | tos >> 4);
		at[1] = (uint8_t)((at[1] & 0x0fu) | (unsigned)tos << 4);
		return;
	}
	struct wire_ipv4 *ip = packet;
	uint8_t before[2] = {ip->version_ihl, ip->tos}, after[2] = {ip->version_ihl, tos};
	ip->tos = tos;
	ip->checksum = wire_csum_replace(ip->checksum, before, after, 2);
}

/* The sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) in front of `length` bytes of `protocol`. */
static inline uint64_t wire_ip_pseudo(const void *ip, uint8_t protocol, uint16_t length)
{
	uint8_t tail[4] = {0, protocol, (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = wire_csum_add(0, tail, sizeof(tail));
	return wire_ip_is_v6(ip) ? wire_csum_add(sum, ((const struct wire_ipv6 *)ip)->src, 32)
	                         : wire_csum_add(sum, ((const struct wire_ipv4 *)ip)->src, 8);
}

/* Bytes of the header without options or extension headers. */
static inline uint16_t wire_ip_header_size(bool v6)
{
	return v6 ? sizeof(struct wire_ipv6) : sizeof(struct wire_ipv4);
}
