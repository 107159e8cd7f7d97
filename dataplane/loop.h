/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's life: poll, run the journeys, transmit, look after what is due, rest.
 *
 * Invariant: between two passes the worker holds nothing of the state it took, and QSBR knows it; while it sleeps it is
 * offline to QSBR. Its heartbeat is never older than DP_SLEEP_MAX_NS and one pass. */
#pragma once

#include <stdint.h>

struct dp_workers;

/* The longest sleep. The reflector goes silent when a heartbeat is 100 ms old; expiry and keepalives want milliseconds. */
#define DP_SLEEP_MAX_NS (4u * 1000000u)

/* How long a worker looks for packets before it first sleeps: longer than the gaps within a stream, short against what
 * sleeping saves. */
#define DP_SPIN_NS 30000u

/* A port without a descriptor to wait on is looked at so often. */
#define DP_POLL_NS 300000u

/* How often dp_worker_tick runs at most. */
#define DP_TICK_NS 1000000u

struct dp_loop {
	struct dp_workers *set;
	uint16_t worker;
};

/* rte_eal_remote_launch's function; arg: struct dp_loop. Runs until dp_loop_stop. */
int dp_loop_run(void *arg);

/* Make all workers return. */
void dp_loop_stop(struct dp_workers *set);
