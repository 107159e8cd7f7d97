/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/state.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ISN 0xfffffff0u /* of the endpoint: its window wraps */

struct packet {
	bool from_client;
	struct lb_segment segment;
};

/* C acknowledges the SYN-ACK, BAD does not. */
#define C(f)                                                                                                           \
	{                                                                                                              \
		true,                                                                                                  \
		{                                                                                                      \
			.flags = f, .ack = ISN + 1                                                                     \
		}                                                                                                      \
	}
#define BAD(f)                                                                                                         \
	{                                                                                                              \
		true,                                                                                                  \
		{                                                                                                      \
			.flags = f, .ack = ISN + 1 + LB_FLOW_ACK_WINDOW                                                \
		}                                                                                                      \
	}
#define OLD(f)                                                                                                         \
	{                                                                                                              \
		true,                                                                                                  \
		{                                                                                                      \
			.flags = f, .ack = ISN                                                                         \
		}                                                                                                      \
	}
#define S(f)                                                                                                           \
	{                                                                                                              \
		false,                                                                                                 \
		{                                                                                                      \
			.flags = f, .seq = ISN                                                                         \
		}                                                                                                      \
	}
#define SYN    WIRE_TCP_SYN
#define ACK    WIRE_TCP_ACK
#define FIN    (WIRE_TCP_FIN | WIRE_TCP_ACK)
#define RST    WIRE_TCP_RST
#define SYNACK S(SYN | ACK)

/* The state after the packets that follow a client's SYN. */
static const struct {
	const char *name;
	uint8_t expected;
	unsigned count;
	struct packet packet[8];
} cases[] = {
    {"a repeated SYN confirms nothing", LB_FLOW_NEW, 2, {C(SYN), C(SYN)}},
    {"the server's answer alone confirms nothing", LB_FLOW_NEW, 1, {SYNACK}},
    {"the client's ACK does", LB_FLOW_ESTABLISHED, 2, {SYNACK, C(ACK)}},
    {"not before there is an answer", LB_FLOW_NEW, 2, {C(ACK), SYNACK}},
    {"nor one that acknowledges what was not sent", LB_FLOW_NEW, 2, {SYNACK, BAD(ACK)}},
    {"nor one that acknowledges nothing", LB_FLOW_NEW, 2, {SYNACK, OLD(ACK)}},
    {"nor a segment without ACK", LB_FLOW_NEW, 2, {SYNACK, C(0)}},
    {"nor a FIN", LB_FLOW_NEW, 3, {SYNACK, BAD(FIN), BAD(FIN)}},
    {"a made-up one does not spoil the right one", LB_FLOW_ESTABLISHED, 3, {SYNACK, BAD(ACK), C(ACK)}},
    {"an endpoint's ACK of another connection confirms nothing", LB_FLOW_NEW, 2, {S(ACK), S(ACK)}},
    {"nor do ACKs after a reset", LB_FLOW_CLOSING, 4, {SYNACK, BAD(RST), BAD(ACK), BAD(ACK)}},
    {"a half-closed connection may live long", LB_FLOW_ESTABLISHED, 5, {SYNACK, C(ACK), C(FIN), S(ACK), S(ACK)}},
    {"closed from both ends", LB_FLOW_CLOSING, 6, {SYNACK, C(ACK), C(FIN), S(ACK), S(FIN), C(ACK)}},
    {"closed by the server first", LB_FLOW_CLOSING, 4, {SYNACK, C(ACK), S(FIN), C(FIN)}},
    {"reset", LB_FLOW_CLOSING, 3, {SYNACK, C(ACK), S(RST)}},
    {"refused", LB_FLOW_CLOSING, 1, {S(RST | ACK)}},
    {"a blind reset does not stick", LB_FLOW_ESTABLISHED, 4, {SYNACK, C(ACK), C(RST), C(ACK)}},
    {"a blind SYN does nothing", LB_FLOW_ESTABLISHED, 3, {SYNACK, C(ACK), C(SYN)}},
    {"a closed pair is used again", LB_FLOW_NEW, 5, {SYNACK, C(ACK), C(FIN), S(FIN), C(SYN)}},
    {"and again established", LB_FLOW_ESTABLISHED, 7, {SYNACK, C(ACK), C(FIN), S(FIN), C(SYN), SYNACK, C(ACK)}},
};

Test(state, of_tcp_follows_the_packets)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_progress p = {.state = LB_FLOW_NEW};
		for (unsigned n = 0; n < cases[i].count; n++)
			lb_flow_advance(
			    &p, WIRE_PROTO_TCP, &cases[i].packet[n].segment, cases[i].packet[n].from_client);
		cr_expect(p.state == cases[i].expected, "%s: %s", cases[i].name, lb_flow_state_name(p.state));
	}
}

Test(state, of_a_flow_learnt_from_the_other_end_is_established_by_any_segment_of_it)
{
	struct lb_progress p = {.state = LB_FLOW_NEW, .flags = LB_FLOW_LEARNT};
	lb_flow_advance(&p, WIRE_PROTO_TCP, &(struct lb_segment){.flags = ACK}, true);
	cr_assert(p.state == LB_FLOW_NEW);
	lb_flow_advance(&p, WIRE_PROTO_TCP, &(struct lb_segment){.flags = ACK}, false);
	cr_assert(p.state == LB_FLOW_ESTABLISHED);
}

Test(state, of_a_flow_whose_answers_go_elsewhere_follows_the_client_and_is_never_confirmed)
{
	static const uint8_t segment[] = {SYN, ACK, SYN, ACK, FIN, ACK, SYN, ACK, RST, ACK};
	static const uint8_t state[] = {LB_FLOW_NEW, LB_FLOW_ESTABLISHED, LB_FLOW_ESTABLISHED, LB_FLOW_ESTABLISHED,
	    LB_FLOW_CLOSING, LB_FLOW_CLOSING, LB_FLOW_NEW, LB_FLOW_ESTABLISHED, LB_FLOW_CLOSING, LB_FLOW_ESTABLISHED};
	struct lb_progress p = {.state = LB_FLOW_NEW, .flags = LB_FLOW_ONE_WAY};
	for (size_t i = 0; i < sizeof(segment); i++) {
		lb_flow_advance(&p, WIRE_PROTO_TCP, &(struct lb_segment){.flags = segment[i]}, true);
		cr_expect(p.state == state[i], "segment %zu: %s", i, lb_flow_state_name(p.state));
		cr_expect(!(p.flags & LB_FLOW_CONFIRMED));
	}
}

/* One in LB_FLOW_ACK_WINDOW of 2^32 acknowledgements is right, and the endpoint resets the others. */
Test(state, is_not_established_by_acknowledgements_at_random)
{
	unsigned hits = 0;
	srand(1);
	for (unsigned n = 0; n < 200000; n++) {
		struct lb_progress p = {.state = LB_FLOW_NEW};
		lb_flow_advance(&p, WIRE_PROTO_TCP, &(struct lb_segment){.flags = SYN | ACK, .seq = ISN}, false);
		struct lb_segment made_up = {.flags = ACK, .ack = (uint32_t)rand() * 2u + (uint32_t)rand() % 2};
		lb_flow_advance(&p, WIRE_PROTO_TCP, &made_up, true);
		hits += p.state == LB_FLOW_ESTABLISHED;
	}
	cr_assert_leq(hits, 20, "%u of about 3", hits);
}

Test(state, of_udp_is_established_by_the_second_packet_of_either_side)
{
	const struct lb_segment none = {.flags = 0};
	struct lb_progress p = {.state = LB_FLOW_NEW};
	lb_flow_advance(&p, WIRE_PROTO_UDP, &none, true);
	cr_assert(p.state == LB_FLOW_ESTABLISHED && !(p.flags & LB_FLOW_ANSWERED));
	p = (struct lb_progress){.state = LB_FLOW_NEW};
	lb_flow_advance(&p, WIRE_PROTO_UDP, &none, false);
	cr_assert(p.state == LB_FLOW_ESTABLISHED && p.flags & LB_FLOW_ANSWERED);
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

/* Every state, every set of flags, both directions, TCP and UDP: what is said to stay is left alone by the next packet. */
Test(state, what_stays_is_not_advanced)
{
	unsigned stays = 0;
	for (unsigned state = LB_FLOW_NEW; state < LB_FLOW_STATES; state++)
		for (unsigned flags = 0; flags < 256; flags++)
			for (unsigned n = 0; n < 2 * 256; n++) {
				bool from_client = n & 1, fins = (flags & LB_FLOW_FINS) == LB_FLOW_FINS;
				bool one_way_end = flags & LB_FLOW_ONE_WAY && flags & LB_FLOW_FIN_CLIENT;
				uint8_t tcp_flags = (uint8_t)(n >> 1);
				if (state == LB_FLOW_ESTABLISHED && (fins || one_way_end))
					continue; /* such a flow is CLOSING */
				if (!lb_flow_stays((uint8_t)state, (uint8_t)flags, tcp_flags, from_client))
					continue;
				struct lb_progress p = {
				    .state = (uint8_t)state, .flags = (uint8_t)flags, .expected = 7};
				struct lb_segment s = {.seq = 1, .ack = 2, .flags = tcp_flags};
				bool confirmed = flags & LB_FLOW_CONFIRMED || flags & LB_FLOW_ONE_WAY;
				lb_flow_advance(&p, WIRE_PROTO_TCP, &s, from_client);
				if (tcp_flags == 0) /* as of UDP's */
					lb_flow_advance(&p, WIRE_PROTO_UDP, &s, from_client);
				cr_assert(confirmed && p.state == state && p.flags == flags && p.expected == 7,
				    "state %u, flags %#x, segment %#x", state, flags, tcp_flags);
				stays++;
			}
	cr_assert_gt(stays, 0);
}
