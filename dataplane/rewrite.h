/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing packets in place: addresses and ports with their checksums by difference (RFC 1624), TTL, MSS.
 *
 * Invariant: a packet whose checksums were right stays right, one whose checksums were wrong stays wrong (the receiver
 * shall see that), and a UDP datagram without a checksum stays without. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

/* New ends of a packet, of its own IP version. Ports in network order. */
struct dp_ends {
	const struct wire_addr *src;
	const struct wire_addr *dst;
	uint16_t sport;
	uint16_t dport;
};

/* From ports in host order. */
static inline struct dp_ends dp_ends(
    const struct wire_addr *src, uint16_t sport, const struct wire_addr *dst, uint16_t dport)
{
	struct dp_ends e = {.src = src, .dst = dst};
	wire_put_be16(&e.sport, sport);
	wire_put_be16(&e.dport, dport);
	return e;
}

static inline struct dp_ends dp_ends_exchanged(const struct dp_ends *e)
{
	return (struct dp_ends){.src = e->dst, .dst = e->src, .sport = e->dport, .dport = e->sport};
}

/* Give the packet of TCP or UDP (`protocol`) at `ip`, whose L4 header is at `l4` with `l4_length` bytes present, new
 * ends. Of the L4 header only what is present is touched (8 bytes at least: the ports); `l4_length` is small in quoted
 * packets. */
void dp_rewrite_ends(uint8_t *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol);

/* The same for a plain IPv4 packet (dataplane/parse.h) that stays IPv4, in a straight line: what its header's sum grows by
 * is part of what its transport's does. */
static inline void dp_rewrite_plain_v4(struct wire_ipv4 *ip, uint8_t *l4, const struct dp_ends *to)
{
	uint32_t src = to->src->words[3], dst = to->dst->words[3], ports;
	uint16_t both[2] = {to->sport, to->dport};
	__builtin_memcpy(&ports, both, sizeof(ports));
	uint64_t grown =
	    (uint64_t)(uint32_t)~wire_csum_load_two(ip->src) + (uint32_t)~wire_csum_load_two(ip->dst) + src + dst;
	ip->checksum = (uint16_t)~wire_csum_fold((uint16_t)~ip->checksum + grown);
	__builtin_memcpy(ip->src, &src, sizeof(src));
	__builtin_memcpy(ip->dst, &dst, sizeof(dst));
	grown += (uint64_t)(uint32_t)~wire_csum_load_two(l4) + ports;
	__builtin_memcpy(l4, &ports, sizeof(ports));
	if (ip->protocol == WIRE_PROTO_TCP) {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;
		tcp->checksum = (uint16_t)~wire_csum_fold((uint16_t)~tcp->checksum + grown);
		return;
	}
	struct wire_udp *udp = (struct wire_udp *)l4;
	if (udp->checksum == 0) /* there is none */
		return;
	uint16_t check = (uint16_t)~wire_csum_fold((uint16_t)~udp->checksum + grown);
	udp->checksum = check ? check : 0xffff;
}

/* The same of the L4 header alone: its ports, and its checksum for the addresses of `to`, which may be of another version
 * than those in the header at `ip`. */
void dp_rewrite_l4(const uint8_t *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol);
/* The same for a later fragment, which has no L4 header. */
void dp_rewrite_addresses(uint8_t *ip, const struct dp_ends *to);

/* One hop less: the header's sum falls by 0x0100, so its checksum grows by as much, with end-around carry (RFC 1141). */
static inline void dp_rewrite_ttl_v4(struct wire_ipv4 *ip)
{
	uint32_t check = (uint32_t)wire_be16(&ip->checksum) + 0x0100;
	ip->ttl--;
	wire_put_be16(&ip->checksum, (uint16_t)(check + (check >= 0xffff)));
}

/* One hop less, and IPv4's header checksum with it. The TTL or hop limit must be above 0. */
static inline void dp_rewrite_ttl(void *packet)
{
	if (wire_ip_is_v6(packet)) {
		((struct wire_ipv6 *)packet)->hop_limit--;
		return;
	}
	dp_rewrite_ttl_v4(packet);
}

/* Its length, as the IP header tells it, becomes `length` bytes, header included. */
void dp_rewrite_length(uint8_t *ip, uint16_t length);

/* Lower the MSS option (RFC 9293, 3.7.1) of a SYN to `max`. `length` bytes of TCP are present. A SYN without the option
 * is left alone: its sender's default of 536 (RFC 9293, 3.7.1, SHLD-5) fits any path. Returns whether it was changed. */
bool dp_rewrite_mss(struct wire_tcp *tcp, uint16_t length, uint16_t max);

/* What it says; 0: the option is not there. */
uint16_t dp_rewrite_mss_of(struct wire_tcp *tcp, uint16_t length);

/* Makes the checksum of the ICMP or ICMPv6 message at `icmp`, of `length` bytes, in the packet at `ip`. */
void dp_rewrite_icmp_checksum(const uint8_t *ip, void *icmp, uint16_t length);

/* An ICMP error at `ip`, whose ICMP header is at `icmp` with `length` bytes to its end, that quotes a packet of TCP or UDP
 * (`protocol`): the addresses of `to` for the error, and its ends exchanged for the quoted packet, which went the other
 * way. The quoted packet's checksums follow as far as they are quoted, the ICMP checksum is made anew. The caller has
 * parsed it: quoted header whole, 8 bytes of L4 at least. RFC 5508, section 4. */
void dp_rewrite_icmp_error(uint8_t *ip, uint8_t *icmp, uint16_t length, const struct dp_ends *to, uint8_t protocol);
