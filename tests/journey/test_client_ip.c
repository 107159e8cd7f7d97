/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners with client-ip: what fra1 makes of a client's segments and of the endpoint's answers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lb/nat.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define FROM    CLIENT ":5000"
#define TO      VIP ":443"
#define ORIGIN  ENDPOINT ":8443"
#define FROM6   "[" CLIENT6 "]:5000"
#define TO6     "[" VIP6 "]:443"
#define ORIGIN6 "[" ENDPOINT6 "]:8443"

#define SYN     WIRE_TCP_SYN
#define SYN_ACK (WIRE_TCP_SYN | WIRE_TCP_ACK)
#define PSH_ACK (WIRE_TCP_PSH | WIRE_TCP_ACK)
#define RST     WIRE_TCP_RST

#define OPTION  "\xfe\x08\x13\x88\xc0\0\2\7"
#define OPTION6 "\xfe\x14\x13\x88\x20\1\x0d\xb8\0\7\0\0\0\0\0\0\0\0\0\7"
#define HEADER  "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xcb\0\x71\x0a\x13\x88\1\xbb"
#define HEADER6                                                                                                        \
	"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\1\x0d\xb8\0\7\0\0\0\0\0\0\0\0\0\7\x20\1\x0d\xb8\0\x0f\0\0\0\0\0\0\0"   \
	"\0\0\x10\x13\x88\1\xbb"
#define SIZE  28u
#define SIZE6 52u

static char nat[64];

static void one_world(void)
{
	world_begin(1);
}

TestSuite(client_ip, .init = one_world, .fini = world_end);

static void listen_with(enum wire_ctl_client_ip how)
{
	struct wire_ctl_listener four = listener_row(LISTENER, VIP, WIRE_PROTO_TCP, 443),
	                         six = listener_row(LISTENER6, VIP6, WIRE_PROTO_TCP, 443);
	four.client_ip = six.client_ip = (uint8_t)how;
	change(FRA1, WIRE_OBJ_LISTENER, &four, sizeof(four), false);
	change(FRA1, WIRE_OBJ_LISTENER, &six, sizeof(six), false);
}

static void endpoint_is(const char *at)
{
	struct wire_ctl_endpoint row = endpoint_row(100, at);
	change(FRA1, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

static void arrive(struct packet inner)
{
	struct overlay o = overlay_along(&inner, SGP1, 1, (enum pop[]){FRA1});
	receive(FRA1, make_overlay(&o, &inner));
}

/* The connection's SYN has passed; its NAT end is in `nat`. */
static void given_syn_of(struct packet syn)
{
	arrive(syn);
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), is_v6(&out) ? "[2001:db8:3::1:1]:%u" : "10.3.1.1:%u", source_port_of(&out));
}

static void given_syn(enum wire_ctl_client_ip how)
{
	listen_with(how);
	given_syn_of(tcp(FROM, TO, .flags = SYN, .seq = 999));
}

/* What the endpoint sends, as it leaves fra1 for the client's ingress. */
static struct packet answered(struct packet p)
{
	receive(FRA1, p);
	struct packet out = sent(FRA1);
	return inner_of(&out);
}

/* Our own packets have no identification. */
static struct packet ours(struct packet p)
{
	memset(p.bytes + 4, 0, is_v6(&p) ? 0 : 2);
	return with_ttl(p, 64);
}

static void expect_header(uint32_t ack)
{
	expect_packet(sent(FRA1), ours(tcp(nat, ORIGIN, .flags = PSH_ACK, .seq = 1000, .ack = ack, .df = true,
	                              .data = HEADER, .payload = SIZE)));
}

/* ---- the option ---- */

Test(client_ip, every_segment_has_the_option_until_the_endpoint_has_acknowledged_one)
{
	listen_with(WIRE_CLIENT_IP_TOA);
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 999, .mss = 1300));
	struct packet syn = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&syn));
	expect_packet(syn, tcp(nat, ORIGIN, .flags = SYN, .seq = 999, .mss = 1300));
	answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 77, .ack = 1000));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000, .ack = 78, .options = OPTION, .options_length = 8));
	answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 9, .options = "\1\1\1\1", .options_length = 4));
	expect_packet(sent(FRA1),
	    tcp(nat, ORIGIN, .seq = 1000, .ack = 78, .payload = 9, .options = OPTION "\1\1\1\1", .options_length = 12));
	answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1009));
	arrive(tcp(FROM, TO, .seq = 1009, .ack = 78, .payload = 9));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1009, .ack = 78, .payload = 9));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_CLIENT_UNTOLD), 0);
}

Test(client_ip, the_option_holds_an_ipv6_client_whatever_the_endpoint_is)
{
	listen_with(WIRE_CLIENT_IP_TOA);
	given_syn_of(tcp(FROM6, TO6, .flags = SYN));
	arrive(tcp(FROM6, TO6, .seq = 1, .payload = 9));
	struct packet out = sent(FRA1);
	struct packet expected = tcp(nat, ORIGIN, .seq = 1, .payload = 9, .options = OPTION6, .options_length = 20);
	memcpy(expected.bytes + 4, out.bytes + 4, 2);
	expect_packet(out, with_ttl(expected, 64));
}

Test(client_ip, the_option_holds_an_ipv4_client_whatever_the_endpoint_is)
{
	listen_with(WIRE_CLIENT_IP_TOA);
	endpoint_is(ORIGIN6);
	given_syn_of(tcp(FROM, TO, .flags = SYN, .df = true));
	arrive(tcp(FROM, TO, .seq = 1, .payload = 9, .df = true));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN6, .seq = 1, .payload = 9, .options = OPTION, .options_length = 8));
}

Test(client_ip, the_answers_mss_leaves_room_for_the_option)
{
	given_syn(WIRE_CLIENT_IP_TOA);
	expect_packet(answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .mss = 900)),
	    tcp(TO, FROM, .flags = SYN_ACK, .mss = 900 - 8, .ttl = 63));
	set_port_mtu(1000);
	expect_packet(answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .mss = 1300)),
	    tcp(TO, FROM, .flags = SYN_ACK, .mss = 1000 - 40 - 8, .ttl = 63));
}

Test(client_ip, without_room_a_segment_goes_without_the_option_and_is_counted)
{
	static const uint8_t full[40] = {[0 ... 39] = WIRE_TCP_OPT_NOP};
	given_syn(WIRE_CLIENT_IP_TOA);
	set_port_mtu(1000);
	arrive(tcp(FROM, TO, .seq = 1000, .payload = 953, .df = true));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000, .payload = 953, .df = true));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_CLIENT_UNTOLD), 1);
	arrive(tcp(FROM, TO, .seq = 1000, .payload = 952, .df = true));
	expect_packet(sent(FRA1),
	    tcp(nat, ORIGIN, .seq = 1000, .payload = 952, .df = true, .options = OPTION, .options_length = 8));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_CLIENT_UNTOLD), 1);
	arrive(tcp(FROM, TO, .seq = 1000, .options = full, .options_length = 40));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000, .options = full, .options_length = 40));
	arrive(tcp(FROM, TO, .seq = 1000, .options = full, .options_length = 36));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000, .options = full, .options_length = 36));
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_CLIENT_UNTOLD), 3);
}

/* Else it would be the only one where there is no room for ours. */
Test(client_ip, a_client_cannot_write_the_option_itself)
{
	static const uint8_t forged[40] = {254, 8, 0, 80, 10, 0, 0, 1, [8 ... 39] = WIRE_TCP_OPT_NOP},
	                     blanked[40] = {[0 ... 39] = WIRE_TCP_OPT_NOP};
	given_syn(WIRE_CLIENT_IP_TOA);
	arrive(tcp(FROM, TO, .seq = 1000, .options = forged, .options_length = 40));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000, .options = blanked, .options_length = 40));
}

Test(client_ip, a_syn_with_data_has_the_option_and_a_reset_has_not)
{
	listen_with(WIRE_CLIENT_IP_TOA);
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 999, .payload = 5));
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	expect_packet(
	    out, tcp(nat, ORIGIN, .flags = SYN, .seq = 999, .payload = 5, .options = OPTION, .options_length = 8));
	arrive(tcp(FROM, TO, .flags = RST, .seq = 1000));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .flags = RST, .seq = 1000));
}

Test(client_ip, an_mtu_that_is_told_is_that_of_a_segment_without_the_option)
{
	given_syn(WIRE_CLIENT_IP_TOA);
	struct packet with = tcp(nat, ORIGIN, .seq = 1000, .payload = 900, .df = true);
	struct packet without = tcp(FROM, TO, .seq = 1000, .payload = 900, .df = true);
	expect_packet(answered(icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 800, &with, 0)),
	    with_ttl(icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 792, &without, 0), 63));
	answered(tcp(ORIGIN, nat, .ack = 2000));
	expect_packet(answered(icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 800, &with, 0)),
	    with_ttl(icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 800, &without, 0), 63));
}

/* ---- the header ---- */

Test(client_ip, the_ack_that_completes_the_handshake_becomes_the_header)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	expect_packet(answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 77, .ack = 1000, .mss = 900)),
	    tcp(TO, FROM, .flags = SYN_ACK, .seq = 77, .ack = 1000, .mss = 900, .ttl = 63));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
	expect_nothing_sent(FRA1);
}

Test(client_ip, the_server_may_speak_first)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000 + SIZE, .payload = 30)),
	    tcp(TO, FROM, .seq = 78, .ack = 1000, .payload = 30, .ttl = 63));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 108));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000 + SIZE, .ack = 108));
}

Test(client_ip, the_header_goes_before_the_first_data_again_until_it_is_acknowledged)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	for (unsigned time = 0; time < 2; time++) {
		arrive(tcp(FROM, TO, .flags = PSH_ACK, .seq = 1000, .ack = 78, .payload = 100));
		expect_header(78);
		expect_packet(
		    sent(FRA1), tcp(nat, ORIGIN, .flags = PSH_ACK, .seq = 1000 + SIZE, .ack = 78, .payload = 100));
		arrive(tcp(FROM, TO, .seq = 1100, .ack = 78, .payload = 100));
		expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1100 + SIZE, .ack = 78, .payload = 100));
		answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000));
	}
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1100 + SIZE)),
	    tcp(TO, FROM, .seq = 78, .ack = 1100, .ttl = 63));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 100));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000 + SIZE, .ack = 78, .payload = 100));
}

Test(client_ip, no_segment_grows_by_the_header)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	set_port_mtu(1000);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 960, .df = true));
	expect_header(78);
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000 + SIZE, .ack = 78, .payload = 960, .df = true));
}

/* It is quoted as the client sent it. */
Test(client_ip, what_does_not_fit_is_told_with_the_clients_own_numbers)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	set_port_mtu(1000);
	struct packet big = tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 961, .df = true);
	arrive(big);
	carry();
	expect_packet(
	    delivered(NULL), ours(icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1000, &big, 548)));
}

Test(client_ip, the_header_names_an_ipv6_client_whatever_the_endpoint_is)
{
	listen_with(WIRE_CLIENT_IP_PROXY_V2);
	given_syn_of(tcp(FROM6, TO6, .flags = SYN, .seq = 999));
	arrive(tcp(FROM6, TO6, .seq = 1000, .ack = 78));
	expect_packet(sent(FRA1), ours(tcp(nat, ORIGIN, .flags = PSH_ACK, .seq = 1000, .ack = 78, .df = true,
	                              .data = HEADER6, .payload = SIZE6)));
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000 + SIZE6, .payload = 30)),
	    tcp(TO6, FROM6, .seq = 78, .ack = 1000, .payload = 30, .ttl = 63));
}

Test(client_ip, the_header_names_an_ipv4_client_whatever_the_endpoint_is)
{
	listen_with(WIRE_CLIENT_IP_PROXY_V2);
	endpoint_is(ORIGIN6);
	given_syn_of(tcp(FROM, TO, .flags = SYN, .seq = 999, .df = true));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 7, .df = true));
	expect_packet(
	    sent(FRA1), tcp(nat, ORIGIN6, .flags = PSH_ACK, .seq = 1000, .ack = 78, .data = HEADER, .payload = SIZE));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN6, .seq = 1000 + SIZE, .ack = 78, .payload = 7));
}

#define STAMPS "\1\1\x08\x0a\0\0\0\1\0\0\0\2"

Test(client_ip, timestamps_go_with_the_header_and_sack_comes_back)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .options = STAMPS, .options_length = 12));
	expect_packet(sent(FRA1), ours(tcp(nat, ORIGIN, .flags = PSH_ACK, .seq = 1000, .ack = 78, .df = true,
	                              .options = STAMPS, .options_length = 12, .data = HEADER, .payload = SIZE)));
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000 + SIZE, .options_length = 12,
	                  .options = "\1\1\5\x0a\0\0\5\0\0\0\6\0")),
	    tcp(TO, FROM, .seq = 78, .ack = 1000, .options_length = 12, .options = "\1\1\5\x0a\0\0\4\xe4\0\0\5\xe4",
	        .ttl = 63));
}

Test(client_ip, a_connection_without_data_ends_in_order)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .flags = WIRE_TCP_FIN | WIRE_TCP_ACK, .seq = 1000, .ack = 78));
	expect_header(78);
	expect_packet(
	    sent(FRA1), tcp(nat, ORIGIN, .flags = WIRE_TCP_FIN | WIRE_TCP_ACK, .seq = 1000 + SIZE, .ack = 78));
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1001 + SIZE)),
	    tcp(TO, FROM, .seq = 78, .ack = 1001, .ttl = 63));
}

Test(client_ip, a_reset_has_the_number_that_the_endpoint_expects)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
	arrive(tcp(FROM, TO, .flags = RST, .seq = 1000));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .flags = RST, .seq = 1000));
	answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000 + SIZE));
	arrive(tcp(FROM, TO, .flags = RST, .seq = 1000));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .flags = RST, .seq = 1000 + SIZE));
}

Test(client_ip, a_syn_comes_without_data)
{
	listen_with(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 999, .payload = 5));
	struct packet out = sent(FRA1);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	expect_packet(out, tcp(nat, ORIGIN, .flags = SYN, .seq = 999));
}

Test(client_ip, an_error_quotes_the_clients_own_number)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 100));
	struct packet known = tcp(nat, ORIGIN, .seq = 1000 + SIZE, .ack = 78, .payload = 100);
	struct packet theirs = tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 100);
	expect_header(78);
	expect_packet(sent(FRA1), known);
	for (uint16_t quote = 28; quote <= 48; quote = (uint16_t)(quote + 20))
		expect_packet(answered(icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, 1, 0, &known, quote)),
		    with_ttl(icmp_error(VIP, WIRE_ICMP_UNREACHABLE, 1, 0, &theirs, quote), 63));
}

/* ---- the flow remembers ---- */

Test(client_ip, a_connection_stays_as_it_began_when_its_listener_changes)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	listen_with(WIRE_CLIENT_IP_NONE);
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
	arrive(tcp(CLIENT ":5001", TO, .flags = SYN));
	sent(FRA1);
	arrive(tcp(CLIENT ":5001", TO, .seq = 1));
	struct packet out = sent(FRA1);
	cr_assert_eq(out.length, 40);
}

Test(client_ip, the_next_connection_with_the_same_ports_begins_anew)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 77, .ack = 1000));
	arrive(tcp(FROM, TO, .flags = WIRE_TCP_FIN | WIRE_TCP_ACK, .seq = 1000, .ack = 78));
	expect_header(78);
	sent(FRA1);
	answered(tcp(ORIGIN, nat, .flags = WIRE_TCP_FIN | WIRE_TCP_ACK, .seq = 78, .ack = 1001 + SIZE));
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 0x80000000));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .flags = SYN, .seq = 0x80000000));
	answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 999, .ack = 0x80000001));
	arrive(tcp(FROM, TO, .seq = 0x80000001, .ack = 1000));
	expect_packet(sent(FRA1), ours(tcp(nat, ORIGIN, .flags = PSH_ACK, .seq = 0x80000001, .ack = 1000, .df = true,
	                              .data = HEADER, .payload = SIZE)));
}

/* Nobody who is not on the way can spoil it. */
Test(client_ip, a_syn_into_a_connection_that_stands_changes_nothing)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 77, .ack = 1000));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 5555));
	sent(FRA1);
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 78, .ack = 1000 + SIZE)),
	    tcp(TO, FROM, .seq = 78, .ack = 1000, .ttl = 63));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78, .payload = 3));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .seq = 1000 + SIZE, .ack = 78, .payload = 3));
}

/* RFC 5961, 4: the endpoint still has another connection there, and the reset must be exactly what it asks for. */
Test(client_ip, an_old_connection_of_the_endpoint_is_ended_and_the_header_comes_with_the_new_one)
{
	given_syn(WIRE_CLIENT_IP_PROXY_V2);
	expect_packet(answered(tcp(ORIGIN, nat, .seq = 5, .ack = 700000)),
	    tcp(TO, FROM, .seq = 5, .ack = 700000 - SIZE, .ttl = 63));
	arrive(tcp(FROM, TO, .flags = RST, .seq = 700000 - SIZE));
	expect_packet(sent(FRA1), tcp(nat, ORIGIN, .flags = RST, .seq = 700000));
	arrive(tcp(FROM, TO, .flags = SYN, .seq = 999));
	sent(FRA1);
	answered(tcp(ORIGIN, nat, .flags = SYN_ACK, .seq = 77, .ack = 1000));
	arrive(tcp(FROM, TO, .seq = 1000, .ack = 78));
	expect_header(78);
}

Test(client_ip, udp_and_listeners_without_it_are_left_alone)
{
	listen_with(WIRE_CLIENT_IP_PROXY_V2);
	arrive(udp(FROM, VIP ":53", .payload = 3));
	struct packet out = sent(FRA1);
	cr_assert_eq(out.length, 31);
	cr_assert_eq(lb_nat_at(worker(FRA1, 0)->nat, 0)->client_ip, WIRE_CLIENT_IP_NONE);
}
