/* SPDX-License-Identifier: BSD-2-Clause */
/* Egress to endpoints of mode tunnel: the packet reaches the origin as the client sent it, in a packet of ours. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/path_mtu.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define FROM   CLIENT ":5000"
#define TO     VIP ":443"
#define ORIGIN ENDPOINT ":8443"
#define OTHER  "198.51.100.11"
#define SYN    .flags = WIRE_TCP_SYN

static void tunnel_to(uint32_t id, const char *at, uint8_t encap, uint8_t state)
{
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
	tunnel_to(100, ORIGIN, WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
}

static void one_world(void)
{
	world_of(1);
}

TestSuite(egress_tunnel, .init = one_world, .fini = world_end);

static void arrive_as(struct packet inner, uint8_t flags, const uint16_t *candidate)
{
	struct overlay o = overlay_along(&inner, SGP1, 1, (enum pop[]){FRA1});
	o.flags = flags;
	for (unsigned i = 0; candidate && i < 2; i++)
		o.candidate[i] = candidate[i];
	receive(FRA1, make_overlay(&o, &inner));
}

static void arrive(struct packet inner)
{
	arrive_as(inner, 0, NULL);
}

/* Outer IP as fra1 makes it towards the endpoint: identification is its cookie. */
static struct packet outer_ip(const struct packet *inner, const char *to, uint8_t protocol, uint16_t size)
{
	struct packet p = {.length = (uint16_t)(size + inner->length)};
	struct wire_ipv4 *ip = ip_of(&p);
	struct wire_addr dst = end_of(to).address;
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .tos = inner->bytes[1], .ttl = 64, .protocol = protocol};
	wire_put_be16(&ip->total_length, p.length);
	wire_put_be16(&ip->id, dp_path_mtu_cookie(worker(FRA1, 0), &dst));
	wire_put_be16(&ip->frag_off, WIRE_IPV4_DF);
	memcpy(ip->src, "\x0a\x03\x01\x01", 4);
	memcpy(ip->dst, dst.bytes + 12, 4);
	ip->checksum = wire_csum(ip, 20);
	memcpy(p.bytes + size, inner->bytes, inner->length);
	return p;
}

static struct packet ipip(struct packet inner, const char *to)
{
	return outer_ip(&inner, to, WIRE_PROTO_IPIP, 20);
}

static struct packet geneve(struct packet inner, const char *to)
{
	struct packet p = outer_ip(&inner, to, WIRE_PROTO_UDP, 36);
	uint16_t hash14 = overlay_port_of(&inner) & 0x3fff;
	wire_put_be16(p.bytes + 20, (uint16_t)(0xc000 | (hash14 & 0xff) << 6 | hash14 >> 8));
	wire_put_be16(p.bytes + 22, 6081);
	wire_put_be16(p.bytes + 24, (uint16_t)(16 + inner.length));
	memcpy(p.bytes + 28, "\x00\x00\x08\x00\x00\x00\x07\x00", 8);
	return p;
}

Test(egress_tunnel, a_packet_reaches_the_origin_as_the_client_sent_it)
{
	arrive(tcp(FROM, TO, SYN, .mss = 1460, .tos = 0x2a, .ttl = 63));
	expect_packet(sent(FRA1), ipip(tcp(FROM, TO, SYN, .mss = 1460, .tos = 0x2a, .ttl = 63), ENDPOINT));
	arrive(udp(FROM, VIP ":53", .payload = 77));
	expect_packet(sent(FRA1), ipip(udp(FROM, VIP ":53", .payload = 77), ENDPOINT));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_WRAPPED), 2);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 2);
	cr_assert_eq(lb_nat_count(worker(FRA1, 0)->nat), 2);
	cr_assert_eq(all_drops(FRA1), 0);
}

Test(egress_tunnel, or_in_geneve)
{
	tunnel_to(100, ORIGIN, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_UP);
	arrive(tcp(FROM, TO, SYN, .tos = 0x03));
	expect_packet(sent(FRA1), geneve(tcp(FROM, TO, SYN, .tos = 0x03), ENDPOINT));
}

Test(egress_tunnel, from_the_client_to_the_origin_when_ingress_and_egress_are_one)
{
	receive(FRA1, tcp(FROM, TO, SYN));
	expect_packet(sent(FRA1), ipip(tcp(FROM, TO, SYN, .ttl = 63), ENDPOINT));
}

Test(egress_tunnel, a_flow_stays_where_it_is)
{
	tunnel_to(101, OTHER ":8443", WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
	arrive(tcp(FROM, TO, SYN));
	sent(FRA1);
	struct packet inner = tcp(FROM, TO, .payload = 1);
	struct overlay o = overlay_along(&inner, DXB1, 1, (enum pop[]){FRA1});
	o.endpoint = 101; /* weights have changed, and another ingress has its own opinion */
	receive(FRA1, make_overlay(&o, &inner));
	expect_packet(sent(FRA1), ipip(inner, ENDPOINT));
}

Test(egress_tunnel, a_segment_without_state_goes_to_steers_endpoint_whose_kernel_has_it)
{
	arrive(tcp(FROM, TO, .payload = 9));
	expect_packet(sent(FRA1), ipip(tcp(FROM, TO, .payload = 9), ENDPOINT));
	cr_assert_eq(all_drops(FRA1), 0);
}

Test(egress_tunnel, but_other_egresses_that_may_know_it_are_asked_first)
{
	struct packet inner = tcp(FROM, TO, .payload = 9);
	arrive_as(inner, WIRE_STEER_SECOND, (uint16_t[]){DXB1, 0});
	struct packet on = sent(FRA1), passed = inner_of(&on);
	cr_assert_arr_eq(on.bytes + 16, "\x0a\x02\x00\x02", 4, "to dxb1");
	expect_packet(passed, inner);
	arrive_as(inner, WIRE_STEER_SECOND, NULL);
	expect_packet(sent(FRA1), ipip(inner, ENDPOINT));
}

Test(egress_tunnel, a_segment_for_an_endpoint_that_is_down_is_reset)
{
	tunnel_to(101, OTHER ":8443", WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
	arrive(tcp(FROM, TO, SYN));
	sent(FRA1);
	tunnel_to(100, ORIGIN, WIRE_ENCAP_IPIP, WIRE_ENDPOINT_DOWN);
	for (unsigned n = 0; n < 2; n++) { /* with state, and without */
		arrive(tcp(FROM, TO, .payload = 1, .ack = 7));
		struct packet got = sent(FRA1), reset = inner_of(&got);
		cr_assert_eq(reset.bytes[33], WIRE_TCP_RST);
	}
	arrive(tcp(FROM, TO, SYN));
	expect_packet(sent(FRA1), ipip(tcp(FROM, TO, SYN), OTHER));
}

Test(egress_tunnel, a_full_table_refuses_nobody)
{
	for (unsigned n = 0; n < 1500; n++) {
		char from[32];
		snprintf(from, sizeof(from), "192.0.2.9:%u", 1024 + n);
		arrive(tcp(from, TO, SYN));
		expect_packet(sent(FRA1), ipip(tcp(from, TO, SYN), ENDPOINT));
	}
	cr_assert_eq(all_drops(FRA1), 0);
	cr_assert_lt(lb_nat_count(worker(FRA1, 0)->nat), 1024);
}

Test(egress_tunnel, without_a_nat_address_there_is_no_source)
{
	struct wire_ctl_nat none = {.address = wire_addr_from_v4("\x0a\x03\x01\x01")};
	change(FRA1, WIRE_OBJ_NAT, &none, sizeof(none), true);
	arrive(tcp(FROM, TO, SYN));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NAT_FULL), 1);
}

Test(egress_tunnel, an_icmp_error_of_the_client_reaches_the_origin_as_it_is)
{
	struct packet about = tcp(TO, FROM, .payload = 800, .df = true);
	struct packet error = icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &about, 0);
	struct packet flow = tcp(FROM, TO);
	struct overlay o = overlay_along(&flow, SGP1, 1, (enum pop[]){FRA1});
	receive(FRA1, make_overlay(&o, &error));
	struct packet expected = ipip(error, ENDPOINT);
	expect_packet(sent(FRA1), expected);
	cr_assert_eq(lb_nat_count(worker(FRA1, 0)->nat), 0);
}

/* ---- MTU: RFC 2003, section 5.1 ---- */

/* The error as it leaves the overlay at the client's ingress. */
static void expect_told(const struct packet *about, uint16_t mtu, uint16_t quote)
{
	enum pop left_at;
	carry();
	struct packet expected = icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, mtu, about, quote);
	struct packet told = delivered(&left_at);
	wire_put_be16(told.bytes + 4, 0x4b55); /* identification: nothing asks for one */
	told.bytes[10] = told.bytes[11] = 0;
	wire_put_be16(told.bytes + 10, 0);
	ip_of(&told)->checksum = wire_csum(told.bytes, 20);
	expect_packet(told, expected);
	cr_assert_eq(left_at, SGP1);
	expect_nothing_delivered();
}

Test(egress_tunnel, what_does_not_fit_the_port_with_its_outer_header_is_told_to_the_client)
{
	struct packet big = tcp(FROM, TO, .payload = 1480 - 39, .df = true);
	arrive(tcp(FROM, TO, SYN));
	sent(FRA1);
	arrive(tcp(FROM, TO, .payload = 1480 - 40, .df = true));
	expect_packet(sent(FRA1), ipip(tcp(FROM, TO, .payload = 1480 - 40, .df = true), ENDPOINT));
	arrive(big);
	expect_told(&big, 1480, 548);
	cr_assert_eq(drops(FRA1, WIRE_DROP_TOO_BIG), 1);
}

static struct packet narrow(const struct packet *wrapped, uint16_t mtu, uint16_t quote)
{
	return icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, mtu, wrapped, quote);
}

static struct packet given_wrapped(struct packet inner)
{
	arrive(tcp(FROM, TO, SYN));
	sent(FRA1);
	arrive(inner);
	return sent(FRA1);
}

Test(egress_tunnel, a_narrow_link_behind_us_is_told_to_the_client_at_once)
{
	struct packet inner = tcp(FROM, TO, .payload = 1300, .df = true);
	struct packet wrapped = given_wrapped(inner);
	receive(FRA1, narrow(&wrapped, 1300, 20 + 20 + 8));
	expect_told(&inner, 1280, 8 + 20);
	cr_assert_eq(all_drops(FRA1), 0);
}

/* RFC 792 guarantees 8 bytes: not even the inner addresses are there. */
Test(egress_tunnel, or_with_his_next_packet_if_too_little_is_quoted)
{
	struct packet inner = tcp(FROM, TO, .payload = 1300, .df = true);
	struct packet wrapped = given_wrapped(inner);
	receive(FRA1, narrow(&wrapped, 1300, 0));
	expect_nothing_sent(FRA1);
	arrive(inner);
	expect_told(&inner, 1280, 548);
	arrive(tcp(FROM, TO, .payload = 1240, .df = true));
	sent(FRA1);
	pass_ms(600 * 1000 + 2000);
	arrive(tcp(FROM, TO, SYN));
	sent(FRA1);
	arrive(inner);
	expect_packet(sent(FRA1), ipip(inner, ENDPOINT));
}

Test(egress_tunnel, a_narrow_path_of_long_ago_is_not_new_again)
{
	struct dp_worker *w = worker(FRA1, 0);
	struct wire_addr endpoint = wire_addr_from_v4("\xc6\x33\x64\x0a");
	dp_path_mtu_learn(w, &endpoint, 1300);
	cr_assert_eq(dp_path_mtu(w, &endpoint), 1300);
	for (unsigned tenth = 1; tenth <= 10 * 24 * 10; tenth++) { /* ten days of tenths of an hour */
		w->now_ns += UINT64_C(360) * 1000000000u;
		cr_assert(tenth < 2 || dp_path_mtu(w, &endpoint) == UINT16_MAX, "after %u tenths of an hour", tenth);
	}
}

Test(egress_tunnel, of_geneve_too)
{
	tunnel_to(100, ORIGIN, WIRE_ENCAP_GENEVE, WIRE_ENDPOINT_UP);
	struct packet inner = tcp(FROM, TO, .payload = 1300, .df = true);
	struct packet wrapped = given_wrapped(inner);
	receive(FRA1, narrow(&wrapped, 1300, 36 + 20 + 8));
	expect_told(&inner, 1264, 8 + 20);
	arrive(inner);
	expect_told(&inner, 1264, 548);
}

Test(egress_tunnel, an_origin_that_does_not_take_the_tunnel_is_unreachable)
{
	struct packet inner = tcp(FROM, TO, .payload = 30);
	struct packet wrapped = given_wrapped(inner);
	receive(FRA1, icmp_error(ENDPOINT, WIRE_ICMP_UNREACHABLE, 2, 0, &wrapped, wrapped.length));
	carry();
	struct packet told = delivered(NULL);
	cr_assert_eq(told.bytes[20], WIRE_ICMP_UNREACHABLE);
	cr_assert_eq(told.bytes[21], WIRE_ICMP_HOST_UNREACHABLE);
	cr_assert_arr_eq(told.bytes + 28, inner.bytes, inner.length);
}

Test(egress_tunnel, who_did_not_see_the_packet_cannot_narrow_the_path)
{
	struct packet inner = tcp(FROM, TO, .payload = 1300, .df = true);
	struct packet wrapped = given_wrapped(inner), guessed = wrapped, elsewhere = wrapped;
	wire_put_be16(guessed.bytes + 4, (uint16_t)(wire_be16(wrapped.bytes + 4) + 1));
	memcpy(elsewhere.bytes + 16, "\xc6\x33\x64\x0b", 4);
	receive(FRA1, narrow(&guessed, 600, 100));
	receive(FRA1, narrow(&elsewhere, 600, 100));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 2);
	arrive(inner);
	expect_packet(sent(FRA1), ipip(inner, ENDPOINT));
}

/* What is quoted inside may name an end of a NAT flow: it is nobody's reply. */
Test(egress_tunnel, a_forged_quote_reaches_no_nat_flow)
{
	struct wire_ctl_endpoint nat = endpoint_row(102, OTHER ":8443");
	change(FRA1, WIRE_OBJ_ENDPOINT, &nat, sizeof(nat), false);
	struct packet syn = tcp(FROM, TO, SYN);
	struct overlay o = overlay_along(&syn, SGP1, 1, (enum pop[]){FRA1});
	o.endpoint = 102;
	receive(FRA1, make_overlay(&o, &syn));
	struct packet out = sent(FRA1);
	char port[32];
	snprintf(port, sizeof(port), "10.3.1.1:%u", source_port_of(&out));
	struct packet reply = tcp(OTHER ":8443", port), wrapped = ipip(reply, ENDPOINT);
	receive(FRA1, narrow(&wrapped, 600, 100));
	wire_put_be16(wrapped.bytes + 4, 1);
	receive(FRA1, narrow(&wrapped, 600, 100));
	expect_nothing_sent(FRA1);
}

/* ---- the ingress sees one direction only ---- */

Test(egress_tunnel, a_flow_is_established_at_both_ends_though_no_answer_passes)
{
	receive(SGP1, tcp(FROM, TO, SYN));
	receive(SGP1, tcp(FROM, TO, .payload = 1));
	carry();
	forget_delivered();
	cr_assert_eq(lb_flow_at(worker(SGP1, 0)->flows, 0)->state, LB_FLOW_ESTABLISHED);
	cr_assert_eq(lb_nat_at(worker(FRA1, 0)->nat, 0)->state, LB_FLOW_ESTABLISHED);
	pass_ms(20000);
	cr_assert_eq(lb_flow_count(worker(SGP1, 0)->flows), 1);
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_FIN | WIRE_TCP_ACK));
	carry();
	forget_delivered();
	pass_ms(12000);
	cr_assert_eq(lb_flow_count(worker(SGP1, 0)->flows), 0);
	cr_assert_eq(lb_nat_count(worker(FRA1, 0)->nat), 0);
}

Test(egress_tunnel, errors_about_wrapped_packets_find_the_flows_worker)
{
	world_end();
	world_of(3);
	for (unsigned n = 0; n < 40; n++) {
		char from[32];
		snprintf(from, sizeof(from), CLIENT ":%u", 5000 + n);
		tunnel_to(100, ORIGIN, n % 2 ? WIRE_ENCAP_GENEVE : WIRE_ENCAP_IPIP, WIRE_ENDPOINT_UP);
		struct packet inner = tcp(from, TO, .payload = 1000, .df = true);
		arrive(tcp(from, TO, SYN));
		sent(FRA1);
		arrive(inner);
		struct packet wrapped = sent(FRA1);
		receive_at(FRA1, n % 3, narrow(&wrapped, 1400, 100));
		carry();
		delivered(NULL);
	}
}
