/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a flow has come, as far as one can tell from outside, and how long silence keeps it.
 *
 *   NEW          one packet seen (TCP: or nothing but SYNs); such flows may be displaced, and hold a bounded share
 *   ESTABLISHED  confirmed: the client sent again, or the other side answered. A half-closed connection stays here
 *   CLOSING      TCP: FIN seen from both ends, or a RST
 *
 * A RST that one of the ends did not take (blind, out of window) harms nothing: the next segment brings the flow back
 * to ESTABLISHED. A SYN of the client makes a closing flow a new one (RFC 9293, 3.6.1: reuse of a closed pair). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/packet.h"

enum lb_flow_state { LB_FLOW_FREE = 0, LB_FLOW_NEW = 1, LB_FLOW_ESTABLISHED = 2, LB_FLOW_CLOSING = 3, LB_FLOW_STATES };

static inline const char *lb_flow_state_name(unsigned state)
{
	static const char *const names[LB_FLOW_STATES] = {"free", "new", "established", "closing"};
	return state < LB_FLOW_STATES ? names[state] : "unknown";
}

/* Of a flow of either table. */
enum lb_flow_flags {
	LB_FLOW_FIN_CLIENT = 0x01,
	LB_FLOW_FIN_SERVER = 0x02,
	LB_FLOW_ANSWERED = 0x04,  /* a packet towards the client was seen */
	LB_FLOW_CONFIRMED = 0x10, /* NAT table: has been ESTABLISHED */
};
#define LB_FLOW_FINS (LB_FLOW_FIN_CLIENT | LB_FLOW_FIN_SERVER)

/* Silence after which a flow is forgotten, ms, by protocol and state. Each below 2^30. */
struct lb_timeouts {
	uint32_t tcp_new_ms;
	uint32_t tcp_established_ms;
	uint32_t tcp_closing_ms;
	uint32_t udp_ms;
};

/* Coarse time of a flow's last packet: units of 2^20 ns (1.05 ms), wrapping after 52 days; differences are right. */
static inline uint32_t lb_tick(uint64_t now_ns)
{
	return (uint32_t)(now_ns >> 20);
}

/* Ticks since `then`; 0 if that is yet to come, as it may be for a table taken over from a process with a later clock. */
static inline uint32_t lb_tick_age(uint32_t now, uint32_t then)
{
	return (int32_t)(now - then) > 0 ? now - then : 0;
}

static inline uint32_t lb_ticks_of_ms(uint32_t ms)
{
	return (uint32_t)(((uint64_t)ms * 1000000u) >> 20);
}

static inline uint32_t lb_timeout_ticks(const struct lb_timeouts *t, uint8_t protocol, uint8_t state)
{
	if (protocol != WIRE_PROTO_TCP)
		return lb_ticks_of_ms(t->udp_ms);
	if (state == LB_FLOW_NEW)
		return lb_ticks_of_ms(t->tcp_new_ms);
	return lb_ticks_of_ms(state == LB_FLOW_CLOSING ? t->tcp_closing_ms : t->tcp_established_ms);
}

/* The state after one more packet. tcp_flags: enum wire_tcp_flags, 0 for other protocols. *flags is updated. */
static inline uint8_t lb_flow_state_next(
    uint8_t state, uint8_t *flags, uint8_t protocol, uint8_t tcp_flags, bool from_client)
{
	if (!from_client)
		*flags |= LB_FLOW_ANSWERED;
	if (protocol != WIRE_PROTO_TCP)
		return LB_FLOW_ESTABLISHED;
	if (tcp_flags & WIRE_TCP_RST)
		return LB_FLOW_CLOSING;
	if (tcp_flags & WIRE_TCP_SYN) {
		bool again = from_client && state == LB_FLOW_CLOSING;
		if (again)
			*flags &= (uint8_t) ~(LB_FLOW_FINS | LB_FLOW_ANSWERED);
		return again ? LB_FLOW_NEW : state;
	}
	if (tcp_flags & WIRE_TCP_FIN)
		*flags |= from_client ? LB_FLOW_FIN_CLIENT : LB_FLOW_FIN_SERVER;
	return (*flags & LB_FLOW_FINS) == LB_FLOW_FINS ? LB_FLOW_CLOSING : LB_FLOW_ESTABLISHED;
}
