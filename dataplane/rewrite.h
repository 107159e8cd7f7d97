/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing packets in place: addresses and ports with their checksums by difference (RFC 1624), TTL, MSS.
 *
 * Invariant: a packet whose checksums were right stays right, one whose checksums were wrong stays wrong (the receiver
 * shall see that), and a UDP datagram without a checksum stays without. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/checksum.h"
#include "wire/packet.h"

/* New ends of an IPv4 packet. Everything in network order. */
struct dp_ends {
	uint8_t src[4];
	uint8_t dst[4];
	uint16_t sport;
	uint16_t dport;
};

/* Give the TCP or UDP packet `ip`, whose L4 header is at `l4` with `l4_length` bytes present, new ends. Of the L4
 * header only what is present is touched (8 bytes at least: the ports); `l4_length` is small in quoted packets. */
void dp_rewrite_ends(struct wire_ipv4 *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to);

/* One hop less, and the header checksum with it. The TTL must be above 0. */
static inline void dp_rewrite_ttl(struct wire_ipv4 *ip)
{
	uint8_t before[2] = {ip->ttl, ip->protocol}, after[2] = {(uint8_t)(ip->ttl - 1), ip->protocol};
	ip->ttl--;
	ip->checksum = wire_csum_replace(ip->checksum, before, after, 2);
}

/* A new TOS byte. */
static inline void dp_rewrite_tos(struct wire_ipv4 *ip, uint8_t tos)
{
	uint8_t before[2] = {ip->version_ihl, ip->tos}, after[2] = {ip->version_ihl, tos};
	ip->tos = tos;
	ip->checksum = wire_csum_replace(ip->checksum, before, after, 2);
}

/* Lower the MSS option (RFC 9293, 3.7.1) of a SYN to `max`. `length` bytes of TCP are present. A SYN without the option
 * is left alone: its sender's default of 536 (RFC 9293, 3.7.1, SHLD-5) fits any path. Returns whether it was changed. */
bool dp_rewrite_mss(struct wire_tcp *tcp, uint16_t length, uint16_t max);

/* An ICMP error at `ip` (of `length` bytes, header included) that quotes a TCP or UDP packet: new outer addresses, and
 * new ends for the quoted packet. The quoted packet's checksums follow as far as they are quoted, the ICMP checksum is
 * made anew. The caller has parsed it: quoted header whole, 8 bytes of L4 at least. RFC 5508, section 4. */
void dp_rewrite_icmp_error(
    struct wire_ipv4 *ip, uint16_t length, const uint8_t src[4], const uint8_t dst[4], const struct dp_ends *quoted);
