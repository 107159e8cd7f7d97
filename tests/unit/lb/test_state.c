/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/state.h"

#include <criterion/criterion.h>
#include <string.h>

struct packet {
	bool from_client;
	uint8_t flags;
};

#define C(f)                                                                                                           \
	{                                                                                                              \
		true, f                                                                                                \
	}
#define S(f)                                                                                                           \
	{                                                                                                              \
		false, f                                                                                               \
	}
#define SYN WIRE_TCP_SYN
#define ACK WIRE_TCP_ACK
#define FIN (WIRE_TCP_FIN | WIRE_TCP_ACK)
#define RST WIRE_TCP_RST

/* The state after the packets that follow a client's SYN. */
static const struct {
	const char *name;
	uint8_t expected;
	unsigned count;
	struct packet packet[8];
} cases[] = {
    {"a repeated SYN confirms nothing", LB_FLOW_NEW, 2, {C(SYN), C(SYN)}},
    {"the server's answer alone confirms nothing", LB_FLOW_NEW, 1, {S(SYN | ACK)}},
    {"the client's ACK does", LB_FLOW_ESTABLISHED, 2, {S(SYN | ACK), C(ACK)}},
    {"so does data of the server, with a client seen elsewhere", LB_FLOW_ESTABLISHED, 1, {S(ACK)}},
    {"a half-closed connection may live long", LB_FLOW_ESTABLISHED, 4, {C(ACK), C(FIN), S(ACK), S(ACK)}},
    {"closed from both ends", LB_FLOW_CLOSING, 5, {C(ACK), C(FIN), S(ACK), S(FIN), C(ACK)}},
    {"closed by the server first", LB_FLOW_CLOSING, 3, {C(ACK), S(FIN), C(FIN)}},
    {"reset", LB_FLOW_CLOSING, 2, {C(ACK), S(RST)}},
    {"refused", LB_FLOW_CLOSING, 1, {S(RST | ACK)}},
    {"a blind reset does not stick", LB_FLOW_ESTABLISHED, 3, {C(ACK), C(RST), C(ACK)}},
    {"a blind SYN does nothing", LB_FLOW_ESTABLISHED, 2, {C(ACK), C(SYN)}},
    {"a closed pair is used again", LB_FLOW_NEW, 4, {C(ACK), C(FIN), S(FIN), C(SYN)}},
    {"and again established", LB_FLOW_ESTABLISHED, 7, {C(ACK), C(FIN), S(FIN), C(SYN), S(SYN | ACK), C(ACK), C(FIN)}},
};

Test(state, of_tcp_follows_the_packets)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t state = LB_FLOW_NEW, flags = 0;
		for (unsigned p = 0; p < cases[i].count; p++)
			state = lb_flow_state_next(
			    state, &flags, WIRE_PROTO_TCP, cases[i].packet[p].flags, cases[i].packet[p].from_client);
		cr_expect(state == cases[i].expected, "%s: %s", cases[i].name, lb_flow_state_name(state));
	}
}

Test(state, of_udp_is_established_by_the_second_packet_of_either_side)
{
	uint8_t flags = 0;
	cr_assert(lb_flow_state_next(LB_FLOW_NEW, &flags, WIRE_PROTO_UDP, 0, true) == LB_FLOW_ESTABLISHED);
	cr_assert(flags == 0);
	cr_assert(lb_flow_state_next(LB_FLOW_NEW, &flags, WIRE_PROTO_UDP, 0, false) == LB_FLOW_ESTABLISHED);
	cr_assert(flags == LB_FLOW_ANSWERED);
}

Test(state, age_is_right_across_the_wrap_and_never_negative)
{
	cr_assert(lb_tick_age(5, UINT32_MAX - 4) == 10);
	cr_assert(lb_tick_age(5, 6) == 0);
	cr_assert(lb_tick_age(UINT32_MAX, 3) == 0);
}

Test(state, timeouts_are_by_protocol_and_state)
{
	struct lb_timeouts t = {.tcp_new_ms = 1000, .tcp_established_ms = 2000, .tcp_closing_ms = 3000, .udp_ms = 4000};
	cr_assert(lb_timeout_ticks(&t, WIRE_PROTO_TCP, LB_FLOW_NEW) == lb_tick(1000000000ull));
	cr_assert(lb_timeout_ticks(&t, WIRE_PROTO_TCP, LB_FLOW_ESTABLISHED) == lb_tick(2000000000ull));
	cr_assert(lb_timeout_ticks(&t, WIRE_PROTO_TCP, LB_FLOW_CLOSING) == lb_tick(3000000000ull));
	cr_assert(lb_timeout_ticks(&t, WIRE_PROTO_UDP, LB_FLOW_NEW) == lb_tick(4000000000ull));
	cr_assert(lb_timeout_ticks(&t, WIRE_PROTO_UDP, LB_FLOW_ESTABLISHED) == lb_tick(4000000000ull));
}
