/* SPDX-License-Identifier: BSD-2-Clause */
/* Ingress: a packet from a client to the VIP arrives at sgp1. */
#include <criterion/criterion.h>

#include "dataplane/icmp.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define FROM CLIENT ":5000"
#define TO   VIP ":443"
#define ROOM (1500u - (20 + 8 + 8 + (8 + 4 * 2) + 28 + 12 + 16)) /* of an inner packet on a path of two hops */

static void one_world(void)
{
	world_begin(1);
}

TestSuite(ingress, .init = one_world, .fini = world_end);

/* What goes to fra1 by dxb1 in this flow; `flags` are STEER's. */
static struct packet to_fra1(struct packet inner, uint32_t sequence, uint8_t flags)
{
	struct overlay o = overlay_along(&inner, SGP1, 2, (enum pop[]){DXB1, FRA1});
	o.flags = flags;
	o.sequence = sequence;
	return make_overlay(&o, &inner);
}

Test(ingress, a_new_clients_syn_goes_to_the_egress_along_the_primary_path)
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1300));
	expect_packet(sent(SGP1), to_fra1(tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1300, .ttl = 63), 1, 0));
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 1);
	cr_assert_eq(journeys(SGP1, WIRE_JOURNEY_INGRESS), 1);
}

Test(ingress, an_established_flow_is_not_new_any_more)
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	receive(SGP1, tcp(FROM, TO, .payload = 100));
	sent(SGP1);
	expect_packet(sent(SGP1), to_fra1(tcp(FROM, TO, .payload = 100, .ttl = 63), 2, 0));
}

Test(ingress, a_flow_keeps_its_endpoint_when_the_weights_change)
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	receive(SGP1, tcp(FROM, TO));
	sent(SGP1), sent(SGP1);
	struct wire_ctl_endpoint drained = endpoint_row(100, ENDPOINT ":8443"),
	                         other = endpoint_row(101, "198.51.100.11:8443");
	drained.state = WIRE_ENDPOINT_DRAINED;
	change(SGP1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	change(SGP1, WIRE_OBJ_ENDPOINT, &drained, sizeof(drained), false);
	receive(SGP1, tcp(FROM, TO, .payload = 5));
	expect_packet(sent(SGP1), to_fra1(tcp(FROM, TO, .payload = 5, .ttl = 63), 3, 0));
	receive(SGP1, tcp(CLIENT ":5001", TO, .flags = WIRE_TCP_SYN));
	struct packet second = sent(SGP1);
	cr_assert_eq(wire_be32(second.bytes + 36 + 16 + 4 + 8), 101, "a new flow goes to the other endpoint");
}

Test(ingress, a_segment_without_a_flow_gets_a_second_chance_and_makes_none)
{
	struct wire_ctl_group group = group_row(FRA1);
	group.candidate[0] = DXB1;
	change(SGP1, WIRE_OBJ_GROUP, &group, sizeof(group), false);
	receive(SGP1, tcp(FROM, TO, .payload = 10));
	struct packet inner = tcp(FROM, TO, .payload = 10, .ttl = 63);
	struct overlay o = overlay_along(&inner, SGP1, 2, (enum pop[]){DXB1, FRA1});
	o.flags = WIRE_STEER_SECOND;
	o.candidate[0] = DXB1;
	o.sequence = 1;
	expect_packet(sent(SGP1), make_overlay(&o, &inner));
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 0);
}

Test(ingress, udp_makes_a_flow_and_keeps_a_zero_checksum)
{
	receive(SGP1, udp(FROM, VIP ":53", .payload = 33, .no_checksum = true, .tos = 0xba));
	struct packet inner = udp(FROM, VIP ":53", .payload = 33, .no_checksum = true, .tos = 0xba, .ttl = 63);
	struct overlay o = overlay_along(&inner, SGP1, 2, (enum pop[]){DXB1, FRA1});
	o.sequence = 1;
	o.tos = 0xba;
	expect_packet(sent(SGP1), make_overlay(&o, &inner));
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 1);
}

Test(ingress, the_egress_here_takes_it_without_the_overlay)
{
	receive(FRA1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1460, .seq = 9));
	struct packet out = sent(FRA1);
	char nat[32];
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	expect_packet(out, tcp(nat, ENDPOINT ":8443", .flags = WIRE_TCP_SYN, .mss = 1460, .seq = 9, .ttl = 63));
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_INGRESS), 1);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1);
}

Test(ingress, mss_is_clamped_to_the_path)
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = 1460));
	expect_packet(sent(SGP1), to_fra1(tcp(FROM, TO, .flags = WIRE_TCP_SYN, .mss = ROOM - 40, .ttl = 63), 1, 0));
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_MSS_CLAMPED), 1);
}

/* The MSS of the answer is for what the client will send, and that goes along our path to the egress. */
Test(ingress, mss_of_the_answer_is_clamped_to_the_path)
{
	struct wire_ctl_path narrow = {.to_pop = FRA1, .n_primary = 2, .primary_mtu = 1000};
	narrow.primary[0] = LINK(SGP1, DXB1);
	narrow.primary[1] = LINK(DXB1, FRA1);
	change(SGP1, WIRE_OBJ_PATH, &narrow, sizeof(narrow), false);
	struct packet flow = tcp(FROM, TO), answer = tcp(TO, FROM, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1360);
	struct overlay o = overlay_along(&flow, FRA1, 1, (enum pop[]){SGP1});
	o.flags = WIRE_STEER_RETURN;
	o.ingress = SGP1;
	o.egress = FRA1;
	receive(SGP1, make_overlay(&o, &answer));
	expect_packet(
	    sent(SGP1), tcp(TO, FROM, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1000 - (1500 - ROOM) - 40));
}

Test(ingress, what_does_not_fit_the_path_is_answered_with_its_mtu)
{
	struct packet fits = udp(FROM, VIP ":53", .payload = ROOM - 28, .df = true);
	struct packet big = udp(FROM, VIP ":53", .payload = ROOM - 27, .df = true);
	receive(SGP1, fits);
	cr_assert_eq(sent(SGP1).length, 1500);
	receive(SGP1, big);
	struct packet expected = icmp_error(VIP, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, ROOM, &big, 548);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(sent(SGP1), with_ttl(expected, 64));
	cr_assert_eq(drops(SGP1, WIRE_DROP_TOO_BIG), 1);
}

Test(ingress, a_used_up_ttl_is_answered_with_time_exceeded)
{
	struct packet last = tcp(FROM, TO, .flags = WIRE_TCP_SYN, .ttl = 1);
	receive(SGP1, last);
	struct packet expected = icmp_error(VIP, WIRE_ICMP_TIME_EXCEEDED, 0, 0, &last, 40);
	wire_put_be16(expected.bytes + 4, 0);
	expect_packet(sent(SGP1), with_ttl(expected, 64));
	cr_assert_eq(drops(SGP1, WIRE_DROP_TTL_EXPIRED), 1);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 0);
}

Test(ingress, a_vip_answers_echo_requests)
{
	receive(SGP1, icmp_echo(CLIENT, VIP, WIRE_ICMP_ECHO, 9, 56));
	expect_packet(sent(SGP1), icmp_echo(VIP, CLIENT, WIRE_ICMP_ECHO_REPLY, 64, 56));
}

Test(ingress, icmp_errors_that_we_originate_are_limited)
{
	for (unsigned i = 0; i < 3 * DP_ICMP_BURST; i++)
		receive(SGP1, tcp(FROM, TO, .ttl = 1));
	for (unsigned i = 0; i < DP_ICMP_BURST; i++)
		sent(SGP1);
	expect_nothing_sent(SGP1);
	cr_assert_eq(drops(SGP1, WIRE_DROP_RATE), 2 * DP_ICMP_BURST);
	pass_ms(5);
	for (unsigned i = 0; i < 10; i++)
		receive(SGP1, tcp(FROM, TO, .ttl = 1));
	for (unsigned i = 0; i < 5; i++)
		sent(SGP1);
	expect_nothing_sent(SGP1);
}

Test(ingress, an_icmp_error_of_the_client_follows_its_flow)
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	receive(SGP1, tcp(FROM, TO));
	sent(SGP1), sent(SGP1);
	struct packet about = tcp(TO, FROM, .payload = 500, .df = true);
	struct packet error = icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &about, 0);
	receive(SGP1, error);
	struct packet flow = tcp(FROM, TO);
	struct overlay o = overlay_along(&flow, SGP1, 2, (enum pop[]){DXB1, FRA1});
	struct packet inner = with_ttl(error, 63);
	o.sequence = 3;
	expect_packet(sent(SGP1), make_overlay(&o, &inner));
}

/* Rows: what arrives, and why it goes no further. */
Test(ingress, what_is_refused_has_its_reason)
{
	struct packet bad_checksum = tcp(FROM, TO), short_total = tcp(FROM, TO), bad_offset = tcp(FROM, TO);
	bad_checksum.bytes[10] ^= 1;
	wire_put_be16(short_total.bytes + 2, 19);
	bad_offset.bytes[32] = 0x40;
	struct packet unsupported = udp(FROM, TO);
	unsupported.bytes[9] = 132;
	struct packet about = tcp(VIP ":443", FROM), others = tcp("203.0.113.99:443", FROM);
	struct packet foreign = icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, 1, 0, &others, 0);
	memcpy(foreign.bytes + 16, end_of(VIP).address.bytes + 12, 4);
	struct packet broken_error = icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, 1, 0, &about, 0);
	broken_error.bytes[40] ^= 1;
	struct {
		struct packet packet;
		enum wire_drop reason;
	} rows[] = {
	    {bad_checksum, WIRE_DROP_BAD_IP_CHECKSUM}, {short_total, WIRE_DROP_BAD_IP_HEADER},
	    {bad_offset, WIRE_DROP_BAD_L4_HEADER}, {with_ttl(unsupported, 64), WIRE_DROP_UNSUPPORTED},
	    {with_ttl(foreign, 64), WIRE_DROP_BAD_L4_HEADER}, {broken_error, WIRE_DROP_BAD_L4_HEADER},
	    {tcp("224.0.0.1:5", TO), WIRE_DROP_BAD_SOURCE}, {tcp("127.0.0.1:5", TO), WIRE_DROP_BAD_SOURCE},
	    {tcp("255.255.255.255:5", TO), WIRE_DROP_BAD_SOURCE},
	    {tcp(VIP ":5", TO, .flags = WIRE_TCP_SYN), WIRE_DROP_BAD_SOURCE},
	    {tcp(FROM, VIP ":444"), WIRE_DROP_NO_LISTENER}, {udp(FROM, VIP ":443"), WIRE_DROP_NO_LISTENER},
	    {tcp(FROM, TO, .frag_off = WIRE_IPV4_MF | 100), WIRE_DROP_FRAGMENT}, /* of 20 bytes */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = drops(SGP1, rows[i].reason);
		receive(SGP1, rows[i].packet);
		cr_expect_eq(drops(SGP1, rows[i].reason), before + 1, "row %zu: %s", i, wire_drop_name(rows[i].reason));
		expect_nothing_sent(SGP1);
	}
}

Test(ingress, without_a_path_the_packet_is_dropped)
{
	struct wire_ctl_path path = {.to_pop = FRA1};
	change(SGP1, WIRE_OBJ_PATH, &path, sizeof(path), true);
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	cr_assert_eq(drops(SGP1, WIRE_DROP_NO_PATH), 1);
}

Test(ingress, without_an_endpoint_the_packet_is_dropped)
{
	struct wire_ctl_endpoint endpoint = endpoint_row(100, ENDPOINT ":8443");
	change(SGP1, WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint), true);
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	cr_assert_eq(drops(SGP1, WIRE_DROP_NO_ENDPOINT), 1);
}

Test(ingress, a_flow_whose_endpoint_is_down_moves_with_its_next_beginning)
{
	struct wire_ctl_endpoint down = endpoint_row(100, ENDPOINT ":8443"),
	                         other = endpoint_row(101, "198.51.100.11:8443");
	receive(SGP1, udp(FROM, VIP ":53"));
	sent(SGP1);
	down.state = WIRE_ENDPOINT_DOWN;
	change(SGP1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	change(SGP1, WIRE_OBJ_ENDPOINT, &down, sizeof(down), false);
	receive(SGP1, udp(FROM, VIP ":53"));
	struct packet moved = sent(SGP1);
	cr_assert_eq(wire_be32(moved.bytes + 36 + 16 + 4 + 8), 101);
}

Test(ingress, the_second_packet_of_a_burst_knows_the_flow_that_the_first_began)
{
	struct packet burst[] = {tcp(FROM, TO, .flags = WIRE_TCP_SYN), tcp(FROM, TO, .payload = 10)};
	receive_burst(SGP1, 2, burst);
	sent(SGP1);
	struct packet second = sent(SGP1);
	cr_assert_eq(second.bytes[36 + 16 + 4] & WIRE_STEER_SECOND, 0, "no second chance: it has a flow");
}

static struct packet syn_of(unsigned client)
{
	char from[32];
	snprintf(from, sizeof(from), "192.0.2.%u:%u", 1 + client % 250, 1024 + client / 250);
	return tcp(from, TO, .flags = WIRE_TCP_SYN);
}

static uint32_t endpoint_sent_to(void)
{
	struct packet out = sent(SGP1);
	return wire_be32(out.bytes + 36 + 16 + 4 + 8);
}

/* A table full of new flows gives a newcomer the place of one of them, whose own packet may come later in the burst. */
Test(ingress, a_newcomer_that_takes_a_flows_place_does_not_take_its_packets)
{
	enum { CLIENTS = 2000 };
	struct wire_ctl_endpoint other = endpoint_row(101, "198.51.100.11:8443");
	change(SGP1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	uint32_t endpoint[CLIENTS];
	for (unsigned i = 0; i < CLIENTS; i++) {
		receive(SGP1, syn_of(i));
		endpoint[i] = endpoint_sent_to();
	}
	pass_ms(1000);
	for (unsigned i = 0; i < CLIENTS; i += 31) {
		struct packet burst[32] = {syn_of(CLIENTS + i)};
		unsigned n = 1;
		for (; n < 32 && i + n <= CLIENTS; n++)
			burst[n] = syn_of(i + n - 1);
		receive_burst(SGP1, n, burst);
		endpoint_sent_to();
		for (unsigned k = 1; k < n; k++)
			cr_assert_eq(endpoint_sent_to(), endpoint[i + k - 1], "client %u", i + k - 1);
	}
}

/* ---- QUIC ---- */

/* Endpoints 100 and 101 have server ids; a packet with a short header and this connection id arrives from this port. */
static void quic_service(void)
{
	struct wire_ctl_quic quic = {.quic = 5, .config = {{.server_id_length = 3, .nonce_length = 4}}};
	struct wire_ctl_endpoint first = endpoint_row(100, ENDPOINT ":8443"),
	                         second = endpoint_row(101, ENDPOINT ":8444");
	struct wire_ctl_listener l = {.listener = 2, .accelerator = 7, .protocol = WIRE_PROTO_UDP};
	first.server_id_length = second.server_id_length = 3;
	memcpy(first.server_id, "\xc4\x60\x5e", 3);
	memcpy(second.server_id, "\xc4\x60\x5f", 3);
	static const uint8_t vip[4] = {203, 0, 113, 10};
	l.vip = wire_addr_from_v4(vip);
	l.port_lo = l.port_hi = 53;
	l.quic = 5;
	l.n_shares = 1;
	l.share[0] = (struct wire_ctl_share){.group = 5, .weight = 65536};
	change(SGP1, WIRE_OBJ_QUIC, &quic, sizeof(quic), false);
	change(SGP1, WIRE_OBJ_ENDPOINT, &first, sizeof(first), false);
	change(SGP1, WIRE_OBJ_ENDPOINT, &second, sizeof(second), false);
	change(SGP1, WIRE_OBJ_LISTENER, &l, sizeof(l), false);
}

/* The endpoint that STEER names for a client with this connection id. */
static uint32_t endpoint_of_quic(unsigned port, const char *cid)
{
	char from[32];
	snprintf(from, sizeof(from), CLIENT ":%u", port);
	struct packet p = udp(from, VIP ":53", .payload = 20, .no_checksum = true);
	p.bytes[28] = 0x40;
	memcpy(p.bytes + 29, cid, 8);
	receive(SGP1, p);
	struct packet out = sent(SGP1);
	return wire_be32(out.bytes + 36 + 16 + 4 + 8);
}

Test(ingress, a_quic_client_keeps_its_endpoint_when_its_address_changes)
{
	quic_service();
	for (unsigned port = 6000; port < 6050; port++) {
		cr_assert_eq(endpoint_of_quic(port, "\x07\xc4\x60\x5e\x45\x04\xcc\x4f"), 100);
		cr_assert_eq(endpoint_of_quic(port + 100, "\x07\xc4\x60\x5f\x45\x04\xcc\x4f"), 101);
	}
}

Test(ingress, a_quic_id_that_names_nobody_or_a_dead_endpoint_goes_by_maglev)
{
	quic_service();
	struct wire_ctl_endpoint dead = endpoint_row(101, ENDPOINT ":8444");
	dead.state = WIRE_ENDPOINT_DOWN;
	dead.server_id_length = 3;
	memcpy(dead.server_id, "\xc4\x60\x5f", 3);
	unsigned of[2] = {0};
	for (unsigned port = 6000; port < 6050; port++)
		of[endpoint_of_quic(port, "\x07\xff\xff\xff\x45\x04\xcc\x4f") - 100]++;
	cr_assert(of[0] > 5 && of[1] > 5, "%u and %u", of[0], of[1]);
	change(SGP1, WIRE_OBJ_ENDPOINT, &dead, sizeof(dead), false);
	cr_assert_eq(endpoint_of_quic(7000, "\x07\xc4\x60\x5f\x45\x04\xcc\x4f"), 100);
}
