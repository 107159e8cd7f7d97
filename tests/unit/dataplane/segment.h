/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP segment in a packet of either version, with room in front of it, for tests; and its checksums, made over the whole. */
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/ip.h"

#define SEGMENT_FRONT 64u

struct segment {
	uint8_t bytes[512];
	uint8_t *ip;
	struct wire_tcp *tcp;
	uint16_t length;    /* of the packet */
	uint16_t tcp_bytes; /* from the TCP header on */
};

static inline uint16_t segment_checksum(const struct segment *s)
{
	uint64_t sum = wire_ip_pseudo(s->ip, WIRE_PROTO_TCP, s->tcp_bytes);
	return wire_csum_fold(wire_csum_add(sum, s->tcp, s->tcp_bytes));
}

static inline void segment_finish(struct segment *s)
{
	s->tcp->checksum = 0;
	s->tcp->checksum = (uint16_t)~segment_checksum(s);
}

/* `options` are of a multiple of 4 bytes. The payload is random, and so is what does not matter. */
static inline struct segment *segment_make(
    bool v6, uint8_t flags, const void *options, unsigned options_length, uint16_t payload)
{
	static struct segment s;
	for (unsigned i = 0; i < sizeof(s.bytes); i++)
		s.bytes[i] = (uint8_t)rand();
	unsigned extra = v6 ? 0 : 4u * ((unsigned)rand() % 3), header = v6 ? 40 : 20 + extra;
	s.ip = s.bytes + SEGMENT_FRONT;
	s.tcp = (struct wire_tcp *)(s.ip + header);
	s.tcp_bytes = (uint16_t)(sizeof(*s.tcp) + options_length + payload);
	s.length = (uint16_t)(header + s.tcp_bytes);
	if (v6) {
		s.ip[0] = (uint8_t)(0x60 | (s.ip[0] & 15));
		s.ip[6] = WIRE_PROTO_TCP;
		wire_put_be16(s.ip + 4, s.tcp_bytes);
	} else {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)s.ip;
		ip->version_ihl = (uint8_t)(0x40 | header / 4);
		ip->protocol = WIRE_PROTO_TCP;
		wire_put_be16(&ip->total_length, s.length);
		ip->checksum = 0;
		ip->checksum = wire_csum(ip, header);
	}
	s.tcp->offset = (uint8_t)((sizeof(*s.tcp) + options_length) / 4 << 4);
	s.tcp->flags = flags;
	if (options_length)
		memcpy(s.tcp + 1, options, options_length);
	segment_finish(&s);
	return &s;
}

/* After a change: everything fits together. */
static inline void segment_expect_right(const struct segment *s)
{
	if (wire_ip_is_v6(s->ip)) {
		cr_assert_eq(wire_be16(s->ip + 4), s->length - 40);
	} else {
		const struct wire_ipv4 *ip = (const struct wire_ipv4 *)s->ip;
		cr_assert_eq(wire_be16(&ip->total_length), s->length);
		cr_assert_eq(wire_csum_fold(wire_csum_add(0, ip, (ip->version_ihl & 15u) * 4u)), 0xffff);
	}
	cr_assert_eq(segment_checksum(s), 0xffff);
}
