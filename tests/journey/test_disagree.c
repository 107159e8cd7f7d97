/* SPDX-License-Identifier: BSD-2-Clause */
/* POPs that disagree: one has heard of a drain, a weight, a death or a move of the group before the others. What a client
 * began goes on, wherever it enters now; only when all deny a connection is it reset. UDP, and one move of TCP, are in
 * test_three_pops.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lb/flow.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define FROM   CLIENT ":5000"
#define TO     VIP ":443"
#define ORIGIN ENDPOINT ":8443"
#define OTHER  "198.51.100.11:8443" /* endpoint 101 */

struct connection {
	enum pop egress;
	char nat[32];
	char endpoint[32];
};

/* What the client sends at a POP arrives whole at an endpoint. */
static struct connection forth(enum pop ingress, struct more more)
{
	struct connection c;
	receive(ingress, make_tcp(FROM, TO, more));
	carry();
	struct packet out = delivered(&c.egress);
	const uint8_t *to = out.bytes + 16;
	snprintf(c.nat, sizeof(c.nat), "10.%u.1.1:%u", c.egress, source_port_of(&out));
	snprintf(c.endpoint, sizeof(c.endpoint), "%u.%u.%u.%u:8443", to[0], to[1], to[2], to[3]);
	more.ttl = 63;
	expect_packet(out, make_tcp(c.nat, c.endpoint, more));
	expect_nothing_delivered();
	return c;
}

/* What its endpoint answers leaves at `ingress`. */
static void back(const struct connection *c, enum pop ingress, struct more more)
{
	enum pop left_at;
	receive(c->egress, make_tcp(c->endpoint, c->nat, more));
	carry();
	struct packet out = delivered(&left_at);
	more.ttl = 63;
	cr_assert_eq(left_at, ingress);
	expect_packet(out, make_tcp(TO, FROM, more));
}

/* The client's segment comes back as a reset, out of the POP where it entered, and reaches no endpoint. */
static void expect_reset(enum pop ingress, struct more more)
{
	enum pop left_at;
	receive(ingress, make_tcp(FROM, TO, more));
	carry();
	struct packet reset = delivered(&left_at);
	cr_assert_eq(left_at, ingress);
	cr_assert_eq(reset.bytes[33] & WIRE_TCP_RST, WIRE_TCP_RST);
	cr_assert_arr_eq(reset.bytes + 12, "\xcb\0\x71\x0a\xc0\0\2\7", 8, "from the VIP to the client");
	expect_nothing_delivered();
}

#define SYN     ((struct more){.flags = WIRE_TCP_SYN, .seq = 99})
#define SEGMENT ((struct more){.payload = 20})
#define ANSWER  ((struct more){.payload = 30})

static void put_endpoint(enum pop pop, uint32_t id, uint8_t state, uint8_t weight)
{
	struct wire_ctl_endpoint row = endpoint_row(id, id == 100 ? ORIGIN : OTHER);
	row.state = state;
	row.weight = weight;
	change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

/* At that POP the group is behind `egress`, and these are asked for what that one does not know. */
static void put_group(enum pop pop, enum pop egress, enum pop first, enum pop second)
{
	struct wire_ctl_group row = group_row((uint16_t)egress);
	row.candidate[0] = (uint16_t)first;
	row.candidate[1] = (uint16_t)second;
	change(pop, WIRE_OBJ_GROUP, &row, sizeof(row), false);
}

static void begin(void)
{
	world_begin(1);
	for (enum pop pop = SGP1; pop <= FRA1; pop++)
		put_endpoint(pop, 101, WIRE_ENDPOINT_UP, 0);
}

TestSuite(disagree, .init = begin, .fini = world_end);

/* What dxb1 has heard that sgp1 and fra1 have not. */
static void expect_goes_on_at_dxb1(void)
{
	struct connection c = forth(SGP1, SYN);
	cr_assert_str_eq(c.endpoint, ORIGIN);
	back(&c, SGP1, ANSWER);
	put_endpoint(DXB1, 101, WIRE_ENDPOINT_UP, 255);
	struct connection moved = forth(DXB1, SEGMENT);
	cr_assert_str_eq(moved.nat, c.nat, "the endpoint sees the same connection");
	cr_assert_str_eq(moved.endpoint, ORIGIN);
	back(&c, DXB1, ANSWER);
	const struct lb_flow *learnt = lb_flow_at(worker(DXB1, 0)->flows, 0);
	cr_assert_eq(learnt->endpoint, 100u, "the answer has taught dxb1 the true endpoint");
	cr_assert_eq(learnt->egress_pop, FRA1);
	forth(DXB1, SEGMENT);
	cr_assert_eq(all_drops(SGP1) + all_drops(DXB1) + all_drops(FRA1), 0);
}

Test(disagree, about_weights_a_connection_stays_at_its_endpoint)
{
	put_endpoint(DXB1, 100, WIRE_ENDPOINT_UP, 0);
	expect_goes_on_at_dxb1();
}

Test(disagree, about_a_drain_a_connection_stays_at_its_endpoint)
{
	put_endpoint(DXB1, 100, WIRE_ENDPOINT_DRAINED, 100);
	expect_goes_on_at_dxb1();
}

Test(disagree, about_health_a_connection_stays_at_its_endpoint)
{
	put_endpoint(DXB1, 100, WIRE_ENDPOINT_DOWN, 100);
	expect_goes_on_at_dxb1();
}

/* fra1 has heard of the death: it ends what is under way, and gives what begins to another, which the ingress learns. */
Test(disagree, about_health_the_egress_decides_for_what_begins)
{
	struct connection c = forth(SGP1, SYN);
	back(&c, SGP1, ANSWER);
	put_endpoint(FRA1, 101, WIRE_ENDPOINT_UP, 100);
	put_endpoint(FRA1, 100, WIRE_ENDPOINT_DOWN, 100);
	expect_reset(SGP1, SEGMENT);
	struct connection again = forth(SGP1, SYN);
	cr_assert_str_eq(again.endpoint, OTHER);
	back(&again, SGP1, ANSWER);
	cr_assert_eq(lb_flow_at(worker(SGP1, 0)->flows, 0)->endpoint, 101u);
}

/* dxb1 is a POP of the group, and its own; it asks one after the other. */
Test(disagree, about_the_egress_the_second_candidate_is_asked_when_the_first_denies)
{
	struct connection c;
	put_group(FRA1, SGP1, 0, 0);
	c = forth(FRA1, SYN);
	cr_assert_eq(c.egress, SGP1);
	back(&c, FRA1, ANSWER);
	put_group(DXB1, DXB1, FRA1, SGP1);
	struct connection moved = forth(DXB1, SEGMENT);
	cr_assert_eq(moved.egress, SGP1);
	cr_assert_str_eq(moved.nat, c.nat);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1, "asked, and it denied");
	back(&c, DXB1, ANSWER);
	forth(DXB1, SEGMENT);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1, "not asked again: dxb1 has learnt the egress");
}

Test(disagree, and_nobody_knows_it_a_connection_is_reset_after_each_was_asked)
{
	put_group(DXB1, DXB1, FRA1, SGP1);
	expect_reset(DXB1, SEGMENT);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS), 1, "fra1 passed it on");
	cr_assert_eq(drops(SGP1, WIRE_DROP_NO_STATE), 1, "sgp1 was the last");
	cr_assert_eq(all_drops(DXB1) + all_drops(FRA1), 0);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_NAT_NEW) + counter(DXB1, WIRE_COUNTER_NAT_NEW) +
	                 counter(FRA1, WIRE_COUNTER_NAT_NEW),
	    0);
}

/* A candidate that cannot be reached is no reason to reset what the next one knows. */
Test(disagree, and_a_candidate_is_unreachable_the_next_is_asked)
{
	pass_ms(700); /* every POP has heard every other, and grace is over */
	put_group(FRA1, SGP1, 0, 0);
	struct connection c = forth(FRA1, SYN);
	put_group(DXB1, DXB1, FRA1, SGP1);
	for (enum pop pop = SGP1; pop < FRA1; pop++) {
		cut(pop, FRA1, true);
		cut(FRA1, pop, true);
	}
	pass_ms(100);
	struct connection moved = forth(DXB1, SEGMENT);
	cr_assert_eq(moved.egress, SGP1);
	cr_assert_str_eq(moved.nat, c.nat);
}

/* What begins asks nobody: a SYN makes state at the first. */
Test(disagree, a_syn_begins_at_the_first_candidate)
{
	put_group(DXB1, DXB1, FRA1, SGP1);
	struct connection c = forth(DXB1, SYN);
	cr_assert_eq(c.egress, DXB1);
	cr_assert_eq(journeys(FRA1, WIRE_JOURNEY_EGRESS) + journeys(SGP1, WIRE_JOURNEY_EGRESS), 0);
}

/* The flow's endpoint resets a client that has gone; its egress has forgotten the flow. */
Test(disagree, an_endpoint_whose_flow_is_forgotten_is_reset)
{
	struct connection c = forth(SGP1, SYN);
	restart(FRA1, 0x4711);
	receive(FRA1, tcp(c.endpoint, c.nat, .payload = 30, .ack = 1234));
	carry();
	enum pop left_at;
	struct packet reset = delivered(&left_at);
	cr_assert_eq(left_at, FRA1);
	cr_assert_eq(reset.bytes[33] & WIRE_TCP_RST, WIRE_TCP_RST);
	cr_assert_arr_eq(reset.bytes + 16, "\xc6\x33\x64\x0a", 4, "to the endpoint");
	cr_assert_eq(wire_be32(reset.bytes + 24), 1234, "with the number that it expects (RFC 9293, 3.10.7.1)");
	cr_assert_eq(drops(FRA1, WIRE_DROP_NO_NAT), 1);
	expect_nothing_delivered();
}
