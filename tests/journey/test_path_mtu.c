/* SPDX-License-Identifier: BSD-2-Clause */
/* The path between sgp1 and fra1 changes: its links' MTU, its number of hops, its underlay, or the leg in use because a
 * link is down. The MSS of a SYN and of its answer, at both ends of the overlay, and what a sender hears of a packet that
 * is too large, are always those of the path that packets take at that moment. The two directions have different MTUs, so
 * that each end is seen to go by its own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/icmp.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define WIDE    9000u /* an MSS that every path lowers */
#define DOWN_MS (KEEPALIVE_US / 1000 * (DEAD + 1) + 2)

/* What carries the links, each way. */
static struct {
	uint16_t mtu;
	bool v6;
} line[POPS + 1][POPS + 1];

static bool relayed;         /* packets go by dxb1 now, in both directions */
static bool client6;         /* and so the endpoint */
static uint16_t client_port; /* of the flow at hand */
static uint32_t sequence[POPS + 1][POPS + 1][WIRE_OVERLAY_LANES];

static const char *const v4_of[] = {"", "10.1.0.2", "10.2.0.2", "10.3.0.2"}, *const v6_of[] = {"", "2001:db8:1::2",
                                                                                 "2001:db8:2::2", "2001:db8:3::2"};

static const char *address_of(enum pop pop, enum pop other)
{
	return line[pop][other].v6 ? v6_of[pop] : v4_of[pop];
}

/* ---- what kuafud tells ---- */

static void tell_links(enum pop pop)
{
	for (unsigned from = 1; from <= POPS; from++) {
		for (unsigned to = 1; to <= POPS; to++) {
			if (from == to)
				continue;
			struct wire_ctl_link l = {.link = LINK(from, to),
			    .from_pop = (uint16_t)from,
			    .to_pop = (uint16_t)to,
			    .local_link = (uint8_t)(10 + from),
			    .remote_link = (uint8_t)(10 + to),
			    .mtu = line[from][to].mtu,
			    .local = end_of(address_of(from, to)).address,
			    .remote = end_of(address_of(to, from)).address};
			change(pop, WIRE_OBJ_LINK, &l, sizeof(l), false);
		}
	}
}

static uint16_t smaller(uint16_t a, uint16_t b)
{
	return a < b ? a : b;
}

static uint16_t leg_mtu(enum pop from, enum pop to)
{
	return (uint16_t)(line[from][to].mtu - (line[from][to].v6 ? WIRE_CTL_V6_EXTRA : 0));
}

/* The other leg is the backup. */
static void tell_path(enum pop from, enum pop to, bool primary_is_relayed)
{
	struct wire_ctl_path p = {.to_pop = (uint16_t)to};
	uint16_t by_dxb1 = smaller(leg_mtu(from, DXB1), leg_mtu(DXB1, to)), direct = leg_mtu(from, to);
	uint32_t *relay = primary_is_relayed ? p.primary : p.backup,
	         *straight = primary_is_relayed ? p.backup : p.primary;
	relay[0] = LINK(from, DXB1);
	relay[1] = LINK(DXB1, to);
	straight[0] = LINK(from, to);
	p.n_primary = primary_is_relayed ? 2 : 1;
	p.n_backup = primary_is_relayed ? 1 : 2;
	p.primary_mtu = primary_is_relayed ? by_dxb1 : direct;
	p.backup_mtu = primary_is_relayed ? direct : by_dxb1;
	change(from, WIRE_OBJ_PATH, &p, sizeof(p), false);
}

static void tell(bool primary_is_relayed)
{
	for (unsigned pop = 1; pop <= POPS; pop++)
		tell_links(pop);
	tell_path(SGP1, FRA1, primary_is_relayed);
	tell_path(FRA1, SGP1, primary_is_relayed);
	relayed = primary_is_relayed;
}

static void set_line(enum pop from, enum pop to, uint16_t mtu)
{
	line[from][to].mtu = mtu;
}

static void set_ipv6(enum pop a, enum pop b)
{
	line[a][b].v6 = line[b][a].v6 = true;
}

/* By dxb1, links of 1500 each way, over IPv4. */
static void begin(bool v6)
{
	world_begin(1);
	client6 = v6;
	client_port = 5000;
	memset(sequence, 0, sizeof(sequence));
	memset(line, 0, sizeof(line));
	struct wire_ctl_endpoint endpoint = endpoint_row(100, v6 ? "[" ENDPOINT6 "]:8443" : ENDPOINT ":8443");
	for (unsigned pop = 1; pop <= POPS; pop++) {
		change(pop, WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint), false);
		for (unsigned to = 1; to <= POPS; to++)
			set_line(pop, to, 1500);
	}
	tell(true);
	pass_ms(700); /* links that are not heard now are down */
}

#define FOR_EACH_IP(v6) for (unsigned v6 = 0; v6 < 2; v6++)

/* ---- what is expected ---- */

static enum pop end_for(enum pop from)
{
	return from == SGP1 ? FRA1 : SGP1;
}

/* Of an inner packet on the leg in use: what the narrowest link leaves behind its outer IP header, less UDP, Geneve, PATH,
 * STEER, TELEMETRY and AUTH. */
static uint16_t room(enum pop from)
{
	enum pop to = end_for(from), hop[2] = {relayed ? DXB1 : to, to};
	unsigned n = relayed ? 2 : 1, least = UINT16_MAX;
	for (unsigned i = 0, at = from; i < n; at = hop[i++]) {
		unsigned left = line[at][hop[i]].mtu - (line[at][hop[i]].v6 ? 40u : 20u);
		least = left < least ? left : least;
	}
	return (uint16_t)(least - (8 + 8 + (8 + 4 * n) + 28 + 12 + 16));
}

static uint16_t mss(enum pop from)
{
	return (uint16_t)(room(from) - (client6 ? 60 : 40));
}

/* Bytes of the largest datagram of UDP. */
static uint16_t most(enum pop from)
{
	return (uint16_t)(room(from) - (client6 ? 48 : 28));
}

static char client[48], nat[48];
static const char *vip, *dns, *origin;

static void next_flow(void)
{
	snprintf(client, sizeof(client), client6 ? "[" CLIENT6 "]:%u" : CLIENT ":%u", ++client_port);
	vip = client6 ? "[" VIP6 "]:443" : VIP ":443";
	dns = client6 ? "[" VIP6 "]:53" : VIP ":53";
	origin = client6 ? "[" ENDPOINT6 "]:8443" : ENDPOINT ":8443";
}

static struct overlay along(enum pop from, const struct packet *flow, bool by_dxb1)
{
	enum pop to = end_for(from), hop[2] = {by_dxb1 ? DXB1 : to, to};
	struct overlay o = overlay_along(flow, from, by_dxb1 ? 2 : 1, hop);
	o.from = address_of(from, hop[0]);
	o.to = address_of(hop[0], from);
	o.flags = from == FRA1 ? WIRE_STEER_RETURN : 0;
	o.ingress = SGP1;
	o.egress = FRA1;
	return o;
}

/* In the flow of the client's packet `flow`, along the leg in use. */
static void expect_carried(enum pop from, const struct packet *flow, struct packet inner)
{
	struct overlay o = along(from, flow, relayed);
	o.sequence = ++sequence[from][relayed ? DXB1 : end_for(from)][wire_overlay_lane(o.source_port & 0x3fff)];
	expect_packet(sent(from), make_overlay(&o, &inner));
}

/* The sender of `big` hears from `whom` what fits. */
static void expect_told(enum pop at, const char *whom, const struct packet *big)
{
	char address[48];
	snprintf(address, sizeof(address), "%s", *whom == '[' ? whom + 1 : whom);
	address[strcspn(address, client6 ? "]" : ":")] = '\0';
	struct packet error =
	    client6 ? icmp_error(address, WIRE_ICMPV6_TOO_BIG, 0, room(at), big, 1280 - 48)
	            : icmp_error(address, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, room(at), big, 548);
	if (!client6)
		wire_put_be16(error.bytes + 4, 0);
	uint64_t before = drops(at, WIRE_DROP_TOO_BIG);
	receive(at, *big);
	expect_packet(sent(at), with_ttl(error, 64));
	cr_assert_eq(drops(at, WIRE_DROP_TOO_BIG), before + 1);
}

/* ---- the four places that clamp, and the two that tell ---- */

static void name_nat(const struct packet *out)
{
	snprintf(nat, sizeof(nat), client6 ? "[2001:db8:3::1:1]:%u" : "10.3.1.1:%u", source_port_of(out));
}

/* The flow of this packet begins at fra1; its NAT end is in `nat`. */
static struct packet begins_at_fra1(struct packet first)
{
	struct overlay o = along(SGP1, &first, false);
	receive(FRA1, make_overlay(&o, &first));
	struct packet out = sent(FRA1);
	name_nat(&out);
	return out;
}

static void syn_and_answer(void)
{
	const uint8_t answers = WIRE_TCP_SYN | WIRE_TCP_ACK;
	next_flow();
	struct packet syn = tcp(client, vip, .flags = WIRE_TCP_SYN, .mss = WIDE);
	receive(SGP1, syn);
	expect_carried(SGP1, &syn, tcp(client, vip, .flags = WIRE_TCP_SYN, .mss = mss(SGP1), .ttl = 63));

	struct packet out = begins_at_fra1(syn);
	expect_packet(out, tcp(nat, origin, .flags = WIRE_TCP_SYN, .mss = mss(FRA1)));
	receive(FRA1, tcp(origin, nat, .flags = answers, .mss = WIDE));
	expect_carried(FRA1, &syn, tcp(vip, client, .flags = answers, .mss = mss(FRA1), .ttl = 63));

	struct overlay o = along(FRA1, &syn, false);
	struct packet answer = tcp(vip, client, .flags = answers, .mss = WIDE, .ttl = 63);
	receive(SGP1, make_overlay(&o, &answer));
	expect_packet(sent(SGP1), tcp(vip, client, .flags = answers, .mss = mss(SGP1), .ttl = 63));
}

static void datagrams(void)
{
	next_flow();
	struct packet flow = udp(client, dns);
	receive(SGP1, udp(client, dns, .payload = most(SGP1), .df = true));
	expect_carried(SGP1, &flow, udp(client, dns, .payload = most(SGP1), .df = true, .ttl = 63));
	struct packet big = udp(client, dns, .payload = (uint16_t)(most(SGP1) + 1), .df = true);
	expect_told(SGP1, dns, &big);

	begins_at_fra1(flow);
	receive(FRA1, udp(origin, nat, .payload = most(FRA1), .df = true));
	expect_carried(FRA1, &flow, udp(dns, client, .payload = most(FRA1), .df = true, .ttl = 63));
	big = udp(origin, nat, .payload = (uint16_t)(most(FRA1) + 1), .df = true);
	expect_told(FRA1, nat, &big);
}

static void expect_path_mtu(void)
{
	syn_and_answer();
	datagrams();
}

/* ---- the path changes ---- */

Test(path_mtu, follows_links_of_another_mtu)
{
	FOR_EACH_IP(v6)
	{
		begin(v6);
		expect_path_mtu();
		set_line(SGP1, DXB1, 1420);
		set_line(FRA1, DXB1, 1450);
		tell(true);
		expect_path_mtu();
		set_line(DXB1, FRA1, 1410); /* narrower than the first one, and the other way round */
		set_line(DXB1, SGP1, 1480);
		tell(true);
		expect_path_mtu();
		set_line(DXB1, FRA1, 1500);
		set_line(SGP1, DXB1, 1500);
		tell(true);
		expect_path_mtu();
		world_end();
	}
}

Test(path_mtu, follows_the_number_of_hops)
{
	FOR_EACH_IP(v6)
	{
		begin(v6);
		tell(false);
		uint16_t direct = room(SGP1);
		expect_path_mtu();
		tell(true);
		cr_assert_eq(room(SGP1), direct - 4);
		expect_path_mtu();
		world_end();
	}
}

Test(path_mtu, follows_the_underlay)
{
	FOR_EACH_IP(v6)
	{
		begin(v6);
		set_line(DXB1, FRA1, 1490); /* over IPv4, this one is the narrow one; over IPv6, the other may be */
		set_line(FRA1, DXB1, 1470);
		set_ipv6(SGP1, DXB1);
		tell(true);
		expect_path_mtu();
		set_ipv6(DXB1, FRA1);
		tell(true);
		expect_path_mtu();
		tell(false);
		expect_path_mtu();
		set_ipv6(SGP1, FRA1);
		tell(false);
		expect_path_mtu();
		world_end();
	}
}

static void set_dark(enum pop a, enum pop b, bool dark)
{
	cut(a, b, dark);
	cut(b, a, dark);
}

/* No transaction: the data planes take the other leg by themselves, one for its own link, one because it is told. */
Test(path_mtu, follows_to_the_backup_and_back)
{
	static const enum pop near_dxb1[2] = {SGP1, FRA1};
	FOR_EACH_IP(v6)
	{
		for (unsigned i = 0; i < 2; i++) {
			begin(v6);
			set_line(SGP1, FRA1, 1430);
			set_line(FRA1, SGP1, 1440);
			tell(true);
			expect_path_mtu();
			set_dark(near_dxb1[i], DXB1, true);
			pass_ms(DOWN_MS);
			relayed = false;
			expect_path_mtu();
			set_dark(near_dxb1[i], DXB1, false);
			pass_ms(2000);
			relayed = true;
			expect_path_mtu();
			world_end();
		}
	}
}

/* ---- connections that live on ---- */

static void segment_passes(enum pop at, const struct packet *flow, uint16_t payload)
{
	bool forth = at == SGP1;
	receive(at, forth ? tcp(client, vip, .payload = payload, .df = true)
	                  : tcp(origin, nat, .payload = payload, .df = true));
	expect_carried(at, flow,
	    forth ? tcp(client, vip, .payload = payload, .df = true, .ttl = 63)
	          : tcp(vip, client, .payload = payload, .df = true, .ttl = 63));
}

static void segment_is_told(enum pop at, uint16_t payload)
{
	bool forth = at == SGP1;
	struct packet big =
	    forth ? tcp(client, vip, .payload = payload, .df = true) : tcp(origin, nat, .payload = payload, .df = true);
	expect_told(at, forth ? vip : nat, &big);
}

/* Its MSS was agreed on for the wider path: both of its ends are told, and what they send then passes. */
Test(path_mtu, a_connection_learns_that_its_path_became_narrower)
{
	FOR_EACH_IP(v6)
	{
		begin(v6);
		set_line(SGP1, FRA1, 1430);
		set_line(FRA1, SGP1, 1440);
		tell(true);
		next_flow();
		struct packet flow = tcp(client, vip, .flags = WIRE_TCP_SYN);
		receive(SGP1, flow);
		expect_carried(SGP1, &flow, with_ttl(flow, 63));
		begins_at_fra1(flow);
		uint16_t forth = mss(SGP1), back = mss(FRA1);
		segment_passes(SGP1, &flow, forth);
		segment_passes(FRA1, &flow, back);
		set_dark(DXB1, FRA1, true);
		pass_ms(DOWN_MS);
		relayed = false;
		segment_is_told(SGP1, forth);
		segment_is_told(FRA1, back);
		segment_passes(SGP1, &flow, mss(SGP1));
		segment_passes(FRA1, &flow, mss(FRA1));
		set_dark(DXB1, FRA1, false);
		pass_ms(2000);
		relayed = true;
		segment_passes(SGP1, &flow, forth);
		segment_passes(FRA1, &flow, back);
		world_end();
	}
}

/* What its sender lets be fragmented is, to what the path takes: the first fragment is as large as can be. */
static void expect_pieces(enum pop at, uint16_t payload)
{
	uint16_t first = (uint16_t)((room(at) - 20) / 8 * 8), whole = (uint16_t)(8 + payload);
	receive(at, at == SGP1 ? udp(client, dns, .payload = payload) : udp(origin, nat, .payload = payload));
	struct packet outer = sent(at), piece = inner_of(&outer);
	cr_assert_eq(piece.length, 20 + first);
	outer = sent(at);
	piece = inner_of(&outer);
	cr_assert_eq(piece.length, 20 + whole - first);
	expect_nothing_sent(at);
}

Test(path_mtu, fragments_are_of_the_size_of_the_path_in_use)
{
	begin(false);
	set_line(SGP1, FRA1, 1430);
	set_line(FRA1, SGP1, 1300);
	tell(true);
	next_flow();
	begins_at_fra1(udp(client, dns));
	for (unsigned i = 0; i < 2; i++) {
		expect_pieces(SGP1, 1460);
		expect_pieces(FRA1, 1460);
		set_dark(SGP1, DXB1, true);
		pass_ms(DOWN_MS);
		relayed = false;
	}
	world_end();
}
