/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>
#include <unistd.h>

#include "dataplane/loop.h"
#include "dataplane/oam.h"
#include "dataplane/worker_set.h"

#define MAX_FDS (1u + DP_MAX_PORTS * DP_MAX_QUEUES)

/* The descriptors that tell of packets for this worker. *ret_limit: how long it may rely on them alone. */
static nfds_t collect_fds(const struct dp_slot *slot, struct pollfd fds[MAX_FDS], uint64_t *ret_limit)
{
	const struct dp_workers *set = slot->worker.set;
	nfds_t n = 0;
	uint64_t limit = DP_SLEEP_MAX_NS;
	fds[n++] = (struct pollfd){.fd = slot->wake_fd, .events = POLLIN};
	for (uint16_t port = 0; port < set->n_ports; port++) {
		const struct dp_port *p = &set->port[port];
		if (!atomic_load_explicit(&p->up, memory_order_acquire))
			continue;
		for (uint16_t queue = 0; queue < p->queues; queue++) {
			if (dp_queue_owner(set, port, queue) != slot->worker.id)
				continue;
			if (p->fd[queue] >= 0)
				fds[n++] = (struct pollfd){.fd = p->fd[queue], .events = POLLIN};
			else
				limit = DP_POLL_NS;
		}
		if (p->punt != DP_NO_ETHDEV && dp_queue_owner(set, port, 0) == slot->worker.id)
			limit = DP_POLL_NS;
	}
	*ret_limit = limit;
	return n;
}

/* Whether something came between the last pass and `asleep`: whoever comes later sees `asleep` and writes. */
static bool work_waits(const struct dp_slot *slot)
{
	const struct dp_workers *set = slot->worker.set;
	if (!rte_ring_empty(slot->handed_over) || !rte_ring_empty(slot->commands) || atomic_load(&set->stop))
		return true;
	for (uint16_t port = 0; port < set->n_ports; port++) {
		const struct dp_port *p = &set->port[port];
		if (p->ethdev[0] == DP_NO_ETHDEV)
			continue;
		if (p->punted != NULL && dp_queue_owner(set, port, 0) == slot->worker.id && !rte_ring_empty(p->punted))
			return true;
		for (uint16_t queue = 0; queue < p->queues; queue++)
			if (p->given[queue] != NULL && dp_queue_owner(set, port, queue) == slot->worker.id &&
			    !rte_ring_empty(p->given[queue]))
				return true;
	}
	return false;
}

void dp_idle(struct dp_slot *slot)
{
	struct dp_worker *w = &slot->worker;
	struct pollfd fds[MAX_FDS];
	uint64_t limit = 0;
	nfds_t n = collect_fds(slot, fds, &limit);
	if (w->oam != NULL) {
		uint64_t due = dp_oam_next_ns(w->oam);
		limit = due <= w->now_ns ? 0 : RTE_MIN(limit, due - w->now_ns);
	}
	struct timespec timeout = {.tv_nsec = (long)limit};
	dp_count(w, WIRE_COUNTER_SLEEPS);
	rte_rcu_qsbr_thread_offline(w->set->qsbr, w->id);
	atomic_store(&slot->asleep, true);
	if (!work_waits(slot))
		(void)ppoll(fds, n, &timeout, NULL);
	atomic_store(&slot->asleep, false);
	rte_rcu_qsbr_thread_online(w->set->qsbr, w->id);
	if (fds[0].revents & POLLIN) {
		uint64_t count;
		ssize_t got = read(slot->wake_fd, &count, sizeof(count));
		(void)got; /* non-blocking; nothing there is as well */
	}
}

void dp_wake(struct dp_slot *slot)
{
	/* The full fence keeps the look at `asleep` behind what was put into the ring: one of us two sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&slot->asleep, memory_order_relaxed))
		return;
	uint64_t one = 1;
	ssize_t written = write(slot->wake_fd, &one, sizeof(one));
	(void)written; /* a full counter is readable, too */
}
