/* SPDX-License-Identifier: BSD-2-Clause */
/* What the journeys rely on: packets that go to other workers, ports and the main thread. */
#include "dataplane/worker.h"

#include <criterion/criterion.h>

#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "lb/nat.h"
#include "lb/snapshot.h"
#include "shell.h"

static struct rte_mbuf *packet(struct dp_worker *w)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	cr_assert_not_null(m);
	m->data_len = 60;
	m->pkt_len = 60;
	return m;
}

Test(worker, a_full_transmit_queue_counts_every_packet_it_drops)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	unsigned room = rte_ring_get_capacity(s.set->port[0].sent), n = room + 100;
	for (unsigned i = 0; i < n; i++)
		dp_tx(w, 0, packet(w));
	dp_loop_end(w);
	cr_assert_eq(w->stats->drop[WIRE_DROP_TX_FULL], n - room);
	unsigned sent = 0;
	for (struct rte_mbuf *m; (m = dp_workers_sent(s.set, 0)) != NULL; sent++)
		rte_pktmbuf_free(m);
	cr_assert_eq(sent, room);
	cr_assert_eq(rte_mempool_in_use_count(w->pool), 0);
	shell_end(&s);
}

Test(worker, a_full_hand_over_ring_drops_with_its_reason)
{
	struct shell s;
	shell_start(&s, 2);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	unsigned room = rte_ring_get_capacity(s.set->slot[1]->handed_over);
	for (unsigned i = 0; i < room + 7; i++)
		dp_hand_over(w, 1, packet(w));
	cr_assert_eq(w->stats->drop[WIRE_DROP_RING_FULL], 7);
	cr_assert_eq(w->stats->counter[WIRE_COUNTER_HANDED_OVER], room);
	shell_end(&s);
}

/* A worker that slept through two commits compared addresses, found the old one, and went on with the freed snapshot. */
Test(worker, a_new_state_at_the_old_address_is_taken)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	static struct dp_state place; /* where both lie, one after the other */
	for (uint64_t generation = 1; generation <= 2; generation++) {
		shell_commit(&s, generation, true, NULL, 0);
		cr_assert_str_empty(shell_error(&s));
		place = *dp_transaction_state(s.transactions);
		dp_workers_set_state(s.set, &place);
		dp_loop_begin(w, 1, 1);
		cr_assert_eq(w->state, &place);
		cr_assert_eq(w->snapshot, place.snapshot, "generation %lu", generation);
		cr_assert_eq(w->snapshot->generation, generation);
	}
	shell_end(&s);
}

Test(worker, rows_and_steps_leave_room_for_states)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	struct dp_event row = {.type = DP_EVENT_FLOW}, link = {.type = DP_EVENT_LINK_STATE},
	                path = {.type = DP_EVENT_PATH_STATE}, next;
	while (dp_post(w, &row) == 0)
		;
	cr_assert_eq(dp_post(w, &link), 0);
	cr_assert_eq(dp_post(w, &path), 0);
	cr_assert(dp_event_waits(s.set->slot[0]));
	cr_assert_eq(dp_workers_event(s.set, 0, &next), 0);
	cr_assert_eq(next.type, DP_EVENT_LINK_STATE);
	cr_assert_eq(dp_workers_event(s.set, 0, &next), 0);
	cr_assert_eq(next.type, DP_EVENT_PATH_STATE);
	shell_end(&s);
}

Test(worker, a_query_takes_less_of_a_pass_that_has_packets)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_slot *slot = s.set->slot[0];
	unsigned passes = 0;
	dp_flows_start(slot, 7, &(struct wire_ctl_filter){.l4_port = 1});
	dp_flows_step(slot, true);
	cr_assert_eq(slot->walk.next, DP_FLOWS_BUSY_SLICE);
	dp_flows_step(slot, false);
	cr_assert_eq(slot->walk.next, DP_FLOWS_BUSY_SLICE + DP_FLOWS_SLICE);
	for (; slot->walk.active; passes++)
		dp_flows_step(slot, true);
	uint32_t places = lb_flow_capacity(slot->worker.flows) + lb_nat_capacity(slot->worker.nat);
	cr_assert_leq(passes, places / DP_FLOWS_BUSY_SLICE + 2, "and ends all the same");
	struct dp_event end;
	cr_assert_eq(dp_workers_event(s.set, 0, &end), 0);
	cr_assert(end.type == DP_EVENT_FLOWS_END && end.query == 7);
	shell_end(&s);
}

Test(worker, every_queue_of_a_port_has_one_user)
{
	struct shell s;
	shell_start(&s, 5);
	for (uint16_t port = 0; port < 2; port++)
		for (uint16_t queues = 1; queues <= 8; queues++) {
			s.set->port[port].queues = queues;
			for (uint16_t id = 0; id < 5; id++) {
				uint16_t queue = dp_queue_of(s.set, port, id);
				cr_assert_lt(queue, queues);
				bool owns_one = false;
				for (uint16_t q = 0; q < queues; q++)
					owns_one = owns_one || dp_queue_owner(s.set, port, q) == id;
				cr_assert_eq(dp_queue_owner(s.set, port, queue) == id, owns_one);
			}
		}
	s.set->port[0].queues = s.set->port[1].queues = 1;
	shell_end(&s);
}

Test(worker, an_unresolved_next_hop_is_asked_for_at_a_bounded_rate)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	struct dp_event event;
	unsigned asked = 0, asked_many = 0;
	struct wire_addr one = shell_address("10.0.0.1");
	for (w->now_ns = 1; w->now_ns < UINT64_C(1000000000); w->now_ns += 1000000)
		dp_neighbour_wanted(w, 1, &one);
	for (; dp_workers_event(s.set, 0, &event) == 0; asked++) {
		cr_assert_eq(event.type, DP_EVENT_NEIGHBOUR_WANTED);
		cr_assert_eq(event.neighbour_wanted.port, 1);
	}
	cr_assert_eq(asked, 5);
	for (uint32_t i = 0; i < 100000; i++, w->now_ns += 1000) {
		struct wire_addr any = {.words = {[3] = i * 2654435761u}};
		dp_neighbour_wanted(w, 0, &any);
	}
	while (dp_workers_event(s.set, 0, &event) == 0)
		asked_many++;
	cr_assert_leq(asked_many, DP_WANTED_SLOTS * 11); /* 100 ms at one a slot in 10 ms */
	shell_end(&s);
}
