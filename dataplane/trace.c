/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/trace.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/filter.h"
#include "dataplane/headers.h"
#include "wire/bytes.h"

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

/* ---- headers ---- */

static struct wire_cursor transport_of(const uint8_t *ip, unsigned length, const struct dp_headers *h)
{
	bool there = h->l4 < length && h->offset == 0;
	return wire_cursor(ip + (there ? h->l4 : 0), there ? length - h->l4 : 0);
}

/* SYN, FIN, RST, PSH and ACK by their first letters. */
static const char *flags_text(uint8_t flags, char text[8])
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = {
	    {WIRE_TCP_SYN, 'S'}, {WIRE_TCP_FIN, 'F'}, {WIRE_TCP_RST, 'R'}, {WIRE_TCP_PSH, 'P'}, {WIRE_TCP_ACK, 'A'}};
	char *at = text;
	*at++ = ' ';
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (flags & letters[i].flag)
			*at++ = letters[i].letter;
	*at = '\0';
	return text;
}

/* One line of an IP packet's header; ret_inner: the packet that it carries in Geneve or as such, or NULL. */
static void step_header(struct dp_worker *w, const struct dp_burst *b, unsigned i, enum wire_journey journey,
    const char *when, const uint8_t *ip, unsigned length, const uint8_t **ret_inner)
{
	struct dp_headers h;
	*ret_inner = NULL;
	if (length < wire_ip_header_size(wire_ip_is_v6(ip)) || dp_headers_find(ip, length, &h) != WIRE_DROP_NONE)
		return;
	struct wire_addr src = wire_ip_src(ip), dst = wire_ip_dst(ip);
	struct wire_cursor c = transport_of(ip, length, &h);
	const uint8_t *l4 = c.at;
	bool ports = (h.protocol == WIRE_PROTO_TCP || h.protocol == WIRE_PROTO_UDP) && wire_take(&c, 8) != NULL;
	bool geneve = ports && h.protocol == WIRE_PROTO_UDP && wire_be16(l4 + 2) == WIRE_OVERLAY_PORT;
	bool flags = ports && h.protocol == WIRE_PROTO_TCP && wire_take(&c, sizeof(struct wire_tcp) - 8) != NULL;
	char what[24], letters[8] = "", from[8] = "", to[8] = "";
	if (flags)
		flags_text(((const struct wire_tcp *)l4)->flags, letters);
	if (ports) {
		snprintf(from, sizeof(from), ":%u", wire_be16(l4));
		snprintf(to, sizeof(to), ":%u", wire_be16(l4 + 2));
	}
	if (h.protocol == WIRE_PROTO_TCP || h.protocol == WIRE_PROTO_UDP)
		snprintf(what, sizeof(what), "%s%s", h.protocol == WIRE_PROTO_TCP ? "TCP" : "UDP", letters);
	else
		snprintf(what, sizeof(what), "protocol %u", h.protocol);
	dp_trace_step(w, b, i, journey, WIRE_DROP_NONE, "%s: %s%s > %s%s %s, TTL %u, TOS 0x%02x, %u bytes", when,
	    dp_trace_address(&src).text, from, dp_trace_address(&dst).text, to, what, wire_ip_ttl(ip), wire_ip_tos(ip),
	    length);
	const struct wire_geneve *g = geneve ? wire_take(&c, sizeof(*g)) : NULL;
	if (g && wire_take(&c, (g->version_optlen & WIRE_GENEVE_OPTLEN_MASK) * 4u))
		*ret_inner = c.at;
	if (h.protocol == WIRE_PROTO_IPIP || h.protocol == WIRE_PROTO_IPV6)
		*ret_inner = l4;
}

static void step_packet(struct dp_worker *w, const struct dp_burst *b, unsigned i, enum wire_journey journey,
    const char *when, const char *inside, const uint8_t *ip, unsigned length)
{
	const uint8_t *inner, *none;
	step_header(w, b, i, journey, when, ip, length, &inner);
	if (inner && inner < ip + length)
		step_header(w, b, i, journey, inside, inner, (unsigned)(ip + length - inner), &none);
}

static void show_in(struct dp_worker *w, const struct dp_burst *b, unsigned i, enum wire_journey journey)
{
	step_packet(w, b, i, journey, "in", "in it", b->ip[i], b->length[i]);
}

void dp_trace_in(struct dp_worker *w, const struct dp_burst *b, const struct dp_group *g, enum wire_journey journey)
{
	for (unsigned k = 0; k < g->n; k++)
		if (b->traced >> g->i[k] & 1 && journey != WIRE_JOURNEY_PUNT)
			show_in(w, b, g->i[k], journey);
}

void dp_trace_match_flow(
    struct dp_worker *w, struct dp_burst *b, unsigned i, enum wire_journey journey, const struct lb_flow_key *key)
{
	if (b->traced >> i & 1)
		return;
	dp_trace_match_key(b, i, key);
	if (b->traced >> i & 1)
		show_in(w, b, i, journey);
}

static bool waits_to_be_sent(const struct dp_worker *w, const struct rte_mbuf *m)
{
	for (uint16_t port = 0; port < w->n_ports; port++)
		for (uint16_t k = 0; k < w->tx[port].n; k++)
			if (w->tx[port].pkt[k] == m)
				return true;
	return false;
}

void dp_trace_out(struct dp_worker *w, const struct dp_burst *b, const struct dp_group *g, enum wire_journey journey)
{
	for (unsigned k = 0; k < g->n; k++) {
		unsigned i = g->i[k];
		const struct rte_mbuf *m = b->pkt[i];
		if (!(b->traced >> i & 1) || journey == WIRE_JOURNEY_PUNT || !waits_to_be_sent(w, m))
			continue;
		const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, sizeof(struct wire_ether));
		step_packet(
		    w, b, i, journey, "out", "in it", ip, rte_pktmbuf_pkt_len(m) - (unsigned)sizeof(struct wire_ether));
	}
}

struct dp_trace_text dp_trace_address(const struct wire_addr *address)
{
	struct dp_trace_text t;
	bool v4 = wire_addr_is_v4(address);
	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? 12 : 0), t.text, sizeof(t.text));
	return t;
}
