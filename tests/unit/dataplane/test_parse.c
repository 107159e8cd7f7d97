/* SPDX-License-Identifier: BSD-2-Clause */
/* The straight line for the plain packet against the walk for any: with an option or an extension header that says
 * nothing a packet takes the walk, and must come to the same columns and the same verdict as without it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/burst.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define ROUNDS 200000u
#define MOST   160u

/* What is inserted behind the header: IPv4's options, three times nothing and their end, or IPv6's destination options,
 * padding. The first byte of the latter is the next header. */
static const struct {
	uint16_t header, size;
	uint8_t bytes[8];
} nothing[2] = {{20, 4, {1, 1, 1, 0}}, {40, 8, {0, 0, 1, 4}}};

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

static void set_checksum(uint8_t *ip)
{
	memset(ip + 10, 0, 2);
	uint16_t sum = wire_csum(ip, 20);
	memcpy(ip + 10, &sum, 2);
}

/* A packet of TCP, UDP or, rarely, of something else, and its length. */
static uint32_t given_packet(uint8_t *p, bool v6)
{
	static const uint8_t protocols[] = {WIRE_PROTO_TCP, WIRE_PROTO_TCP, WIRE_PROTO_TCP, WIRE_PROTO_UDP,
	    WIRE_PROTO_UDP, WIRE_PROTO_ICMP, WIRE_PROTO_ICMPV6, 47};
	uint32_t header = nothing[v6].header, l4 = 8 + random_below(MOST - header - 8);
	uint8_t protocol = protocols[random_below(sizeof(protocols))];
	for (uint32_t i = 0; i < header + l4; i++)
		p[i] = (uint8_t)random_below(256);
	p[0] = v6 ? 0x60 : 0x45;
	p[v6 ? 6 : 9] = protocol;
	wire_put_be16(p + (v6 ? 4 : 2), (uint16_t)(v6 ? l4 : header + l4));
	if (protocol == WIRE_PROTO_TCP && l4 > 12)
		p[header + 12] = (uint8_t)(random_below(3) ? 0x50 : random_below(256));
	if (protocol == WIRE_PROTO_UDP)
		wire_put_be16(p + header + 4, (uint16_t)l4);
	if (!v6) {
		wire_put_be16(p + 6, WIRE_IPV4_DF);
		set_checksum(p);
	}
	return header + l4;
}

/* Up to two bytes of the headers change, and mostly IPv4's checksum with them; an address of IPv6 may become one of
 * IPv4's in it. */
static void damage(uint8_t *p, bool v6)
{
	uint8_t next_header = p[6];
	for (uint32_t n = random_below(3); n; n--)
		p[1 + random_below(nothing[v6].header + 19u)] = (uint8_t)random_below(256);
	if (v6 && !random_below(16))
		memcpy(p + 8, wire_addr_from_v4(p + 20).bytes, 16);
	if (v6)
		p[6] = next_header; /* extensions in two places are another packet */
	else if (random_below(4))
		set_checksum(p);
}

/* With nothing inserted, of which the packet's length tells; a checksum that was wrong stays so. */
static void insert_nothing(const uint8_t *p, uint32_t length, bool v6, uint8_t *ret)
{
	static const uint8_t zero[4];
	uint16_t header = nothing[v6].header, size = nothing[v6].size;
	uint8_t *told = ret + (v6 ? 4 : 2);
	memcpy(ret, p, header);
	memcpy(ret + header, nothing[v6].bytes, size);
	memcpy(ret + header + size, p + header, length - header);
	wire_put_be16(told, (uint16_t)(wire_be16(told) + size));
	if (v6) {
		ret[header] = p[6];
		ret[6] = WIRE_PROTO_DESTINATION;
		return;
	}
	ret[0]++;
	uint16_t sum = ((const struct wire_ipv4 *)p)->checksum;
	sum = wire_csum_replace(sum, p, ret, 4);
	sum = wire_csum_replace(sum, zero, ret + header, 4);
	memcpy(ret + 10, &sum, 2);
}

static void expect_same(const struct dp_burst *b, uint16_t shift)
{
	cr_assert_eq(b->kind[0], b->kind[1]);
	cr_assert_eq(b->tcp_flags[0], b->tcp_flags[1]);
	cr_assert_eq(b->length[0] + shift, b->length[1]);
	cr_assert_eq(b->l4[0] - b->ip[0] + shift, b->l4[1] - b->ip[1]);
	cr_assert(memcmp(&b->key[0], &b->key[1], sizeof(b->key[0])) == 0);
	cr_assert_eq(b->hash[0], b->hash[1]);
}

static void compare(bool v6)
{
	static struct dp_burst b;
	uint8_t p[MOST], walked[MOST + sizeof(nothing[0].bytes)];
	unsigned taken[DP_KIND_NEIGHBOUR + 1] = {0}, refused = 0;
	uint16_t header = nothing[v6].header, size = nothing[v6].size;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t length = given_packet(p, v6);
		damage(p, v6);
		if (wire_be16(p + (v6 ? 4 : 2)) > UINT16_MAX - header - size)
			continue; /* there is no such packet with nothing more in it */
		insert_nothing(p, length, v6, walked);
		uint32_t there = random_below(8) ? length : header + random_below(length - header + 1);
		enum wire_drop plain = dp_parse_ip(&b, 0, p, there), any = dp_parse_ip(&b, 1, walked, there + size);
		cr_assert_eq(plain, any, "round %u: %s, but %s", round, wire_drop_name(plain), wire_drop_name(any));
		if (plain == WIRE_DROP_NONE) {
			expect_same(&b, size);
			taken[b.kind[0]]++;
		} else {
			refused++;
		}
	}
	cr_assert(taken[DP_KIND_TCP] > ROUNDS / 10 && taken[DP_KIND_UDP] > ROUNDS / 10 && refused > ROUNDS / 10);
}

Test(parse, the_plain_ipv4_packet_is_read_as_any_other_is)
{
	compare(false);
}

Test(parse, the_plain_ipv6_packet_is_read_as_any_other_is)
{
	compare(true);
}
