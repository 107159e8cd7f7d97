/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection across three POPs: ingress, transit, egress; reply, transit, return. With one worker and with several,
 * with packets that arrive at whatever worker the NIC chose. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/links.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "tests/journey/world.h"

#define TO     VIP ":443"
#define ORIGIN ENDPOINT ":8443"

struct there_and_back {
	char nat[32];
	enum pop egress;
};

/* The client's packet enters at a POP; the endpoint must get it unharmed. */
static struct there_and_back forth(enum pop ingress, unsigned at_worker, const char *from, struct more more)
{
	struct there_and_back t;
	receive_at(ingress, at_worker, make_tcp(from, TO, more));
	carry();
	struct packet out = delivered(&t.egress);
	snprintf(t.nat, sizeof(t.nat), "10.%u.1.1:%u", t.egress, source_port_of(&out));
	more.ttl = 63;
	expect_packet(out, make_tcp(t.nat, ORIGIN, more));
	return t;
}

/* The endpoint's packet arrives at the egress; the client must get it from the VIP, out of `ingress`. */
static void back(const struct there_and_back *t, unsigned at_worker, const char *to, enum pop ingress, struct more more)
{
	enum pop left_at;
	receive_at(t->egress, at_worker, make_tcp(ORIGIN, t->nat, more));
	carry();
	struct packet out = delivered(&left_at);
	cr_assert_eq(left_at, ingress);
	more.ttl = 63;
	expect_packet(out, make_tcp(TO, to, more));
}

static void connect_and_talk(unsigned workers)
{
	world_begin(workers);
	for (unsigned client = 0; client < 40; client++) {
		char from[32];
		snprintf(from, sizeof(from), CLIENT ":%u", 5000 + client);
		unsigned w = client % workers;
		struct there_and_back t =
		    forth(SGP1, w, from, (struct more){.flags = WIRE_TCP_SYN, .mss = 1200, .seq = 99});
		cr_assert_eq(t.egress, FRA1);
		back(&t, w, from, SGP1, (struct more){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .mss = 1200});
		for (unsigned i = 0; i < 5; i++) {
			forth(SGP1, (w + i) % workers, from, (struct more){.payload = (uint16_t)(i * 250)});
			back(&t, (w + i) % workers, from, SGP1, (struct more){.payload = (uint16_t)(i * 250)});
		}
	}
	cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
	cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_TRANSIT), 40 * 12);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_NEW), 40);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 40);
}

Test(three_pops, a_connection_crosses_them_and_comes_back, .fini = world_end)
{
	connect_and_talk(1);
}

Test(three_pops, two_workers_hand_each_flow_to_its_owner, .fini = world_end)
{
	connect_and_talk(2);
	cr_assert_gt(counter(SGP1, WIRE_COUNTER_HANDED_OVER), 50);
	cr_assert_gt(counter(DXB1, WIRE_COUNTER_HANDED_OVER), 50);
	cr_assert_gt(counter(FRA1, WIRE_COUNTER_HANDED_OVER), 50);
}

Test(three_pops, three_workers_too, .fini = world_end)
{
	connect_and_talk(3);
}

/* As it is for the kernel, so that it does not answer for a VIP. */
Test(three_pops, a_vip_that_leads_nowhere_is_served, .fini = world_end)
{
	world_begin(1);
	lead_nowhere(203, 0);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	back(&t, 0, from, SGP1, (struct more){.payload = 10});
}

/* The ingress dies and anycast moves the client to dxb1, which has no flow entry. */
Test(three_pops, a_connection_survives_the_death_of_its_ingress, .fini = world_end)
{
	world_begin(1);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	back(&t, 0, from, SGP1, (struct more){.payload = 10});
	struct there_and_back moved = forth(DXB1, 0, from, (struct more){.payload = 20});
	cr_assert_str_eq(moved.nat, t.nat, "the endpoint sees the same connection");
	back(&t, 0, from, DXB1, (struct more){.payload = 30});
	cr_assert_eq(all_drops(DXB1) + all_drops(FRA1), 0);
}

/* The new ingress would choose another egress; the flow's own is its candidate. */
Test(three_pops, a_second_chance_finds_the_flow_at_another_egress, .fini = world_end)
{
	world_begin(1);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	struct wire_ctl_group group = group_row(DXB1);
	group.candidate[0] = FRA1;
	change(DXB1, WIRE_OBJ_GROUP, &group, sizeof(group), false);
	struct there_and_back moved = forth(DXB1, 0, from, (struct more){.payload = 20});
	cr_assert_eq(moved.egress, FRA1);
	cr_assert_str_eq(moved.nat, t.nat);
	back(&t, 0, from, DXB1, (struct more){.payload = 30});
	forth(DXB1, 0, from, (struct more){.payload = 40});
	cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_EGRESS), 1, "once; then the ingress has learnt where the flow is");
}

/* ---- POPs that disagree: UDP, of which any packet may be the first ---- */

#define DNS VIP ":53"

/* Its packet enters at a POP; returns as what and where it left. */
static struct there_and_back datagram(enum pop ingress)
{
	struct there_and_back t;
	receive(ingress, udp(CLIENT ":5000", DNS, .payload = 20));
	carry();
	struct packet out = delivered(&t.egress);
	snprintf(t.nat, sizeof(t.nat), "10.%u.1.1:%u", t.egress, source_port_of(&out));
	expect_nothing_delivered();
	return t;
}

static void answer(const struct there_and_back *t, enum pop expected)
{
	enum pop left_at;
	receive(t->egress, udp(ORIGIN, t->nat, .payload = 30));
	carry();
	delivered(&left_at);
	cr_assert_eq(left_at, expected);
}

/* dxb1 would use itself from now on, and names fra1 as the other egress of the group. */
static void disagree(void)
{
	struct wire_ctl_group group = group_row(DXB1);
	group.candidate[0] = FRA1;
	change(DXB1, WIRE_OBJ_GROUP, &group, sizeof(group), false);
}

Test(three_pops, udp_asks_the_candidates_for_30_s_after_a_change, .fini = world_end)
{
	world_begin(1);
	struct there_and_back t = datagram(SGP1);
	answer(&t, SGP1);
	disagree();
	pass_ms(29000);
	struct there_and_back moved = datagram(DXB1);
	cr_assert_eq(moved.egress, FRA1);
	cr_assert_str_eq(moved.nat, t.nat);
	datagram(DXB1);
	cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_EGRESS), 2, "asked again, as there was no answer yet");
	answer(&t, DXB1);
	cr_assert_str_eq(datagram(DXB1).nat, t.nat);
	cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_EGRESS), 2, "the answer has told where it is");
}

/* Long after the POPs began to disagree dxb1 learns of a change, or of none. */
static enum pop egress_after(enum wire_ctl_object changed, const void *row, size_t size)
{
	world_begin(1);
	disagree();
	pass_ms(31000);
	struct there_and_back t = datagram(SGP1);
	answer(&t, SGP1);
	if (row)
		change(DXB1, changed, row, size, false);
	enum pop egress = datagram(DXB1).egress;
	world_end();
	return egress;
}

Test(three_pops, udp_asks_after_a_change_of_its_listener_or_an_endpoint_too)
{
	struct wire_ctl_listener listener = listener_row(2, VIP, WIRE_PROTO_UDP, 53);
	struct wire_ctl_listener another = listener_row(1, VIP, WIRE_PROTO_TCP, 443);
	struct wire_ctl_endpoint endpoint = endpoint_row(101, "198.51.100.11:8443");
	listener.share[0].weight = another.share[0].weight = 32768; /* which means the same, as there is one */
	endpoint.weight = 0;                                        /* of the group, though it gets nothing */
	cr_assert_eq(egress_after(0, NULL, 0), DXB1, "none");
	cr_assert_eq(egress_after(WIRE_OBJ_LISTENER, &another, sizeof(another)), DXB1, "of another listener");
	cr_assert_eq(egress_after(WIRE_OBJ_LISTENER, &listener, sizeof(listener)), FRA1, "of its listener");
	cr_assert_eq(egress_after(WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint)), FRA1, "of an endpoint of its group");
}

Test(three_pops, udp_that_no_candidate_knows_begins_at_the_first, .fini = world_end)
{
	world_begin(1);
	disagree();
	struct there_and_back t = datagram(DXB1);
	cr_assert_eq(t.egress, DXB1);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_NEW), 0);
	cr_assert_str_eq(datagram(DXB1).nat, t.nat);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1, "asked once: then the state is met at once");
	cr_assert_eq(all_drops(DXB1) + all_drops(FRA1), 0);
}

/* Two POPs ask: fra1 chose dxb1 and names itself, where the flow is not either. */
Test(three_pops, udp_comes_home_over_the_overlay, .fini = world_end)
{
	world_begin(1);
	struct wire_ctl_group group = group_row(DXB1);
	group.candidate[0] = FRA1;
	change(SGP1, WIRE_OBJ_GROUP, &group, sizeof(group), false);
	struct there_and_back t = datagram(SGP1);
	cr_assert_eq(t.egress, DXB1);
	cr_assert_eq(counter(DXB1, WIRE_COUNTER_NAT_NEW), 1);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1);
	answer(&t, SGP1);
}

Test(three_pops, udp_begins_at_the_first_candidate_at_other_times, .fini = world_end)
{
	world_begin(1);
	struct there_and_back t = datagram(SGP1);
	disagree();
	pass_ms(20000);
	answer(&t, SGP1);
	pass_ms(11000);
	struct there_and_back moved = datagram(DXB1);
	cr_assert_eq(moved.egress, DXB1);
	cr_assert_eq(counter(DXB1, WIRE_COUNTER_NAT_NEW), 1);
}

Test(three_pops, icmp_errors_without_an_entry_follow_the_candidates, .fini = world_end)
{
	world_begin(1);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	disagree();
	struct packet about = tcp(TO, from, .payload = 800, .df = true),
	              known = tcp(ORIGIN, t.nat, .payload = 800, .df = true);
	receive(DXB1, icmp_error(CLIENT, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &about, 0));
	carry();
	enum pop left_at;
	struct packet told = delivered(&left_at);
	cr_assert_eq(left_at, FRA1);
	struct packet expected = icmp_error(t.nat, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_FRAG_NEEDED, 1280, &known, 0);
	expect_packet(told, with_ttl(expected, 63));
}

Test(three_pops, a_connection_that_nobody_knows_is_reset_to_the_client, .fini = world_end)
{
	world_begin(1);
	enum pop left_at;
	receive(SGP1, tcp(CLIENT ":5000", TO, .payload = 5, .ack = 1234));
	carry();
	struct packet reset = delivered(&left_at);
	cr_assert_eq(left_at, SGP1);
	cr_assert_eq(reset.bytes[33], WIRE_TCP_RST);
	expect_nothing_delivered();
}

/* Who forges a client's address never sees the number that the endpoint's SYN-ACK asks for. */
Test(three_pops, an_ack_that_is_made_up_confirms_a_flow_nowhere, .fini = world_end)
{
	world_begin(1);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	const struct lb_flow *ingress = lb_flow_at(worker(SGP1, 0)->flows, 0);
	const struct lb_nat_flow *egress = lb_nat_at(worker(FRA1, 0)->nat, 0);
	back(&t, 0, from, SGP1, (struct more){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .seq = 0xdeadbeef});
	forth(SGP1, 0, from, (struct more){.ack = 0x12345678, .payload = 5});
	cr_assert_eq(ingress->state, LB_FLOW_NEW);
	cr_assert_eq(egress->state, LB_FLOW_NEW);
	forth(SGP1, 0, from, (struct more){.ack = 0xdeadbef0, .payload = 5});
	cr_assert_eq(ingress->state, LB_FLOW_ESTABLISHED);
	cr_assert_eq(egress->state, LB_FLOW_ESTABLISHED);
}

/* The only row of that side, or NULL. */
static const struct wire_stats_last_mile *last_mile(enum pop pop, enum wire_stats_side side)
{
	const struct wire_stats_last_mile *rows = worker(pop, 0)->last_mile, *found = NULL;
	for (unsigned i = 0; i < WIRE_STATS_LAST_MILE_ROWS; i++) {
		if (rows[i].side != side)
			continue;
		cr_assert_null(found);
		found = &rows[i];
	}
	return found;
}

Test(three_pops, a_handshake_tells_how_far_client_and_endpoint_are, .fini = world_end)
{
	world_begin(1);
	const char *from = CLIENT ":5000";
	struct there_and_back t = forth(SGP1, 0, from, (struct more){.flags = WIRE_TCP_SYN});
	pass_ms(30);
	back(&t, 0, from, SGP1, (struct more){.flags = WIRE_TCP_SYN | WIRE_TCP_ACK, .seq = 0xdeadbeef});
	pass_ms(80);
	cr_assert_null(last_mile(SGP1, WIRE_SIDE_CLIENT));
	forth(SGP1, 0, from, (struct more){.ack = 0xdeadbef0, .payload = 5});
	pass_ms(500);
	forth(SGP1, 0, from, (struct more){.ack = 0xdeadbef0, .payload = 5});
	back(&t, 0, from, SGP1, (struct more){.payload = 10});

	const struct wire_stats_last_mile *client = last_mile(SGP1, WIRE_SIDE_CLIENT),
	                                  *endpoint = last_mile(FRA1, WIRE_SIDE_ENDPOINT);
	struct packet there = make_tcp(from, ORIGIN, (struct more){.flags = 0});
	struct wire_addr of = source_of(&there), to = destination_of(&there);
	of.bytes[15] = 0;
	cr_assert(client && client->handshakes == 1 && client->length == 120);
	cr_assert(wire_addr_equal(&client->prefix, &of));
	cr_assert(client->smooth_us > 78000 && client->smooth_us < 82000, "%u us", client->smooth_us);
	cr_assert(endpoint && endpoint->handshakes == 1 && endpoint->length == 128);
	cr_assert(wire_addr_equal(&endpoint->prefix, &to));
	cr_assert(endpoint->smooth_us > 28000 && endpoint->smooth_us < 32000, "%u us", endpoint->smooth_us);
	cr_assert(!last_mile(SGP1, WIRE_SIDE_ENDPOINT) && !last_mile(FRA1, WIRE_SIDE_CLIENT));
	cr_assert(!last_mile(DXB1, WIRE_SIDE_ENDPOINT) && !last_mile(DXB1, WIRE_SIDE_CLIENT));
}

/* Each link by itself, with the offset of its ends' clocks. */
Test(three_pops, packets_tell_their_delay_on_each_link, .fini = world_end)
{
	static const struct {
		enum pop pop;
		int64_t ahead_us;
	} clocks[] = {{DXB1, 7000}, {FRA1, -3600000000}};
	world_begin(1);
	for (unsigned i = 0; i < 2; i++)
		set_clock(clocks[i].pop, clocks[i].ahead_us * 1000);
	for (unsigned i = 0; i < 9; i++)
		forth(SGP1, 0, CLIENT ":5000", (struct more){.flags = i ? WIRE_TCP_ACK : WIRE_TCP_SYN});
	int64_t before_us = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct wire_stats_link block[16] = {0};
		unsigned heard = 0;
		dp_overlay_state_collect(worker(clocks[i].pop, 0)->overlay, block, 16);
		for (unsigned k = 0; k < 16; k++) {
			if (!block[k].rx_packets)
				continue;
			heard++;
			cr_assert(block[k].rx_packets == 9 && block[k].rx_missing == 0 && block[k].rx_lost == 0);
			int32_t off = (int32_t)(block[k].rx_delay_base_us - (uint32_t)(clocks[i].ahead_us - before_us));
			cr_assert(off >= 0 && off < 1000, "%d us", off);
			cr_assert(llabs(block[k].rx_delay_us) < 9000);
		}
		cr_assert_eq(heard, 1);
		before_us = clocks[i].ahead_us;
	}
}

Test(three_pops, idle_flows_are_forgotten, .fini = world_end)
{
	world_begin(1);
	struct there_and_back t = forth(SGP1, 0, CLIENT ":5000", (struct more){.flags = WIRE_TCP_SYN});
	pass_ms(8000);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_FLOWS_EXPIRED), 1);
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_NAT_EXPIRED), 1);
	receive(FRA1, tcp(ORIGIN, t.nat, .payload = 1));
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 1);
}
