/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer to a FLOWS query: the worker that owns the tables walks them, a slice per pass, so that no one else reads
 * what it writes and packets wait for a slice at most. */
#include <string.h>

#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "lb/snapshot.h"

void dp_flows_start(struct dp_slot *slot, uint32_t query, const struct wire_ctl_filter *filter)
{
	slot->walk = (struct dp_flows_walk){.active = true, .query = query, .filter = *filter};
}

static bool has_address(const struct wire_ctl_flow *row, const struct wire_addr *a, uint8_t end)
{
	if (wire_addr_is_unset(a))
		return true;
	bool client = wire_addr_equal(&row->client, a), vip = wire_addr_equal(&row->vip, a);
	bool endpoint = wire_addr_equal(&row->endpoint_address, a);
	switch (end) {
	case WIRE_END_CLIENT:
		return client;
	case WIRE_END_VIP:
		return vip;
	case WIRE_END_ENDPOINT:
		return endpoint;
	default:
		return client || vip || endpoint || wire_addr_equal(&row->nat_address, a);
	}
}

static bool matches(const struct wire_ctl_filter *f, const struct wire_ctl_flow *row)
{
	bool port = f->l4_port == 0 || f->l4_port == row->client_port || f->l4_port == row->vip_port ||
	            f->l4_port == row->endpoint_port || f->l4_port == row->nat_port;
	return port && (f->protocol == 0 || f->protocol == row->protocol) &&
	       (f->state == 0 || f->state == row->state) && (f->role == 0 || f->role == row->role) &&
	       (f->pop == 0 || f->pop == row->ingress_pop || f->pop == row->egress_pop) &&
	       has_address(row, &f->address, f->end) && has_address(row, &f->address2, f->end2);
}

static void fill_common(
    struct wire_ctl_flow *row, const struct dp_worker *w, const struct lb_flow_key *key, uint32_t last_seen)
{
	row->client = key->client;
	row->vip = key->vip;
	row->client_port = key->client_port;
	row->vip_port = key->vip_port;
	row->protocol = key->protocol;
	row->worker = w->id;
	row->idle_ms = (uint32_t)(((uint64_t)(lb_tick(w->now_ns) - last_seen) << 20) / 1000000u);
}

static bool ingress_row(const struct dp_worker *w, uint32_t at, struct wire_ctl_flow *row)
{
	const struct lb_flow *flow = lb_flow_at(w->flows, at);
	if (flow == NULL)
		return false;
	fill_common(row, w, &flow->key, flow->last_seen);
	row->role = WIRE_FLOW_INGRESS;
	row->state = flow->state;
	row->class = flow->class;
	row->ingress_pop = w->snapshot->self;
	row->egress_pop = flow->egress_pop;
	row->endpoint = flow->endpoint;
	const struct lb_endpoint *endpoint = lb_snapshot_endpoint(w->snapshot, flow->endpoint);
	if (endpoint != NULL) {
		row->endpoint_address = endpoint->row.address;
		row->endpoint_port = endpoint->row.port;
	}
	return true;
}

static bool egress_row(const struct dp_worker *w, uint32_t at, struct wire_ctl_flow *row)
{
	const struct lb_nat_flow *flow = lb_nat_at(w->nat, at);
	if (flow == NULL)
		return false;
	fill_common(row, w, &flow->key, flow->last_seen);
	row->role = WIRE_FLOW_EGRESS;
	row->state = flow->state;
	row->class = flow->class;
	row->ingress_pop = flow->ingress_pop;
	row->egress_pop = w->snapshot->self;
	row->endpoint = flow->endpoint;
	row->endpoint_address = flow->endpoint_address;
	row->endpoint_port = flow->endpoint_port;
	row->nat_address = flow->nat_address;
	row->nat_port = flow->nat_port;
	return true;
}

/* false: the ring is full, the same place comes again. */
static bool send_place(struct dp_slot *slot)
{
	struct dp_worker *w = &slot->worker;
	struct dp_flows_walk *walk = &slot->walk;
	struct dp_event event = {.type = DP_EVENT_FLOW, .query = walk->query};
	bool there = walk->egress ? egress_row(w, walk->next, &event.flow) : ingress_row(w, walk->next, &event.flow);
	if (there && matches(&walk->filter, &event.flow)) {
		if (dp_post(w, &event) != 0)
			return false;
		walk->rows++;
	}
	walk->next++;
	return true;
}

static bool at_end(struct dp_slot *slot)
{
	struct dp_flows_walk *walk = &slot->walk;
	if (walk->filter.limit != 0 && walk->rows >= walk->filter.limit)
		return true;
	if (!walk->egress && walk->next >= lb_flow_capacity(slot->worker.flows)) {
		walk->egress = true;
		walk->next = 0;
	}
	return walk->egress && walk->next >= lb_nat_capacity(slot->worker.nat);
}

void dp_flows_step(struct dp_slot *slot, bool busy)
{
	struct dp_flows_walk *walk = &slot->walk;
	unsigned slice = busy ? DP_FLOWS_BUSY_SLICE : DP_FLOWS_SLICE;
	for (unsigned i = 0; walk->active && i < slice; i++) {
		if (!at_end(slot)) {
			if (!send_place(slot))
				return;
			continue;
		}
		struct dp_event end = {.type = DP_EVENT_FLOWS_END, .query = walk->query};
		walk->active = dp_post(&slot->worker, &end) != 0;
		return;
	}
}
