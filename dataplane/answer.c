/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/answer.h"

#include "dataplane/output.h"
#include "lb/nat.h"

struct dp_answer dp_answer_to_packet(const struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	const struct lb_flow_key *key = &b->key[i];
	const struct lb_listener *listener = lb_snapshot_listener(w->snapshot, &key->vip, key->protocol, key->vip_port);
	return (struct dp_answer){.ingress_pop = b->steer[i].ingress_pop,
	    .hash14 = lb_hash14(b->hash[i]),
	    .vni = b->steer[i].vni,
	    .class = listener ? listener->row.class : 0};
}

struct dp_answer dp_answer_to_flow(const struct lb_nat_flow *flow)
{
	return (struct dp_answer){.ingress_pop = flow->ingress_pop,
	    .hash14 = flow->hash14,
	    .vni = wire_be32(flow->vni) >> 8,
	    .class = flow->class};
}

void dp_answer(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_answer *to)
{
	if (!m)
		return;
	if (to->ingress_pop == w->snapshot->self) {
		dp_output(w, m, WIRE_JOURNEY_RETURN);
		return;
	}
	const struct dp_way *way = dp_tunnel_way(w, to->ingress_pop, to->class);
	if (!way) {
		dp_drop(w, m, WIRE_DROP_NO_PATH);
		return;
	}
	struct dp_steer steer = {.flags = WIRE_STEER_RETURN,
	    .ingress_pop = to->ingress_pop,
	    .egress_pop = w->snapshot->self,
	    .vni = to->vni};
	dp_tunnel_wrap(w, t, m, way, to->hash14, &steer, WIRE_JOURNEY_REPLY);
}
