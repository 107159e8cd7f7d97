/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames as they are: tags of a VLAN, in the frame or taken off by the NIC, padding, what stands in IP's header, and
 * frames in many buffers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/worker_set.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define VID       100u
#define OUTER_VID 200u
#define PRIORITY  0x6000u /* of a TCI; with any it is the same VLAN */

static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe};

struct frame {
	uint16_t length;
	uint8_t bytes[22 + MAX_PACKET];
};

/* A tag's type and TCI; type 0: none. */
struct tag {
	uint16_t type, tci;
};

static struct frame framed(const struct packet *p, struct tag first, struct tag second)
{
	struct frame f = {.length = 12};
	struct tag tags[2] = {first, second};
	memcpy(f.bytes, addresses, 12);
	for (unsigned k = 0; k < 2 && tags[k].type; k++, f.length = (uint16_t)(f.length + 4)) {
		wire_put_be16(f.bytes + f.length, tags[k].type);
		wire_put_be16(f.bytes + f.length + 2, tags[k].tci);
	}
	wire_put_be16(f.bytes + f.length, is_v6(p) ? 0x86dd : 0x0800);
	memcpy(f.bytes + f.length + 2, p->bytes, p->length);
	f.length = (uint16_t)(f.length + 2 + p->length);
	return f;
}

static struct rte_mbuf *buffer(enum pop pop, const uint8_t *bytes, uint16_t length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_workers_pool(worker(pop, 0)->set));
	cr_assert_not_null(m);
	memcpy(rte_pktmbuf_append(m, length), bytes, length);
	return m;
}

static void arrive(enum pop pop, struct rte_mbuf *m)
{
	dp_workers_receive(worker(pop, 0), &m, 1, 0, world_now_ns(), world_now_ns());
}

/* What the NIC says that it took off. */
struct stripped {
	uint64_t flags;
	uint16_t outer, tci;
};

static void arrive_as(enum pop pop, const struct frame *f, struct stripped s)
{
	struct rte_mbuf *m = buffer(pop, f->bytes, f->length);
	m->ol_flags |= s.flags;
	m->vlan_tci_outer = s.outer;
	m->vlan_tci = s.tci;
	arrive(pop, m);
}

#define ONE_STRIPPED RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED
#define TWO_STRIPPED ONE_STRIPPED | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED

static void given_vlan(enum pop pop, uint8_t n)
{
	worker(pop, 0)->set->port[0].vlan = (struct dp_vlan){n, {n == 2 ? OUTER_VID : VID, VID}};
}

/* The packet in the next frame from the port, which has the tags of given_vlan(). */
static struct packet sent_tagged(enum pop pop, uint8_t n)
{
	struct rte_mbuf *m = dp_workers_sent(worker(pop, 0)->set, 0);
	struct packet p = {.length = 0};
	cr_assert_not_null(m, "nothing was sent");
	const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
	cr_assert_arr_eq(at, "\x02\0\0\0\0\xfe\x02\0\0\0\0\x01", 12);
	cr_assert(n == 0 || wire_be32(at + 12) == (n == 2 ? 0x88a80000 | OUTER_VID : 0x81000000 | VID));
	cr_assert(n < 2 || wire_be32(at + 16) == (0x81000000 | VID));
	p.length = (uint16_t)(rte_pktmbuf_pkt_len(m) - 14 - 4u * n);
	memcpy(p.bytes, at + 14 + 4u * n, p.length);
	cr_assert_eq(wire_be16(at + 12 + 4u * n), is_v6(&p) ? 0x86dd : 0x0800);
	rte_pktmbuf_free(m);
	return p;
}

static const struct tag none = {0, 0}, single = {0x8100, PRIORITY | VID}, outer = {0x88a8, OUTER_VID},
                        inner = {0x8100, VID};

/* Rows: what is on the wire, what of it the NIC took off, and how many tags the port has. */
static const struct {
	uint8_t n;
	struct tag first, second;
	struct stripped stripped;
} same[] = {
    {0, {0}, {0}, {0}},
    {1, {0x8100, PRIORITY | VID}, {0}, {0}},
    {1, {0}, {0}, {ONE_STRIPPED, 0, PRIORITY | VID}},
    {2, {0x88a8, OUTER_VID}, {0x8100, PRIORITY | VID}, {0}},
    {2, {0x8100, VID}, {0}, {ONE_STRIPPED, 0, OUTER_VID}},
    {2, {0}, {0}, {TWO_STRIPPED, PRIORITY | OUTER_VID, VID}},
};

/* The client's packet comes in tagged at sgp1 and leaves it tagged towards dxb1; over IPv6 two tags more are more than
 * the headroom that DPDK leaves. */
Test(frame, a_port_of_a_vlan_takes_its_frames_and_sends_with_its_tags)
{
	static const enum underlay underlays[] = {UNDER_V4, UNDER_V6};
	for (unsigned k = 0; k < 2 * sizeof(same) / sizeof(same[0]); k++) {
		unsigned row = k / 2;
		struct packet syn = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN, .payload = 700);
		struct frame f = framed(&syn, same[row].first, same[row].second);
		world_begin_over(underlays[k % 2], 1);
		given_vlan(SGP1, same[row].n);
		arrive_as(SGP1, &f, same[row].stripped);
		struct packet out = sent_tagged(SGP1, same[row].n);
		expect_packet(inner_of(&out), with_ttl(syn, 63));
		cr_assert_eq(all_drops(SGP1), 0, "row %u", row);
		world_end();
	}
}

Test(frame, of_another_vlan_or_none_is_dropped)
{
	static const struct {
		uint8_t n;
		struct tag first, second;
		struct stripped stripped;
	} rows[] = {
	    {1, {0}, {0}, {0}},
	    {1, {0x8100, VID + 1}, {0}, {0}},
	    {1, {0x8100, 0}, {0}, {0}},
	    {1, {0x88a8, VID}, {0}, {0}},
	    {1, {0}, {0}, {ONE_STRIPPED, 0, VID + 1}},
	    {1, {0}, {0}, {TWO_STRIPPED, VID, VID}},
	    {2, {0x88a8, OUTER_VID}, {0}, {0}},
	    {2, {0x8100, VID}, {0}, {0}},
	    {2, {0x8100, OUTER_VID}, {0x8100, VID}, {0}},
	    {2, {0x88a8, OUTER_VID}, {0x8100, VID + 1}, {0}},
	    {2, {0}, {0}, {ONE_STRIPPED, 0, OUTER_VID}},
	    {2, {0}, {0}, {TWO_STRIPPED, OUTER_VID, VID + 1}},
	};
	struct packet syn = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN);
	world_begin(1);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = framed(&syn, rows[i].first, rows[i].second);
		given_vlan(SGP1, rows[i].n);
		arrive_as(SGP1, &f, rows[i].stripped);
		cr_expect_eq(drops(SGP1, WIRE_DROP_VLAN), i + 1, "row %u", i);
	}
	struct frame cut = framed(&syn, outer, inner);
	cut.length = 14 + 4;
	arrive_as(SGP1, &cut, (struct stripped){0});
	cr_assert_eq(drops(SGP1, WIRE_DROP_VLAN), sizeof(rows) / sizeof(rows[0]) + 1);
	expect_nothing_sent(SGP1);
	world_end();
}

static void expect_punted(const struct frame *expected)
{
	struct rte_mbuf *m = dp_workers_punted(worker(SGP1, 0)->set, 0);
	cr_assert_not_null(m);
	cr_assert_eq(rte_pktmbuf_pkt_len(m), expected->length);
	cr_assert_arr_eq(rte_pktmbuf_mtod(m, uint8_t *), expected->bytes, expected->length);
	rte_pktmbuf_free(m);
}

/* Whether the NIC takes the tags off or not. */
Test(frame, with_a_tag_on_a_port_without_vlan_is_the_kernels_as_it_came)
{
	struct packet syn = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN);
	struct frame plain = framed(&syn, none, none), one = framed(&syn, single, none),
	             two = framed(&syn, outer, inner);
	world_begin(1);
	arrive_as(SGP1, &one, (struct stripped){0});
	expect_punted(&one);
	arrive_as(SGP1, &plain, (struct stripped){ONE_STRIPPED, 0, single.tci});
	expect_punted(&one);
	arrive_as(SGP1, &plain, (struct stripped){TWO_STRIPPED, outer.tci, inner.tci});
	expect_punted(&two);
	arrive_as(SGP1, &plain, (struct stripped){ONE_STRIPPED, 0, PRIORITY}); /* no VLAN's */
	struct packet out = sent(SGP1);
	expect_packet(inner_of(&out), with_ttl(syn, 63));
	world_end();
}

/* The kernel's side of a port of a VLAN knows nothing of it; what else it carries is told apart there. */
Test(frame, for_the_kernel_lose_the_tags_of_their_port_alone)
{
	struct packet bgp = tcp("10.9.9.9:1000", "10.1.0.2:179");
	struct frame tagged = framed(&bgp, single, none), without = framed(&bgp, none, none);
	struct frame deep = framed(&bgp, inner, inner), less = framed(&bgp, inner, none);
	world_begin(1);
	given_vlan(SGP1, 1);
	arrive_as(SGP1, &tagged, (struct stripped){0});
	expect_punted(&without);
	arrive_as(SGP1, &deep, (struct stripped){0});
	expect_punted(&less);
	world_end();
}

Test(frame, is_relieved_of_its_padding)
{
	struct packet p = udp(CLIENT ":5000", VIP ":53", .payload = 3);
	struct frame f = framed(&p, none, none);
	world_begin(1);
	memset(f.bytes + f.length, 0xaa, 60);
	f.length = 60; /* Ethernet's least */
	arrive_as(SGP1, &f, (struct stripped){0});
	struct packet out = sent(SGP1);
	expect_packet(inner_of(&out), with_ttl(p, 63));
	world_end();
}

/* ---- headers ---- */

#define FROM CLIENT ":5000"
#define TO   VIP ":443"

/* The flow's end that fra1 gives it. */
static void given_flow(char nat[32])
{
	receive(SGP1, tcp(FROM, TO, .flags = WIRE_TCP_SYN));
	carry();
	struct packet first = delivered(NULL);
	snprintf(nat, 32, "10.3.1.1:%u", source_port_of(&first));
}

Test(frame, options_dscp_and_ecn_cross_and_come_back)
{
	static const uint8_t options[] = {0, 4, 40};
	char nat[32];
	world_begin(1);
	given_flow(nat);
	for (unsigned k = 0; k < 3 * 4; k++) {
		struct more m = {.ip_options = options[k / 4], .tos = (uint8_t)(0xb8 | k % 4), .payload = 100},
		            less = m;
		less.ttl = 63;
		receive(SGP1, make_tcp(FROM, TO, m));
		carry();
		expect_packet(delivered(NULL), make_tcp(nat, ENDPOINT ":8443", less));
		receive(FRA1, make_tcp(ENDPOINT ":8443", nat, m));
		carry();
		expect_packet(delivered(NULL), make_tcp(TO, FROM, less));
	}
	world_end();
}

/* RFC 6040: a router between sgp1 and dxb1 is congested. */
Test(frame, a_mark_of_congestion_on_the_way_reaches_whose_transport_can_bear_it)
{
	char nat[32];
	world_begin(1);
	given_flow(nat);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		receive(SGP1, tcp(FROM, TO, .tos = ecn));
		struct packet on_its_way = sent(SGP1);
		cr_assert_eq(on_its_way.bytes[1], ecn, "copied to the outer header");
		on_its_way.bytes[1] = WIRE_ECN_CE;
		receive(DXB1, with_ttl(on_its_way, 50));
		carry();
		if (ecn)
			expect_packet(delivered(NULL), tcp(nat, ENDPOINT ":8443", .tos = WIRE_ECN_CE, .ttl = 63));
	}
	expect_nothing_delivered();
	cr_assert_eq(drops(FRA1, WIRE_DROP_OVERLAY_ECN), 1);
	world_end();
}

/* ---- many buffers ---- */

static void arrive_in_pieces(enum pop pop, const struct packet *p, uint16_t piece)
{
	struct frame f = framed(p, none, none);
	struct rte_mbuf *m = NULL;
	for (uint16_t at = 0; at < f.length; at = (uint16_t)(at + piece)) {
		struct rte_mbuf *next = buffer(pop, f.bytes + at, (uint16_t)RTE_MIN(f.length - at, piece));
		if (m)
			cr_assert_eq(rte_pktmbuf_chain(m, next), 0);
		else
			m = next;
	}
	arrive(pop, m);
}

/* Inner packet of the largest size that crosses: two hops, and the outer header. */
static uint16_t room(enum underlay underlay)
{
	return (uint16_t)(9000 - (underlay == UNDER_V4 ? 20 : 40) - (8 + 8 + (8 + 4 * 2) + 28 + 12 + 16));
}

static void cross(enum pop in, enum pop out, struct packet p, struct packet expected)
{
	enum pop left_at;
	arrive_in_pieces(in, &p, 2000);
	carry();
	expect_packet(delivered(&left_at), expected);
	cr_assert_eq(left_at, out);
}

Test(frame, of_jumbo_size_crosses_and_comes_back)
{
	static const enum underlay underlays[] = {UNDER_V4, UNDER_V6};
	for (unsigned k = 0; k < 2; k++) {
		uint16_t most = (uint16_t)(room(underlays[k]) - 28);
		char nat[32];
		world_begin_wide(underlays[k], 9000);
		receive(SGP1, udp(CLIENT ":5000", VIP ":53", .payload = 1));
		carry();
		struct packet first = delivered(NULL);
		snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&first));
		cross(SGP1, FRA1, udp(CLIENT ":5000", VIP ":53", .payload = most, .df = true),
		    udp(nat, ENDPOINT ":8443", .payload = most, .df = true, .ttl = 63));
		cross(FRA1, SGP1, udp(ENDPOINT ":8443", nat, .payload = most, .df = true),
		    udp(VIP ":53", CLIENT ":5000", .payload = most, .df = true, .ttl = 63));
		for (unsigned pop = 1; pop <= POPS; pop++)
			cr_assert_eq(all_drops(pop), 0);
		world_end();
	}
}

Test(frame, of_jumbo_size_to_and_from_ipv6_clients)
{
	uint16_t most = (uint16_t)(room(UNDER_V6) - 60 - 20); /* 20: the endpoint is of IPv4 on the way back */
	char nat[32];
	world_begin_wide(UNDER_V6, 9000);
	receive(SGP1, tcp("[" CLIENT6 "]:5000", "[" VIP6 "]:443", .flags = WIRE_TCP_SYN, .mss = 8940));
	carry();
	struct packet first = delivered(NULL);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&first));
	cross(SGP1, FRA1, tcp("[" CLIENT6 "]:5000", "[" VIP6 "]:443", .payload = most),
	    with_ttl(({
		    struct packet p = tcp(nat, ENDPOINT ":8443", .payload = most, .df = true);
		    wire_put_be16(p.bytes + 4, 0);
		    p;
	    }),
	        63));
	cross(FRA1, SGP1, tcp(ENDPOINT ":8443", nat, .payload = most, .df = true),
	    tcp("[" VIP6 "]:443", "[" CLIENT6 "]:5000", .payload = most, .ttl = 63));
	world_end();
}

/* A client's packet that may be fragmented is, in pieces of nearly the path's size. */
Test(frame, of_jumbo_size_is_fragmented_for_a_narrower_way)
{
	world_begin_wide(UNDER_V4, 9000);
	receive(FRA1, udp(CLIENT ":5000", VIP ":53", .payload = 1));
	sent(FRA1);
	set_port_mtu(8000);
	struct packet big = udp(CLIENT ":5000", VIP ":53", .payload = 8900);
	arrive_in_pieces(FRA1, &big, 2000);
	struct packet one = sent(FRA1), two = sent(FRA1);
	cr_assert_eq(one.length, 20 + 7976);
	cr_assert_eq(two.length, 20 + 8908 - 7976);
	cr_assert_eq(all_drops(FRA1), 0);
	world_end();
}

Test(frame, in_pieces_is_taken_whatever_its_size)
{
	world_begin(1);
	for (uint16_t piece = 1; piece < 100; piece = (uint16_t)(piece + 7)) {
		struct packet p = udp(CLIENT ":5000", VIP ":53", .payload = 80);
		arrive_in_pieces(SGP1, &p, piece);
		struct packet out = sent(SGP1);
		expect_packet(inner_of(&out), with_ttl(p, 63));
	}
	world_end();
}

/* A checksum that is wrong tells whether it was looked at. */
Test(frame, whose_header_the_port_has_summed_is_not_summed_again)
{
	struct packet p = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN);
	struct frame right = framed(&p, none, none), wrong = right;
	wrong.bytes[14 + 10] ^= 1;
	world_begin(1);
	arrive_as(SGP1, &wrong, (struct stripped){.flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD});
	sent(SGP1);
	cr_assert_eq(all_drops(SGP1), 0);
	static const uint64_t unsaid[] = {0, RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, RTE_MBUF_F_RX_IP_CKSUM_NONE,
	    RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD}; /* the last of the inner header */
	for (unsigned k = 0; k < 4; k++)
		arrive_as(SGP1, &wrong, (struct stripped){.flags = unsaid[k]});
	cr_assert_eq(drops(SGP1, WIRE_DROP_BAD_IP_CHECKSUM), 4, "where the port says nothing, we look");
	arrive_as(SGP1, &right, (struct stripped){.flags = RTE_MBUF_F_RX_IP_CKSUM_BAD});
	cr_assert_eq(drops(SGP1, WIRE_DROP_BAD_IP_CHECKSUM), 5);
	expect_nothing_sent(SGP1);
	arrive_as(SGP1, &right, (struct stripped){.flags = 0});
	sent(SGP1);
	world_end();
}

/* The inner header of an overlay packet is none that a port has seen. */
Test(frame, of_the_overlay_has_its_inner_header_summed_whatever_the_port_says)
{
	struct packet p = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN);
	world_begin(1);
	p.bytes[10] ^= 1;
	struct overlay o = overlay_along(&p, SGP1, 1, (enum pop[]){FRA1});
	struct packet wrapped = make_overlay(&o, &p);
	struct frame f = framed(&wrapped, none, none);
	arrive_as(FRA1, &f, (struct stripped){.flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD});
	cr_assert_eq(drops(FRA1, WIRE_DROP_BAD_IP_CHECKSUM), 1);
	expect_nothing_sent(FRA1);
	world_end();
}

/* What a sender's TSO, or GRO or LRO before us, made of several packets; also in a chain of buffers. */
Test(frame, that_was_joined_before_us_is_dropped)
{
	struct packet largest = tcp(CLIENT ":5000", VIP ":443", .payload = 1460, .df = true),
	              joined = tcp(CLIENT ":5000", VIP ":443", .payload = 1488, .df = true),
	              small = tcp(CLIENT ":5000", VIP ":443", .payload = 400, .df = true);
	struct frame f = framed(&small, none, none);
	world_begin_wide(UNDER_V4, 9000);
	worker(SGP1, 0)->set->port[0].max_frame = dp_frame_max(1500);
	receive(SGP1, largest);
	sent(SGP1);
	cr_assert_eq(all_drops(SGP1), 0);
	receive(SGP1, joined);
	arrive_in_pieces(SGP1, &joined, 1000);
	arrive_as(SGP1, &f, (struct stripped){.flags = RTE_MBUF_F_RX_LRO});
	expect_nothing_sent(SGP1);
	cr_assert_eq(drops(SGP1, WIRE_DROP_OVERSIZED), 3);
	worker(SGP1, 0)->set->port[0].max_frame = dp_frame_max(9000);
	receive(SGP1, joined);
	sent(SGP1);
	world_end();
}

Test(frame, that_no_buffer_holds_is_too_big)
{
	world_begin(1);
	struct packet p = udp(CLIENT ":5000", VIP ":53", .payload = 4000);
	arrive_in_pieces(SGP1, &p, 2000);
	cr_assert_eq(drops(SGP1, WIRE_DROP_TOO_BIG), 1);
	expect_nothing_sent(SGP1);
	cr_assert_eq(rte_mempool_in_use_count(dp_workers_pool(worker(SGP1, 0)->set)), 0);
	world_end();
}
