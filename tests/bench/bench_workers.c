/* SPDX-License-Identifier: BSD-2-Clause */
/* What a second worker adds: packets a second of two workers of one set that run at the same time, beside those of one of
 * the two while the other stands still.
 *
 * Each worker has a queue of a null port, whose buffers a callback fills with packets of established flows: of the
 * worker's own lanes, or, in the row of those handed over, all of the other's. A worker's rate is the packets that it has
 * sent through the ingress journey by the CPU time of its thread, less what the writing of packets takes, which is
 * measured after in the same threads, as many at a time. The rates of the workers are added up.
 *
 * So the figure is that of a machine which has a core for each worker: what else runs here does not count, but what the
 * workers do to each other does, by memory, by cache lines that both write, and by rings. */
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/loop.h"
#include "dataplane/port.h"
#include "dataplane/worker_set.h"
#include "tests/bench/bench.h"
#include "tests/bench/site.h"

#define FLOWS      1024u /* of each worker */
#define RUN_US     200000u
#define WRITINGS   (1u << 15) /* bursts */
#define MOST_WAIT  (DP_HANDED_SIZE / 2)
#define REST_US    50u
#define FRAME_ROOM RTE_CACHE_LINE_ROUNDUP(SITE_FRAME)

/* One worker, and where its packets come from. */
struct lane {
	struct dp_worker *worker;
	uint8_t frame[FLOWS][FRAME_ROOM]; /* of flows that it owns */
	const struct lane *of;            /* whose packets its queue brings */
	uint32_t next;                    /* flow */
	uint64_t written;                 /* packets */
	uint64_t cpu_ns;
} __rte_cache_aligned;

struct bench {
	struct site *site;
	struct lane lane[SITE_WORKERS];
};

static void write_burst(struct lane *l, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++, l->next = (l->next + 1) % FLOWS) {
		rte_pktmbuf_reset(pkts[i]);
		pkts[i]->data_len = SITE_FRAME;
		pkts[i]->pkt_len = SITE_FRAME;
		memcpy(rte_pktmbuf_mtod(pkts[i], void *), l->of->frame[l->next], FRAME_ROOM);
	}
	l->written += n;
}

/* Brings none while the owner is far behind: it has lost its core for a while, and packets would only be dropped. */
static uint16_t bring(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n, uint16_t most, void *arg)
{
	(void)port, (void)queue, (void)most;
	struct lane *l = arg;
	if (l->of != l && rte_ring_count(dp_slot_of(l->of->worker)->handed_over) > MOST_WAIT) {
		rte_pktmbuf_free_bulk(pkts, n);
		rte_delay_us_sleep(REST_US);
		return 0;
	}
	write_burst(l, pkts, n);
	return n;
}

/* ---- in a worker's thread ---- */

static int run_worker(void *arg)
{
	struct lane *l = arg;
	uint64_t start = bench_cpu_ns();
	int error = dp_loop_run(&(struct dp_loop){.set = l->worker->set, .worker = l->worker->id});
	l->cpu_ns = bench_cpu_ns() - start;
	return error;
}

static int run_writer(void *arg)
{
	struct lane *l = arg;
	struct rte_mbuf *pkts[DP_BURST];
	if (rte_pktmbuf_alloc_bulk(l->worker->pool, pkts, DP_BURST))
		bench_fail("no packets");
	uint64_t start = bench_cpu_ns();
	for (unsigned i = 0; i < WRITINGS; i++)
		write_burst(l, pkts, DP_BURST);
	l->cpu_ns = bench_cpu_ns() - start;
	rte_pktmbuf_free_bulk(pkts, DP_BURST);
	return 0;
}

static void launch(struct bench *b, lcore_function_t *function, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		b->lane[i].written = 0;
		if (rte_eal_remote_launch(function, &b->lane[i], i + 1))
			bench_fail("no thread for a worker");
	}
}

/* ---- a repetition ---- */

/* Lets the first `workers` workers run. What each has sent, and the CPU time that it and its callback took. */
static void run_workers(struct bench *b, unsigned workers, uint64_t ret_sent[], double ret_ns[])
{
	uint64_t before[SITE_WORKERS];
	for (unsigned i = 0; i < workers; i++)
		before[i] = b->lane[i].worker->stats->journey[WIRE_JOURNEY_INGRESS].packets;
	atomic_store(&b->site->set->stop, false);
	launch(b, run_worker, workers);
	rte_delay_us_sleep(RUN_US);
	dp_loop_stop(b->site->set);
	rte_eal_mp_wait_lcore();
	for (unsigned i = 0; i < workers; i++) {
		ret_sent[i] = b->lane[i].worker->stats->journey[WIRE_JOURNEY_INGRESS].packets - before[i];
		ret_ns[i] = (double)b->lane[i].cpu_ns;
		if (ret_sent[i] == 0)
			bench_fail("worker %u sends nothing: %s", i, site_drop(b->site));
	}
}

/* Of the first `workers` workers together, million packets a second. */
static double rate_of(struct bench *b, unsigned workers)
{
	uint64_t sent[SITE_WORKERS], written[SITE_WORKERS];
	double ns[SITE_WORKERS], rate = 0;
	run_workers(b, workers, sent, ns);
	for (unsigned i = 0; i < workers; i++)
		written[i] = b->lane[i].written;
	launch(b, run_writer, workers);
	rte_eal_mp_wait_lcore();
	for (unsigned i = 0; i < workers; i++) {
		const struct lane *l = &b->lane[i];
		ns[i] -= (double)written[i] * (double)l->cpu_ns / (double)l->written;
		rate += 1e3 * (double)sent[i] / ns[i];
	}
	return rate;
}

static double run_one(void *arg)
{
	struct bench *b = arg;
	b->lane[0].of = &b->lane[0];
	return rate_of(b, 1);
}

static double run_own(void *arg)
{
	struct bench *b = arg;
	for (unsigned i = 0; i < SITE_WORKERS; i++)
		b->lane[i].of = &b->lane[i];
	return rate_of(b, SITE_WORKERS);
}

static double run_handed_over(void *arg)
{
	struct bench *b = arg;
	for (unsigned i = 0; i < SITE_WORKERS; i++)
		b->lane[i].of = &b->lane[(i + 1) % SITE_WORKERS];
	return rate_of(b, SITE_WORKERS);
}

/* ---- setting up ---- */

static void make_flows(struct bench *b)
{
	struct site *site = b->site;
	unsigned made[SITE_WORKERS] = {0};
	for (uint32_t i = 0, left = SITE_WORKERS * FLOWS; left > 0; i++) {
		struct lb_flow_key key = site_key(i, false);
		unsigned owner = dp_owner(site->worker, lb_hash14(lb_flow_hash(&key)));
		if (made[owner] == FLOWS)
			continue;
		site_establish(site, &key);
		site_write_frame(site->pkt[0], &key);
		memcpy(b->lane[owner].frame[made[owner]++], rte_pktmbuf_mtod(site->pkt[0], void *), SITE_FRAME);
		left--;
	}
}

static void begin(struct bench *b)
{
	struct dp_port_config port = {.name = "null",
	    .driver = DP_DRIVER_NULL,
	    .interface = "",
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = SITE_WORKERS};
	char why[DP_PORT_WHY_SIZE] = "";
	b->site = site_begin(&(struct site_config){.flows = 8 * FLOWS, .nat_flows = 1024, .workers = SITE_WORKERS});
	for (uint16_t i = 0; i < SITE_WORKERS; i++)
		b->lane[i].worker = dp_workers_get(b->site->set, i);
	make_flows(b);
	if (dp_port_describe(b->site->set, 0, &port) || dp_port_open(b->site->set, 0, &port, why))
		bench_fail("no null port: %s", why);
	for (uint16_t i = 0; i < SITE_WORKERS; i++)
		rte_eth_add_rx_callback(b->site->set->port[0].ethdev[0], i, bring, &b->lane[i]);
}

int main(int argc, char **argv)
{
	static struct bench b;
	static const struct bench_row rows[] = {
	    {"workers-2", "Mpps", run_own, &b, "one worker", run_one, &b},
	    {"workers-2-handed-over", "Mpps", run_handed_over, &b, "one worker", run_one, &b},
	};
	bench_begin(argc, argv);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		if (!bench_wanted(rows[i].name))
			continue;
		if (bench_cpus() < SITE_WORKERS) {
			bench_skip(rows[i].name, "fewer than two CPUs");
			continue;
		}
		if (!b.site) {
			site_eal();
			begin(&b);
		}
		bench_measure(&rows[i]);
	}
	if (b.site) {
		dp_port_close(b.site->set, 0);
		site_end(b.site);
	}
	return 0;
}
