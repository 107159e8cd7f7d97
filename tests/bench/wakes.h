/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the first packet waits for a worker that has gone to sleep, beside a thread that does nothing but sleep and
 * look, as often as a worker looks at a port without a descriptor. For a test, which judges, and a benchmark. EAL must be
 * initialised. */
#pragma once

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>

#include "dataplane/loop.h"
#include "dataplane/port.h"
#include "dataplane/worker_set.h"

#define WAKES_PER_ROUND 200u
#define WAKES_REST_NS   2000000u /* far longer than a worker looks before it sleeps, and no multiple of its sleeps */

struct wakes {
	struct dp_workers *set;
	struct dp_loop loop;
	pthread_t worker;
	pthread_t sleeper;
	_Atomic bool end;
	_Atomic uint32_t asked; /* of the sleeper, and what it has seen */
	_Atomic uint32_t seen;
};

static inline uint64_t wakes_now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static inline void wakes_rest(uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)}, NULL);
}

static inline void *wakes_run_worker(void *arg)
{
	(void)dp_loop_run(arg);
	return NULL;
}

static inline void *wakes_run_sleeper(void *arg)
{
	struct wakes *w = arg;
	while (!atomic_load(&w->end)) {
		(void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = DP_POLL_NS}, NULL);
		atomic_store(&w->seen, atomic_load(&w->asked));
	}
	return NULL;
}

/* A worker on a ring port, and a sleeper. Returns 0 or -errno. */
static inline int wakes_begin(struct wakes *w)
{
	const struct dp_workers_config workers = {
	    .workers = 1, .ports = 1, .flows = 1024, .nat_flows = 1024, .mbufs = 2047};
	const struct dp_port_config port = {.name = "idle",
	    .driver = DP_DRIVER_RING,
	    .interface = "",
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = 1};
	char why[DP_PORT_WHY_SIZE];
	*w = (struct wakes){0};
	int error = dp_workers_create(&workers, &w->set);
	if (error == 0)
		error = dp_port_describe(w->set, 0, &port);
	if (error == 0)
		error = dp_port_open(w->set, 0, &port, why);
	w->loop = (struct dp_loop){.set = w->set};
	if (error == 0)
		error = -pthread_create(&w->worker, NULL, wakes_run_worker, &w->loop);
	if (error == 0)
		error = -pthread_create(&w->sleeper, NULL, wakes_run_sleeper, w);
	return error;
}

static inline void wakes_end(struct wakes *w)
{
	atomic_store(&w->end, true);
	dp_loop_stop(w->set);
	pthread_join(w->sleeper, NULL);
	pthread_join(w->worker, NULL);
	dp_port_close(w->set, 0);
	dp_workers_destroy(w->set);
}

/* Nobody's packet: the worker drops it, and its counter tells when. */
static inline double wakes_packet_us(struct wakes *w)
{
	const uint64_t *dropped = &dp_workers_get(w->set, 0)->stats->drop[WIRE_DROP_NOT_OURS];
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->set->pool);
	memset(rte_pktmbuf_append(m, 64), 0, 64);
	uint64_t before = __atomic_load_n(dropped, __ATOMIC_ACQUIRE), start = wakes_now_ns(CLOCK_MONOTONIC);
	(void)rte_eth_tx_burst(w->set->port[0].ethdev[0], 0, &m, 1);
	while (__atomic_load_n(dropped, __ATOMIC_ACQUIRE) == before)
		rte_pause();
	return (double)(wakes_now_ns(CLOCK_MONOTONIC) - start) / 1e3;
}

static inline double wakes_bare_us(struct wakes *w)
{
	uint64_t start = wakes_now_ns(CLOCK_MONOTONIC);
	uint32_t mark = atomic_fetch_add(&w->asked, 1) + 1;
	while (atomic_load(&w->seen) != mark)
		rte_pause();
	return (double)(wakes_now_ns(CLOCK_MONOTONIC) - start) / 1e3;
}

static inline int wakes_compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Of one round, us. */
static inline double wakes_p99_us(struct wakes *w, double (*once)(struct wakes *))
{
	double us[WAKES_PER_ROUND];
	for (unsigned i = 0; i < WAKES_PER_ROUND; i++) {
		wakes_rest(WAKES_REST_NS + i * 1237u);
		us[i] = once(w);
	}
	qsort(us, WAKES_PER_ROUND, sizeof(us[0]), wakes_compare);
	return us[WAKES_PER_ROUND * 99 / 100 - 1];
}

/* Of a core, that a worker without packets takes in so many ms; percent. */
static inline double wakes_idle_percent(struct wakes *w, unsigned ms)
{
	clockid_t clock;
	pthread_getcpuclockid(w->worker, &clock);
	uint64_t cpu = wakes_now_ns(clock), wall = wakes_now_ns(CLOCK_MONOTONIC);
	wakes_rest(ms * UINT64_C(1000000));
	return 100.0 * (double)(wakes_now_ns(clock) - cpu) / (double)(wakes_now_ns(CLOCK_MONOTONIC) - wall);
}
