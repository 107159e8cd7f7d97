/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The headers of the packets that pass through: layouts only, every field in network order.
 * They are views on packet bytes, hence packed: no alignment is assumed. */
#pragma once

#include <stdint.h>

enum wire_ethertype {
	WIRE_ETHERTYPE_IPV4 = 0x0800,
	WIRE_ETHERTYPE_ARP = 0x0806,
	WIRE_ETHERTYPE_VLAN = 0x8100,
	WIRE_ETHERTYPE_IPV6 = 0x86dd,
	WIRE_ETHERTYPE_QINQ = 0x88a8,
};

enum wire_protocol {
	WIRE_PROTO_HOP_BY_HOP = 0, /* IPv6 extension header, as the others with a header's name */
	WIRE_PROTO_ICMP = 1,
	WIRE_PROTO_IPIP = 4,
	WIRE_PROTO_TCP = 6,
	WIRE_PROTO_UDP = 17,
	WIRE_PROTO_IPV6 = 41, /* in IP: RFC 2473, RFC 4213 */
	WIRE_PROTO_ROUTING = 43,
	WIRE_PROTO_FRAGMENT = 44,
	WIRE_PROTO_ICMPV6 = 58,
	WIRE_PROTO_DESTINATION = 60,
};

struct wire_ether {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t type;
} __attribute__((packed));

struct wire_vlan {
	uint16_t tci;
	uint16_t type;
} __attribute__((packed));

struct wire_ipv4 { /* RFC 791 */
	uint8_t version_ihl;
	uint8_t tos; /* DSCP 6 bits, ECN 2 bits */
	uint16_t total_length;
	uint16_t id;
	uint16_t frag_off; /* WIRE_IPV4_DF, WIRE_IPV4_MF, offset in units of 8 bytes */
	uint8_t ttl;
	uint8_t protocol;
	uint16_t checksum;
	uint8_t src[4];
	uint8_t dst[4];
} __attribute__((packed));

#define WIRE_IPV4_DF          0x4000u
#define WIRE_IPV4_MF          0x2000u
#define WIRE_IPV4_OFFSET_MASK 0x1fffu
#define WIRE_IPV4_MIN_MTU     576u /* what every host must take: RFC 791 */
#define WIRE_ECN_MASK         0x03u
#define WIRE_ECN_NOT_ECT      0u
#define WIRE_ECN_ECT1         1u
#define WIRE_ECN_ECT0         2u
#define WIRE_ECN_CE           3u

struct wire_ipv6 { /* RFC 8200 */
	uint32_t version_class_flow;
	uint16_t payload_length;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
} __attribute__((packed));

#define WIRE_IPV6_MIN_MTU 1280u /* of every link: RFC 8200, 5 */

struct wire_ipv6_ext { /* hop-by-hop, destination and routing headers: RFC 8200, 4.3, 4.4, 4.6 */
	uint8_t next_header;
	uint8_t length; /* in units of 8 bytes, the first 8 not counted */
	uint8_t routing_type;
	uint8_t segments_left; /* routing only; options stand here in the others */
	uint8_t rest[4];
} __attribute__((packed));

struct wire_ipv6_fragment { /* RFC 8200, 4.5 */
	uint8_t next_header;
	uint8_t reserved;
	uint16_t offset_flags; /* offset in units of 8 bytes in the upper 13 bits, WIRE_IPV6_MF */
	uint32_t id;
} __attribute__((packed));

#define WIRE_IPV6_MF 0x0001u

struct wire_udp { /* RFC 768 */
	uint16_t src;
	uint16_t dst;
	uint16_t length;
	uint16_t checksum;
} __attribute__((packed));

struct wire_tcp { /* RFC 9293 */
	uint16_t src;
	uint16_t dst;
	uint32_t seq;
	uint32_t ack;
	uint8_t offset; /* header length in 32-bit words, in the upper 4 bits */
	uint8_t flags;
	uint16_t window;
	uint16_t checksum;
	uint16_t urgent;
} __attribute__((packed));

enum wire_tcp_flags {
	WIRE_TCP_FIN = 0x01,
	WIRE_TCP_SYN = 0x02,
	WIRE_TCP_RST = 0x04,
	WIRE_TCP_PSH = 0x08,
	WIRE_TCP_ACK = 0x10,
};

enum wire_tcp_options {
	WIRE_TCP_OPT_END = 0,
	WIRE_TCP_OPT_NOP = 1,
	WIRE_TCP_OPT_MSS = 2,
	WIRE_TCP_OPT_SACK = 5,  /* RFC 2018 */
	WIRE_TCP_OPT_TOA = 254, /* wire/client_ip.h */
};
#define WIRE_TCP_HEADER_MAX 60u /* with options */

struct wire_icmp { /* RFC 792; rest: unused, next-hop MTU (RFC 1191) in its lower half, or id and sequence */
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint16_t rest_hi; /* echo: identifier */
	uint16_t rest_lo; /* echo: sequence; frag-needed: next-hop MTU */
} __attribute__((packed));

enum wire_icmp_type {
	WIRE_ICMP_ECHO_REPLY = 0,
	WIRE_ICMP_UNREACHABLE = 3,
	WIRE_ICMP_ECHO = 8,
	WIRE_ICMP_TIME_EXCEEDED = 11,
	WIRE_ICMP_PARAMETER = 12,
};
#define WIRE_ICMP_HOST_UNREACHABLE 1u /* codes of UNREACHABLE */
#define WIRE_ICMP_FRAG_NEEDED      4u

#define WIRE_ICMPV6_ADDRESS_UNREACHABLE 3u /* code of ICMPv6's UNREACHABLE */

enum wire_icmpv6_type { /* RFC 4443: errors are below 128, and the MTU of TOO_BIG is in all of rest; RFC 4861 */
	WIRE_ICMPV6_UNREACHABLE = 1,
	WIRE_ICMPV6_TOO_BIG = 2,
	WIRE_ICMPV6_TIME_EXCEEDED = 3,
	WIRE_ICMPV6_PARAMETER = 4,
	WIRE_ICMPV6_ECHO = 128,
	WIRE_ICMPV6_ECHO_REPLY = 129,
	WIRE_ICMPV6_ND_FIRST = 133, /* Neighbour Discovery: router and neighbour messages, redirect */
	WIRE_ICMPV6_ND_LAST = 137,
};

_Static_assert(sizeof(struct wire_ether) == 14, "Ethernet II");
_Static_assert(sizeof(struct wire_ipv4) == 20, "RFC 791 without options");
_Static_assert(sizeof(struct wire_ipv6) == 40, "RFC 8200");
_Static_assert(sizeof(struct wire_ipv6_ext) == 8, "RFC 8200");
_Static_assert(sizeof(struct wire_ipv6_fragment) == 8, "RFC 8200");
_Static_assert(sizeof(struct wire_udp) == 8, "RFC 768");
_Static_assert(sizeof(struct wire_tcp) == 20, "RFC 9293 without options");
_Static_assert(sizeof(struct wire_icmp) == 8, "RFC 792");
