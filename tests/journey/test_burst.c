/* SPDX-License-Identifier: BSD-2-Clause */
/* Many packets in one burst: what an earlier one makes, moves or ends, a later one must see. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/flow.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define MOST 32u

static void one_world(void)
{
	world_begin(1);
}

TestSuite(burst, .init = one_world, .fini = world_end);

static uint32_t endpoint_in(const struct packet *p)
{
	return wire_be32(p->bytes + 36 + 16 + 4 + 8);
}

static void endpoint_100_dies_at(enum pop pop)
{
	struct wire_ctl_endpoint down = endpoint_row(100, ENDPOINT ":8443");
	struct wire_ctl_endpoint other = endpoint_row(101, "198.51.100.11:8443");
	down.state = WIRE_ENDPOINT_DOWN;
	change(pop, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	change(pop, WIRE_OBJ_ENDPOINT, &down, sizeof(down), false);
}

Test(burst, packets_of_one_new_flow_make_one_flow)
{
	struct packet p[MOST];
	for (unsigned i = 0; i < MOST; i++)
		p[i] = udp(CLIENT ":5000", VIP ":53", .payload = (uint16_t)i);
	receive_burst(SGP1, MOST, p);
	for (unsigned i = 0; i < MOST; i++) {
		struct packet out = sent(SGP1), inner = inner_of(&out);
		expect_packet(inner, with_ttl(p[i], 63));
	}
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 1);
}

Test(burst, a_flow_that_moves_takes_its_later_packets_along)
{
	struct packet p[MOST];
	for (unsigned i = 0; i < MOST; i++) {
		char from[32];
		snprintf(from, sizeof(from), CLIENT ":%u", 5000 + i % 4);
		p[i] = udp(from, VIP ":53", .payload = (uint16_t)i);
	}
	receive_burst(SGP1, MOST, p);
	for (unsigned i = 0; i < MOST; i++)
		sent(SGP1);
	endpoint_100_dies_at(SGP1);
	receive_burst(SGP1, MOST, p);
	for (unsigned i = 0; i < MOST; i++) {
		struct packet out = sent(SGP1);
		cr_assert_eq(endpoint_in(&out), 101, "packet %u", i);
	}
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 4 + 4, "each flow moved once");
	cr_assert_eq(lb_flow_count(worker(SGP1, 0)->flows), 4);
}

Test(burst, state_that_ends_at_the_egress_is_ended_for_later_packets_too)
{
	struct packet p[MOST];
	for (unsigned i = 0; i < MOST; i++)
		p[i] = udp(CLIENT ":5000", VIP ":53", .payload = (uint16_t)i);
	receive(FRA1, p[0]);
	sent(FRA1);
	endpoint_100_dies_at(FRA1);
	receive_burst(FRA1, MOST, p);
	uint16_t port = 0;
	for (unsigned i = 0; i < MOST; i++) {
		struct packet out = sent(FRA1);
		cr_assert_arr_eq(out.bytes + 16, "\xc6\x33\x64\x0b", 4, "packet %u goes to 198.51.100.11", i);
		cr_assert(i == 0 || source_port_of(&out) == port, "packet %u has a port of its own", i);
		port = source_port_of(&out);
	}
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 2);
}

/* Far more clients than the table holds, each several times in a burst, so that new flows displace new flows: whatever
 * happens to its entry, a packet goes to the egress in its own flow's lane with its own bytes. */
Test(burst, displaced_flows_do_not_steer_the_packets_of_others)
{
	static char from[MOST][32];
	srand(64);
	for (unsigned round = 0; round < 400; round++) {
		struct packet p[MOST];
		for (unsigned i = 0; i < MOST; i++) {
			unsigned client = i % 2 && rand() % 2 ? i - 1 : i;
			if (client == i)
				snprintf(
				    from[i], sizeof(from[i]), "192.0.2.%u:%u", 1 + rand() % 200, 1024 + rand() % 60000);
			else
				memcpy(from[i], from[client], sizeof(from[i]));
			bool tcp_flow = rand() % 2;
			p[i] = tcp_flow ? tcp(from[i], VIP ":443", .flags = WIRE_TCP_SYN, .seq = i)
			                : udp(from[i], VIP ":53", .payload = (uint16_t)i);
		}
		receive_burst(SGP1, MOST, p);
		for (unsigned i = 0; i < MOST; i++) {
			struct packet out = sent(SGP1), inner = inner_of(&out);
			expect_packet(inner, with_ttl(p[i], 63));
			cr_assert_eq(source_port_of(&out), overlay_port_of(&p[i]));
			cr_assert_eq(endpoint_in(&out), 100);
		}
		pass_ms(1);
	}
	cr_assert_eq(all_drops(SGP1), 0);
}

/* All journeys at once, interleaved: each packet comes out as it does alone. */
Test(burst, a_mixed_burst_gives_what_its_packets_give_alone)
{
	struct packet p[5], in = tcp(VIP ":443", CLIENT ":7000", .payload = 9), flow = tcp(CLIENT ":7000", VIP ":443");
	struct overlay back = overlay_along(&flow, FRA1, 1, (enum pop[]){SGP1});
	back.flags = WIRE_STEER_RETURN;
	back.ingress = SGP1;
	back.egress = FRA1;
	struct packet through = tcp(CLIENT ":8000", VIP ":443", .payload = 3, .ttl = 60);
	struct overlay on = overlay_along(&through, DXB1, 2, (enum pop[]){SGP1, FRA1});
	p[0] = make_overlay(&on, &through);
	p[1] = tcp(CLIENT ":9000", VIP ":443", .flags = WIRE_TCP_SYN);
	p[2] = make_overlay(&back, &in);
	p[3] = icmp_echo(CLIENT, VIP, WIRE_ICMP_ECHO, 64, 10);
	p[4] = tcp(CLIENT ":9001", VIP ":999");
	receive_burst(SGP1, 5, p);
	bool ingress = false, transit = false, returned = false, echo = false;
	for (unsigned i = 0; i < 4; i++) {
		struct packet out = sent(SGP1), inner = {.length = 0};
		if (out.bytes[9] == WIRE_PROTO_UDP)
			inner = inner_of(&out);
		ingress |= inner.length && !memcmp(inner.bytes, with_ttl(p[1], 63).bytes, inner.length);
		transit |= inner.length && !memcmp(inner.bytes, through.bytes, inner.length);
		returned |= out.bytes[9] == WIRE_PROTO_TCP && !memcmp(out.bytes, in.bytes, out.length);
		echo |= out.bytes[9] == WIRE_PROTO_ICMP;
	}
	cr_assert(ingress && transit && returned && echo);
	cr_assert_eq(drops(SGP1, WIRE_DROP_NO_LISTENER), 1);
	cr_assert_eq(all_drops(SGP1), 1);
}
