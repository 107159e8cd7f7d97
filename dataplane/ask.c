/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/ask.h"

#include "dataplane/answer.h"
#include "dataplane/bucket.h"
#include "dataplane/trace.h"
#include "dataplane/tunnel.h"
#include "lb/nat.h"
#include "wire/bytes.h"
#include "wire/ecn.h"

static bool can_be_asked(const struct lb_nat_flow *flow)
{
	return flow->mode == WIRE_MODE_TUNNEL && flow->encap == WIRE_ENCAP_GENEVE &&
	       flow->key.protocol == WIRE_PROTO_TCP;
}

void dp_ask_begin(struct lb_nat_flow *flow)
{
	if (!can_be_asked(flow))
		return;
	flow->asked = 1;
	flow->first_asked = flow->endpoint;
}

static uint32_t cookie_of(struct dp_worker *w, const struct lb_nat_flow *flow, uint32_t endpoint)
{
	return (uint32_t)lb_hash_words(lb_flow_hash(&flow->key), endpoint, dp_shared(w)->secret);
}

void dp_ask_put(struct dp_worker *w, const struct lb_nat_flow *flow, struct dp_wrap *wrap)
{
	if (!flow->asked)
		return;
	wrap->asks = true;
	wire_put_be32(&wrap->ask.endpoint, flow->endpoint);
	wire_put_be32(&wrap->ask.cookie, cookie_of(w, flow, flow->endpoint));
}

/* Outer packets keep their source, so the next is of the same version. */
static bool can_be_next(const struct lb_endpoint *e, const struct lb_nat_flow *flow)
{
	return e->row.mode == WIRE_MODE_TUNNEL && e->row.encap == WIRE_ENCAP_GENEVE &&
	       e->row.endpoint != flow->first_asked &&
	       wire_addr_is_v4(&e->row.address) == wire_addr_is_v4(&flow->endpoint_address);
}

/* The endpoint after those that were asked, or NULL. */
static const struct lb_endpoint *next_of(const struct dp_worker *w, const struct lb_nat_flow *flow)
{
	static const uint8_t states[] = {WIRE_ENDPOINT_DRAINED, WIRE_ENDPOINT_UP};
	const struct lb_group *group = lb_snapshot_group(w->snapshot, flow->group);
	unsigned left = flow->asked - 1u;
	if (!group || !group->count || flow->asked >= DP_ASK_MOST)
		return NULL;
	uint32_t places = RTE_MIN(group->count, DP_ASK_PLACES);
	for (unsigned s = 0; s < 2; s++)
		for (uint32_t k = 0; k < places; k++) {
			const struct lb_endpoint *e = group->endpoint[(flow->hash14 + k) % group->count];
			if (e->row.state == states[s] && can_be_next(e, flow) && left-- == 0)
				return e;
		}
	return NULL;
}

/* The flow's endpoint says that it knows no such connection. false: it is too much at once, and its sender's next will do
 * as well. */
static bool move_on(struct dp_worker *w, struct dp_burst *b, unsigned i, struct lb_nat_flow *flow)
{
	const struct lb_endpoint *next = next_of(w, flow);
	if (!next) {
		DP_TRACE(w, b, i, WIRE_JOURNEY_REPLY, "endpoint %u denies the connection, and there is no other",
		    flow->endpoint);
		lb_nat_remove(w->nat, flow, w->now_ns);
		return true;
	}
	if (!dp_bucket_take(&w->ask_full_ns, w->now_ns, DP_ASK_INTERVAL_NS, DP_ASK_BURST))
		return false;
	DP_TRACE(w, b, i, WIRE_JOURNEY_REPLY, "endpoint %u denies the connection: endpoint %u is asked", flow->endpoint,
	    next->row.endpoint);
	flow->asked++;
	flow->endpoint = next->row.endpoint;
	flow->endpoint_address = next->row.address;
	return true;
}

/* The question that comes back, where the column's packet has it, before the inner packet; NULL: it is none. */
static const struct wire_ask *read_denial(const struct dp_burst *b, unsigned i)
{
	if (b->kind[i] != DP_KIND_UDP || b->key[i].client_port != WIRE_OVERLAY_PORT)
		return NULL;
	struct wire_cursor c = wire_cursor(b->l4[i], dp_burst_l4_length(b, i));
	wire_take(&c, sizeof(struct wire_udp));
	const struct wire_geneve *geneve = wire_take(&c, sizeof(*geneve));
	const struct wire_geneve_opt *option = wire_take(&c, WIRE_ASK_SIZE);
	if (!option || geneve->version_optlen >> 6 || geneve->flags || !wire_ask_is(geneve, WIRE_OPT_DENIED))
		return NULL;
	if (!wire_left(&c) || wire_be16(&geneve->protocol) != wire_ip_ethertype(c.at))
		return NULL;
	return (const struct wire_ask *)(option + 1);
}

/* As dp_tunnel_unwrap(), which is in line where it is used for every packet, and would not be for one more caller. */
static enum wire_drop unwrap(struct dp_burst *b, unsigned i, uint8_t *inner)
{
	uint8_t tos = wire_ip_tos(b->ip[i]);
	const uint8_t *end = b->ip[i] + b->length[i];
	enum wire_drop drop = dp_parse_ip(b, i, inner, (uint32_t)(end - inner));
	if (drop != WIRE_DROP_NONE)
		return drop;
	if (!wire_ecn_unwrap(b->ip[i], tos))
		return WIRE_DROP_OVERLAY_ECN;
	dp_burst_trim(b, i);
	return WIRE_DROP_NONE;
}

bool dp_ask_denied(struct dp_worker *w, struct dp_burst *b, unsigned i, bool *ret_again)
{
	const struct wire_ask *found = read_denial(b, i);
	if (!found)
		return false;
	const struct lb_flow_key outer = b->key[i]; /* client: the endpoint, vip: our NAT address */
	const struct wire_ask ask = *found;
	*ret_again = false;
	enum wire_drop drop =
	    unwrap(b, i, b->l4[i] + sizeof(struct wire_udp) + sizeof(struct wire_geneve) + WIRE_ASK_SIZE);
	if (drop != WIRE_DROP_NONE) {
		dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, drop);
		return true;
	}
	struct lb_nat_flow *flow = b->kind[i] == DP_KIND_TCP ? lb_nat_lookup(w->nat, &b->key[i], b->hash[i]) : NULL;
	uint32_t endpoint = wire_be32(&ask.endpoint);
	if (!flow || !flow->asked || !wire_addr_equal(&flow->nat_address, &outer.vip) ||
	    wire_be32(&ask.cookie) != cookie_of(w, flow, endpoint)) {
		dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, WIRE_DROP_NO_NAT);
		return true;
	}
	if (__builtin_expect(b->trace != NULL, 0))
		dp_trace_match_flow(w, b, i, WIRE_JOURNEY_REPLY, &flow->key);
	dp_count(w, WIRE_COUNTER_DENIED);
	b->steer[i] = (struct dp_steer){.ingress_pop = flow->ingress_pop, .vni = dp_answer_to_flow(flow).vni};
	*ret_again = endpoint != flow->endpoint || !wire_addr_equal(&flow->endpoint_address, &outer.client) ||
	             move_on(w, b, i, flow);
	if (!*ret_again)
		dp_refuse(w, b, i, WIRE_JOURNEY_REPLY, WIRE_DROP_RATE);
	return true;
}
