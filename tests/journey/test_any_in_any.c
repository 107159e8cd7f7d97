/* SPDX-License-Identifier: BSD-2-Clause */
/* Client and VIP, endpoint, and underlay each of IPv4 or IPv6, in every combination: what the endpoint gets and what the
 * client gets, byte for byte, and the MSS, the MTU and the ICMP errors that both are told. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "dataplane/icmp.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

struct mix {
	enum underlay underlay;
	bool client6, endpoint6;
};

static const char *const clients[2] = {CLIENT ":5000", "[" CLIENT6 "]:5000"},
                         *const vips[2] = {VIP ":443", "[" VIP6 "]:443"},
                         *const origins[2] = {ENDPOINT ":8443", "[" ENDPOINT6 "]:8443"};

static char nat[48];

static const char *address(const char *end, char text[48])
{
	if (*end == '[')
		sscanf(end + 1, "%47[^]]", text);
	else
		sscanf(end, "%47[^:]", text);
	return text;
}

/* Of an inner packet from sgp1 to fra1 and back: two hops, and IPv6's header on a link of it. */
static uint16_t room(const struct mix *m)
{
	return (uint16_t)(1500 - (m->underlay == UNDER_V4 ? 20 : 40) - (8 + 8 + (8 + 4 * 2) + 28 + 12 + 16));
}

static void begin(const struct mix *m)
{
	world_begin_over(m->underlay, 1);
	struct wire_ctl_endpoint endpoint = endpoint_row(100, origins[m->endpoint6]);
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint), false);
}

static void expect_no_drops(void)
{
	for (unsigned pop = 1; pop <= POPS; pop++)
		for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
			cr_assert_eq(drops(pop, reason), 0, "POP %u: %s", pop, wire_drop_name(reason));
}

/* What an IPv4 packet that was IPv6 has in its header: no DF if it fits IPv6's least MTU, and a number then. */
static struct more translated(struct more more, const struct packet *got)
{
	more.df = got->length > 1260;
	more.id = wire_be16(got->bytes + 4);
	return more;
}

static struct packet expected(
    bool udp_, const char *from, const char *to, struct more more, bool changed, const struct packet *got)
{
	more.ttl = 63;
	if (changed && !is_v6(got)) {
		more = translated(more, got);
		struct packet p = udp_ ? make_udp(from, to, more) : make_tcp(from, to, more);
		if (more.df) { /* nobody numbers it */
			wire_put_be16(p.bytes + 4, 0);
			return with_ttl(p, 63);
		}
		return p;
	}
	return udp_ ? make_udp(from, to, more) : make_tcp(from, to, more);
}

static void forth(const struct mix *m, bool udp_, struct more more, uint16_t mss)
{
	const char *vip = udp_ ? (m->client6 ? "[" VIP6 "]:53" : VIP ":53") : vips[m->client6];
	enum pop egress;
	receive(SGP1, udp_ ? make_udp(clients[m->client6], vip, more) : make_tcp(clients[m->client6], vip, more));
	carry();
	struct packet out = delivered(&egress);
	cr_assert_eq(egress, FRA1);
	snprintf(nat, sizeof(nat), m->endpoint6 ? "[2001:db8:3::1:1]:%u" : "10.3.1.1:%u", source_port_of(&out));
	more.mss = mss;
	bool changed = m->client6 != m->endpoint6;
	expect_packet(out, expected(udp_, nat, origins[m->endpoint6], more, changed, &out));
}

static void back(const struct mix *m, bool udp_, struct more more, uint16_t mss)
{
	const char *vip = udp_ ? (m->client6 ? "[" VIP6 "]:53" : VIP ":53") : vips[m->client6];
	const char *origin = origins[m->endpoint6];
	enum pop ingress;
	receive(FRA1, udp_ ? make_udp(origin, nat, more) : make_tcp(origin, nat, more));
	carry();
	struct packet out = delivered(&ingress);
	cr_assert_eq(ingress, SGP1);
	more.mss = mss;
	bool changed = m->client6 != m->endpoint6;
	expect_packet(out, expected(udp_, vip, clients[m->client6], more, changed, &out));
}

static struct mix mixes[] = {
    {UNDER_V4, false, false},
    {UNDER_V4, false, true},
    {UNDER_V4, true, false},
    {UNDER_V4, true, true},
    {UNDER_V6, false, false},
    {UNDER_V6, false, true},
    {UNDER_V6, true, false},
    {UNDER_V6, true, true},
    {UNDER_BOTH, false, false},
    {UNDER_BOTH, false, true},
    {UNDER_BOTH, true, false},
    {UNDER_BOTH, true, true},
};
#define N_MIXES         (sizeof(mixes) / sizeof(mixes[0]))
#define FOR_EACH_MIX(m) for (const struct mix *m = mixes; m < mixes + N_MIXES; m++)

Test(any_in_any, a_connection_crosses_and_comes_back)
{
	FOR_EACH_MIX(m)
	{
		begin(m);
		uint16_t mss = (uint16_t)(room(m) - (m->client6 ? 60 : 40));
		forth(m, false, (struct more){.flags = WIRE_TCP_SYN, .mss = 1460, .seq = 9}, mss);
		back(m, false, (struct more){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1460, .ack = 10}, mss);
		for (uint16_t payload = 0; payload < 1200; payload = (uint16_t)(payload + 199)) {
			forth(m, false, (struct more){.payload = payload, .seq = 10, .tos = 0xba}, 0);
			back(m, false, (struct more){.payload = payload, .ack = 10, .tos = 0x02}, 0);
		}
		cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_TRANSIT), 16);
		cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 1);
		expect_no_drops();
		world_end();
	}
}

Test(any_in_any, datagrams_do)
{
	FOR_EACH_MIX(m)
	{
		begin(m);
		for (uint16_t payload = 0; payload < 1200; payload = (uint16_t)(payload + 237)) {
			forth(m, true, (struct more){.payload = payload}, 0);
			back(m, true, (struct more){.payload = payload}, 0);
		}
		expect_no_drops();
		world_end();
	}
}

/* RFC 7915, 4.5: it must have one there. The other way, its lack is an error of its sender. */
Test(any_in_any, a_datagram_without_checksum_gets_one_over_ipv6)
{
	struct mix m = {UNDER_V4, false, true};
	begin(&m);
	receive(SGP1, udp(clients[0], VIP ":53", .payload = 77, .no_checksum = true));
	carry();
	struct packet out = delivered(NULL);
	snprintf(nat, sizeof(nat), "[2001:db8:3::1:1]:%u", source_port_of(&out));
	expect_packet(out, udp(nat, origins[1], .payload = 77, .ttl = 63));
	receive(FRA1, udp(origins[1], nat, .payload = 7, .no_checksum = true));
	cr_assert_eq(drops(FRA1, WIRE_DROP_BAD_L4_HEADER), 1);
	world_end();
}

/* The endpoint hears the largest packet of its own version that fits once it is the client's. */
Test(any_in_any, what_does_not_fit_the_way_back_is_told_to_the_endpoint)
{
	FOR_EACH_MIX(m)
	{
		begin(m);
		forth(m, true, (struct more){.payload = 1}, 0);
		int growth = (m->client6 ? 40 : 20) - (m->endpoint6 ? 40 : 20);
		uint16_t most = (uint16_t)(room(m) - growth), header = m->endpoint6 ? 48 : 28;
		char text[48];
		back(m, true, (struct more){.payload = (uint16_t)(most - header)}, 0);
		struct packet big =
		    udp(origins[m->endpoint6], nat, .payload = (uint16_t)(most - header + 1), .df = true);
		receive(FRA1, big);
		struct packet error =
		    m->endpoint6
		        ? icmp_error(address(nat, text), WIRE_ICMPV6_TOO_BIG, 0, most, &big, 1280 - 48)
		        : icmp_error(address(nat, text), WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, most, &big, 548);
		if (!m->endpoint6)
			wire_put_be16(error.bytes + 4, 0);
		expect_packet(sent(FRA1), with_ttl(error, 64));
		world_end();
	}
}

/* A router behind the egress says that the link is narrow, with the least that it may quote. */
Test(any_in_any, too_big_from_behind_the_egress_reaches_the_client)
{
	FOR_EACH_MIX(m)
	{
		begin(m);
		forth(m, false, (struct more){.flags = WIRE_TCP_SYN}, 0);
		char text[48];
		struct packet ours = tcp(nat, origins[m->endpoint6], .payload = 900, .df = true, .seq = 77, .ttl = 60);
		receive(FRA1, m->endpoint6 ? icmp_error("2001:db8:9::9", WIRE_ICMPV6_TOO_BIG, 0, 1400, &ours, 0)
		                           : icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED,
		                                 1400, &ours, 0));
		carry();
		struct packet got = delivered(NULL);
		uint16_t mtu = (uint16_t)(1400 + (m->client6 ? 20 : 0) - (m->endpoint6 ? 20 : 0));
		bool changed = m->client6 != m->endpoint6;
		struct packet theirs =
		    tcp(clients[m->client6], vips[m->client6], .payload = 900, .df = true, .seq = 77, .ttl = 60);
		if (changed && !m->client6) { /* small enough: IPv4's may be fragmented, had it been sent so */
			theirs = tcp(clients[0], vips[0], .payload = 900, .seq = 77, .ttl = 60);
			wire_put_be16(theirs.bytes + 4, 0);
			theirs = with_ttl(theirs, 60);
		}
		struct packet error = m->client6
		                          ? icmp_error(address(vips[1], text), WIRE_ICMPV6_TOO_BIG, 0, mtu, &theirs, 0)
		                          : icmp_error(address(vips[0], text), WIRE_ICMP_UNREACHABLE,
		                                WIRE_ICMP_FRAG_NEEDED, mtu, &theirs, 0);
		if (changed && !m->client6)
			wire_put_be16(error.bytes + 4, wire_be16(got.bytes + 4));
		expect_packet(got, with_ttl(error, 63));
		expect_no_drops();
		world_end();
	}
}

Test(any_in_any, an_error_of_the_client_reaches_the_endpoint)
{
	FOR_EACH_MIX(m)
	{
		begin(m);
		forth(m, true, (struct more){.payload = 1}, 0);
		char text[48];
		const char *vip = m->client6 ? "[" VIP6 "]:53" : VIP ":53";
		struct packet answer = udp(vip, clients[m->client6], .payload = 40, .ttl = 50);
		receive(SGP1, m->client6 ? icmp_error(CLIENT6, WIRE_ICMPV6_UNREACHABLE, 4, 0, &answer, 0)
		                         : icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, 3, 0, &answer, 0));
		carry();
		struct packet got = delivered(NULL);
		struct packet theirs = udp(origins[m->endpoint6], nat, .payload = 40, .ttl = 50);
		bool changed = m->client6 != m->endpoint6;
		if (changed && !m->endpoint6) {
			wire_put_be16(theirs.bytes + 4, 0);
			theirs = with_ttl(theirs, 50);
		}
		struct packet error = m->endpoint6
		                          ? icmp_error(address(nat, text), WIRE_ICMPV6_UNREACHABLE, 4, 0, &theirs, 0)
		                          : icmp_error(address(nat, text), WIRE_ICMP_UNREACHABLE, 3, 0, &theirs, 0);
		if (changed && !m->endpoint6)
			wire_put_be16(error.bytes + 4, wire_be16(got.bytes + 4));
		expect_packet(got, with_ttl(error, 63));
		expect_no_drops();
		world_end();
	}
}

/* Extension headers stay with IPv6 and end where it becomes IPv4. */
Test(any_in_any, extension_headers_are_passed_over)
{
	for (unsigned endpoint6 = 0; endpoint6 < 2; endpoint6++) {
		struct mix m = {UNDER_BOTH, true, endpoint6};
		begin(&m);
		receive(SGP1, tcp(clients[1], vips[1], .flags = WIRE_TCP_SYN, .ip_options = 16));
		receive(SGP1, tcp(clients[1], vips[1], .payload = 50, .ip_options = 8, .atomic = true));
		carry();
		struct packet syn = delivered(NULL), more = delivered(NULL);
		snprintf(nat, sizeof(nat), endpoint6 ? "[2001:db8:3::1:1]:%u" : "10.3.1.1:%u", source_port_of(&syn));
		if (endpoint6) {
			expect_packet(syn, tcp(nat, origins[1], .flags = WIRE_TCP_SYN, .ip_options = 16, .ttl = 63));
			expect_packet(
			    more, tcp(nat, origins[1], .payload = 50, .ip_options = 8, .atomic = true, .ttl = 63));
		} else {
			expect_packet(syn,
			    tcp(nat, origins[0], .flags = WIRE_TCP_SYN, .ttl = 63, .id = wire_be16(syn.bytes + 4)));
			expect_packet(more, tcp(nat, origins[0], .payload = 50, .ttl = 63));
		}
		expect_no_drops();
		world_end();
	}
}

Test(any_in_any, a_segment_that_nobody_knows_is_reset_to_an_ipv6_client)
{
	struct mix m = {UNDER_BOTH, true, false};
	begin(&m);
	receive(SGP1, tcp(clients[1], vips[1], .payload = 5, .ack = 1234));
	carry();
	expect_packet(delivered(NULL), ({
		struct packet rst = tcp(vips[1], clients[1], .flags = WIRE_TCP_RST, .seq = 1234);
		wire_put_be16(rst.bytes + 54, 0); /* no window */
		uint16_t sum = wire_be16(rst.bytes + 56);
		wire_put_be16(rst.bytes + 56, (uint16_t)(sum + 8192 + (sum + 8192u > 0xffffu)));
		rst;
	}));
	world_end();
}

Test(any_in_any, an_ipv6_vip_answers_echo_requests)
{
	world_begin_over(UNDER_V6, 1);
	receive(SGP1, icmp_echo(CLIENT6, VIP6, WIRE_ICMPV6_ECHO, 3, 56));
	expect_packet(sent(SGP1), icmp_echo(VIP6, CLIENT6, WIRE_ICMPV6_ECHO_REPLY, 64, 56));
	world_end();
}

Test(any_in_any, a_used_up_hop_limit_is_reported)
{
	world_begin_over(UNDER_V4, 1);
	struct packet late = tcp(clients[1], vips[1], .ttl = 1, .payload = 1300);
	receive(SGP1, late);
	expect_packet(sent(SGP1), icmp_error(VIP6, WIRE_ICMPV6_TIME_EXCEEDED, 0, 0, &late, 1280 - 48));
	world_end();
}

/* Rows: what arrives for the VIP, and why it goes no further. */
Test(any_in_any, what_is_refused_has_its_reason)
{
	world_begin_over(UNDER_V4, 1);
	struct packet truncated = tcp(clients[1], vips[1]), routed = tcp(clients[1], vips[1], .ip_options = 8),
	              misplaced = tcp(clients[1], vips[1], .ip_options = 16),
	              bare = icmp_echo(CLIENT6, VIP6, 128, 9, 8), sctp = udp(clients[1], "[" VIP6 "]:53");
	wire_put_be16(truncated.bytes + 4, 21);
	routed.bytes[6] = WIRE_PROTO_ROUTING;
	routed.bytes[43] = 1;
	misplaced.bytes[6] = WIRE_PROTO_DESTINATION; /* hop-by-hop behind a destination header */
	misplaced.bytes[40] = 0;
	misplaced.bytes[41] = 0;
	misplaced.bytes[48] = WIRE_PROTO_TCP;
	misplaced.bytes[49] = 0;
	bare.bytes[44] ^= 1;
	sctp.bytes[6] = 132;
	struct packet chain = tcp(clients[1], vips[1], .ip_options = 80);
	chain.bytes[6] = WIRE_PROTO_DESTINATION;
	for (unsigned k = 0; k < 10; k++) {
		chain.bytes[40 + 8 * k] = k < 9 ? WIRE_PROTO_DESTINATION : WIRE_PROTO_TCP;
		chain.bytes[41 + 8 * k] = 0;
	}
	struct {
		struct packet packet;
		enum wire_drop reason;
	} rows[] = {
	    {truncated, WIRE_DROP_TRUNCATED}, {routed, WIRE_DROP_EXTENSION}, {misplaced, WIRE_DROP_EXTENSION},
	    {chain, WIRE_DROP_EXTENSION}, {bare, WIRE_DROP_BAD_L4_HEADER}, {sctp, WIRE_DROP_UNSUPPORTED},
	    {tcp("[ff05::1]:5", vips[1]), WIRE_DROP_BAD_SOURCE}, {tcp("[fe80::1]:5", vips[1]), WIRE_DROP_BAD_SOURCE},
	    {tcp("[::1]:5", vips[1]), WIRE_DROP_BAD_SOURCE},
	    {tcp(vips[1], vips[1], .flags = WIRE_TCP_SYN), WIRE_DROP_BAD_SOURCE},
	    {tcp(clients[1], "[" VIP6 "]:444"), WIRE_DROP_NO_LISTENER},
	    {tcp(clients[1], vips[1], .fragment = 100 << 3 | 1), WIRE_DROP_FRAGMENT}, /* of 20 bytes */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = drops(SGP1, rows[i].reason);
		receive(SGP1, rows[i].packet);
		cr_expect_eq(drops(SGP1, rows[i].reason), before + 1, "row %zu: %s", i, wire_drop_name(rows[i].reason));
		expect_nothing_sent(SGP1);
	}
	world_end();
}

/* An address of IPv4 in IPv6's clothes would be taken for IPv4's in every table. */
Test(any_in_any, a_mapped_address_on_the_wire_is_refused)
{
	world_begin_over(UNDER_V4, 1);
	struct packet p = tcp(clients[1], vips[1], .flags = WIRE_TCP_SYN);
	struct wire_addr mapped = end_of(CLIENT).address, vip = end_of(VIP).address;
	memcpy(p.bytes + 8, mapped.bytes, 16);
	receive(SGP1, p);
	memcpy(p.bytes + 24, vip.bytes, 16);
	receive(SGP1, p);
	cr_assert_eq(drops(SGP1, WIRE_DROP_BAD_IP_HEADER), 2);
	expect_nothing_sent(SGP1);
	world_end();
}
