/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/loop.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_pause.h>

#include "dataplane/burst.h"
#include "dataplane/capture.h"
#include "dataplane/clock.h"
#include "dataplane/links.h"
#include "dataplane/oam.h"
#include "dataplane/way.h"
#include "dataplane/worker_set.h"
#include "lb/snapshot.h"

/* Tell the NAT table of its pool when that is another one than before. */
static void follow_nat_pool(struct dp_slot *slot, const struct lb_snapshot *snapshot, uint64_t now_ns)
{
	struct lb_nat_range pool[LB_NAT_MAX_ADDRESSES] = {0};
	unsigned n = 0;
	uint64_t cursor = 0;
	const struct lb_map *addresses = snapshot->part[LB_PART_NAT];
	for (const struct lb_map_entry *e; n < LB_NAT_MAX_ADDRESSES && (e = lb_map_next(addresses, &cursor)) != NULL;) {
		const struct wire_ctl_nat *row = &((const struct lb_nat_address *)e->part)->row;
		pool[n++] = (struct lb_nat_range){row->address, row->port_lo, row->port_hi};
	}
	if (n == slot->n_pool && memcmp(pool, slot->pool, sizeof(pool)) == 0)
		return;
	if (lb_nat_set_pool(slot->worker.nat, pool, n, now_ns) != 0)
		return; /* old addresses still hold their places; asked again at the next tick */
	memcpy(slot->pool, pool, sizeof(pool));
	slot->n_pool = n;
}

void dp_loop_take_tables(struct dp_slot *slot)
{
	struct dp_tables *offered = atomic_load_explicit(&slot->offered, memory_order_acquire);
	if (offered == atomic_load_explicit(&slot->in_use, memory_order_relaxed))
		return;
	struct dp_worker *w = &slot->worker;
	w->flows = offered->flows[w->id];
	w->nat = offered->nat[w->id];
	w->stats->flow_capacity = lb_flow_capacity(w->flows);
	w->stats->nat_capacity = lb_nat_capacity(w->nat);
	slot->walk.active = false;
	slot->n_pool = 0;
	memset(slot->pool, 0, sizeof(slot->pool));
	atomic_store_explicit(&slot->in_use, offered, memory_order_release);
}

void dp_loop_begin(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns)
{
	const struct dp_state *state = atomic_load_explicit(&w->set->state, memory_order_acquire);
	struct dp_slot *slot = dp_slot_of(w);
	w->now_ns = now_ns;
	w->wall_ns = wall_ns;
	w->wall_us = (uint32_t)(wall_ns / 1000u);
	dp_loop_take_tables(slot);
	/* The address alone does not tell: after two commits the new state may lie where the one we had lay. */
	if (state == w->state && state->generation == slot->generation)
		return;
	w->state = state;
	w->snapshot = state->snapshot;
	slot->generation = state->generation;
	follow_nat_pool(slot, w->snapshot, now_ns);
	dp_links_keep(w->overlay, w->snapshot);
	dp_ways_forget(w->ways);
}

void dp_loop_end(struct dp_worker *w)
{
	for (uint16_t port = 0; port < w->n_ports; port++)
		dp_tx_flush(w, port);
	for (; w->to_wake != 0; w->to_wake &= w->to_wake - 1) {
		unsigned other = (unsigned)__builtin_ctzll(w->to_wake);
		if (other != w->id)
			dp_wake(w->set->slot[other]);
	}
}

/* ---- one pass ---- */

/* Frames that a port has brought, as the journeys take them. From here on m->port is our number, not the driver's. */
static uint16_t take_frames(struct dp_worker *w, uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	const struct dp_port *p = &w->set->port[port];
	uint64_t flags = 0;
	uint32_t longest = 0;
	uint16_t segments = 0;
	for (uint16_t i = 0; i < n; i++) {
		pkts[i]->port = port;
		flags |= pkts[i]->ol_flags;
		segments |= pkts[i]->nb_segs;
		longest = RTE_MAX(longest, pkts[i]->pkt_len);
	}
	uint32_t max = atomic_load_explicit(&p->max_frame, memory_order_relaxed);
	bool usual = p->vlan.n == 0 && !dp_frames_unusual(flags, segments, longest, max);
	return usual ? n : dp_frames_take(w, &p->vlan, max, pkts, n);
}

/* Packets of other workers, in runs that came in on the same port. */
static unsigned take_handed_over(struct dp_worker *w)
{
	struct rte_mbuf *pkts[DP_BURST];
	unsigned n = rte_ring_sc_dequeue_burst(dp_slot_of(w)->handed_over, (void **)pkts, DP_BURST, NULL);
	for (unsigned first = 0, end = 0; first < n; first = end) {
		for (end = first + 1; end < n && pkts[end]->port == pkts[first]->port;)
			end++;
		dp_burst_run(w, pkts + first, (uint16_t)(end - first), pkts[first]->port);
	}
	return n;
}

/* What workers without a queue here want sent, and what goes to the port's TAP and comes from it. */
static unsigned serve_queue(struct dp_worker *w, uint16_t port, uint16_t queue)
{
	struct dp_port *p = &w->set->port[port];
	struct rte_mbuf *pkts[DP_BURST];
	unsigned n = 0, found = 0;
	if (p->given[queue] != NULL) {
		n = rte_ring_sc_dequeue_burst(p->given[queue], (void **)pkts, DP_BURST, NULL);
		for (unsigned i = 0; i < n; i++)
			dp_tx(w, port, pkts[i]);
		found += n;
	}
	if (queue != 0 || p->punt == DP_NO_ETHDEV)
		return found;
	n = rte_ring_sc_dequeue_burst(p->punted, (void **)pkts, DP_BURST, NULL);
	unsigned sent = n == 0 ? 0 : rte_eth_tx_burst(p->punt, 0, pkts, (uint16_t)n);
	for (unsigned i = sent; i < n; i++)
		dp_drop(w, pkts[i], WIRE_DROP_PUNT_FULL);
	found += n;
	n = rte_eth_rx_burst(p->punt, 0, pkts, DP_BURST);
	for (unsigned i = 0; i < n; i++)
		dp_tx(w, port, pkts[i]);
	return found + n;
}

static unsigned poll_ports(struct dp_worker *w)
{
	struct dp_workers *set = w->set;
	struct rte_mbuf *pkts[DP_BURST];
	unsigned found = 0;
	for (uint16_t port = 0; port < set->n_ports; port++) {
		struct dp_port *p = &set->port[port];
		if (!atomic_load_explicit(&p->up, memory_order_acquire))
			continue;
		for (uint16_t queue = 0; queue < p->queues; queue++) {
			if (dp_queue_owner(set, port, queue) != w->id)
				continue;
			uint16_t came = rte_eth_rx_burst(p->ethdev[queue], dp_queue_there(p, queue), pkts, DP_BURST);
			uint16_t n = take_frames(w, port, pkts, came);
			if (n > 0) {
				dp_capture(w, pkts, n, port, WIRE_CAPTURE_IN);
				dp_burst_run(w, pkts, n, port);
			}
			found += came + serve_queue(w, port, queue);
		}
	}
	return found;
}

static unsigned take_commands(struct dp_slot *slot)
{
	struct dp_command command;
	unsigned n = 0;
	for (; n < DP_COMMANDS_SIZE && rte_ring_sc_dequeue_elem(slot->commands, &command, sizeof(command)) == 0; n++) {
		switch ((enum dp_command_type)command.type) {
		case DP_COMMAND_LINK_STATE:
			dp_oam_link_state(&slot->worker, &command.link_state);
			break;
		case DP_COMMAND_FLOWS:
			dp_flows_start(slot, command.query, &command.filter);
			break;
		case DP_COMMAND_FLOWS_STOP:
			slot->walk.active = false;
			break;
		}
	}
	return n;
}

static void tick(struct dp_slot *slot)
{
	struct dp_worker *w = &slot->worker;
	slot->wall_offset_ns = (int64_t)(dp_clock_ns(CLOCK_REALTIME) - dp_clock_ns(CLOCK_MONOTONIC));
	slot->next_tick_ns = w->now_ns + DP_TICK_NS;
	follow_nat_pool(slot, w->snapshot, w->now_ns);
	dp_worker_tick(w);
	w->stats->flows = lb_flow_count(w->flows);
	w->stats->nat_flows = lb_nat_count(w->nat);
}

static void beat(struct dp_slot *slot)
{
	__atomic_store_n(&slot->worker.stats->heartbeat_ns, slot->worker.now_ns, __ATOMIC_RELAXED);
	_Atomic uint64_t *shown = atomic_load_explicit(&slot->heartbeat, memory_order_relaxed);
	if (shown != NULL)
		atomic_store_explicit(shown, slot->worker.now_ns, memory_order_relaxed);
}

/* Returns how much there was to do. */
static unsigned pass(struct dp_slot *slot)
{
	struct dp_worker *w = &slot->worker;
	uint64_t now_ns = dp_clock_ns(CLOCK_MONOTONIC);
	dp_loop_begin(w, now_ns, now_ns + (uint64_t)(slot->wall_offset_ns + w->set->shared.clock_offset_ns));
	unsigned found = poll_ports(w) + take_handed_over(w) + take_commands(slot);
	if (now_ns >= slot->next_tick_ns)
		tick(slot);
	if (w->oam != NULL && now_ns >= dp_oam_next_ns(w->oam))
		dp_oam_tick(w);
	dp_flows_step(slot, found > 0);
	dp_loop_end(w);
	beat(slot);
	return found;
}

int dp_loop_run(void *arg)
{
	const struct dp_loop *loop = arg;
	struct dp_workers *set = loop->set;
	struct dp_slot *slot = set->slot[loop->worker];
	struct dp_worker *w = &slot->worker;
	bool busy = set->config.busy;
	rte_rcu_qsbr_thread_register(set->qsbr, w->id);
	rte_rcu_qsbr_thread_online(set->qsbr, w->id);
	while (!atomic_load_explicit(&set->stop, memory_order_relaxed)) {
		unsigned found = pass(slot);
		rte_rcu_qsbr_quiescent(set->qsbr, w->id);
		dp_count(w, WIRE_COUNTER_POLLS);
		if (found > 0) {
			slot->last_packet_ns = w->now_ns;
			w->stats->counter[WIRE_COUNTER_BUSY_NS] += dp_clock_ns(CLOCK_MONOTONIC) - w->now_ns;
			continue;
		}
		dp_count(w, WIRE_COUNTER_POLLS_EMPTY);
		if (busy || slot->walk.active || w->now_ns - slot->last_packet_ns < DP_SPIN_NS)
			rte_pause();
		else
			dp_idle(slot);
	}
	rte_rcu_qsbr_thread_offline(set->qsbr, w->id);
	rte_rcu_qsbr_thread_unregister(set->qsbr, w->id);
	return 0;
}

void dp_loop_stop(struct dp_workers *set)
{
	atomic_store(&set->stop, true);
	for (uint16_t id = 0; id < set->n; id++)
		dp_wake(set->slot[id]);
}

/* ---- for tests ---- */

void dp_workers_receive(
    struct dp_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t port, uint64_t now_ns, uint64_t wall_ns)
{
	dp_loop_begin(w, now_ns, wall_ns);
	n = take_frames(w, port, pkts, n);
	dp_capture(w, pkts, n, port, WIRE_CAPTURE_IN);
	dp_burst_run(w, pkts, n, port);
	dp_loop_end(w);
}

unsigned dp_workers_receive_handed_over(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns)
{
	dp_loop_begin(w, now_ns, wall_ns);
	unsigned n = take_handed_over(w);
	dp_loop_end(w);
	return n;
}

void dp_workers_tick(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns)
{
	dp_loop_begin(w, now_ns, wall_ns);
	dp_worker_tick(w);
	if (w->oam != NULL)
		dp_oam_tick(w);
	dp_loop_end(w);
}
