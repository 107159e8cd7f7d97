/* SPDX-License-Identifier: BSD-2-Clause */
/* What we originate because of a packet: ICMP errors (RFC 792, RFC 1812, RFC 4443), echo replies on VIPs, TCP resets. A limit per
 * worker is shared by ICMP errors and by the resets that refuse a SYN or tell an endpoint that its flow is gone: their
 * source may be anybody, and nobody can make us a source of traffic. Echo replies, and resets of clients' segments that no
 * flow knows, answer packet by packet as any host does. */
#pragma once

#include "dataplane/burst.h"

#define DP_ICMP_INTERVAL_NS 1000000u /* 1,000 errors a second */
#define DP_ICMP_BURST       50u
#define DP_ICMP_MAX         576u              /* bytes of an error packet: RFC 1812, 4.3.2.3 */
#define DP_ICMPV6_MAX       WIRE_IPV6_MIN_MTU /* RFC 4443, 2.4 (c) */

/* What became of a packet; type and code are those of its IP version. */
enum dp_icmp_reason { DP_ICMP_TIME_EXCEEDED, DP_ICMP_TOO_BIG, DP_ICMP_UNREACHABLE /* host */ };

/* Tells the sender of the IP packet at `about` (`available` bytes of it are there) what became of it; from the address
 * that it was sent to. `mtu` is for TOO_BIG only. Nothing is sent about ICMP errors, later fragments, and packets from or
 * to addresses that are no single host's (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)), or beyond the limit. */
void dp_icmp_error(
    struct dp_worker *w, const uint8_t *about, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu);

/* The same, as an mbuf whose data is the IP packet, or NULL: there is nothing to be sent. */
struct rte_mbuf *dp_icmp_make(
    struct dp_worker *w, const uint8_t *about, uint16_t available, enum dp_icmp_reason reason, uint16_t mtu);

/* Takes one packet out of the limit; false: it is used up, which is counted as WIRE_DROP_RATE. */
bool dp_icmp_within_rate(struct dp_worker *w);

/* Packet i is an echo request to a VIP: it goes back as the reply. Takes the packet. */
void dp_icmp_echo(struct dp_worker *w, struct dp_burst *b, unsigned i);

/* A RST from the receiver of TCP packet i to its sender (RFC 9293, 3.10.7.1), as an mbuf whose data is the IP packet;
 * NULL if the packet is a RST itself or no buffer is left. */
struct rte_mbuf *dp_icmp_reset(struct dp_worker *w, const struct dp_burst *b, unsigned i);
