/* SPDX-License-Identifier: BSD-2-Clause */
/* Reply: the endpoint answers fra1's NAT address; and return: the answer arrives at sgp1 for the client. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/icmp.h"
#include "lb/flow.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define FROM   CLIENT ":5000"
#define TO     VIP ":443"
#define ORIGIN ENDPOINT ":8443"
#define ROOM   (1500u - (20 + 8 + 8 + (8 + 4 * 2) + 28 + 12 + 16)) /* of an inner packet on a path of two hops */

static char nat[32];

static void one_world(void)
{
	world_begin(1);
}

TestSuite(reply, .init = one_world, .fini = world_end);

/* A flow of the client that entered at sgp1 and leaves at fra1; its NAT end is in `nat`. */
static void given_flow(struct packet syn)
{
	struct overlay o = overlay_along(&syn, SGP1, 1, (enum pop[]){FRA1});
	receive(FRA1, make_overlay(&o, &syn));
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
}

static void given_tcp_flow(void)
{
	given_flow(tcp(FROM, TO, .flags = WIRE_TCP_SYN));
}

/* What goes from fra1 by dxb1 to sgp1 in the flow. */
static struct packet to_sgp1(struct packet inner, uint32_t sequence, struct packet flow)
{
	struct overlay o = overlay_along(&flow, FRA1, 2, (enum pop[]){DXB1, SGP1});
	o.flags = WIRE_STEER_RETURN;
	o.ingress = SGP1;
	o.egress = FRA1;
	o.sequence = sequence;
	return make_overlay(&o, &inner);
}

Test(reply, goes_back_as_the_vip_to_the_ingress)
{
	given_tcp_flow();
	receive(FRA1, tcp(ORIGIN, nat, .payload = 200, .seq = 7));
	expect_packet(sent(FRA1), to_sgp1(tcp(TO, FROM, .payload = 200, .seq = 7, .ttl = 63), 1, tcp(FROM, TO)));
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_REPLY), 1);
}

Test(reply, mss_of_the_answer_is_clamped_to_the_way_back)
{
	given_tcp_flow();
	receive(FRA1, tcp(ORIGIN, nat, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1460));
	expect_packet(
	    sent(FRA1), to_sgp1(tcp(TO, FROM, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = ROOM - 40, .ttl = 63), 1,
	                    tcp(FROM, TO)));
}

Test(reply, what_does_not_fit_the_way_back_is_told_to_the_endpoint)
{
	given_flow(udp(FROM, VIP ":53"));
	struct packet big = udp(ORIGIN, nat, .payload = ROOM - 27, .df = true);
	receive(FRA1, big);
	struct packet expected = icmp_error(nat, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, ROOM, &big, 548);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(sent(FRA1), with_ttl(expected, 64));
}

/* STYLE's miniature: only the 8 bytes that RFC 792 guarantees. */
Test(reply, icmp_error_with_eight_quoted_bytes_reaches_the_client)
{
	given_tcp_flow();
	struct packet sent_by_us = tcp(nat, ORIGIN, .payload = 900, .df = true);
	receive(FRA1, icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &sent_by_us, 0));
	struct packet sent_by_client = tcp(FROM, TO, .payload = 900, .df = true);
	struct packet expected =
	    icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &sent_by_client, 0);
	expect_packet(sent(FRA1), to_sgp1(with_ttl(expected, 63), 1, tcp(FROM, TO)));
}

Test(reply, only_the_flows_own_endpoint_may_use_its_port)
{
	given_tcp_flow();
	receive(FRA1, tcp("198.51.100.99:8443", nat, .flags = WIRE_TCP_SYN));
	receive(FRA1, tcp(ENDPOINT ":8444", nat, .flags = WIRE_TCP_SYN));
	receive(FRA1, udp(ORIGIN, nat));
	receive(FRA1, tcp(ORIGIN, "10.3.1.1:1024", .flags = WIRE_TCP_SYN));
	cr_assert_geq(drops(FRA1, WIRE_DROP_NO_NAT), 3);
	cr_assert_eq(all_drops(FRA1), 4);
	expect_nothing_sent(FRA1);
}

static void expect_reset(const char *from, const char *to, uint32_t seq)
{
	struct packet got = sent(FRA1), ends = tcp(from, to);
	cr_assert_eq(got.length, 40);
	cr_assert_eq(got.bytes[33], WIRE_TCP_RST);
	cr_assert_eq(wire_be32(got.bytes + 24), seq);
	cr_assert_arr_eq(got.bytes + 12, ends.bytes + 12, 12, "ends");
}

Test(reply, an_endpoint_whose_flow_is_gone_is_reset_by_its_next_segment)
{
	receive(FRA1, tcp(ORIGIN, "10.3.1.1:1024", .flags = WIRE_TCP_ACK, .payload = 100, .seq = 7, .ack = 99));
	expect_reset("10.3.1.1:1024", ORIGIN, 99);
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 1);
	receive(FRA1, tcp(ORIGIN, "10.3.1.1:1024", .flags = WIRE_TCP_RST | WIRE_TCP_ACK));
	receive(FRA1, tcp(ORIGIN, "10.3.1.1:1024", .flags = WIRE_TCP_SYN));
	receive(FRA1, udp(ORIGIN, "10.3.1.1:1024"));
	expect_nothing_sent(FRA1);
}

Test(reply, resets_for_endpoints_are_limited)
{
	struct packet lost = tcp(ORIGIN, "10.3.1.1:1024", .flags = WIRE_TCP_ACK);
	for (unsigned i = 0; i < DP_ICMP_BURST; i++) {
		receive(FRA1, lost);
		sent(FRA1);
	}
	receive(FRA1, lost);
	expect_nothing_sent(FRA1);
	cr_assert_eq(drops(FRA1, WIRE_DROP_RATE), 1);
}

Test(reply, what_has_no_flow_is_refused_on_a_nat_address)
{
	receive(FRA1, icmp_echo(ENDPOINT, "10.3.1.1", WIRE_ICMP_ECHO, 64, 8));
	cr_assert_eq(drops(FRA1, WIRE_DROP_UNSUPPORTED), 1);
}

Test(reply, the_ingress_here_sends_it_straight_out)
{
	receive(FRA1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	receive(FRA1, tcp(ORIGIN, nat, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1460));
	expect_packet(sent(FRA1), tcp(TO, FROM, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1460, .ttl = 63));
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_RETURN), 1);
}

/* ---- at sgp1 ---- */

static void return_arrives(struct packet inner, uint32_t endpoint, enum pop egress)
{
	struct packet flow = tcp(FROM, TO);
	struct overlay o = overlay_along(&flow, FRA1, 1, (enum pop[]){SGP1});
	o.flags = WIRE_STEER_RETURN;
	o.ingress = SGP1;
	o.egress = (uint16_t)egress;
	o.endpoint = endpoint;
	receive(SGP1, make_overlay(&o, &inner));
}

Test(reply, leaves_the_overlay_to_the_client)
{
	return_arrives(tcp(TO, FROM, .payload = 50, .ttl = 63), 100, FRA1);
	expect_packet(sent(SGP1), tcp(TO, FROM, .payload = 50, .ttl = 63));
	cr_assert_eq(journeys(SGP1, WIRE_JOURNEY_RETURN), 1);
}

Test(reply, teaches_the_ingress_the_flows_true_egress_and_endpoint)
{
	return_arrives(tcp(TO, FROM, .payload = 50), 321, DXB1);
	sent(SGP1);
	receive(SGP1, tcp(FROM, TO, .payload = 4));
	struct packet forward = sent(SGP1);
	cr_assert_arr_eq(forward.bytes + 16, "\x0a\x02\x00\x02", 4, "to dxb1");
	struct packet inner = tcp(FROM, TO, .payload = 4, .ttl = 63);
	struct overlay o = overlay_along(&inner, SGP1, 1, (enum pop[]){DXB1});
	o.endpoint = 321;
	o.egress = DXB1;
	o.flags = forward.bytes[36 + 12 + 4]; /* the flow is known; whether it is confirmed is the table's */
	o.sequence = 1;
	cr_assert_not(o.flags & WIRE_STEER_SECOND);
	expect_packet(forward, make_overlay(&o, &inner));
}

/* The path is wider than the client's port: only sgp1 knows, and the endpoint must learn. */
Test(reply, what_does_not_fit_the_clients_port_is_told_to_the_endpoint_through_the_overlay)
{
	given_flow(udp(FROM, VIP ":53"));
	set_port_mtu(1000);
	struct packet big = udp(ORIGIN, nat, .payload = 973, .df = true);
	struct packet inner = udp(VIP ":53", FROM, .payload = 973, .df = true, .ttl = 63);
	struct packet flow = udp(FROM, VIP ":53");
	struct overlay o = overlay_along(&flow, FRA1, 1, (enum pop[]){SGP1});
	o.flags = WIRE_STEER_RETURN;
	o.ingress = SGP1;
	o.egress = FRA1;
	receive(SGP1, make_overlay(&o, &inner));
	cr_assert_eq(drops(SGP1, WIRE_DROP_TOO_BIG), 1);
	carry();
	enum pop left_at;
	struct packet told = delivered(&left_at);
	cr_assert_eq(left_at, FRA1);
	struct packet quoted = with_ttl(big, 63);
	struct packet expected = icmp_error(nat, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1000, &quoted, 548);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(told, with_ttl(expected, 64));
}

Test(reply, and_straight_where_the_ingress_is_here)
{
	receive(FRA1, udp(FROM, VIP ":53"));
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	set_port_mtu(1000);
	struct packet big = udp(ORIGIN, nat, .payload = 973, .df = true);
	receive(FRA1, big);
	struct packet quoted = with_ttl(big, 63);
	struct packet expected = icmp_error(nat, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1000, &quoted, 548);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(sent(FRA1), with_ttl(expected, 64));
}

Test(reply, a_reset_in_the_endpoints_place_teaches_nothing)
{
	return_arrives(tcp(TO, FROM, .flags = WIRE_TCP_RST), 0, FRA1);
	sent(SGP1);
	cr_assert_eq(lb_flow_count(worker(SGP1, 0)->flows), 0);
}
