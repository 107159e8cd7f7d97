/* SPDX-License-Identifier: BSD-2-Clause */
/* The straight line for the usual packet against the walk for any: an IPv4 header with an option that says nothing takes
 * the walk, and must come to the same columns and the same verdict as without it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/burst.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define ROUNDS  200000u
#define MOST    128u
#define IP_SIZE 20u
#define OPTION  4u /* three times nothing, then the end of options */

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

static void set_checksum(uint8_t *ip)
{
	memset(ip + 10, 0, 2);
	uint16_t sum = wire_csum(ip, IP_SIZE);
	memcpy(ip + 10, &sum, 2);
}

/* A packet of TCP, UDP or, rarely, of something else, and its length. */
static uint32_t given_packet(uint8_t *p)
{
	static const uint8_t protocols[] = {
	    WIRE_PROTO_TCP, WIRE_PROTO_TCP, WIRE_PROTO_TCP, WIRE_PROTO_UDP, WIRE_PROTO_UDP, WIRE_PROTO_ICMP, 47};
	uint32_t length = IP_SIZE + 8 + random_below(MOST - IP_SIZE - 8);
	for (uint32_t i = 0; i < length; i++)
		p[i] = (uint8_t)random_below(256);
	p[0] = 0x45;
	p[9] = protocols[random_below(sizeof(protocols))];
	wire_put_be16(p + 2, (uint16_t)length);
	wire_put_be16(p + 6, WIRE_IPV4_DF);
	if (p[9] == WIRE_PROTO_TCP && length > IP_SIZE + 12)
		p[IP_SIZE + 12] = (uint8_t)(random_below(3) ? 0x50 : random_below(256));
	if (p[9] == WIRE_PROTO_UDP)
		wire_put_be16(p + IP_SIZE + 4, (uint16_t)(length - IP_SIZE));
	set_checksum(p);
	return length;
}

/* Up to two bytes of the headers change, and mostly the checksum with them. */
static void damage(uint8_t *p)
{
	for (uint32_t n = random_below(3); n; n--)
		p[1 + random_below(IP_SIZE + 19)] = (uint8_t)random_below(256);
	if (random_below(4))
		set_checksum(p);
}

/* With the option; a checksum that was wrong stays so. */
static void insert_option(const uint8_t *p, uint32_t length, uint8_t *ret)
{
	static const uint8_t option[OPTION] = {1, 1, 1, 0}, nothing[OPTION];
	memcpy(ret, p, IP_SIZE);
	memcpy(ret + IP_SIZE, option, OPTION);
	if (length > IP_SIZE)
		memcpy(ret + IP_SIZE + OPTION, p + IP_SIZE, length - IP_SIZE);
	ret[0] = 0x46;
	wire_put_be16(ret + 2, (uint16_t)(wire_be16(p + 2) + OPTION));
	uint16_t sum = ((const struct wire_ipv4 *)p)->checksum;
	sum = wire_csum_replace(sum, p, ret, OPTION);
	sum = wire_csum_replace(sum, nothing, option, OPTION);
	memcpy(ret + 10, &sum, 2);
}

static void expect_same(const struct dp_burst *b)
{
	cr_assert_eq(b->kind[0], b->kind[1]);
	cr_assert_eq(b->tcp_flags[0], b->tcp_flags[1]);
	cr_assert_eq(b->length[0] + OPTION, b->length[1]);
	cr_assert_eq(b->l4[0] - b->ip[0] + OPTION, b->l4[1] - b->ip[1]);
	cr_assert(memcmp(&b->key[0], &b->key[1], sizeof(b->key[0])) == 0);
	cr_assert_eq(b->hash[0], b->hash[1]);
}

Test(parse, the_usual_packet_is_read_as_any_other_is)
{
	static struct dp_burst b;
	uint8_t p[MOST], with_option[MOST + OPTION];
	unsigned taken[DP_KIND_NEIGHBOUR + 1] = {0}, refused = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t length = given_packet(p);
		damage(p);
		if (wire_be16(p + 2) > UINT16_MAX - OPTION)
			continue; /* there is no such packet with an option more */
		insert_option(p, length, with_option);
		uint32_t there = random_below(8) ? length : IP_SIZE + random_below(length - IP_SIZE + 1);
		enum wire_drop usual = dp_parse_ip(&b, 0, p, there);
		enum wire_drop any = dp_parse_ip(&b, 1, with_option, there + OPTION);
		cr_assert_eq(usual, any, "round %u: %s, but %s", round, wire_drop_name(usual), wire_drop_name(any));
		if (usual == WIRE_DROP_NONE) {
			expect_same(&b);
			taken[b.kind[0]]++;
		} else {
			refused++;
		}
	}
	cr_assert(taken[DP_KIND_TCP] > ROUNDS / 10 && taken[DP_KIND_UDP] > ROUNDS / 10 && refused > ROUNDS / 10);
}
