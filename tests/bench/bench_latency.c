/* SPDX-License-Identifier: BSD-2-Clause */
/* How long packets are on their way through a worker at 80% of the highest rate that it takes without loss.
 *
 *    generator and checker of kuafu-pktgen ──ring──▶ worker: ingress, a thousand flows ──ring──▶ back to it
 *
 * Generator and worker have a thread each; both float over all CPUs, as kuafu-dataplane's do, and the worker never sleeps.
 * The time is from the generator's clock before it writes a burst to its clock after it has taken it back. The reference
 * is a bare loop in the worker's place, which moves the same packets at the same rate from ring to ring: it shows what the
 * rings take, and the generator, and the machine, when it takes a core away for longer than any packet is under way.
 *
 * The rate is searched once (RFC 2544, section 26.1). A rate passes if one of its trials loses nothing and all of it could
 * be sent, for a ring that stays full takes no more: a core that is taken away makes a trial fail, and says nothing of the
 * worker. The trials are long enough that no ring holds what a worker is too slow for.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/loop.h"
#include "dataplane/worker_set.h"
#include "tests/bench/bench.h"
#include "tests/bench/site.h"
#include "tools/pktgen/rings.h"
#include "tools/pktgen/search.h"
#include "tools/pktgen/trial.h"

#define FLOWS         1000u
#define LOAD          0.8
#define CEILING       16e6 /* packets a second; more than one thread makes and checks */
#define RESOLUTION    (CEILING / 64)
#define TRIES         5u
#define SECONDS       0.25
#define WARM_SECONDS  0.02 /* until the other thread runs, and every flow is known */
#define DRAIN_SECONDS 0.05

struct bench {
	struct site *site;
	struct port generator;
	struct traffic traffic;
	struct trial trial;
	struct trial_result result;
	double rate; /* of the rows, packets a second */
};

/* A row, or its reference. */
struct subject {
	struct bench *bench;
	lcore_function_t *carry; /* the thread between the rings */
	double quantile;
};

/* ---- between the rings; both run until dp_loop_stop ---- */

static int carry_by_worker(void *arg)
{
	struct bench *b = arg;
	return dp_loop_run(&(struct dp_loop){.set = b->site->set, .worker = 0});
}

static int carry_bare(void *arg)
{
	struct bench *b = arg;
	struct rte_mbuf *pkts[DP_BURST];
	uint16_t port = b->site->set->port[0].ethdev[0];
	while (!atomic_load_explicit(&b->site->set->stop, memory_order_relaxed)) {
		uint16_t n = rte_eth_rx_burst(port, 0, pkts, DP_BURST), sent = rte_eth_tx_burst(port, 0, pkts, n);
		rte_pktmbuf_free_bulk(pkts + sent, n - sent);
	}
	return 0;
}

/* ---- trials ---- */

static volatile sig_atomic_t never;

static uint64_t ticks(void)
{
	return rte_rdtsc();
}

static void try_for(struct bench *b, double seconds)
{
	b->trial.seconds = seconds;
	b->trial.number++;
	if (trial_run(&b->trial, &b->result))
		bench_fail("the generator has no packets");
}

static void run_trial(struct bench *b, lcore_function_t *carry, double rate)
{
	b->trial.rate = rate;
	atomic_store(&b->site->set->stop, false);
	if (rte_eal_remote_launch(carry, b, 1))
		bench_fail("no thread for a worker");
	try_for(b, WARM_SECONDS);
	try_for(b, SECONDS);
	dp_loop_stop(b->site->set);
	rte_eal_mp_wait_lcore();
	if (b->result.check.received == 0)
		bench_fail("no packet comes back: %s", site_drop(b->site));
}

static bool passes(struct bench *b, double rate)
{
	bool passed = false;
	for (unsigned i = 0; i < TRIES && !passed; i++) {
		run_trial(b, carry_by_worker, rate);
		passed = trial_loss(&b->result) <= 0 && !trial_fell_short(&b->result);
	}
	return passed;
}

/* Packets a second. */
static double find_highest(struct bench *b)
{
	struct search s;
	search_start(&s, CEILING, RESOLUTION);
	for (bool over = false; !over;)
		over = search_step(&s, passes(b, s.next));
	fprintf(
	    stderr, "note: latency at %.0f%% of %.2f Mpps, the highest rate without loss\n", 100 * LOAD, s.low / 1e6);
	return s.low;
}

static double run(void *arg)
{
	const struct subject *s = arg;
	run_trial(s->bench, s->carry, s->bench->rate);
	return (double)histogram_quantile(&s->bench->result.check.latency, s->quantile) / 1e3;
}

/* ---- setting up ---- */

static void make_traffic(struct traffic *t)
{
	struct lb_flow_key key = site_key(0, false);
	*t = (struct traffic){.set = {.src = key.client,
	                          .dst = key.vip,
	                          .addresses = FLOWS,
	                          .src_port_lo = key.client_port,
	                          .src_port_hi = key.client_port,
	                          .dst_port = key.vip_port,
	                          .protocol = WIRE_PROTO_UDP},
	    .flows = FLOWS,
	    .size = SITE_FRAME};
	popularity_start(&t->popularity, POPULARITY_TURN, FLOWS, 0, 1);
	if (traffic_start(t))
		bench_fail("no memory for %u flows", FLOWS);
}

static void begin(struct bench *b)
{
	uint16_t generator;
	b->site = site_begin(&(struct site_config){.flows = 64 * FLOWS, .nat_flows = 1024});
	if (rings_join(b->site->set, 1500, &generator) || port_open(generator, 1514, &b->generator))
		bench_fail("no ring port");
	make_traffic(&b->traffic);
	b->trial = (struct trial){.traffic = &b->traffic,
	    .drain_seconds = DRAIN_SECONDS,
	    .tx = &b->generator,
	    .rx = &b->generator,
	    .stop = &never,
	    .clock = ticks,
	    .hz = rte_get_tsc_hz()};
	b->rate = LOAD * find_highest(b);
}

static void end(struct bench *b)
{
	rings_part(b->site->set);
	site_end(b->site);
	port_close(&b->generator);
	traffic_free(&b->traffic);
}

static void measure(struct bench *b, const char *name, double quantile)
{
	struct subject worker = {b, carry_by_worker, quantile}, bare = {b, carry_bare, quantile};
	if (bench_cpus() < 2) {
		bench_skip(name, "fewer than two CPUs");
		return;
	}
	if (!b->site) {
		site_eal();
		begin(b);
	}
	if (b->rate > 0)
		bench_measure(&(struct bench_row){name, "us", run, &worker, "bare loop", run, &bare});
	else
		bench_skip(name, "no rate passes without loss: the machine is too busy");
}

int main(int argc, char **argv)
{
	static struct bench b;
	bench_begin(argc, argv);
	if (bench_wanted("latency-80"))
		measure(&b, "latency-80", 0.99);
	if (bench_wanted("latency-80-p50"))
		measure(&b, "latency-80-p50", 0.5);
	if (b.site)
		end(&b);
	return 0;
}
