/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection that no egress remembers finds its origin again: those of its group are asked in turn. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/ask.h"
#include "lb/nat.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define FROM  CLIENT ":5000"
#define TO    VIP ":443"
#define NAMED 100u /* by STEER */

/* Endpoint 100 + n is at 198.51.100.(10 + n). */
static void tunnel_to(uint32_t id, uint8_t encap, uint8_t state)
{
	char at[32];
	snprintf(at, sizeof(at), "198.51.100.%u:8443", id - 90);
	struct wire_ctl_endpoint row = endpoint_row(id, at);
	row.mode = WIRE_MODE_TUNNEL;
	row.encap = encap;
	row.state = state;
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

static void world_of(unsigned workers)
{
	world_begin(workers);
	for (uint32_t id = NAMED; id < NAMED + 3; id++)
		tunnel_to(id, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_UP);
}

static void one_world(void)
{
	world_of(1);
}

TestSuite(ask, .init = one_world, .fini = world_end);

static void arrive(struct packet inner)
{
	struct overlay o = overlay_along(&inner, SGP1, 1, (enum pop[]){FRA1});
	receive(FRA1, make_overlay(&o, &inner));
}

static bool asks(const struct packet *p)
{
	return p->bytes[9] == WIRE_PROTO_UDP && wire_ask_is((const struct wire_geneve *)(p->bytes + 28), WIRE_OPT_ASK);
}

static uint32_t endpoint_of(const struct packet *p)
{
	cr_assert(memcmp(p->bytes + 16, "\xc6\x33\x64", 3) == 0, "to an endpoint");
	return 90u + p->bytes[19];
}

/* The question as kuafu-endpoint sends it back. */
static struct packet denied(struct packet p)
{
	uint8_t kept[4];
	memcpy(kept, p.bytes + 12, 4);
	memcpy(p.bytes + 12, p.bytes + 16, 4);
	memcpy(p.bytes + 16, kept, 4);
	memcpy(kept, p.bytes + 20, 2);
	memcpy(p.bytes + 20, p.bytes + 22, 2);
	memcpy(p.bytes + 22, kept, 2);
	p.bytes[36 + 2] = WIRE_OPT_DENIED;
	return p;
}

static void expect_reset_to_client(void)
{
	carry();
	enum pop left_at;
	struct packet reset = delivered(&left_at);
	cr_assert_eq(left_at, SGP1);
	cr_assert(reset.bytes[33] & WIRE_TCP_RST);
	cr_assert_arr_eq(reset.bytes + 12, "\xcb\x00\x71\x0a\xc0\x00\x02\x07", 8, "from the VIP to the client");
}

Test(ask, a_flow_that_begins_here_asks_nobody)
{
	arrive(tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	struct packet first = sent(FRA1);
	arrive(tcp(FROM, TO, .payload = 1));
	struct packet second = sent(FRA1);
	cr_assert(!asks(&first) && !asks(&second));
	arrive(udp(FROM, VIP ":53", .payload = 9));
	first = sent(FRA1);
	cr_assert_not(asks(&first));
}

Test(ask, what_is_taken_up_asks_the_endpoint_that_steer_names)
{
	struct packet inner = tcp(FROM, TO, .payload = 9, .tos = 0x2a);
	arrive(inner);
	struct packet out = sent(FRA1);
	cr_assert(asks(&out));
	cr_assert_eq(endpoint_of(&out), NAMED);
	cr_assert_eq(out.length, 20 + 16 + 12 + inner.length);
	cr_assert_eq(wire_be16(out.bytes + 24), 16 + 12 + inner.length, "UDP's length");
	cr_assert_eq(out.bytes[28], 3, "Geneve's, in words");
	cr_assert_eq(wire_be32(out.bytes + 40), NAMED);
	cr_assert_arr_eq(out.bytes + 48, inner.bytes, inner.length);
	arrive(tcp(FROM, TO, .payload = 1));
	out = sent(FRA1);
	cr_assert(asks(&out), "until it is answered, which no yes is");
}

Test(ask, a_denial_moves_flow_and_packet_to_the_next_endpoint)
{
	struct packet inner = tcp(FROM, TO, .payload = 9);
	tunnel_to(102, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_DRAINED);
	arrive(inner);
	struct packet out = sent(FRA1);
	receive(FRA1, denied(out));
	out = sent(FRA1);
	cr_assert_eq(endpoint_of(&out), 102, "what drains had connections that others do not get");
	cr_assert(asks(&out));
	cr_assert_arr_eq(out.bytes + 48, inner.bytes, inner.length);
	arrive(tcp(FROM, TO, .payload = 2));
	struct packet later = sent(FRA1);
	cr_assert_eq(endpoint_of(&later), 102);
	receive(FRA1, denied(out));
	out = sent(FRA1);
	cr_assert_eq(endpoint_of(&out), 101);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_DENIED), 2);
	cr_assert_eq(all_drops(FRA1), 0);
}

Test(ask, packets_that_were_under_way_follow)
{
	arrive(tcp(FROM, TO, .payload = 1));
	struct packet first = sent(FRA1);
	arrive(tcp(FROM, TO, .payload = 2));
	struct packet second = sent(FRA1);
	receive(FRA1, denied(first));
	first = sent(FRA1);
	receive(FRA1, denied(second));
	second = sent(FRA1);
	cr_assert_eq(endpoint_of(&first), endpoint_of(&second), "the flow goes on by one");
	cr_assert_neq(endpoint_of(&first), NAMED);
}

Test(ask, when_all_deny_it_the_client_is_reset)
{
	arrive(tcp(FROM, TO, .payload = 9, .ack = 7));
	bool was[3] = {false};
	for (unsigned n = 0; n < 3; n++) {
		struct packet out = sent(FRA1);
		uint32_t endpoint = endpoint_of(&out);
		cr_assert(endpoint < NAMED + 3 && !was[endpoint - NAMED], "each once");
		was[endpoint - NAMED] = true;
		receive(FRA1, denied(out));
	}
	expect_reset_to_client();
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_STATE), 1);
	cr_assert_eq(lb_nat_count(worker(FRA1, 0)->nat), 0);
}

Test(ask, at_most_so_many_are_asked)
{
	for (uint32_t id = NAMED + 3; id < NAMED + 20; id++)
		tunnel_to(id, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_UP);
	arrive(tcp(FROM, TO, .payload = 9, .ack = 7));
	for (unsigned n = 0; n < DP_ASK_MOST; n++)
		receive(FRA1, denied(sent(FRA1)));
	expect_reset_to_client();
}

Test(ask, only_endpoints_that_can_answer_are_asked)
{
	tunnel_to(101, WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
	tunnel_to(102, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_DOWN);
	arrive(tcp(FROM, TO, .payload = 9, .ack = 7));
	receive(FRA1, denied(sent(FRA1)));
	expect_reset_to_client();

	tunnel_to(NAMED, WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
	arrive(tcp(FROM, TO, .payload = 9));
	struct packet out = sent(FRA1);
	cr_assert(out.bytes[9] == WIRE_PROTO_IPIP && !asks(&out));
}

Test(ask, a_denial_needs_the_question)
{
	arrive(tcp(FROM, TO, .payload = 9));
	struct packet out = sent(FRA1), cookie = denied(out), endpoint = denied(out), stranger = denied(out);
	cookie.bytes[44] ^= 1;
	endpoint.bytes[43] ^= 1;
	receive(FRA1, cookie);
	receive(FRA1, endpoint);
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 2);
	stranger.bytes[15] ^= 1; /* with its sum */
	ip_of(&stranger)->checksum = 0;
	ip_of(&stranger)->checksum = wire_csum(stranger.bytes, 20);
	receive(FRA1, stranger);
	struct packet same = sent(FRA1);
	cr_assert_eq(endpoint_of(&same), NAMED, "the flow does not move");
	expect_nothing_sent(FRA1);

	arrive(tcp(CLIENT ":5001", TO, .flags = WIRE_TCP_SYN));
	struct packet begun = sent(FRA1), forged = out;
	memcpy(forged.bytes + 48, begun.bytes + 36, 40); /* of a flow that asks nobody */
	receive(FRA1, denied(forged));
	expect_nothing_sent(FRA1);
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 3);
}

Test(ask, a_denial_that_is_cut_or_crooked_is_nobodys_reply)
{
	arrive(tcp(FROM, TO, .payload = 9));
	const struct packet whole = denied(sent(FRA1));
	for (uint16_t length = 28; length < whole.length; length++) {
		struct packet p = whole;
		p.length = length;
		wire_put_be16(p.bytes + 2, length);
		wire_put_be16(p.bytes + 24, (uint16_t)(length - 20));
		ip_of(&p)->checksum = 0;
		ip_of(&p)->checksum = wire_csum(p.bytes, 20);
		receive(FRA1, p);
	}
	static const uint8_t crooked[] = {
	    28, 29, 30, 31, 36, 37, 38, 39}; /* Geneve's fields but the VNI, the option's */
	for (unsigned k = 0; k < sizeof(crooked); k++) {
		struct packet p = whole;
		p.bytes[crooked[k]] ^= 0x44;
		receive(FRA1, p);
	}
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_DENIED), 0);
	cr_assert_eq(lb_nat_count(worker(FRA1, 0)->nat), 1);
}

/* Floods of made-up segments must not travel through a group at the cost of its origins, and end no connection. */
Test(ask, beyond_the_rate_a_denial_waits)
{
	struct packet out;
	for (unsigned n = 0; n < DP_ASK_BURST; n++) {
		char from[32];
		snprintf(from, sizeof(from), "192.0.2.9:%u", 1024 + n);
		arrive(tcp(from, TO, .payload = 1));
		receive(FRA1, denied(sent(FRA1)));
		out = sent(FRA1);
		cr_assert_neq(endpoint_of(&out), NAMED);
	}
	arrive(tcp(FROM, TO, .payload = 1));
	receive(FRA1, denied(sent(FRA1)));
	expect_nothing_sent(FRA1);
	cr_assert_eq(drops(FRA1, WIRE_DROP_RATE), 1);
	pass_ms(1);
	arrive(tcp(FROM, TO, .payload = 1));
	out = sent(FRA1);
	cr_assert_eq(endpoint_of(&out), NAMED);
	receive(FRA1, denied(out));
	out = sent(FRA1);
	cr_assert_neq(endpoint_of(&out), NAMED);
}

Test(ask, a_new_connection_of_the_same_ends_asks_nobody)
{
	arrive(tcp(FROM, TO, .payload = 9));
	sent(FRA1);
	arrive(tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	struct packet out = sent(FRA1);
	cr_assert_not(asks(&out));
	arrive(tcp(FROM, TO, .payload = 9));
	out = sent(FRA1);
	cr_assert_not(asks(&out));
}

Test(ask, others_are_asked_if_the_named_one_is_down)
{
	tunnel_to(NAMED, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_DOWN);
	arrive(tcp(FROM, TO, .payload = 9, .ack = 7));
	struct packet out = sent(FRA1);
	cr_assert(asks(&out) && endpoint_of(&out) != NAMED);
	receive(FRA1, denied(out));
	receive(FRA1, denied(sent(FRA1)));
	expect_reset_to_client();
}

Test(ask, denials_find_the_flows_worker)
{
	world_end();
	world_of(3);
	for (unsigned n = 0; n < 40; n++) {
		char from[32];
		snprintf(from, sizeof(from), CLIENT ":%u", 5000 + n);
		arrive(tcp(from, TO, .payload = 100));
		receive_at(FRA1, n % 3, denied(sent(FRA1)));
		carry();
		struct packet out = delivered(NULL);
		cr_assert_neq(endpoint_of(&out), NAMED);
	}
	cr_assert_eq(all_drops(FRA1), 0);
}

Test(ask, the_question_counts_in_the_mtu)
{
	arrive(tcp(FROM, TO, .payload = 9));
	sent(FRA1);
	struct packet fits = tcp(FROM, TO, .payload = 1500 - 48 - 40, .df = true);
	struct packet big = tcp(FROM, TO, .payload = 1500 - 48 - 39, .df = true);
	set_port_mtu(1500);
	arrive(fits);
	struct packet out = sent(FRA1);
	cr_assert_eq(out.length, 1500);
	arrive(big);
	carry();
	struct packet told = delivered(NULL);
	cr_assert_eq(told.bytes[20], WIRE_ICMP_UNREACHABLE);
	cr_assert_eq(wire_be16(told.bytes + 26), 1500 - 48);
}
