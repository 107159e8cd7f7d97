/* SPDX-License-Identifier: BSD-2-Clause */
/* Egress: an overlay packet from sgp1 ends at fra1 and goes to the endpoint. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/icmp.h"
#include "lb/nat.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define FROM   CLIENT ":5000"
#define TO     VIP ":443"
#define ORIGIN ENDPOINT ":8443"

static void one_world(void)
{
	world_begin(1);
}

TestSuite(egress, .init = one_world, .fini = world_end);

static struct overlay from(enum pop pop, const struct packet *inner)
{
	return pop == SGP1 ? overlay_along(inner, SGP1, 1, (enum pop[]){FRA1})
	                   : overlay_along(inner, DXB1, 1, (enum pop[]){FRA1});
}

static void arrive(enum pop pop, struct packet inner)
{
	struct overlay o = from(pop, &inner);
	receive(FRA1, make_overlay(&o, &inner));
}

/* "10.3.1.1:port" as which the packet left. */
static const char *nat_of(const struct packet *out)
{
	static char text[32];
	cr_assert_arr_eq(out->bytes + 12, "\x0a\x03\x01\x01", 4);
	snprintf(text, sizeof(text), "10.3.1.1:%u", source_port_of(out));
	return text;
}

static struct packet given_flow(void)
{
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	return sent(FRA1);
}

Test(egress, a_syn_goes_to_the_endpoint_that_steer_names)
{
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1320, .seq = 4711, .ttl = 60));
	struct packet out = sent(FRA1);
	expect_packet(out, tcp(nat_of(&out), ORIGIN, .flags = WIRE_TCP_SYN, .mss = 1320, .seq = 4711, .ttl = 60));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 1);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1);
}

Test(egress, what_the_kernel_sends_nowhere_is_dropped_for_that)
{
	lead_nowhere(198, 51);
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	expect_nothing_sent(FRA1);
	cr_assert_eq(drops(FRA1, WIRE_DROP_NOWHERE), 1);
	struct dp_event none;
	cr_assert_not(event(FRA1, DP_EVENT_NEIGHBOUR_WANTED, &none));
}

/* Its MSS is for what the endpoint will send, and that goes along our path to the ingress. */
Test(egress, mss_is_clamped_to_the_path_back)
{
	struct wire_ctl_path narrow = {.to_pop = SGP1, .n_primary = 2, .primary_mtu = 1000};
	narrow.primary[0] = LINK(FRA1, DXB1);
	narrow.primary[1] = LINK(DXB1, SGP1);
	change(FRA1, WIRE_OBJ_PATH, &narrow, sizeof(narrow), false);
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1320));
	struct packet out = sent(FRA1);
	expect_packet(out, tcp(nat_of(&out), ORIGIN, .flags = WIRE_TCP_SYN, .mss = 1000 - 108 - 40));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_MSS_CLAMPED), 1);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_ON_BACKUP), 0);
}

Test(egress, one_flow_keeps_its_port_and_two_have_two)
{
	struct packet a = given_flow();
	arrive(SGP1, tcp(FROM, TO, .payload = 9));
	struct packet b = sent(FRA1);
	arrive(SGP1, tcp(CLIENT ":5001", TO, .flags = WIRE_TCP_SYN));
	struct packet c = sent(FRA1);
	cr_assert_eq(source_port_of(&a), source_port_of(&b));
	cr_assert_neq(source_port_of(&a), source_port_of(&c));
}

Test(egress, a_udp_datagram_without_checksum_stays_without)
{
	arrive(SGP1, udp(FROM, VIP ":53", .payload = 21, .no_checksum = true));
	struct packet out = sent(FRA1);
	expect_packet(out, udp(nat_of(&out), ORIGIN, .payload = 21, .no_checksum = true));
}

Test(egress, its_state_overrides_the_endpoint_in_steer)
{
	struct wire_ctl_endpoint other = endpoint_row(101, "198.51.100.11:8443");
	change(FRA1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	given_flow();
	struct packet inner = tcp(FROM, TO, .payload = 1);
	struct overlay o = from(DXB1, &inner);
	o.endpoint = 101;
	receive(FRA1, make_overlay(&o, &inner));
	struct packet out = sent(FRA1);
	expect_packet(out, tcp(nat_of(&out), ORIGIN, .payload = 1));
}

Test(egress, replies_follow_the_client_to_its_new_ingress)
{
	struct packet out = given_flow();
	char nat[32];
	snprintf(nat, sizeof(nat), "%s", nat_of(&out));
	arrive(DXB1, tcp(FROM, TO, .payload = 1));
	sent(FRA1);
	receive(FRA1, tcp(ORIGIN, nat, .payload = 2));
	struct packet reply = sent(FRA1);
	cr_assert_arr_eq(reply.bytes + 16, "\x0a\x02\x00\x02", 4, "to dxb1");
}

Test(egress, congestion_marked_on_the_way_reaches_the_endpoint)
{
	struct packet capable = udp(FROM, VIP ":53", .tos = 0x02), deaf = udp(FROM, VIP ":53");
	struct overlay o = from(SGP1, &capable);
	o.tos = 0x03;
	receive(FRA1, make_overlay(&o, &capable));
	struct packet out = sent(FRA1);
	expect_packet(out, udp(nat_of(&out), ORIGIN, .tos = 0x03));
	o = from(SGP1, &deaf);
	o.tos = 0x03;
	receive(FRA1, make_overlay(&o, &deaf));
	cr_assert_eq(drops(FRA1, WIRE_DROP_OVERLAY_ECN), 1);
}

/* The RST that RFC 9293, 3.10.7.1 asks for, from the VIP, back to the ingress. */
Test(egress, a_segment_without_state_and_candidates_is_reset)
{
	struct packet inner = tcp(FROM, TO, .payload = 9, .seq = 100, .ack = 4242);
	arrive(SGP1, inner);
	struct packet reset = tcp(TO, FROM, .flags = WIRE_TCP_RST, .seq = 4242);
	struct overlay o = overlay_along(&inner, FRA1, 2, (enum pop[]){DXB1, SGP1});
	memset(reset.bytes + 4, 0, 2);
	memset(reset.bytes + 34, 0, 2);
	struct packet got = sent(FRA1), got_inner = inner_of(&got);
	cr_assert_eq(got_inner.length, 40);
	cr_assert_eq(got_inner.bytes[33], WIRE_TCP_RST);
	cr_assert_eq(wire_be32(got_inner.bytes + 24), 4242);
	cr_assert_arr_eq(got_inner.bytes + 12, reset.bytes + 12, 12, "ends");
	o.flags = WIRE_STEER_RETURN;
	o.ingress = SGP1;
	o.egress = FRA1;
	o.endpoint = o.group = 0;
	expect_packet(got, make_overlay(&o, &got_inner));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_STATE), 1);
}

Test(egress, a_reset_without_state_is_answered_by_nothing)
{
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_RST));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_STATE), 1);
	expect_nothing_sent(FRA1);
}

Test(egress, a_second_chance_goes_on_to_the_next_candidate)
{
	struct packet inner = tcp(FROM, TO, .payload = 9);
	struct overlay o = from(SGP1, &inner);
	o.flags = WIRE_STEER_SECOND;
	o.candidate[0] = FRA1; /* ourselves: passed over */
	o.candidate[1] = DXB1;
	receive(FRA1, make_overlay(&o, &inner));
	struct overlay on = overlay_along(&inner, FRA1, 1, (enum pop[]){DXB1});
	on.flags = WIRE_STEER_SECOND;
	on.tried = 2;
	on.ingress = SGP1;
	on.egress = FRA1;
	on.candidate[0] = FRA1;
	on.candidate[1] = DXB1;
	expect_packet(sent(FRA1), make_overlay(&on, &inner));
	cr_assert_eq(all_drops(FRA1), 0);
}

Test(egress, an_icmp_error_of_the_client_reaches_the_endpoint)
{
	struct packet out = given_flow();
	char nat[32];
	snprintf(nat, sizeof(nat), "%s", nat_of(&out));
	struct packet about = tcp(TO, FROM, .payload = 800, .df = true, .ip_options = 8);
	struct packet error = icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &about, 0);
	struct packet flow = tcp(FROM, TO);
	struct overlay o = from(SGP1, &flow);
	receive(FRA1, make_overlay(&o, &error));
	struct packet known = tcp(ORIGIN, nat, .payload = 800, .df = true, .ip_options = 8);
	struct packet expected = icmp_error(nat, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &known, 0);
	expect_packet(sent(FRA1), expected);
}

Test(egress, a_full_pool_is_answered_with_a_reset)
{
	struct wire_ctl_nat none = {.address = wire_addr_from_v4("\x0a\x03\x01\x01")};
	change(FRA1, WIRE_OBJ_NAT, &none, sizeof(none), true);
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .seq = 10));
	struct packet got = sent(FRA1), reset = inner_of(&got);
	cr_assert_eq(reset.bytes[33], WIRE_TCP_RST | WIRE_TCP_ACK);
	cr_assert_eq(wire_be32(reset.bytes + 28), 11, "acknowledges the SYN");
	cr_assert_eq(drops(FRA1, WIRE_DROP_NAT_FULL), 1);
}

Test(egress, what_does_not_fit_the_endpoints_port_is_told_to_the_client)
{
	given_flow();
	set_port_mtu(1000);
	struct packet big = tcp(FROM, TO, .payload = 961, .df = true);
	arrive(SGP1, big);
	carry();
	struct packet told = delivered(NULL);
	struct packet expected = icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1000, &big, 548);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(told, with_ttl(expected, 64));
	cr_assert_eq(drops(FRA1, WIRE_DROP_TOO_BIG), 1);
}

/* Nobody's address can be flooded with our resets. */
Test(egress, resets_of_refused_syns_share_the_limit_of_icmp)
{
	struct wire_ctl_nat none = {.address = wire_addr_from_v4("\x0a\x03\x01\x01")};
	unsigned resets = 0;
	change(FRA1, WIRE_OBJ_NAT, &none, sizeof(none), true);
	for (unsigned n = 0; n < 4 * DP_ICMP_BURST; n++) {
		char client[32];
		snprintf(client, sizeof(client), "192.0.2.9:%u", 1024 + n);
		arrive(SGP1, tcp(client, TO, .flags = WIRE_TCP_SYN));
	}
	cr_assert_eq(drops(FRA1, WIRE_DROP_NAT_FULL), 4 * DP_ICMP_BURST);
	cr_assert_eq(drops(FRA1, WIRE_DROP_RATE), 3 * DP_ICMP_BURST);
	for (; resets < DP_ICMP_BURST; resets++)
		sent(FRA1);
	expect_nothing_sent(FRA1);
	pass_ms(3);
	forget_delivered();
	for (unsigned n = 0; n < 10; n++)
		arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	cr_assert_eq(drops(FRA1, WIRE_DROP_RATE), 3 * DP_ICMP_BURST + 10 - 3, "one a millisecond");
}

Test(egress, segments_without_state_are_reset_beyond_the_limit)
{
	for (unsigned n = 0; n < 2 * DP_ICMP_BURST; n++) {
		arrive(SGP1, tcp(FROM, TO, .payload = 9, .seq = n));
		sent(FRA1);
	}
	cr_assert_eq(drops(FRA1, WIRE_DROP_RATE), 0);
}

Test(egress, a_connection_ends_with_its_endpoint_and_the_next_goes_to_another)
{
	struct wire_ctl_endpoint down = endpoint_row(100, ORIGIN), other = endpoint_row(101, "198.51.100.11:8443");
	given_flow();
	down.state = WIRE_ENDPOINT_DOWN;
	change(FRA1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	change(FRA1, WIRE_OBJ_ENDPOINT, &down, sizeof(down), false);
	arrive(SGP1, tcp(FROM, TO, .payload = 3));
	struct packet got = sent(FRA1), reset = inner_of(&got);
	cr_assert_eq(reset.bytes[33], WIRE_TCP_RST);
	arrive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	struct packet out = sent(FRA1);
	cr_assert_arr_eq(out.bytes + 16, "\xc6\x33\x64\x0b", 4, "to 198.51.100.11");
}

Test(egress, an_endpoint_that_is_not_known_here_is_no_endpoint)
{
	struct packet inner = tcp(FROM, TO, .flags = WIRE_TCP_SYN);
	struct overlay o = from(SGP1, &inner);
	o.endpoint = 555;
	o.group = 555;
	receive(FRA1, make_overlay(&o, &inner));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_ENDPOINT), 1);
}

Test(egress, an_inner_packet_that_is_cut_off_has_its_reason)
{
	struct packet whole = tcp(FROM, TO, .payload = 3);
	for (uint16_t length = 0; length < whole.length; length++) {
		struct packet cut_off = whole;
		struct overlay o = from(SGP1, &whole);
		uint64_t before = all_drops(FRA1);
		cut_off.length = length;
		receive(FRA1, make_overlay(&o, &cut_off));
		cr_assert_eq(drops(FRA1, WIRE_DROP_TRUNCATED), length + 1u, "%u bytes", length);
		cr_assert_eq(all_drops(FRA1), before + 1);
	}
	expect_nothing_sent(FRA1);
}
