/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole worker on null ports, receive to send: the loop as kuafu-dataplane runs it, in ingress, with a million flows.
 *
 * A null port receives buffers without packets: a callback writes them, and what it takes is measured alone and taken
 * off. The reference is DPDK's own testpmd, forwarding with macswap between null ports, stopped while it is not its turn.
 * Both in CPU time of the thread that forwards. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/loop.h"
#include "dataplane/port.h"
#include "dataplane/worker_set.h"
#include "tests/bench/bench.h"
#include "tests/bench/site.h"

#define FLOWS   (1u << 20)
#define PACKETS (1u << 20) /* of a repetition */

/* ---- the worker ---- */

struct source {
	struct site *site;
	uint64_t left; /* packets until the worker is stopped; 0: it writes none */
	bool queried;  /* one query of flows follows the other, and finds none */
};

static void query(struct source *s)
{
	struct dp_slot *slot = s->site->set->slot[0];
	if (!slot->walk.active)
		dp_flows_start(slot, 1, &(struct wire_ctl_filter){.l4_port = 1});
}

static uint16_t write_packets(
    uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n, uint16_t most, void *arg)
{
	(void)port, (void)queue, (void)most;
	struct source *s = arg;
	for (uint16_t i = 0; i < n; i++) {
		struct lb_flow_key key = site_key(lb_hash_scale(bench_random(), FLOWS), false);
		site_write_frame(pkts[i], &key);
	}
	if (s->queried)
		query(s);
	s->left = s->left > n ? s->left - n : 0;
	if (s->left == 0)
		dp_loop_stop(s->site->set);
	return n;
}

static double run_worker(void *arg)
{
	struct source *s = arg;
	struct wire_stats_worker *stats = s->site->worker->stats;
	uint64_t sent = stats->journey[WIRE_JOURNEY_INGRESS].packets;
	s->left = PACKETS;
	atomic_store(&s->site->set->stop, false);
	uint64_t start = bench_cpu_ns();
	dp_loop_run(&(struct dp_loop){.set = s->site->set, .worker = 0});
	double all = (double)(bench_cpu_ns() - start) / PACKETS;
	if (stats->journey[WIRE_JOURNEY_INGRESS].packets - sent < PACKETS)
		bench_fail("packets are dropped: %s", site_drop(s->site));

	struct rte_mbuf *pkts[SITE_BURST];
	rte_pktmbuf_alloc_bulk(s->site->worker->pool, pkts, SITE_BURST);
	s->left = UINT64_MAX;
	start = bench_cpu_ns();
	for (unsigned i = 0; i < PACKETS; i += SITE_BURST)
		write_packets(0, 0, pkts, SITE_BURST, SITE_BURST, s);
	double writing = (double)(bench_cpu_ns() - start) / PACKETS;
	rte_pktmbuf_free_bulk(pkts, SITE_BURST);
	return all - writing;
}

static double run_queried(void *arg)
{
	struct source *s = arg;
	s->queried = true;
	double ns = run_worker(s);
	s->queried = false;
	return ns;
}

static struct site *begin_on_null_port(void)
{
	struct dp_port_config port = {.name = "null",
	    .driver = DP_DRIVER_NULL,
	    .interface = "",
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = 1};
	char why[DP_PORT_WHY_SIZE];
	struct site *site = site_begin(&(struct site_config){.flows = FLOWS, .nat_flows = 1024});
	site_fill_flows(site, FLOWS);
	if (dp_port_describe(site->set, 0, &port) || dp_port_open(site->set, 0, &port, why))
		bench_fail("no null port: %s", why);
	return site;
}

/* ---- testpmd ---- */

struct testpmd {
	pid_t pid;
	FILE *out;
	char thread[128]; /* schedstat of the thread that forwards */
};

/* CPU time, ns, of the forwarding thread. */
static uint64_t cpu_of(const struct testpmd *t)
{
	uint64_t ns = 0;
	FILE *file = fopen(t->thread, "r");
	if (!file || fscanf(file, "%" SCNu64, &ns) != 1)
		bench_fail("testpmd has ended");
	fclose(file);
	return ns;
}

#define PORTS 2u

/* Waits for the next figures that it prints: packets that all ports have sent since its start. */
static uint64_t next_count(const struct testpmd *t)
{
	char line[256];
	uint64_t packets = 0, port = 0;
	unsigned seen = 0;
	while (seen < PORTS && fgets(line, sizeof(line), t->out))
		if (sscanf(line, " TX-packets: %" SCNu64, &port) == 1) {
			packets += port;
			seen++;
		}
	if (seen < PORTS)
		bench_fail("testpmd has ended");
	return packets;
}

static void find_thread(struct testpmd *t)
{
	char path[32], name[320], comm[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)t->pid);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		snprintf(name, sizeof(name), "%s/%s/comm", path, e->d_name);
		FILE *file = fopen(name, "r");
		if (file && fgets(comm, sizeof(comm), file) && strstr(comm, "worker-1"))
			snprintf(t->thread, sizeof(t->thread), "%s/%.10s/schedstat", path, e->d_name);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

static double run_testpmd(void *arg)
{
	struct testpmd *t = arg;
	kill(t->pid, SIGCONT);
	next_count(t); /* of before */
	uint64_t packets = next_count(t), cpu = cpu_of(t);
	packets = next_count(t) - packets;
	cpu = cpu_of(t) - cpu;
	kill(t->pid, SIGSTOP);
	return (double)cpu / (double)packets;
}

static bool begin_testpmd(struct testpmd *t)
{
	int out[2], in[2];
	if (pipe(out) || pipe(in))
		return false;
	t->pid = fork();
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execlp("dpdk-testpmd", "dpdk-testpmd", "--no-huge", "-m256", "--no-pci", "--no-telemetry",
		    "--no-shconf", "--lcores=0@(0-1),1@(0-1)", "--vdev=net_null0", "--vdev=net_null1", "--",
		    "--forward-mode=macswap", "--auto-start", "--stats-period=1", "--total-num-mbufs=8192", NULL);
		_exit(127);
	}
	close(out[1]);
	close(in[0]);
	t->out = fdopen(out[0], "r");
	char line[256];
	unsigned seen = 0;
	while (seen < PORTS && t->out && fgets(line, sizeof(line), t->out))
		seen += strstr(line, "TX-packets") != NULL;
	if (seen < PORTS)
		return false;
	find_thread(t);
	kill(t->pid, SIGSTOP);
	return t->thread[0] != '\0';
}

static void end_testpmd(struct testpmd *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	fclose(t->out);
}

int main(int argc, char **argv)
{
	bench_begin(argc, argv);
	bool worker = bench_wanted("worker-null-1M"), queried = bench_wanted("flows-query-1M");
	if (!worker && !queried)
		return 0;
	struct testpmd testpmd = {.thread = ""};
	bool reference = worker && begin_testpmd(&testpmd);
	if (worker && !reference)
		fprintf(stderr, "note: dpdk-testpmd does not run here: no reference\n");
	site_eal();
	struct source source = {.site = begin_on_null_port(), .left = 0};
	rte_eth_add_rx_callback(source.site->set->port[0].ethdev[0], 0, write_packets, &source);
	if (worker)
		bench_measure(&(struct bench_row){"worker-null-1M", "ns", run_worker, &source,
		    reference ? "testpmd-macswap" : NULL, run_testpmd, &testpmd});
	if (reference)
		end_testpmd(&testpmd);
	if (queried)
		bench_measure(
		    &(struct bench_row){"flows-query-1M", "ns", run_queried, &source, "no query", run_worker, &source});
	dp_port_close(source.site->set, 0);
	site_end(source.site);
	return 0;
}
