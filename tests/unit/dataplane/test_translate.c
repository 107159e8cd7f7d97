/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/headers.h"
#include "dataplane/translate.h"

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rand();
}

struct packet {
	uint8_t room[DP_TRANSLATE_ROOM];
	uint8_t bytes[700];
	uint16_t length;
};

static const uint8_t six_a[16] = {0x20, 1, 0xd, 0xb8, [15] = 1}, six_b[16] = {0x20, 1, 0xd, 0xb8, [14] = 0xff, 2};
static struct wire_addr a4, b4, a6, b6;

static struct dp_ends ends(bool v6)
{
	a4 = wire_addr_from_v4("\xc0\0\2\7"), b4 = wire_addr_from_v4("\xcb\0\x71\x0a");
	a6 = wire_addr_from_v6(six_a), b6 = wire_addr_from_v6(six_b);
	return v6 ? dp_ends(&a6, 7000, &b6, 8443) : dp_ends(&a4, 5000, &b4, 443);
}

static uint16_t sum_of(const uint8_t *ip, const struct dp_headers *h, uint16_t length)
{
	uint16_t l4 = (uint16_t)(length - h->l4);
	return wire_csum_fold(wire_csum_add(wire_ip_pseudo(ip, h->protocol, l4), ip + h->l4, l4));
}

/* A packet of `ends(v6)` with right checksums. */
static void given(struct packet *p, bool v6, uint8_t protocol, uint16_t l4)
{
	struct dp_ends e = ends(v6);
	uint8_t *ip = p->bytes, *at = ip + wire_ip_header_size(v6);
	fill(p->bytes, sizeof(p->bytes));
	p->length = (uint16_t)(at - ip + l4);
	if (v6) {
		struct wire_ipv6 *h = (struct wire_ipv6 *)ip;
		ip[0] = 0x60;
		wire_put_be16(&h->payload_length, l4);
		h->next_header = protocol;
		memcpy(h->src, e.src->bytes, 16);
		memcpy(h->dst, e.dst->bytes, 16);
	} else {
		struct wire_ipv4 *h = (struct wire_ipv4 *)ip;
		h->version_ihl = 0x45;
		wire_put_be16(&h->total_length, p->length);
		wire_put_be16(&h->frag_off, rand() & 1 ? WIRE_IPV4_DF : 0);
		h->protocol = protocol;
		memcpy(h->src, e.src->bytes + 12, 4);
		memcpy(h->dst, e.dst->bytes + 12, 4);
		h->checksum = 0;
		h->checksum = wire_csum(h, sizeof(*h));
	}
	memcpy(at, &e.sport, 2);
	memcpy(at + 2, &e.dport, 2);
	if (protocol == WIRE_PROTO_UDP)
		wire_put_be16(at + 4, l4);
	uint8_t *check = at + (protocol == WIRE_PROTO_TCP ? 16 : 6);
	memset(check, 0, 2);
	uint64_t sum = wire_csum_add(wire_ip_pseudo(ip, protocol, l4), at, l4);
	uint16_t checksum = (uint16_t)~wire_csum_fold(sum);
	if (!checksum && protocol == WIRE_PROTO_UDP)
		checksum = 0xffff;
	memcpy(check, &checksum, 2);
}

static void expect_sound(const struct dp_translated *t, bool v6, const struct dp_ends *e)
{
	struct dp_headers h;
	struct wire_addr src = wire_ip_src(t->ip), dst = wire_ip_dst(t->ip);
	cr_assert_eq(wire_ip_is_v6(t->ip), v6);
	cr_assert_eq(dp_headers_find(t->ip, t->length, &h), WIRE_DROP_NONE);
	cr_assert_eq(t->l4, t->ip + h.l4);
	cr_assert(wire_addr_equal(&src, e->src) && wire_addr_equal(&dst, e->dst));
	cr_assert_arr_eq(t->l4, &e->sport, 2);
	cr_assert_arr_eq(t->l4 + 2, &e->dport, 2);
	cr_assert_eq(sum_of(t->ip, &h, t->length), 0xffff);
	if (!v6)
		cr_assert_eq(wire_csum(t->ip, 20), 0);
}

Test(translate, packets_of_each_version_become_the_others_and_return)
{
	srand(7915);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet p;
		bool v6 = i & 1;
		uint16_t l4 = (uint16_t)(20 + rand() % 500);
		uint8_t protocol = i & 2 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP, body[600];
		struct dp_ends there = ends(!v6), here = ends(v6);
		struct dp_translated t, back;
		given(&p, v6, protocol, l4);
		memcpy(body, p.bytes + (v6 ? 40 : 20), l4);
		uint8_t tos = wire_ip_tos(p.bytes), ttl = wire_ip_ttl(p.bytes);
		cr_assert_eq(dp_translate(p.bytes, p.length, &there, 77, &t), WIRE_DROP_NONE);
		expect_sound(&t, !v6, &there);
		cr_assert_eq(t.length, p.length + (v6 ? -20 : 20));
		cr_assert(wire_ip_tos(t.ip) == tos && wire_ip_ttl(t.ip) == ttl);
		if (v6)
			cr_assert_eq(wire_be16(t.ip + 4), 77, "small: it may be fragmented, and has a number");
		cr_assert_eq(dp_translate(t.ip, t.length, &here, 0, &back), WIRE_DROP_NONE);
		expect_sound(&back, v6, &here);
		cr_assert_eq(back.ip, p.bytes);
		cr_assert_arr_eq(back.l4, body, l4);
	}
}

Test(translate, fragments_stay_fragments)
{
	for (unsigned i = 0; i < 4; i++) {
		struct packet p;
		uint16_t flags = (uint16_t)((i & 1 ? WIRE_IPV4_MF : 0) | (i & 2 ? 185 : 0));
		struct dp_ends there = ends(true), here = ends(false);
		struct dp_translated t, back;
		given(&p, false, WIRE_PROTO_TCP, 400);
		wire_put_be16(p.bytes + 4, 0xbeef);
		wire_put_be16(p.bytes + 6, flags);
		memset(p.bytes + 10, 0, 2);
		uint16_t sum = wire_csum(p.bytes, 20);
		memcpy(p.bytes + 10, &sum, 2);
		uint8_t body[400];
		memcpy(body, p.bytes + 20, sizeof(body));
		cr_assert_eq(dp_translate(p.bytes, p.length, &there, 1, &t), WIRE_DROP_NONE);
		cr_assert_eq(t.length, 420 + 20 + (flags ? 8 : 0));
		if (flags) {
			cr_assert_eq(t.ip[6], WIRE_PROTO_FRAGMENT);
			cr_assert_eq(t.ip[40], WIRE_PROTO_TCP);
			cr_assert_eq(wire_be16(t.ip + 42), (i & 2 ? 185 << 3 : 0) | (i & 1));
			cr_assert_eq(wire_be32(t.ip + 44), 0xbeef);
		}
		if (i & 2)
			cr_assert_arr_eq(t.l4, body, sizeof(body), "a later fragment has no header to change");
		cr_assert_eq(dp_translate(t.ip, t.length, &here, 1, &back), WIRE_DROP_NONE);
		cr_assert_arr_eq(back.l4, body, sizeof(body));
		cr_assert_eq(wire_be16(back.ip + 6), flags);
		cr_assert_eq(wire_be16(back.ip + 4), flags ? 0xbeef : 1);
	}
}

Test(translate, the_first_fragment_of_a_datagram_without_checksum_is_refused)
{
	struct packet p;
	struct dp_ends there = ends(true);
	struct dp_translated t;
	given(&p, false, WIRE_PROTO_UDP, 400);
	memset(p.bytes + 26, 0, 2);
	wire_put_be16(p.bytes + 6, WIRE_IPV4_MF);
	cr_assert_eq(dp_translate(p.bytes, p.length, &there, 1, &t), WIRE_DROP_FRAGMENT);
}

/* ---- RFC 7915, 4.2 and 5.2, row by row ---- */

#define REFUSED 0xff
struct row {
	uint8_t type, code;
	uint32_t rest;
	uint8_t to_type, to_code;
	uint32_t to_rest;
};

static struct wire_icmp icmp_of(uint8_t type, uint8_t code, uint32_t rest)
{
	struct wire_icmp icmp = {.type = type, .code = code};
	wire_put_be32(&icmp.rest_hi, rest);
	return icmp;
}

static void expect_row(const struct row *row, bool said, const struct wire_icmp *got)
{
	cr_assert_eq(said, row->to_type != REFUSED, "%u/%u", row->type, row->code);
	if (!said)
		return;
	cr_assert_eq(got->type, row->to_type, "%u/%u: type %u", row->type, row->code, got->type);
	cr_assert_eq(got->code, row->to_code, "%u/%u: code %u", row->type, row->code, got->code);
	cr_assert_eq(
	    wire_be32(&got->rest_hi), row->to_rest, "%u/%u: %08x", row->type, row->code, wire_be32(&got->rest_hi));
}

Test(translate, errors_of_ipv4_are_said_in_ipv6)
{
	static const struct row rows[] = {{3, 0, 0, 1, 0, 0}, {3, 1, 0, 1, 0, 0}, {3, 2, 0, 4, 1, 6},
	    {3, 3, 0, 1, 4, 0}, {3, 4, 1400, 2, 0, 1420}, {3, 4, 1200, 2, 0, 1280}, {3, 4, 0, 2, 0, 1492 + 20},
	    {3, 5, 0, 1, 0, 0}, {3, 6, 0, 1, 0, 0}, {3, 7, 0, 1, 0, 0}, {3, 8, 0, 1, 0, 0}, {3, 9, 0, 1, 1, 0},
	    {3, 10, 0, 1, 1, 0}, {3, 11, 0, 1, 0, 0}, {3, 12, 0, 1, 0, 0}, {3, 13, 0, 1, 1, 0},
	    {3, 14, 0, REFUSED, 0, 0}, {3, 15, 0, 1, 1, 0}, {3, 16, 0, REFUSED, 0, 0}, {11, 0, 0, 3, 0, 0},
	    {11, 1, 0, 3, 1, 0}, {12, 0, 0, 4, 0, 0}, {12, 0, 1u << 24, 4, 0, 1}, {12, 0, 3u << 24, 4, 0, 4},
	    {12, 2, 8u << 24, 4, 0, 7}, {12, 0, 9u << 24, 4, 0, 6}, {12, 0, 14u << 24, 4, 0, 8},
	    {12, 0, 16u << 24, 4, 0, 24}, {12, 0, 5u << 24, REFUSED, 0, 0}, {12, 0, 20u << 24, REFUSED, 0, 0},
	    {12, 1, 0, REFUSED, 0, 0}, {8, 0, 0, REFUSED, 0, 0}, {5, 0, 0, REFUSED, 0, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_icmp was = icmp_of(rows[i].type, rows[i].code, rows[i].rest), is;
		expect_row(&rows[i], dp_translate_icmp_to_v6(&was, 1500, &is), &is);
	}
}

Test(translate, errors_of_ipv6_are_said_in_ipv4)
{
	static const struct row rows[] = {{1, 0, 0, 3, 1, 0}, {1, 1, 0, 3, 10, 0}, {1, 2, 0, 3, 1, 0},
	    {1, 3, 0, 3, 1, 0}, {1, 4, 0, 3, 3, 0}, {1, 5, 0, REFUSED, 0, 0}, {2, 0, 1400, 3, 4, 1380},
	    {2, 0, 600, 3, 4, 1260}, {2, 0, 100000, 3, 4, 65535}, {3, 0, 0, 11, 0, 0}, {3, 1, 0, 11, 1, 0},
	    {4, 0, 0, 12, 0, 0}, {4, 0, 1, 12, 0, 1u << 24}, {4, 0, 2, REFUSED, 0, 0}, {4, 0, 5, 12, 0, 2u << 24},
	    {4, 0, 6, 12, 0, 9u << 24}, {4, 0, 7, 12, 0, 8u << 24}, {4, 0, 23, 12, 0, 12u << 24},
	    {4, 0, 39, 12, 0, 16u << 24}, {4, 0, 40, REFUSED, 0, 0}, {4, 1, 6, 3, 2, 0}, {4, 2, 0, REFUSED, 0, 0},
	    {128, 0, 0, REFUSED, 0, 0}, {137, 0, 0, REFUSED, 0, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_icmp was = icmp_of(rows[i].type, rows[i].code, rows[i].rest), is;
		expect_row(&rows[i], dp_translate_icmp_to_v4(&was, &is), &is);
	}
}

/* Quotes of every length from 8 bytes on: what is quoted becomes what the packet itself becomes, as far as it is there. */
Test(translate, quotes_are_translated_as_the_packets_are)
{
	srand(4443);
	for (unsigned i = 0; i < 4000; i++) {
		struct packet about, p;
		bool v6 = i & 1;
		uint16_t header = v6 ? 40 : 20, l4 = (uint16_t)(40 + rand() % 200),
		         quote = (uint16_t)(header + 8 + rand() % (l4 - 7));
		if (quote == header + 17)
			quote++; /* half a checksum cannot be changed */
		/* The error goes from b to a: its quote, from a to b. */
		given(&about, v6, i & 2 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP, l4);
		memset(&p, 0, sizeof(p));
		p.length = (uint16_t)(header + 8 + quote);
		memcpy(p.bytes, about.bytes, header);
		memcpy(p.bytes + (v6 ? 8 : 12), about.bytes + (v6 ? 24 : 16), v6 ? 16 : 4);
		memcpy(p.bytes + (v6 ? 24 : 16), about.bytes + (v6 ? 8 : 12), v6 ? 16 : 4);
		p.bytes[v6 ? 6 : 9] = v6 ? WIRE_PROTO_ICMPV6 : WIRE_PROTO_ICMP;
		wire_put_be16(p.bytes + (v6 ? 4 : 2), (uint16_t)(v6 ? 8 + quote : p.length));
		p.bytes[header] = v6 ? WIRE_ICMPV6_UNREACHABLE : WIRE_ICMP_UNREACHABLE;
		p.bytes[header + 1] = v6 ? 4 : 3;
		memcpy(p.bytes + header + 8, about.bytes, quote);

		struct dp_ends there = ends(!v6), back = dp_ends_exchanged(&there);
		struct dp_translated error, packet;
		cr_assert_eq(dp_translate(p.bytes, p.length, &back, 0, &error), WIRE_DROP_NONE);
		cr_assert_eq(dp_translate(about.bytes, about.length, &there, 0, &packet), WIRE_DROP_NONE);
		uint16_t now = (uint16_t)(v6 ? 20 : 40);
		cr_assert_eq(error.length, p.length + (v6 ? -40 : 40));
		cr_assert_eq(error.l4, error.ip + now);
		cr_assert_eq(error.l4[0], v6 ? WIRE_ICMP_UNREACHABLE : WIRE_ICMPV6_UNREACHABLE);
		cr_assert_eq(error.l4[1], v6 ? 3 : 4);
		cr_assert_arr_eq(error.l4 + 8, packet.ip, (size_t)(quote - header + now));
		uint64_t pseudo = v6 ? 0 : wire_ip_pseudo(error.ip, WIRE_PROTO_ICMPV6, (uint16_t)(error.length - now));
		cr_assert_eq(wire_csum_fold(wire_csum_add(pseudo, error.l4, (size_t)(error.length - now))), 0xffff);
	}
}

/* RFC 4884: behind the quote's told length there is no quote. */
Test(translate, an_extension_of_the_error_is_cut_off)
{
	struct packet about, p = {.length = 20 + 8 + 128 + 12};
	struct dp_ends to = ends(true), back = dp_ends_exchanged(&to);
	struct dp_translated t;
	given(&about, false, WIRE_PROTO_UDP, 300);
	memcpy(p.bytes, about.bytes, 20);
	p.bytes[9] = WIRE_PROTO_ICMP;
	wire_put_be16(p.bytes + 2, p.length);
	p.bytes[20] = WIRE_ICMP_TIME_EXCEEDED;
	p.bytes[25] = 128 / 4;
	memcpy(p.bytes + 28, about.bytes, 128);
	cr_assert_eq(dp_translate(p.bytes, p.length, &back, 0, &t), WIRE_DROP_NONE);
	cr_assert_eq(t.length, 40 + 8 + 128 + 20);
	cr_assert_eq(wire_be32(t.l4 + 4), 0);
}
