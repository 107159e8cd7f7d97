/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/worker.h"

#include <errno.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/capture.h"
#include "dataplane/worker_set.h"
#include "lb/hash.h"

struct dp_shared *dp_shared(struct dp_worker *w)
{
	return &w->set->shared;
}

/* ---- transmit ---- */

static void drop_all(struct dp_worker *w, struct rte_mbuf **pkts, unsigned n, enum wire_drop reason)
{
	w->stats->drop[reason] += n;
	rte_pktmbuf_free_bulk(pkts, n);
}

void dp_tx_flush(struct dp_worker *w, uint16_t port)
{
	struct dp_tx_buffer *b = &w->tx[port];
	struct dp_port *p = &w->set->port[port];
	unsigned n = b->n, sent = 0;
	if (n == 0)
		return;
	b->n = 0;
	uint16_t queue = dp_queue_of(w->set, port, w->id);
	uint16_t owner = dp_queue_owner(w->set, port, queue);
	if (p->sent != NULL || owner == w->id) {
		dp_capture(w, b->pkt, n, port, WIRE_CAPTURE_OUT);
		if (p->vlan.n)
			n = dp_frames_tag(w, &p->vlan, b->pkt, (uint16_t)n);
	}
	if (p->sent != NULL) {
		sent = rte_ring_enqueue_burst(p->sent, (void **)b->pkt, n, NULL);
	} else if (!atomic_load_explicit(&p->up, memory_order_relaxed)) {
		sent = 0;
	} else if (owner == w->id) {
		uint16_t there = dp_queue_there(p, queue);
		sent = rte_eth_tx_burst(p->ethdev[queue], there, b->pkt, (uint16_t)n);
		if (sent < n) /* the first call may have made room by taking completions */
			sent += rte_eth_tx_burst(p->ethdev[queue], there, b->pkt + sent, (uint16_t)(n - sent));
	} else {
		sent = rte_ring_enqueue_burst(p->given[queue], (void **)b->pkt, n, NULL);
		w->to_wake |= UINT64_C(1) << owner;
	}
	if (sent < n)
		drop_all(w, b->pkt + sent, n - sent, WIRE_DROP_TX_FULL);
}

void dp_punt(struct dp_worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct dp_port *p = &w->set->port[port];
	if (p->punted == NULL) {
		dp_drop(w, m, WIRE_DROP_NOT_OURS);
		return;
	}
	uint32_t bytes = rte_pktmbuf_pkt_len(m);
	if (rte_ring_enqueue(p->punted, m) != 0) {
		dp_drop(w, m, WIRE_DROP_PUNT_FULL);
		return;
	}
	dp_count_journey(w, WIRE_JOURNEY_PUNT, bytes);
	w->to_wake |= UINT64_C(1) << dp_queue_owner(w->set, port, 0);
}

/* ---- other workers ---- */

void dp_hand_over(struct dp_worker *w, uint16_t owner, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(w->set->slot[owner]->handed_over, m) != 0) {
		dp_drop(w, m, WIRE_DROP_RING_FULL);
		return;
	}
	dp_count(w, WIRE_COUNTER_HANDED_OVER);
	w->to_wake |= UINT64_C(1) << owner;
}

/* ---- the main thread ---- */

/* Rows of queries and traces are many and may wait or be lost; states go by a ring of their own. */
static struct rte_ring *ring_of(struct dp_slot *slot, uint16_t type)
{
	bool state = type == DP_EVENT_LINK_STATE || type == DP_EVENT_PATH_STATE;
	return state && slot->states != NULL ? slot->states : slot->events;
}

int dp_post(struct dp_worker *w, struct dp_event *event)
{
	event->worker = w->id;
	if (rte_ring_sp_enqueue_elem(ring_of(dp_slot_of(w), event->type), event, sizeof(*event)) != 0)
		return -EAGAIN;
	dp_wake_main(w->set);
	return 0;
}

void dp_wake_main(struct dp_workers *set)
{
	/* The full fence keeps the look at main_waits behind the event: one of us two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&set->main_waits, memory_order_relaxed)) {
		uint64_t one = 1;
		ssize_t written = write(set->main_fd, &one, sizeof(one));
		(void)written; /* a full counter is readable, too */
	}
}

void dp_neighbour_wanted(struct dp_worker *w, uint16_t port, const struct wire_addr *address)
{
	uint64_t hash = lb_hash_words(lb_hash_word(address->bytes), lb_hash_word(address->bytes + 8), port);
	unsigned at = (unsigned)(hash % DP_WANTED_SLOTS);
	bool same = wire_addr_equal(&w->wanted[at].address, address);
	uint64_t interval = same ? DP_WANTED_INTERVAL_NS : DP_WANTED_SPACING_NS;
	if (w->wanted[at].asked_ns != 0 && w->now_ns - w->wanted[at].asked_ns < interval)
		return;
	struct dp_event event = {
	    .type = DP_EVENT_NEIGHBOUR_WANTED, .neighbour_wanted = {.port = port, .address = *address}};
	if (dp_post(w, &event) != 0)
		return;
	w->wanted[at].address = *address;
	w->wanted[at].asked_ns = w->now_ns;
}
