/* SPDX-License-Identifier: BSD-2-Clause */
/* The set of workers of this process: made once, before any of them runs. EAL must be initialised.
 *
 * Tests make a set without any port of DPDK's: packets "sent" are collected, nothing runs by itself, and time is
 * what the test says. */
#pragma once

#include "dataplane/worker.h"

struct dp_workers;

struct dp_workers_config {
	uint16_t workers;
	uint16_t ports;
	uint32_t flows;     /* per worker, ingress */
	uint32_t nat_flows; /* per worker, egress */
	uint32_t mbufs;     /* of the pool that all share */
	uint16_t mtu;       /* the largest of any port; 0: the usual */
	bool busy;          /* never sleep */
	bool hugepages;     /* for the tables, if enough are free */
	uint32_t epoch;     /* 24 bits, random: struct wire_auth */
	int64_t clock_offset_ns;
};

/* Make workers with their tables, rings and counters, and an empty state of generation 0. Ports are collected (see
 * dp_workers_sent) until a real one is bound. Returns 0 or -errno. */
int dp_workers_create(const struct dp_workers_config *config, struct dp_workers **ret_set);
void dp_workers_destroy(struct dp_workers *set);

struct dp_worker *dp_workers_get(struct dp_workers *set, uint16_t id);
struct rte_mempool *dp_workers_pool(struct dp_workers *set);

/* ---- for tests: a worker that does not run by itself ---- */

/* What the loop does around one burst, at a time of the caller's choice: take the state, set the clocks, call
 * dp_burst_run, flush every port. */
void dp_workers_receive(
    struct dp_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t port, uint64_t now_ns, uint64_t wall_ns);

/* The same for packets that other workers handed over to `w`. Returns how many. */
unsigned dp_workers_receive_handed_over(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns);

/* dp_worker_tick, and dp_oam_tick on worker 0. */
void dp_workers_tick(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns);

/* The next packet sent on a collected port, or NULL. The caller frees it. */
struct rte_mbuf *dp_workers_sent(struct dp_workers *set, uint16_t port);

/* The next packet punted on a collected port, or NULL. The caller frees it. */
struct rte_mbuf *dp_workers_punted(struct dp_workers *set, uint16_t port);

/* The next event that `id` posted. Returns 0, or -ENOENT. */
int dp_workers_event(struct dp_workers *set, uint16_t id, struct dp_event *ret_event);

/* The next command for `id` that waits. Returns 0, or -ENOENT. */
int dp_workers_command(struct dp_workers *set, uint16_t id, struct dp_command *ret_command);

/* Publish a state and wait for no one: only for a set whose workers do not run. `state` must outlive it. */
void dp_workers_set_state(struct dp_workers *set, const struct dp_state *state);
