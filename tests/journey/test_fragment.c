/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments, in any order, at any worker, go where their flow goes; and packets that may be fragmented are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/fragment.h"
#include "lb/fragment.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define FROM   CLIENT ":5000"
#define TO     VIP ":53"
#define ORIGIN ENDPOINT ":8443"
#define ROOM   1392u /* of an inner packet on a path of two hops */

static char nat[48];

static void one_world(void)
{
	world_begin(1);
}

TestSuite(fragment, .init = one_world, .fini = world_end);

static struct packet renumbered(struct packet p, uint16_t id)
{
	wire_put_be16(p.bytes + 4, id);
	memset(p.bytes + 10, 0, 2);
	uint16_t sum = wire_csum(p.bytes, (p.bytes[0] & 15u) * 4u);
	memcpy(p.bytes + 10, &sum, 2);
	return p;
}

/* Bytes [begin, end) of the payload of an IP packet, as a fragment. */
static struct packet fragment(const struct packet *whole, unsigned begin, unsigned end)
{
	struct packet p = *whole;
	unsigned header = (whole->bytes[0] & 15u) * 4u, total = whole->length - header;
	end = end < total ? end : total;
	memcpy(p.bytes + header, whole->bytes + header + begin, end - begin);
	p.length = (uint16_t)(header + end - begin);
	wire_put_be16(p.bytes + 2, p.length);
	wire_put_be16(p.bytes + 6, (uint16_t)(begin / 8 | (end < total ? WIRE_IPV4_MF : 0)));
	return renumbered(p, wire_be16(whole->bytes + 4));
}

/* Puts fragments together, in whatever order they come; all have one identification. */
struct whole {
	unsigned n;
	uint16_t id;
	unsigned there; /* bytes of payload */
	struct packet packet;
};

static void add(struct whole *w, const struct packet *piece)
{
	uint16_t id = wire_be16(piece->bytes + 4), field = wire_be16(piece->bytes + 6);
	unsigned begin = (field & WIRE_IPV4_OFFSET_MASK) * 8u, n = piece->length - 20u;
	cr_assert(w->n == 0 || id == w->id, "one identification");
	cr_assert_eq(wire_csum_fold(wire_csum_add(0, piece->bytes, 20)), 0xffff);
	if (begin == 0)
		memcpy(w->packet.bytes, piece->bytes, 20);
	memcpy(w->packet.bytes + 20 + begin, piece->bytes + 20, n);
	if (!(field & WIRE_IPV4_MF))
		w->packet.length = (uint16_t)(20 + begin + n);
	w->id = id;
	w->there += n;
	w->n++;
}

/* As the sender made it: identification aside. */
static void expect_whole(struct whole *w, struct packet expected)
{
	cr_assert_eq(w->there, w->packet.length - 20u, "nothing is missing or double");
	wire_put_be16(w->packet.bytes + 2, w->packet.length);
	wire_put_be16(w->packet.bytes + 6, 0);
	expect_packet(renumbered(w->packet, 0x4b55), expected);
}

static void given_flow(void)
{
	receive(SGP1, udp(FROM, TO, .payload = 1));
	carry();
	struct packet out = delivered(NULL);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
}

static struct whole collect(unsigned n, enum pop at)
{
	struct whole w = {.n = 0};
	enum pop left_at;
	carry();
	for (unsigned k = 0; k < n; k++) {
		struct packet piece = delivered(&left_at);
		cr_assert_eq(left_at, at);
		add(&w, &piece);
	}
	expect_nothing_delivered();
	return w;
}

/* All orders of three fragments, there and back. */
static void cross_in_each_order(unsigned workers)
{
	static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (unsigned n = 0; n < 6; n++) {
		struct packet there = renumbered(udp(FROM, TO, .payload = 1700), (uint16_t)(100 + n));
		for (unsigned k = 0; k < 3; k++)
			receive_at(SGP1, k % workers, fragment(&there, orders[n][k] * 600, orders[n][k] * 600 + 600));
		struct whole w = collect(3, FRA1);
		expect_whole(&w, udp(nat, ORIGIN, .payload = 1700, .ttl = 63));
		struct packet back = renumbered(udp(ORIGIN, nat, .payload = 1900), (uint16_t)(100 + n));
		for (unsigned k = 0; k < 3; k++)
			receive_at(FRA1, k % workers, fragment(&back, orders[n][k] * 640, orders[n][k] * 640 + 640));
		w = collect(3, SGP1);
		expect_whole(&w, udp(TO, FROM, .payload = 1900, .ttl = 63));
	}
	cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
}

Test(fragment, of_a_datagram_cross_in_any_order)
{
	given_flow();
	cross_in_each_order(1);
}

Test(fragment, find_their_flow_from_whatever_worker_they_arrive_at)
{
	for (unsigned workers = 2; workers <= 3; workers++) {
		world_end();
		world_begin(workers);
		given_flow();
		cross_in_each_order(workers);
	}
}

/* The first datagram of a flow, its first fragment last. */
Test(fragment, begin_a_flow)
{
	struct packet whole = udp(FROM, TO, .payload = 1700);
	receive(SGP1, fragment(&whole, 800, 2000));
	expect_nothing_sent(SGP1);
	receive(SGP1, fragment(&whole, 0, 800));
	struct whole w = collect(2, FRA1);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 1);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 1);
	cr_assert_eq(w.there, 1708);
}

Test(fragment, that_come_out_of_the_overlay_in_disorder_wait_for_the_first)
{
	given_flow();
	struct packet whole = udp(FROM, TO, .payload = 1700), flow = udp(FROM, TO);
	struct packet piece[2] = {fragment(&whole, 0, 800), fragment(&whole, 800, 2000)};
	for (unsigned k = 2; k-- > 0;) {
		struct overlay o = overlay_along(&flow, SGP1, 1, (enum pop[]){FRA1});
		receive(FRA1, make_overlay(&o, &piece[k]));
	}
	struct whole w = collect(2, FRA1);
	expect_whole(&w, udp(nat, ORIGIN, .payload = 1700));
}

Test(fragment, that_overlap_are_dropped_and_their_datagram_with_them)
{
	given_flow();
	struct packet whole = udp(FROM, TO, .payload = 1700);
	receive(SGP1, fragment(&whole, 0, 800));
	receive(SGP1, fragment(&whole, 792, 1200));
	receive(SGP1, fragment(&whole, 1200, 2000));
	collect(1, FRA1);
	cr_assert_eq(drops(SGP1, WIRE_DROP_FRAGMENT), 2);
}

Test(fragment, whose_first_never_comes_are_dropped_in_time)
{
	struct packet whole = udp(FROM, TO, .payload = 1700);
	for (unsigned n = 0; n < DP_FRAGMENT_HELD + 50; n++) {
		struct packet p = renumbered(whole, (uint16_t)n);
		receive(SGP1, fragment(&p, 800, 2000));
	}
	cr_assert_eq(drops(SGP1, WIRE_DROP_FRAGMENT), 50, "no more wait");
	pass_ms(LB_FRAGMENT_LIFE_MS + 400);
	cr_assert_eq(drops(SGP1, WIRE_DROP_FRAGMENT), DP_FRAGMENT_HELD + 50);
	cr_assert_eq(lb_fragment_held(worker(SGP1, 0)->fragments), 0);
}

/* Two clients use one identification: the endpoint must not mix them. */
Test(fragment, of_two_clients_have_two_identifications_behind_nat)
{
	uint16_t id[2];
	for (unsigned n = 0; n < 2; n++) {
		struct packet whole = udp(n ? CLIENT ":5000" : "192.0.2.8:5000", TO, .payload = 1200);
		receive(SGP1, fragment(&whole, 0, 800));
		receive(SGP1, fragment(&whole, 800, 2000));
		id[n] = collect(2, FRA1).id;
	}
	cr_assert_neq(id[0], id[1]);
}

Test(fragment, of_icmp_and_other_protocols_are_not_carried)
{
	struct packet echo = icmp_echo(CLIENT, VIP, WIRE_ICMP_ECHO, 64, 1000);
	receive(SGP1, fragment(&echo, 0, 800));
	receive(SGP1, fragment(&echo, 800, 2000));
	cr_assert_eq(drops(SGP1, WIRE_DROP_FRAGMENT), 2);
}

/* ---- made by us ---- */

Test(fragment, are_made_of_a_packet_that_does_not_fit_the_path_and_may_be_fragmented)
{
	given_flow();
	receive(SGP1, udp(FROM, TO, .payload = 1472));
	struct whole w = collect(2, FRA1);
	expect_whole(&w, udp(nat, ORIGIN, .payload = 1472, .ttl = 63));
	receive(FRA1, udp(ORIGIN, nat, .payload = 1472));
	w = collect(2, SGP1);
	expect_whole(&w, udp(TO, FROM, .payload = 1472, .ttl = 63));
	cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
}

Test(fragment, are_made_of_fragments)
{
	given_flow();
	struct packet whole = udp(FROM, TO, .payload = 1990);
	receive(SGP1, fragment(&whole, 0, 1480));
	receive(SGP1, fragment(&whole, 1480, 2960));
	struct whole w = collect(3, FRA1);
	expect_whole(&w, udp(nat, ORIGIN, .payload = 1990, .ttl = 63));
}

Test(fragment, are_made_for_a_port_that_is_too_narrow)
{
	given_flow();
	struct packet flow = udp(FROM, TO), big = udp(FROM, TO, .payload = 1200);
	struct overlay o = overlay_along(&flow, SGP1, 1, (enum pop[]){FRA1});
	set_port_mtu(600);
	receive(FRA1, make_overlay(&o, &big));
	struct whole w = collect(3, FRA1);
	expect_whole(&w, udp(nat, ORIGIN, .payload = 1200));
}

Test(fragment, are_made_before_a_packet_is_wrapped_for_a_tunnel)
{
	struct wire_ctl_endpoint row = endpoint_row(100, ORIGIN);
	row.mode = WIRE_MODE_TUNNEL;
	change(FRA1, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
	struct packet flow = udp(FROM, TO), big = udp(FROM, TO, .payload = 1200);
	struct overlay o = overlay_along(&flow, SGP1, 1, (enum pop[]){FRA1});
	set_port_mtu(600);
	receive(FRA1, make_overlay(&o, &big));
	struct whole w = {.n = 0};
	for (unsigned k = 0; k < 3; k++) {
		struct packet outer = sent(FRA1), inner = {.length = (uint16_t)(outer.length - 20)};
		cr_assert_leq(outer.length, 600);
		cr_assert_eq(outer.bytes[9], WIRE_PROTO_IPIP);
		memcpy(inner.bytes, outer.bytes + 20, inner.length);
		add(&w, &inner);
	}
	expect_whole(&w, big);
}

/* Options that must be copied are (RFC 791, 3.1): here a record that must not, and a stream id that must. */
Test(fragment, that_we_make_carry_the_options_that_say_so)
{
	given_flow();
	struct packet p = udp(FROM, TO, .payload = 1440, .ip_options = 12);
	memcpy(p.bytes + 20, "\x07\x07\x04\x00\x00\x00\x00\x88\x04\x12\x34\x00", 12);
	receive(SGP1, renumbered(p, 9));
	carry();
	struct packet first = delivered(NULL), later = delivered(NULL);
	cr_assert_eq(first.bytes[0], 0x48);
	cr_assert_arr_eq(first.bytes + 20, p.bytes + 20, 12);
	cr_assert_eq(later.bytes[0], 0x46);
	cr_assert_arr_eq(later.bytes + 20, "\x88\x04\x12\x34", 4);
	cr_assert_eq(first.length - 32 + later.length - 24, 1448);
}

/* ---- IPv6, and from one version to the other ---- */

/* Bytes [begin, end) of the datagram, whose IPv6 header is followed by that of an atomic fragment. */
static struct packet fragment6(const struct packet *whole, unsigned begin, unsigned end)
{
	struct packet p = *whole;
	unsigned total = whole->length - 48u;
	end = end < total ? end : total;
	memcpy(p.bytes + 48, whole->bytes + 48 + begin, end - begin);
	p.length = (uint16_t)(48 + end - begin);
	wire_put_be16(p.bytes + 4, (uint16_t)(p.length - 40));
	wire_put_be16(p.bytes + 42, (uint16_t)(begin | (end < total)));
	return p;
}

/* What is behind the headers of a fragment of either version, put in its place. Returns its size. */
static unsigned gather(uint8_t datagram[MAX_PACKET], const struct packet *piece)
{
	unsigned header = is_v6(piece) ? 48 : 20;
	unsigned begin = is_v6(piece) ? wire_be16(piece->bytes + 42) & 0xfff8u
	                              : (wire_be16(piece->bytes + 6) & WIRE_IPV4_OFFSET_MASK) * 8u;
	cr_assert(!is_v6(piece) || piece->bytes[6] == 44);
	memcpy(datagram + begin, piece->bytes + header, piece->length - header);
	return piece->length - header;
}

static void cross(bool client6, bool endpoint6, bool first_last)
{
	const char *from = client6 ? "[" CLIENT6 "]:5000" : FROM, *to = client6 ? "[" VIP6 "]:53" : TO;
	const char *origin = endpoint6 ? "[" ENDPOINT6 "]:8443" : ORIGIN;
	struct wire_ctl_endpoint row = endpoint_row(100, origin);
	change(FRA1, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
	for (unsigned way = 0; way < 2; way++) {
		uint8_t datagram[MAX_PACKET] = {0};
		bool in6 = way ? endpoint6 : client6;
		struct packet whole = way ? udp(origin, nat, .payload = 1200, .atomic = in6)
		                          : udp(from, to, .payload = 1200, .atomic = in6);
		struct packet piece[2];
		for (unsigned k = 0; k < 2; k++)
			piece[k] =
			    in6 ? fragment6(&whole, k * 800, k * 800 + 800) : fragment(&whole, k * 800, k * 800 + 800);
		receive(way ? FRA1 : SGP1, piece[first_last]);
		receive(way ? FRA1 : SGP1, piece[!first_last]);
		carry();
		struct packet a = delivered(NULL), b = delivered(NULL);
		cr_assert_eq(gather(datagram, &a) + gather(datagram, &b), 1208);
		expect_nothing_delivered();
		if (way == 0)
			snprintf(
			    nat, sizeof(nat), endpoint6 ? "[2001:db8:3::1:1]:%u" : "10.3.1.1:%u", wire_be16(datagram));
		struct packet expected = way ? udp(to, from, .payload = 1200) : udp(nat, origin, .payload = 1200);
		cr_assert_eq(is_v6(&a), is_v6(&expected));
		cr_assert_arr_eq(datagram, l4_of(&expected), 1208, "ports, checksum, payload");
	}
}

Test(fragment, cross_between_versions)
{
	for (unsigned n = 0; n < 8; n++) {
		world_end();
		world_begin(1);
		cross(n & 1, n & 2, n & 4);
		cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
	}
}
