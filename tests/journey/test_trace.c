/* SPDX-License-Identifier: BSD-2-Clause */
/* A trace tells each step of the packets that match its filter, and of no others. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/journey/world.h"

static void one_world(void)
{
	world_begin(1);
}

TestSuite(trace, .init = one_world, .fini = world_end);

static struct wire_ctl_filter filter;

static void given_trace(enum pop pop, struct wire_ctl_filter f)
{
	filter = f;
	atomic_store(&dp_shared(worker(pop, 0))->trace, &filter);
}

static bool is_header(const struct dp_event *e)
{
	const char *text = e->trace.text;
	return strncmp(text, "in: ", 4) == 0 || strncmp(text, "in it: ", 7) == 0 || strncmp(text, "out: ", 5) == 0;
}

/* The next step that is (not) about a header. */
static bool next_step(enum pop pop, bool header, struct dp_event *ret)
{
	do {
		if (!event(pop, DP_EVENT_TRACE, ret))
			return false;
	} while (is_header(ret) != header);
	return true;
}

static void expect_header(enum pop pop, enum wire_journey journey, const char *text)
{
	struct dp_event e;
	cr_assert(next_step(pop, true, &e), "no header: %s", text);
	cr_assert_eq(e.trace.journey, journey, "%s", e.trace.text);
	cr_assert_str_eq(e.trace.text, text);
}

/* The next step must be of this journey and contain the text. */
static void expect_step(enum pop pop, enum wire_journey journey, enum wire_drop drop, const char *text)
{
	struct dp_event e;
	cr_assert(next_step(pop, false, &e), "no step: %s", text);
	cr_assert_eq(e.trace.journey, journey, "%s", e.trace.text);
	cr_assert_eq(e.trace.drop, drop, "%s", e.trace.text);
	cr_assert(strstr(e.trace.text, text), "'%s' does not contain '%s'", e.trace.text, text);
}

Test(trace, tells_the_lookups_of_a_new_flow)
{
	given_trace(SGP1, (struct wire_ctl_filter){.address = wire_addr_from_v4("\xc0\x00\x02\x07"), .l4_port = 443});
	receive(SGP1, tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN, .mss = 1460));
	expect_step(SGP1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NONE, "listener 1, group 5, endpoint 100 by Maglev");
	expect_step(
	    SGP1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NONE, "path of 2 hops to POP 3 in class 0, first over link 12");
	expect_step(SGP1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NONE, "MSS lowered to 1352");
}

Test(trace, tells_why_a_packet_was_dropped)
{
	given_trace(SGP1, (struct wire_ctl_filter){.protocol = WIRE_PROTO_UDP});
	receive(SGP1, udp(CLIENT ":5000", VIP ":99"));
	expect_step(SGP1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NO_LISTENER, "VIP has no listener");
}

Test(trace, follows_a_flow_through_egress_and_reply)
{
	struct wire_ctl_filter any = {.protocol = WIRE_PROTO_TCP};
	given_trace(FRA1, any);
	receive(FRA1, tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN));
	struct packet out = sent(FRA1);
	expect_step(FRA1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NONE, "new flow");
	expect_step(FRA1, WIRE_JOURNEY_EGRESS, WIRE_DROP_NONE, "to endpoint 100, 198.51.100.10:8443, as 10.3.1.1:");
	char nat[32];
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	receive(FRA1, tcp(ENDPOINT ":8443", nat));
	expect_step(FRA1, WIRE_JOURNEY_REPLY, WIRE_DROP_NONE, "client 192.0.2.7:5000, which is at POP 3");
	expect_step(FRA1, WIRE_JOURNEY_RETURN, WIRE_DROP_NONE, "to the client");
}

/* The steps of a connection's first segment behind its SYN. */
static void given_first_segment(enum wire_ctl_client_ip client_ip)
{
	struct wire_ctl_listener row = listener_row(LISTENER, VIP, WIRE_PROTO_TCP, 443);
	row.client_ip = (uint8_t)client_ip;
	change(FRA1, WIRE_OBJ_LISTENER, &row, sizeof(row), false);
	receive(FRA1, tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN));
	given_trace(FRA1, (struct wire_ctl_filter){.protocol = WIRE_PROTO_TCP});
	receive(FRA1, tcp(CLIENT ":5000", VIP ":443", .seq = 1, .payload = 3));
	expect_step(FRA1, WIRE_JOURNEY_INGRESS, WIRE_DROP_NONE, "flow");
	expect_step(FRA1, WIRE_JOURNEY_EGRESS, WIRE_DROP_NONE, "to endpoint 100");
}

Test(trace, tells_that_the_clients_address_goes_as_an_option)
{
	given_first_segment(WIRE_CLIENT_IP_TOA);
	expect_step(FRA1, WIRE_JOURNEY_EGRESS, WIRE_DROP_NONE, "the client's address goes with it as an option");
}

Test(trace, tells_that_the_clients_address_goes_as_a_header)
{
	given_first_segment(WIRE_CLIENT_IP_PROXY_V2);
	expect_step(FRA1, WIRE_JOURNEY_EGRESS, WIRE_DROP_NONE, "PROXY header of 28 bytes in front of it");
}

/* By the client's address at every POP, though the relay sees only POPs' and the egress the endpoint's. */
Test(trace, follows_a_client_across_the_pops)
{
	struct wire_ctl_filter client = {.address = wire_addr_from_v4("\xc0\x00\x02\x07")};
	given_trace(DXB1, client);
	given_trace(FRA1, client);
	receive(SGP1, tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN));
	carry();
	struct packet out = delivered(NULL);
	char nat[32];
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));
	receive(FRA1, tcp(ENDPOINT ":8443", nat));
	carry();
	expect_step(DXB1, WIRE_JOURNEY_TRANSIT, WIRE_DROP_NONE, "to POP 3 over link 23");
	expect_step(DXB1, WIRE_JOURNEY_TRANSIT, WIRE_DROP_NONE, "to POP 1 over link 21");
	expect_step(FRA1, WIRE_JOURNEY_EGRESS, WIRE_DROP_NONE, "new flow: from POP 1");
	expect_step(FRA1, WIRE_JOURNEY_REPLY, WIRE_DROP_NONE, "client 192.0.2.7:5000, which is at POP 1");
}

/* Two bursts of one pass of the loop: at the same time, each packet the first of its burst. */
Test(trace, packets_of_one_pass_are_told_apart)
{
	struct dp_event first, second;
	given_trace(SGP1, (struct wire_ctl_filter){.protocol = WIRE_PROTO_UDP});
	receive(SGP1, udp(CLIENT ":5000", VIP ":9"));
	receive(SGP1, udp(CLIENT ":5001", VIP ":9"));
	cr_assert(next_step(SGP1, false, &first) && next_step(SGP1, false, &second));
	cr_assert_eq(first.trace.at_ns, second.trace.at_ns);
	cr_assert_neq(first.trace.packet, second.trace.packet);
}

/* A SYN of 44 bytes with an MSS, and its answer: at the ingress, the relay, the egress and on the way back. */
Test(trace, shows_the_header_before_and_after)
{
	struct wire_ctl_filter client = {.address = wire_addr_from_v4("\xc0\x00\x02\x07")};
	char expected[232], nat[32];
	struct packet syn = tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN, .mss = 1200);
	for (enum pop pop = SGP1; pop <= FRA1; pop++)
		given_trace(pop, client);
	receive(SGP1, syn);
	carry();
	struct packet out = delivered(NULL);
	snprintf(nat, sizeof(nat), "10.3.1.1:%u", source_port_of(&out));

	const unsigned outer = 44 + 20 + 8 + 8 + 16 + 28 + 12 + 16; /* IPv4, UDP, Geneve and the options of two hops */
	unsigned port = overlay_port_of(&syn);
	expect_header(
	    SGP1, WIRE_JOURNEY_INGRESS, "in: 192.0.2.7:5000 > 203.0.113.10:443 TCP S, TTL 64, TOS 0x00, 44 bytes");
	snprintf(expected, sizeof(expected), "out: 10.1.0.2:%u > 10.2.0.2:6081 UDP, TTL 64, TOS 0x00, %u bytes", port,
	    outer);
	expect_header(SGP1, WIRE_JOURNEY_INGRESS, expected);
	expect_header(
	    SGP1, WIRE_JOURNEY_INGRESS, "in it: 192.0.2.7:5000 > 203.0.113.10:443 TCP S, TTL 63, TOS 0x00, 44 bytes");

	snprintf(
	    expected, sizeof(expected), "in: 10.1.0.2:%u > 10.2.0.2:6081 UDP, TTL 64, TOS 0x00, %u bytes", port, outer);
	expect_header(DXB1, WIRE_JOURNEY_TRANSIT, expected);
	expect_header(
	    DXB1, WIRE_JOURNEY_TRANSIT, "in it: 192.0.2.7:5000 > 203.0.113.10:443 TCP S, TTL 63, TOS 0x00, 44 bytes");
	snprintf(expected, sizeof(expected), "out: 10.2.0.2:%u > 10.3.0.2:6081 UDP, TTL 64, TOS 0x00, %u bytes", port,
	    outer);
	expect_header(DXB1, WIRE_JOURNEY_TRANSIT, expected);

	snprintf(
	    expected, sizeof(expected), "in: 10.2.0.2:%u > 10.3.0.2:6081 UDP, TTL 64, TOS 0x00, %u bytes", port, outer);
	expect_header(FRA1, WIRE_JOURNEY_EGRESS, expected);
	expect_header(
	    FRA1, WIRE_JOURNEY_EGRESS, "in it: 192.0.2.7:5000 > 203.0.113.10:443 TCP S, TTL 63, TOS 0x00, 44 bytes");
	snprintf(expected, sizeof(expected), "out: %s > 198.51.100.10:8443 TCP S, TTL 63, TOS 0x00, 44 bytes", nat);
	expect_header(FRA1, WIRE_JOURNEY_EGRESS, expected);

	receive(FRA1, tcp(ENDPOINT ":8443", nat, .flags = WIRE_TCP_SYN | WIRE_TCP_ACK));
	snprintf(expected, sizeof(expected), "in: 198.51.100.10:8443 > %s TCP SA, TTL 64, TOS 0x00, 40 bytes", nat);
	expect_header(FRA1, WIRE_JOURNEY_REPLY, expected);
}

Test(trace, is_silent_about_other_packets)
{
	struct dp_event e;
	given_trace(SGP1, (struct wire_ctl_filter){.address = wire_addr_from_v4("\xc0\x00\x02\x08")});
	receive(SGP1, tcp(CLIENT ":5000", VIP ":443", .flags = WIRE_TCP_SYN));
	cr_assert_not(event(SGP1, DP_EVENT_TRACE, &e));
}
