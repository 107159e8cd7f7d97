/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/trace.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/filter.h"

const struct wire_ctl_filter *dp_trace_filter(struct dp_worker *w)
{
	return atomic_load_explicit(&dp_shared(w)->trace, memory_order_acquire);
}

void dp_trace_match_key(struct dp_burst *b, unsigned i, const struct lb_flow_key *k)
{
	if (dp_filter_matches(b->trace, k))
		b->traced |= 1ull << i;
}

/* Parsed beside the burst, whose column is still that of the outer packet. */
void dp_trace_match_packet(struct dp_burst *b, unsigned i)
{
	struct dp_burst beside;
	beside.plain = 0;
	uint8_t *inner = (uint8_t *)b->overlay[i].geneve + b->overlay[i].length;
	uint8_t *end = b->ip[i] + b->length[i];
	if (dp_parse_ip(&beside, 0, inner, (uint32_t)(end - inner)) == WIRE_DROP_NONE)
		dp_trace_match_key(b, i, &beside.key[0]);
}

/* Of a packet, for as long as its burst lives, and of no other at this POP. */
static uint64_t id_of(const struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	return (b->serial * DP_MAX_WORKERS + w->id) * DP_BURST_MAX + i;
}

void dp_trace_step(struct dp_worker *w, const struct dp_burst *b, unsigned i, enum wire_journey journey,
    enum wire_drop drop, const char *format, ...)
{
	struct dp_event e = {.type = DP_EVENT_TRACE};
	e.trace = (struct wire_ctl_trace){.packet = id_of(w, b, i),
	    .at_ns = w->wall_ns,
	    .worker = w->id,
	    .journey = (uint16_t)journey,
	    .drop = (uint16_t)drop};
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(e.trace.text, sizeof(e.trace.text), format, arguments);
	va_end(arguments);
	dp_post(w, &e);
}

struct dp_trace_text dp_trace_address(const struct wire_addr *address)
{
	struct dp_trace_text t;
	bool v4 = wire_addr_is_v4(address);
	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? 12 : 0), t.text, sizeof(t.text));
	return t;
}
