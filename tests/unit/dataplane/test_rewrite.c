/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/rewrite.h"
#include "wire/bytes.h"

/* The oracle: checksums made anew over the whole packet. */
static uint16_t l4_checksum(const uint8_t *ip, uint8_t protocol, const uint8_t *l4, uint16_t length)
{
	uint8_t pseudo[4] = {0, protocol, (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = wire_ip_is_v6(ip) ? wire_csum_add(0, ip + 8, 32) : wire_csum_add(0, ip + 12, 8);
	sum = wire_csum_add(sum, pseudo, 4);
	return (uint16_t)~wire_csum_fold(wire_csum_add(sum, l4, length));
}

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rand();
}

struct packet {
	uint8_t bytes[600];
	uint16_t length;
	uint8_t protocol;
	uint8_t *l4;
	uint16_t l4_length;
};

static void put_v4(struct packet *p)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)p->bytes;
	unsigned ihl = 5 + (unsigned)rand() % 4;
	p->l4 = p->bytes + ihl * 4;
	p->length = (uint16_t)(ihl * 4 + p->l4_length);
	ip->version_ihl = (uint8_t)(0x40 | ihl);
	ip->protocol = p->protocol;
	ip->ttl |= 1;
	wire_put_be16(&ip->total_length, p->length);
	ip->checksum = 0;
	ip->checksum = wire_csum(ip, ihl * 4);
}

static void put_v6(struct packet *p)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)p->bytes;
	p->l4 = p->bytes + sizeof(*ip);
	p->length = (uint16_t)(sizeof(*ip) + p->l4_length);
	p->bytes[0] = (uint8_t)(0x60 | (p->bytes[0] & 15));
	ip->next_header = p->protocol;
	ip->hop_limit |= 1;
	wire_put_be16(&ip->payload_length, p->l4_length);
}

static void make_packet(struct packet *p, uint8_t protocol, bool v6)
{
	fill(p->bytes, sizeof(p->bytes));
	p->protocol = protocol;
	p->l4_length = (uint16_t)(28 + rand() % 200);
	if (v6)
		put_v6(p);
	else
		put_v4(p);
	uint8_t *check = p->l4 + (protocol == WIRE_PROTO_TCP ? 16 : 6);
	p->l4[12] = 0x60; /* TCP: 24 bytes of header */
	memset(check, 0, 2);
	uint16_t sum = l4_checksum(p->bytes, protocol, p->l4, p->l4_length);
	if (protocol == WIRE_PROTO_UDP && sum == 0)
		sum = 0xffff;
	memcpy(check, &sum, 2);
}

static struct dp_ends random_ends(bool v6)
{
	static struct wire_addr src, dst;
	uint8_t bytes[32];
	fill(bytes, sizeof(bytes));
	src = v6 ? wire_addr_from_v6(bytes) : wire_addr_from_v4(bytes);
	dst = v6 ? wire_addr_from_v6(bytes + 16) : wire_addr_from_v4(bytes + 4);
	return dp_ends(&src, (uint16_t)rand(), &dst, (uint16_t)rand());
}

static void expect_right_checksums(const struct packet *p)
{
	if (!wire_ip_is_v6(p->bytes))
		cr_assert_eq(wire_csum(p->bytes, (p->bytes[0] & 15u) * 4u), 0);
	cr_assert_eq(l4_checksum(p->bytes, p->protocol, p->l4, p->l4_length), 0);
}

static void expect_ends(const uint8_t *ip, const struct dp_ends *to)
{
	struct wire_addr src = wire_ip_src(ip), dst = wire_ip_dst(ip);
	cr_assert(wire_addr_equal(&src, to->src));
	cr_assert(wire_addr_equal(&dst, to->dst));
}

Test(rewrite, checksums_stay_right_whatever_the_new_ends_are)
{
	srand(1624);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet p;
		struct dp_ends to = random_ends(i & 2);
		make_packet(&p, i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP, i & 2);
		dp_rewrite_ends(p.bytes, p.l4, p.l4_length, &to, p.protocol);
		expect_right_checksums(&p);
		expect_ends(p.bytes, &to);
		cr_assert_arr_eq(p.l4, &to.sport, 4);
	}
}

static void make_plain(struct packet *p, uint8_t protocol)
{
	do
		make_packet(p, protocol, false);
	while (p->bytes[0] != 0x45);
}

Test(rewrite, the_straight_line_for_plain_packets_does_as_the_walk)
{
	srand(1071);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet plain, walked;
		struct dp_ends to = random_ends(false);
		make_plain(&plain, i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP);
		if (i % 16 == 0)
			memset(plain.l4 + 6, 0, 2); /* of UDP: there is no checksum */
		walked = plain;
		walked.l4 = walked.bytes + (plain.l4 - plain.bytes);
		dp_rewrite_plain_v4((struct wire_ipv4 *)plain.bytes, plain.l4, &to);
		dp_rewrite_ends(walked.bytes, walked.l4, walked.l4_length, &to, walked.protocol);
		cr_assert_arr_eq(plain.bytes, walked.bytes, sizeof(plain.bytes));
	}
}

/* The port that makes a datagram's sum zero, found by trying all: it must leave as all ones (RFC 768). */
Test(rewrite, a_udp_checksum_that_becomes_zero_is_sent_as_all_ones)
{
	struct packet p;
	struct dp_ends to = random_ends(false);
	bool all_ones = false;
	srand(768);
	make_plain(&p, WIRE_PROTO_UDP);
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		struct packet one = p;
		struct wire_udp *udp = (struct wire_udp *)(one.bytes + (p.l4 - p.bytes));
		to.sport = (uint16_t)port;
		dp_rewrite_plain_v4((struct wire_ipv4 *)one.bytes, (uint8_t *)udp, &to);
		cr_assert_neq(udp->checksum, 0, "port %u", port);
		all_ones |= udp->checksum == 0xffff;
	}
	cr_assert(all_ones, "no port makes it zero");
}

Test(rewrite, a_udp_datagram_without_checksum_stays_without)
{
	struct packet p;
	struct dp_ends to = random_ends(false);
	make_packet(&p, WIRE_PROTO_UDP, false);
	((struct wire_udp *)p.l4)->checksum = 0;
	dp_rewrite_ends(p.bytes, p.l4, p.l4_length, &to, p.protocol);
	cr_assert_eq(((struct wire_udp *)p.l4)->checksum, 0);
}

Test(rewrite, ttl_and_tos_keep_the_header_checksum)
{
	srand(791);
	for (unsigned i = 0; i < 5000; i++) {
		struct packet p;
		make_packet(&p, WIRE_PROTO_UDP, i & 1);
		uint8_t ttl = wire_ip_ttl(p.bytes), tos = (uint8_t)rand();
		uint32_t first = wire_be32(p.bytes);
		dp_rewrite_ttl(p.bytes);
		wire_ip_put_tos(p.bytes, tos);
		cr_assert_eq(wire_ip_ttl(p.bytes), ttl - 1);
		cr_assert_eq(wire_ip_tos(p.bytes), tos);
		uint32_t others = i & 1 ? 0xf00fffffu : 0xff00ffffu; /* version, flow label; version, length */
		cr_assert_eq(wire_be32(p.bytes) & others, first & others);
		expect_right_checksums(&p);
	}
}

/* The option at any offset, odd ones too, behind NOPs. */
Test(rewrite, mss_is_lowered_and_the_checksum_follows)
{
	srand(9293);
	for (unsigned i = 0; i < 5000; i++) {
		struct packet p;
		make_packet(&p, WIRE_PROTO_TCP, i & 1);
		unsigned nops = (unsigned)rand() % 4;
		uint16_t mss = (uint16_t)(1 + rand() % 9000), max = (uint16_t)(1 + rand() % 9000);
		uint8_t *options = p.l4 + 20;
		p.l4[12] = 0x70;
		memset(options, WIRE_TCP_OPT_NOP, 8);
		options[nops] = WIRE_TCP_OPT_MSS;
		options[nops + 1] = 4;
		wire_put_be16(options + nops + 2, mss);
		memset(p.l4 + 16, 0, 2);
		uint16_t sum = l4_checksum(p.bytes, p.protocol, p.l4, p.l4_length);
		memcpy(p.l4 + 16, &sum, 2);
		bool changed = dp_rewrite_mss((struct wire_tcp *)p.l4, p.l4_length, max);
		cr_assert_eq(changed, mss > max);
		cr_assert_eq(wire_be16(options + nops + 2), mss > max ? max : mss);
		expect_right_checksums(&p);
	}
}

/* Options that lie about their length, cut off anywhere: nothing outside the header is read (ASan) or written. */
Test(rewrite, hostile_tcp_options_are_left_alone)
{
	srand(6);
	for (unsigned i = 0; i < 50000; i++) {
		uint16_t length = (uint16_t)(20 + rand() % 41);
		uint8_t *tcp = malloc(length);
		fill(tcp, length);
		for (unsigned k = 20; k < length; k++)
			tcp[k] &= 7;
		dp_rewrite_mss((struct wire_tcp *)tcp, length, 0);
		free(tcp);
	}
}

/* Quotes of every length from the 8 bytes of RFC 792 on. */
Test(rewrite, icmp_errors_are_translated_however_little_they_quote)
{
	srand(792);
	for (unsigned i = 0; i < 5000; i++) {
		struct packet quoted, p;
		make_packet(&quoted, i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP, false);
		uint16_t header = (uint16_t)(quoted.l4 - quoted.bytes);
		uint16_t quote = (uint16_t)(header + 8 + (unsigned)rand() % (quoted.l4_length - 7u));
		struct wire_ipv4 *ip = (struct wire_ipv4 *)p.bytes;
		p.length = (uint16_t)(28 + quote);
		*ip = (struct wire_ipv4){.version_ihl = 0x45, .protocol = WIRE_PROTO_ICMP, .ttl = 3};
		ip->checksum = wire_csum(ip, 20);
		memset(p.bytes + 20, 0, 8);
		memcpy(p.bytes + 28, quoted.bytes, quote);
		uint16_t sum = wire_csum(p.bytes + 20, p.length - 20u);
		memcpy(p.bytes + 22, &sum, 2);

		struct dp_ends to = random_ends(false), back = dp_ends_exchanged(&to);
		dp_rewrite_icmp_error(p.bytes, p.bytes + 20, (uint16_t)(p.length - 20), &to, quoted.protocol);
		dp_rewrite_ends(quoted.bytes, quoted.l4, (uint16_t)(quote - header), &back, quoted.protocol);
		cr_assert_arr_eq(
		    p.bytes + 28, quoted.bytes, quote, "the quote of the packet, translated as the packet is");
		cr_assert_eq(wire_csum(ip, 20), 0);
		cr_assert_eq(wire_csum(p.bytes + 20, p.length - 20u), 0);
		expect_ends(p.bytes, &to);
	}
}
