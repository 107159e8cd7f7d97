/* SPDX-License-Identifier: BSD-2-Clause */
/* Endpoints of mode tunnel: client, outer header and the links between POPs each of IPv4 or IPv6, in IP in IP and
 * Geneve: what the origin gets, byte for byte, and the MTU that the client is told. */
#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/path_mtu.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

struct mix {
	bool client6, outer6;
	uint8_t encap;
	enum underlay underlay;
};

static const struct mix mixes[] = {
    {false, false, WIRE_ENCAP_IPIP},
    {false, true, WIRE_ENCAP_IPIP},
    {true, false, WIRE_ENCAP_IPIP},
    {true, true, WIRE_ENCAP_IPIP},
    {false, false, WIRE_ENCAP_GENEVE},
    {false, true, WIRE_ENCAP_GENEVE},
    {true, false, WIRE_ENCAP_GENEVE},
    {true, true, WIRE_ENCAP_GENEVE},
    {false, false, WIRE_ENCAP_IPIP, UNDER_V6},
    {false, true, WIRE_ENCAP_GENEVE, UNDER_V6},
    {true, false, WIRE_ENCAP_GENEVE, UNDER_BOTH},
    {true, true, WIRE_ENCAP_IPIP, UNDER_BOTH},
};
#define N_MIXES         (sizeof(mixes) / sizeof(mixes[0]))
#define FOR_EACH_MIX(m) for (const struct mix *m = mixes; m < mixes + N_MIXES; m++)

static const char *const clients[2] = {CLIENT ":5000", "[" CLIENT6 "]:5000"},
                         *const services[2] = {VIP ":443", "[" VIP6 "]:443"}, *const vips[2] = {VIP, VIP6},
                         *const origins[2] = {ENDPOINT ":8443", "[" ENDPOINT6 "]:8443"};

static void begin(const struct mix *m)
{
	world_begin_over(m->underlay, 1);
	struct wire_ctl_endpoint row = endpoint_row(100, origins[m->outer6]);
	row.mode = WIRE_MODE_TUNNEL;
	row.encap = m->encap;
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

static uint16_t outer_size(const struct mix *m)
{
	return (uint16_t)((m->outer6 ? 40 : 20) + (m->encap == WIRE_ENCAP_GENEVE ? 16 : 0));
}

/* Identification is a cookie of fra1's, the flow label the flow's hash, which is that of the overlay's source port. */
static void put_outer_ip(struct packet *p, const struct mix *m, uint8_t tos, uint8_t protocol, uint16_t hash14)
{
	struct wire_addr dst = end_of(m->outer6 ? ENDPOINT6 : ENDPOINT).address;
	if (m->outer6) {
		struct wire_ipv6 *ip = ipv6_of(p);
		wire_put_be32(&ip->version_class_flow, 0x60000000u | (uint32_t)tos << 20 | hash14);
		wire_put_be16(&ip->payload_length, (uint16_t)(p->length - 40));
		ip->next_header = protocol;
		ip->hop_limit = 64;
		memcpy(ip->src, end_of("2001:db8:3::1:1").address.bytes, 16);
		memcpy(ip->dst, dst.bytes, 16);
		return;
	}
	struct wire_ipv4 *ip = ip_of(p);
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .tos = tos, .ttl = 64, .protocol = protocol};
	wire_put_be16(&ip->total_length, p->length);
	wire_put_be16(&ip->id, dp_path_mtu_cookie(worker(FRA1, 0), &dst));
	wire_put_be16(&ip->frag_off, WIRE_IPV4_DF);
	memcpy(ip->src, "\x0a\x03\x01\x01", 4);
	memcpy(ip->dst, dst.bytes + 12, 4);
	ip->checksum = wire_csum(ip, 20);
}

static struct packet wrapped(const struct mix *m, struct packet inner, uint8_t tos)
{
	struct packet p = {.length = (uint16_t)(outer_size(m) + inner.length)};
	uint16_t hash14 = overlay_port_of(&inner) & 0x3fff;
	uint8_t *udp = p.bytes + (m->outer6 ? 40 : 20);
	bool geneve = m->encap == WIRE_ENCAP_GENEVE;
	put_outer_ip(&p, m, tos, geneve ? 17 : is_v6(&inner) ? 41 : 4, hash14);
	if (geneve) {
		wire_put_be16(udp, (uint16_t)(0xc000 | (hash14 & 0xff) << 6 | hash14 >> 8));
		wire_put_be16(udp + 2, 6081);
		wire_put_be16(udp + 4, (uint16_t)(16 + inner.length));
		wire_put_be16(udp + 10, is_v6(&inner) ? 0x86dd : 0x0800);
		udp[14] = 7; /* the accelerator */
	}
	memcpy(p.bytes + outer_size(m), inner.bytes, inner.length);
	return p;
}

/* From sgp1 through dxb1 to fra1 and out. */
static void cross(struct packet p, struct packet expected)
{
	enum pop egress;
	receive(SGP1, p);
	carry();
	expect_packet(delivered(&egress), expected);
	cr_assert_eq(egress, FRA1);
}

Test(tunnel_any_in_any, a_packet_reaches_the_origin_as_the_client_sent_it)
{
	FOR_EACH_MIX(m)
	{
		const char *from = clients[m->client6], *to = services[m->client6],
		           *dns = m->client6 ? "[" VIP6 "]:53" : VIP ":53";
		begin(m);
		/* The path between POPs is narrower than the one to the origin: its MSS is the ingress's doing. */
		cross(tcp(from, to, .flags = WIRE_TCP_SYN, .seq = 9, .mss = 1200, .tos = 0x2a),
		    wrapped(
		        m, tcp(from, to, .flags = WIRE_TCP_SYN, .seq = 9, .mss = 1200, .tos = 0x2a, .ttl = 63), 0x2a));
		for (uint16_t payload = 0; payload < 1200; payload = (uint16_t)(payload + 237)) {
			cross(tcp(from, to, .seq = 10, .payload = payload, .tos = 0x03),
			    wrapped(m, tcp(from, to, .seq = 10, .payload = payload, .tos = 0x03, .ttl = 63), 0x03));
			cross(udp(from, dns, .payload = payload),
			    wrapped(m, udp(from, dns, .payload = payload, .ttl = 63), 0));
		}
		cr_assert_eq(counter(FRA1, WIRE_COUNTER_WRAPPED), 13);
		for (unsigned pop = 1; pop <= POPS; pop++)
			cr_assert_eq(all_drops(pop), 0);
		world_end();
	}
}

/* ---- MTU ---- */

static void arrive(struct packet inner)
{
	struct overlay o = overlay_along(&inner, SGP1, 1, (enum pop[]){FRA1});
	receive(FRA1, make_overlay(&o, &inner));
}

/* The error as it leaves the overlay at the client's ingress, with so much of the packet as its sender had. */
static void expect_told(const struct mix *m, const struct packet *about, uint16_t mtu, uint16_t quote)
{
	enum pop left_at;
	carry();
	struct packet told = delivered(&left_at), expected;
	if (m->client6) {
		expected = icmp_error(vips[1], WIRE_ICMPV6_TOO_BIG, 0, mtu, about, quote);
	} else {
		expected = icmp_error(vips[0], WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, mtu, about, quote);
		wire_put_be16(expected.bytes + 4, wire_be16(told.bytes + 4)); /* identification: nothing asks for one */
		expected = with_ttl(expected, 64);
	}
	expect_packet(told, expected);
	cr_assert_eq(left_at, SGP1);
	expect_nothing_delivered();
}

static uint16_t headers(const struct mix *m)
{
	return m->client6 ? 60 : 40;
}

Test(tunnel_any_in_any, what_does_not_fit_the_port_is_told_to_the_client)
{
	FOR_EACH_MIX(m)
	{
		const char *from = clients[m->client6], *to = services[m->client6];
		uint16_t room = (uint16_t)(1500 - outer_size(m)), most = (uint16_t)(room - headers(m));
		begin(m);
		arrive(tcp(from, to, .flags = WIRE_TCP_SYN));
		sent(FRA1);
		arrive(tcp(from, to, .payload = most, .df = true));
		expect_packet(sent(FRA1), wrapped(m, tcp(from, to, .payload = most, .df = true), 0));
		struct packet big = tcp(from, to, .payload = (uint16_t)(most + 1), .df = true);
		arrive(big);
		expect_told(m, &big, room, m->client6 ? 1280 - 48 : 548);
		world_end();
	}
}

/* A router behind fra1 that quotes the outer headers, the inner one and 8 bytes. */
Test(tunnel_any_in_any, a_narrow_link_behind_us_is_told_to_the_client)
{
	FOR_EACH_MIX(m)
	{
		const char *from = clients[m->client6], *to = services[m->client6];
		struct packet inner = tcp(from, to, .payload = 1300, .df = true);
		uint16_t inner_header = m->client6 ? 40 : 20, room = (uint16_t)(1400 - outer_size(m));
		begin(m);
		arrive(tcp(from, to, .flags = WIRE_TCP_SYN));
		sent(FRA1);
		arrive(inner);
		struct packet out = sent(FRA1);
		uint16_t quote = (uint16_t)(outer_size(m) + inner_header + 8);
		receive(FRA1, m->outer6 ? icmp_error("2001:db8:9::9", WIRE_ICMPV6_TOO_BIG, 0, 1400, &out, quote)
		                        : icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1400,
		                              &out, quote));
		expect_told(m, &inner, room, (uint16_t)(inner_header + 8));
		cr_assert_eq(all_drops(FRA1), 0);
		world_end();
	}
}
