/* SPDX-License-Identifier: BSD-2-Clause */
/* Why did this packet go there? Steps of packets that match the filter of a trace, told to the main thread. */
#pragma once

#include "dataplane/burst.h"

/* NULL: nothing is traced. */
const struct wire_ctl_filter *dp_trace_filter(struct dp_worker *w);

/* These two, which only a burst with a filter asks, mark a packet that matches it: by a key, ... */
__attribute__((cold)) void dp_trace_match_key(struct dp_burst *b, unsigned i, const struct lb_flow_key *key);
/* ... or, of one that came over the overlay, by the packet inside. */
__attribute__((cold)) void dp_trace_match_packet(struct dp_burst *b, unsigned i);

/* `key`: the packet's own, or that of its flow. */
static inline void dp_trace_match(struct dp_burst *b, unsigned i, const struct lb_flow_key *key)
{
	if (__builtin_expect(b->trace != NULL, 0))
		dp_trace_match_key(b, i, key);
}

static inline void dp_trace_match_inner(struct dp_burst *b, unsigned i)
{
	if (__builtin_expect(b->trace != NULL, 0))
		dp_trace_match_packet(b, i);
}

/* The headers of a group's marked packets, as they came in: before their journey, ... */
__attribute__((cold)) void dp_trace_in(
    struct dp_worker *w, const struct dp_burst *b, const struct dp_group *g, enum wire_journey journey);
/* ... and as they wait to be sent: behind it. What was dropped, punted or cut into pieces has none. */
__attribute__((cold)) void dp_trace_out(
    struct dp_worker *w, const struct dp_burst *b, const struct dp_group *g, enum wire_journey journey);

/* For a journey that finds only by its flow whether a packet matches. */
__attribute__((cold)) void dp_trace_match_flow(
    struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey, const struct lb_flow_key *key);

/* One step of a marked packet: a lookup and its result, one line. */
__attribute__((format(printf, 6, 7), cold)) void dp_trace_step(struct dp_worker *w, const struct dp_burst *b,
    unsigned i, enum wire_journey journey, enum wire_drop drop, const char *format, ...);

#define DP_TRACE(w, b, i, journey, ...)                                                                                \
	do {                                                                                                           \
		if (__builtin_expect((b)->traced >> (i)&1, 0))                                                         \
			dp_trace_step(w, b, i, journey, WIRE_DROP_NONE, __VA_ARGS__);                                  \
	} while (0)

/* An address as text, for the arguments of a step. */
struct dp_trace_text {
	char text[48];
};
struct dp_trace_text dp_trace_address(const struct wire_addr *address);
