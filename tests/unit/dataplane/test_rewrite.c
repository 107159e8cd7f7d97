/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/rewrite.h"
#include "wire/bytes.h"

/* The oracle: checksums made anew over the whole packet. */
static uint16_t l4_checksum(const struct wire_ipv4 *ip, const uint8_t *l4, uint16_t length)
{
	uint8_t pseudo[4] = {0, ip->protocol, (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = wire_csum_add(0, ip->src, 8);
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
	struct wire_ipv4 *ip;
	uint8_t *l4;
	uint16_t l4_length;
};

static void make_packet(struct packet *p, uint8_t protocol)
{
	unsigned ihl = 5 + (unsigned)rand() % 4;
	fill(p->bytes, sizeof(p->bytes));
	p->ip = (struct wire_ipv4 *)p->bytes;
	p->l4 = p->bytes + ihl * 4;
	p->l4_length = (uint16_t)(28 + rand() % 200);
	p->length = (uint16_t)(ihl * 4 + p->l4_length);
	p->ip->version_ihl = (uint8_t)(0x40 | ihl);
	p->ip->protocol = protocol;
	p->ip->ttl |= 1;
	wire_put_be16(&p->ip->total_length, p->length);
	p->ip->checksum = 0;
	p->ip->checksum = wire_csum(p->ip, ihl * 4);
	uint8_t *check = p->l4 + (protocol == WIRE_PROTO_TCP ? 16 : 6);
	p->l4[12] = 0x60; /* TCP: 24 bytes of header */
	memset(check, 0, 2);
	uint16_t sum = l4_checksum(p->ip, p->l4, p->l4_length);
	if (protocol == WIRE_PROTO_UDP && sum == 0)
		sum = 0xffff;
	memcpy(check, &sum, 2);
}

static struct dp_ends random_ends(void)
{
	struct dp_ends e;
	fill((uint8_t *)&e, sizeof(e));
	return e;
}

static void expect_right_checksums(const struct packet *p)
{
	cr_assert_eq(wire_csum(p->ip, (p->ip->version_ihl & 15u) * 4u), 0);
	cr_assert_eq(l4_checksum(p->ip, p->l4, p->l4_length), 0);
}

Test(rewrite, checksums_stay_right_whatever_the_new_ends_are)
{
	srand(1624);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet p;
		struct dp_ends to = random_ends();
		make_packet(&p, i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP);
		dp_rewrite_ends(p.ip, p.l4, p.l4_length, &to);
		expect_right_checksums(&p);
		cr_assert_arr_eq(p.ip->src, to.src, 4);
		cr_assert_arr_eq(p.ip->dst, to.dst, 4);
		cr_assert_arr_eq(p.l4, &to.sport, 4);
	}
}

Test(rewrite, a_udp_datagram_without_checksum_stays_without)
{
	struct packet p;
	struct dp_ends to = random_ends();
	make_packet(&p, WIRE_PROTO_UDP);
	((struct wire_udp *)p.l4)->checksum = 0;
	dp_rewrite_ends(p.ip, p.l4, p.l4_length, &to);
	cr_assert_eq(((struct wire_udp *)p.l4)->checksum, 0);
}

Test(rewrite, ttl_and_tos_keep_the_header_checksum)
{
	srand(791);
	for (unsigned i = 0; i < 5000; i++) {
		struct packet p;
		make_packet(&p, WIRE_PROTO_UDP);
		uint8_t ttl = p.ip->ttl;
		dp_rewrite_ttl(p.ip);
		dp_rewrite_tos(p.ip, (uint8_t)rand());
		cr_assert_eq(p.ip->ttl, ttl - 1);
		expect_right_checksums(&p);
	}
}

/* The option at any offset, odd ones too, behind NOPs. */
Test(rewrite, mss_is_lowered_and_the_checksum_follows)
{
	srand(9293);
	for (unsigned i = 0; i < 5000; i++) {
		struct packet p;
		make_packet(&p, WIRE_PROTO_TCP);
		unsigned nops = (unsigned)rand() % 4;
		uint16_t mss = (uint16_t)(1 + rand() % 9000), max = (uint16_t)(1 + rand() % 9000);
		uint8_t *options = p.l4 + 20;
		p.l4[12] = 0x70;
		memset(options, WIRE_TCP_OPT_NOP, 8);
		options[nops] = WIRE_TCP_OPT_MSS;
		options[nops + 1] = 4;
		wire_put_be16(options + nops + 2, mss);
		memset(p.l4 + 16, 0, 2);
		uint16_t sum = l4_checksum(p.ip, p.l4, p.l4_length);
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
		make_packet(&quoted, i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP);
		uint16_t header = (uint16_t)(quoted.l4 - quoted.bytes);
		uint16_t quote = (uint16_t)(header + 8 + (unsigned)rand() % (quoted.l4_length - 7u));
		p.ip = (struct wire_ipv4 *)p.bytes;
		p.length = (uint16_t)(28 + quote);
		*p.ip = (struct wire_ipv4){.version_ihl = 0x45, .protocol = WIRE_PROTO_ICMP, .ttl = 3};
		p.ip->checksum = wire_csum(p.ip, 20);
		memset(p.bytes + 20, 0, 8);
		memcpy(p.bytes + 28, quoted.bytes, quote);
		uint16_t sum = wire_csum(p.bytes + 20, p.length - 20u);
		memcpy(p.bytes + 22, &sum, 2);

		struct dp_ends to = random_ends();
		static const uint8_t src[4] = {203, 0, 113, 10}, dst[4] = {192, 0, 2, 7};
		dp_rewrite_icmp_error(p.ip, p.length, src, dst, &to);
		dp_rewrite_ends(quoted.ip, quoted.l4, (uint16_t)(quote - header), &to);
		cr_assert_arr_eq(
		    p.bytes + 28, quoted.bytes, quote, "the quote of the packet, translated as the packet is");
		cr_assert_eq(wire_csum(p.ip, 20), 0);
		cr_assert_eq(wire_csum(p.bytes + 20, p.length - 20u), 0);
		cr_assert_arr_eq(p.ip->src, src, 4);
		cr_assert_arr_eq(p.ip->dst, dst, 4);
	}
}
