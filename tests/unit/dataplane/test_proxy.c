/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/proxy.h"

#include "lb/flow.h"
#include "tests/unit/dataplane/segment.h"

#define FIRST 0xfffffff0u /* numbers come round inside the header */
#define SIZE  28u
#define ACK   WIRE_TCP_ACK
#define FIN   (WIRE_TCP_ACK | WIRE_TCP_FIN)
#define RST   WIRE_TCP_RST

enum state { NOTHING, SENT, TOLD };

static struct dp_proxy proxy_in(enum state state)
{
	return (struct dp_proxy){.first = FIRST, .size = SIZE, .sent = state >= SENT, .told = state == TOLD};
}

Test(proxy, what_becomes_of_a_segment_of_the_client)
{
	static const struct {
		enum state state;
		uint8_t flags;
		int32_t at; /* from the first byte */
		uint16_t payload;
		bool header, segment;
		uint32_t up;
	} rows[] = {
	    {NOTHING, ACK, 0, 0, true, false, SIZE}, /* the handshake completes */
	    {NOTHING, ACK, 0, 100, true, true, SIZE},
	    {NOTHING, FIN, 0, 0, true, true, SIZE},
	    {NOTHING, ACK, 100, 100, false, true, SIZE}, /* one that overtook the first */
	    {NOTHING, RST, 0, 0, false, true, 0},
	    {NOTHING, RST | ACK, 0, 0, false, true, 0},
	    {SENT, ACK, 0, 0, true, false, SIZE},
	    {SENT, ACK, 0, 100, true, true, SIZE}, /* again, in case the first was lost */
	    {SENT, ACK, -1, 0, true, false, SIZE}, /* keepalive, RFC 9293, 3.8.4 */
	    {SENT, ACK, -1, 1, true, false, SIZE}, /* its byte would land in the header */
	    {SENT, ACK, 1, 5, false, true, SIZE},
	    {SENT, ACK, 40, 0, false, true, SIZE},
	    {SENT, RST, 0, 0, false, true, 0},
	    {SENT, RST, 7, 0, false, true, SIZE},
	    {SENT, 0, 0, 9, false, true, SIZE}, /* acknowledges nothing: no endpoint takes it */
	    {TOLD, ACK, 0, 0, false, true, SIZE},
	    {TOLD, ACK, 0, 100, false, true, SIZE},
	    {TOLD, ACK, -1, 1, false, true, SIZE},
	    {TOLD, FIN, 0, 0, false, true, SIZE},
	    {TOLD, RST, 0, 0, false, true, SIZE},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_proxy proxy = proxy_in(rows[i].state);
		struct segment *s = segment_make(i & 1, rows[i].flags, NULL, 0, rows[i].payload);
		uint32_t seq = FIRST + (uint32_t)rows[i].at;
		wire_put_be32(&s->tcp->seq, seq);
		segment_finish(s);
		struct dp_proxy_step step = dp_proxy_forward(&proxy, s->tcp, rows[i].payload);
		cr_assert(step.header == rows[i].header && step.segment == rows[i].segment, "row %u", i);
		cr_assert(!step.segment || wire_be32(&s->tcp->seq) == seq + rows[i].up, "row %u", i);
		cr_assert_eq(proxy.sent, rows[i].state != NOTHING || rows[i].header, "row %u", i);
		segment_expect_right(s);
	}
}

Test(proxy, what_becomes_of_an_acknowledgement_of_the_endpoint)
{
	static const struct {
		enum state state;
		uint8_t flags;
		uint32_t ack, seen;
		bool told;
	} rows[] = {
	    {NOTHING, WIRE_TCP_SYN | ACK, FIRST, FIRST, false},
	    {SENT, ACK, FIRST, FIRST, false},
	    {SENT, ACK, FIRST + 1, FIRST, false},
	    {SENT, ACK, FIRST + SIZE - 1, FIRST, false},
	    {SENT, ACK, FIRST + SIZE, FIRST, true},
	    {SENT, ACK, FIRST + SIZE + 1000, FIRST + 1000, true},
	    {SENT, ACK, FIRST - 1, FIRST - 1, false}, /* older than the connection */
	    {SENT, RST | ACK, FIRST, FIRST, false},
	    {SENT, WIRE_TCP_RST, 0, 0, false},
	    {NOTHING, ACK, FIRST + 5000, FIRST + 5000 - SIZE, false}, /* of a connection before: RFC 5961, 4 */
	    {TOLD, WIRE_TCP_SYN | ACK, FIRST, FIRST, true},
	    {TOLD, ACK, FIRST + SIZE, FIRST, true},
	    {TOLD, ACK, FIRST + 3, FIRST + 3 - SIZE, true}, /* 2^32 bytes later */
	    {TOLD, ACK, FIRST + (1u << 31) + SIZE, FIRST + (1u << 31), true},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_proxy proxy = proxy_in(rows[i].state);
		struct segment *s = segment_make(i & 1, rows[i].flags, NULL, 0, (uint16_t)i);
		wire_put_be32(&s->tcp->ack, rows[i].ack);
		segment_finish(s);
		dp_proxy_back(&proxy, s->tcp, s->tcp_bytes);
		cr_assert_eq(wire_be32(&s->tcp->ack), rows[i].seen, "row %u", i);
		cr_assert_eq(proxy.told, rows[i].told, "row %u", i);
		segment_expect_right(s);
	}
}

struct block {
	uint32_t left, right; /* from the first byte */
};

/* `skew` NOPs, the option with n blocks, NOPs. Returns the length. */
static unsigned put_sack(uint8_t *at, unsigned skew, const struct block *block, unsigned n)
{
	memset(at, WIRE_TCP_OPT_NOP, 40);
	if (n == 0)
		return 40;
	at[skew] = WIRE_TCP_OPT_SACK;
	at[skew + 1] = (uint8_t)(2 + 8 * n);
	for (unsigned k = 0; k < n; k++) {
		wire_put_be32(at + skew + 2 + 8 * k, FIRST + block[k].left);
		wire_put_be32(at + skew + 6 + 8 * k, FIRST + block[k].right);
	}
	return 40;
}

Test(proxy, blocks_of_sack_move_down_and_those_of_the_header_vanish)
{
	static const struct {
		enum state state;
		unsigned n, n_seen;
		struct block block[3], seen[3];
	} rows[] = {
	    {SENT, 1, 1, {{SIZE, SIZE + 100}}, {{0, 100}}},
	    {SENT, 2, 2, {{SIZE + 300, SIZE + 400}, {SIZE + 100, SIZE + 200}}, {{300, 400}, {100, 200}}},
	    {SENT, 1, 0, {{0, SIZE}}, {{0}}},
	    {SENT, 1, 1, {{5, SIZE + 50}}, {{0, 50}}},
	    {TOLD, 1, 0, {{0, SIZE}}, {{0}}}, /* it came twice: RFC 2883 */
	    {TOLD, 2, 1, {{0, SIZE}, {SIZE + 100, SIZE + 200}}, {{100, 200}}},
	    {TOLD, 3, 2, {{SIZE + 9, SIZE + 10}, {3, 7}, {SIZE + 100, SIZE + 200}}, {{9, 10}, {100, 200}}},
	    {TOLD, 3, 3, {{1000, 2000}, {3000, 4000}, {5000, 6000}},
	        {{1000 - SIZE, 2000 - SIZE}, {3000 - SIZE, 4000 - SIZE}, {5000 - SIZE, 6000 - SIZE}}},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned skew = 0; skew < 4; skew++) {
			uint8_t options[40], expected[40];
			struct dp_proxy proxy = proxy_in(rows[i].state);
			put_sack(options, skew, rows[i].block, rows[i].n);
			put_sack(expected, skew, rows[i].seen, rows[i].n_seen);
			struct segment *s = segment_make(skew & 1, ACK, options, 40, 0);
			wire_put_be32(&s->tcp->ack, rows[i].state == TOLD ? FIRST + SIZE : FIRST);
			segment_finish(s);
			dp_proxy_back(&proxy, s->tcp, s->tcp_bytes);
			cr_assert_arr_eq(s->tcp + 1, expected, 40, "row %u", i);
			segment_expect_right(s);
		}
	}
}

Test(proxy, the_quoted_number_is_the_clients)
{
	static const struct {
		enum state state;
		uint32_t seq, seen;
	} rows[] = {
	    {NOTHING, FIRST - 1, FIRST - 1}, /* the SYN */
	    {SENT, FIRST, FIRST},            /* the header */
	    {SENT, FIRST + SIZE, FIRST},
	    {SENT, FIRST + SIZE + 77, FIRST + 77},
	    {TOLD, FIRST + SIZE + 77, FIRST + 77},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_proxy proxy = proxy_in(rows[i].state);
		struct segment *s = segment_make(i & 1, ACK, NULL, 0, 9);
		wire_put_be32(&s->tcp->seq, rows[i].seq);
		segment_finish(s);
		uint16_t checksum = s->tcp->checksum;
		dp_proxy_quoted(&proxy, s->tcp, 8);
		cr_assert_eq(wire_be32(&s->tcp->seq), rows[i].seen, "row %u", i);
		cr_assert_eq(s->tcp->checksum, checksum, "not quoted");
		wire_put_be32(&s->tcp->seq, rows[i].seq);
		dp_proxy_quoted(&proxy, s->tcp, 18);
		cr_assert_eq(wire_be32(&s->tcp->seq), rows[i].seen, "row %u", i);
		segment_expect_right(s);
	}
}

Test(proxy, data_in_a_syn_is_cut_off)
{
	for (uint16_t payload = 1; payload < 40; payload++) {
		struct segment *s = segment_make(payload & 1, WIRE_TCP_SYN, "\2\4\5\xb4", 4, payload);
		uint16_t left = dp_proxy_cut(s->ip, (uint8_t *)s->tcp, s->length);
		cr_assert_eq(left, s->length - payload);
		s->length = left;
		s->tcp_bytes = 24;
		segment_expect_right(s);
	}
}

static struct wire_addr v4(uint8_t last)
{
	return wire_addr_from_v4((uint8_t[4]){192, 0, 2, last});
}

static struct wire_addr v6(uint8_t last)
{
	return wire_addr_from_v6((uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, [15] = last});
}

/* The bytes as proxy-protocol.txt writes them, whatever the endpoint's own family. */
Test(proxy, the_header_segment_says_who_the_client_is)
{
	static const uint8_t of_v4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\x0a\x13\x88\1\xbb",
	                     of_v6[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\1"
	                               "\r\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a\x13\x88\1\xbb";
	for (unsigned n = 0; n < 2 * 2 * 11; n++) {
		bool v6_client = n & 1, v6_endpoint = n >> 1 & 1;
		unsigned options = n / 4 * 4;
		uint8_t nops[40];
		memset(nops, WIRE_TCP_OPT_NOP, sizeof(nops));
		struct lb_flow_key key = {.client = v6_client ? v6(7) : v4(7),
		    .vip = v6_client ? v6(10) : v4(10),
		    .client_port = 5000,
		    .vip_port = 443,
		    .protocol = WIRE_PROTO_TCP};
		struct wire_addr nat = v6_endpoint ? v6(1) : v4(1), endpoint = v6_endpoint ? v6(2) : v4(2);
		struct dp_ends to = dp_ends(&nat, 1024, &endpoint, 8443);
		struct dp_proxy proxy = {.first = FIRST, .size = dp_proxy_size(&key.client)};
		struct segment *s = segment_make(v6_client, FIN | 0x20, nops, options, 300);
		struct segment out = {.ip = out.bytes};
		out.length = dp_proxy_segment(out.bytes, &proxy, &key, &to, s->ip, s->tcp);
		out.tcp = (struct wire_tcp *)(out.bytes + (v6_endpoint ? 40 : 20));
		out.tcp_bytes = (uint16_t)(out.bytes + out.length - (uint8_t *)out.tcp);
		segment_expect_right(&out);
		cr_assert(out.length <= DP_PROXY_SEGMENT_MAX && out.tcp_bytes == 20 + options + proxy.size);
		struct wire_addr src = wire_ip_src(out.ip), dst = wire_ip_dst(out.ip);
		cr_assert(wire_addr_equal(&src, &nat) && wire_addr_equal(&dst, &endpoint));
		cr_assert(wire_be16(&out.tcp->src) == 1024 && wire_be16(&out.tcp->dst) == 8443);
		cr_assert(wire_be32(&out.tcp->seq) == FIRST && out.tcp->ack == s->tcp->ack);
		cr_assert(out.tcp->flags == (WIRE_TCP_ACK | WIRE_TCP_PSH) && out.tcp->window == s->tcp->window);
		cr_assert_eq(wire_ip_tos(out.ip) & 3, 0);
		cr_assert_eq(wire_ip_ttl(out.ip), wire_ip_ttl(s->ip));
		cr_assert_arr_eq(out.tcp + 1, nops, options);
		cr_assert_arr_eq((uint8_t *)(out.tcp + 1) + options, v6_client ? of_v6 : of_v4, proxy.size);
	}
}
