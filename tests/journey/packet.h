/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets as the tests write them, and as bytes. Independent of the code under test: every checksum is made over the
 * whole, every outer header field by field. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/overlay.h"
#include "wire/address.h"
#include "wire/packet.h"

#define MAX_PACKET 9216u

struct packet {
	uint16_t length; /* of the IP packet */
	uint8_t bytes[MAX_PACKET];
};

/* "192.0.2.7:5000" or "192.0.2.7", "[2001:db8::7]:5000" or "2001:db8::7". The addresses say which IP a packet is. */
struct end {
	struct wire_addr address;
	uint16_t port;
};
struct end end_of(const char *text);

/* What a test may say of a packet beside its ends; zero means the usual. */
struct more {
	uint8_t flags; /* TCP; usual: ACK */
	uint8_t ttl;   /* usual: 64 */
	uint8_t tos;
	uint16_t mss;        /* TCP option; 0: none */
	const void *options; /* TCP, behind the MSS if there is one; a multiple of 4 bytes */
	uint8_t options_length;
	const void *data;   /* the payload; NULL: any */
	uint16_t payload;   /* bytes */
	uint8_t ip_options; /* IPv4: bytes of NOPs, a multiple of 4. IPv6: of a hop-by-hop header, a multiple of 8 */
	uint16_t fragment;  /* IPv6: a fragment header with this offset and flags, identification 0x4b554b55 */
	bool atomic;        /* IPv6: the same with offset and flags 0 */
	bool df;            /* IPv4 */
	bool no_checksum;   /* UDP */
	uint16_t frag_off;  /* IPv4 */
	uint16_t id;        /* IPv4; 0: the usual */
	uint32_t seq, ack;
};

struct packet make_tcp(const char *from, const char *to, struct more more);
struct packet make_udp(const char *from, const char *to, struct more more);
#define tcp(from, to, ...) make_tcp(from, to, (struct more){__VA_ARGS__})
#define udp(from, to, ...) make_udp(from, to, (struct more){__VA_ARGS__})

/* type 8 is a request, 0 a reply; 128 and 129 of ICMPv6. */
struct packet icmp_echo(const char *from, const char *to, uint8_t type, uint8_t ttl, uint16_t payload);

/* An error from `from` to the sender of `about`, quoting `quote` bytes of it (0: IP header and 8 bytes). */
struct packet icmp_error(
    const char *from, uint8_t type, uint8_t code, uint16_t mtu, const struct packet *about, uint16_t quote);

/* The same packet after a hop. */
struct packet with_ttl(struct packet p, uint8_t ttl);

struct overlay {
	const char *from, *to; /* outer addresses */
	uint16_t source_port;  /* 0xc000 | hash */
	uint8_t tos;
	uint32_t vni;
	uint8_t left, count;
	struct {
		uint16_t pop;
		uint8_t local, remote;
	} hop[WIRE_PATH_MAX_HOPS];
	uint8_t flags, tried;
	uint16_t ingress, egress;
	uint32_t endpoint, group;
	uint16_t candidate[WIRE_STEER_MAX_CANDIDATES];
	uint64_t sequence;
	uint32_t time_us, epoch;
	uint8_t key_id;
	uint8_t secret[16];
};

struct packet make_overlay(const struct overlay *o, const struct packet *inner);

/* The inner packet of an overlay packet. */
struct packet inner_of(const struct packet *outer);

/* Makes the tag anew after a test has changed an option. */
void sign(struct packet *outer, const uint8_t secret[16]);

/* Makes length and IPv4 header checksum those of a packet of p->length bytes, if so much of a header is there. */
void set_right(struct packet *p);

/* Fails the test, showing both, unless they are alike byte for byte. */
void expect_same(const struct packet *got, const struct packet *expected, const char *file, int line);
#define expect_packet(got, expected)                                                                                   \
	do {                                                                                                           \
		struct packet got_ = (got), expected_ = (expected);                                                    \
		expect_same(&got_, &expected_, __FILE__, __LINE__);                                                    \
	} while (0)

/* Views. */
static inline bool is_v6(const struct packet *p)
{
	return p->bytes[0] >> 4 == 6;
}
static inline struct wire_ipv4 *ip_of(struct packet *p)
{
	return (struct wire_ipv4 *)p->bytes;
}
static inline struct wire_ipv6 *ipv6_of(struct packet *p)
{
	return (struct wire_ipv6 *)p->bytes;
}
struct wire_addr source_of(const struct packet *p);
struct wire_addr destination_of(const struct packet *p);
uint8_t protocol_of(const struct packet *p);
uint8_t *l4_of(struct packet *p);
uint16_t source_port_of(const struct packet *p);
