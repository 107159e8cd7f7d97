/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a flow has come, as far as one can tell from outside, and how long silence keeps it.
 *
 *   NEW          not confirmed yet; such flows may be displaced, and hold a bounded share
 *   ESTABLISHED  confirmed. A half-closed connection stays here
 *   CLOSING      TCP: FIN seen from both ends, or a RST
 *
 * What confirms a flow: UDP, a second packet, or an answer. TCP, a segment of the client that acknowledges the endpoint's
 * SYN-ACK, which nobody can who did not get it (RFC 4987, 3.6 rests on the same); or, where the flow was learnt from a
 * packet towards the client (LB_FLOW_LEARNT), any segment of the endpoint.
 *
 * Of a one-way flow, whose endpoint answers the client directly (LB_FLOW_ONE_WAY), only the client's packets are seen:
 * any but a SYN or RST makes it ESTABLISHED, its FIN CLOSING, and it is never CONFIRMED, for that cannot be known.
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
	LB_FLOW_LEARNT = 0x08,    /* made by a packet towards the client: an egress has state that it trusts */
	LB_FLOW_CONFIRMED = 0x10, /* has been ESTABLISHED */
	LB_FLOW_EXPECTS = 0x20,   /* the endpoint's SYN-ACK was seen: `expected` counts */
	LB_FLOW_ONE_WAY = 0x40,   /* replies do not pass here */
	LB_FLOW_ASKS = 0x80,      /* ingress: another egress may have its state; until an answer tells */
};
#define LB_FLOW_FINS (LB_FLOW_FIN_CLIENT | LB_FLOW_FIN_SERVER)

/* What of a TCP segment tells how far its flow has come; zero for other protocols. Host order. */
struct lb_segment {
	uint32_t seq;
	uint32_t ack;
	uint8_t flags; /* enum wire_tcp_flags */
};

/* Of a flow of either table, with the state. */
struct lb_progress {
	uint8_t state;     /* enum lb_flow_state */
	uint8_t flags;     /* enum lb_flow_flags */
	uint32_t expected; /* the acknowledgement of the endpoint's SYN-ACK, while not CONFIRMED */
};

/* What an endpoint may send before its SYN-ACK is acknowledged (RFC 7413), and the client acknowledge at once. */
#define LB_FLOW_ACK_WINDOW 65536u

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

static inline bool lb_flow_acknowledges(const struct lb_progress *p, const struct lb_segment *s)
{
	return p->flags & LB_FLOW_EXPECTS && s->flags & WIRE_TCP_ACK && s->ack - p->expected < LB_FLOW_ACK_WINDOW;
}

/* What a SYN changes: an endpoint's is to be acknowledged, a client's begins a closing flow anew. */
static inline void lb_flow_syn(struct lb_progress *p, const struct lb_segment *s, bool from_client)
{
	if (!from_client && !(p->flags & LB_FLOW_CONFIRMED)) {
		p->expected = s->seq + 1;
		p->flags |= LB_FLOW_EXPECTS;
	}
	if (from_client && p->state == LB_FLOW_CLOSING) {
		p->flags &= (uint8_t) ~(LB_FLOW_FINS | LB_FLOW_ANSWERED);
		p->state = LB_FLOW_NEW;
	}
}

/* Whether one more packet leaves a flow as it is: a confirmed one, without SYN, FIN or RST. Nearly all are so, and need no
 * lb_flow_advance(). tcp_flags: 0 for other protocols. */
static inline bool lb_flow_stays(uint8_t state, uint8_t flags, uint8_t tcp_flags, bool from_client)
{
	uint8_t known = flags & (LB_FLOW_CONFIRMED | LB_FLOW_ONE_WAY);
	return state == LB_FLOW_ESTABLISHED && known && (from_client || flags & LB_FLOW_ANSWERED) &&
	       !(tcp_flags & (WIRE_TCP_SYN | WIRE_TCP_FIN | WIRE_TCP_RST));
}

/* One more packet of the flow. */
static inline void lb_flow_advance(
    struct lb_progress *p, uint8_t protocol, const struct lb_segment *s, bool from_client)
{
	if (!from_client)
		p->flags |= LB_FLOW_ANSWERED;
	if (protocol == WIRE_PROTO_TCP) {
		if (s->flags & WIRE_TCP_RST) {
			p->state = LB_FLOW_CLOSING;
			return;
		}
		if (s->flags & WIRE_TCP_SYN) {
			lb_flow_syn(p, s, from_client);
			return;
		}
		bool known = p->flags & (LB_FLOW_CONFIRMED | LB_FLOW_ONE_WAY);
		if (!known && !(from_client ? lb_flow_acknowledges(p, s) : p->flags & LB_FLOW_LEARNT))
			return;
		if (s->flags & WIRE_TCP_FIN)
			p->flags |= from_client ? LB_FLOW_FIN_CLIENT : LB_FLOW_FIN_SERVER;
	}
	uint8_t fins = p->flags & LB_FLOW_ONE_WAY ? LB_FLOW_FIN_CLIENT : LB_FLOW_FINS;
	if (!(p->flags & LB_FLOW_ONE_WAY))
		p->flags |= LB_FLOW_CONFIRMED;
	p->state = (p->flags & fins) == fins ? LB_FLOW_CLOSING : LB_FLOW_ESTABLISHED;
}
