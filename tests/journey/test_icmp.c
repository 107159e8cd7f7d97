/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP and ICMPv6 errors of every type, from behind the endpoint to the client and from the client to the endpoint: with
 * no more than 8 transport bytes quoted (RFC 792), and with options or extension headers in what is quoted. Between
 * versions: test_any_in_any.c; what we originate: test_ingress.c, test_egress.c, test_reply.c. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/journey/world.h"

struct error {
	uint8_t type, code;
	uint16_t mtu;
};

static const struct error of_v4[] = {{WIRE_ICMP_UNREACHABLE, 1, 0}, {WIRE_ICMP_UNREACHABLE, 3, 0},
    {WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280}, {WIRE_ICMP_TIME_EXCEEDED, 0, 0},
    {WIRE_ICMP_TIME_EXCEEDED, 1, 0}, {WIRE_ICMP_PARAMETER, 0, 0}};
static const struct error of_v6[] = {{WIRE_ICMPV6_UNREACHABLE, 0, 0}, {WIRE_ICMPV6_UNREACHABLE, 4, 0},
    {WIRE_ICMPV6_TOO_BIG, 0, 1400}, {WIRE_ICMPV6_TIME_EXCEEDED, 0, 0}, {WIRE_ICMPV6_PARAMETER, 0, 0},
    {WIRE_ICMPV6_PARAMETER, 2, 0}};

/* Who speaks, by version. */
static const struct side {
	const char *client, *vip, *client_address, *vip_address, *router, *origin;
} sides[2] = {
    {CLIENT ":5000", VIP ":443", CLIENT, VIP, "172.20.0.1", ENDPOINT ":8443"},
    {"[" CLIENT6 "]:5000", "[" VIP6 "]:443", CLIENT6, VIP6, "2001:db8:9::9", "[" ENDPOINT6 "]:8443"},
};

static char nat[48], nat_address[40];

static void begin(bool v6)
{
	struct wire_ctl_endpoint six = endpoint_row(100, "[" ENDPOINT6 "]:8443");
	world_begin(1);
	for (enum pop pop = SGP1; v6 && pop <= FRA1; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &six, sizeof(six), false);
	receive(SGP1, tcp(sides[v6].client, sides[v6].vip, .flags = WIRE_TCP_SYN));
	carry();
	struct packet out = delivered(NULL);
	snprintf(nat_address, sizeof(nat_address), v6 ? "2001:db8:3::1:1" : "10.3.1.1");
	snprintf(nat, sizeof(nat), v6 ? "[%s]:%u" : "%s:%u", nat_address, source_port_of(&out));
}

/* The error arrives at a POP, and leaves the overlay elsewhere as it should. */
static void cross(enum pop in, struct packet error, enum pop out, struct packet expected)
{
	enum pop left_at;
	receive(in, error);
	carry();
	struct packet got = delivered(&left_at);
	cr_assert_eq(left_at, out);
	expect_packet(got, with_ttl(expected, 63));
	expect_nothing_delivered();
}

static struct packet quoted(const char *from, const char *to, uint8_t options)
{
	return tcp(from, to, .payload = 900, .df = true, .seq = 77, .ttl = 60, .ip_options = options);
}

static void cross_both_ways(bool v6, const struct error *e, uint8_t options)
{
	const struct side *s = &sides[v6];
	struct packet from_nat = quoted(nat, s->origin, options), from_client = quoted(s->client, s->vip, options),
	              from_vip = quoted(s->vip, s->client, options), from_origin = quoted(s->origin, nat, options);
	cross(FRA1, icmp_error(s->router, e->type, e->code, e->mtu, &from_nat, 0), SGP1,
	    icmp_error(s->vip_address, e->type, e->code, e->mtu, &from_client, 0));
	cross(SGP1, icmp_error(s->client_address, e->type, e->code, e->mtu, &from_vip, 0), FRA1,
	    icmp_error(nat_address, e->type, e->code, e->mtu, &from_origin, 0));
}

static void cross_with_each(bool v6, const uint8_t options[3])
{
	const struct error *errors = v6 ? of_v6 : of_v4;
	begin(v6);
	for (size_t i = 0; i < sizeof(of_v4) / sizeof(of_v4[0]); i++)
		for (unsigned k = 0; k < 3; k++)
			cross_both_ways(v6, &errors[i], options[k]);
	cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
}

_Static_assert(sizeof(of_v4) == sizeof(of_v6), "one loop for both");

Test(icmp, errors_of_every_type_cross_both_ways, .fini = world_end)
{
	cross_with_each(false, (uint8_t[]){0, 8, 40});
}

Test(icmp, errors_of_every_type_of_ipv6_too, .fini = world_end)
{
	cross_with_each(true, (uint8_t[]){0, 8, 64});
}

/* There is no flow to tell of it: an error must name one. */
Test(icmp, an_error_with_less_than_8_transport_bytes_goes_nowhere, .fini = world_end)
{
	begin(false);
	struct packet ours = quoted(nat, sides[0].origin, 0);
	receive(FRA1, icmp_error("172.20.0.1", WIRE_ICMP_UNREACHABLE, 1, 0, &ours, 20 + 3));
	carry();
	expect_nothing_delivered();
	cr_assert_eq(all_drops(FRA1), 1);
}
