/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-pktgen: sends packets through a device under test, checks what comes back. Ports come from DPDK, so the device
 * may be another process behind memif or AF_XDP, or a NIC. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "dataplane/eal.h"
#include "tools/pktgen/device.h"
#include "tools/pktgen/options.h"
#include "tools/pktgen/port.h"
#include "tools/pktgen/rate.h"
#include "tools/pktgen/report.h"
#include "tools/pktgen/throughput.h"
#include "tools/pktgen/trial.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* lcore 0 is the generator on its core; a data plane's workers are on whatever cores there are. */
static void name_threads(const struct options *o, char *text, size_t size)
{
	char cpus[256];
	int used = snprintf(text, size, "--lcores=0@%s", o->lcore);
	dp_eal_cpus(cpus, sizeof(cpus));
	for (unsigned i = 1; i <= o->workers && used > 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, ",%u@(%s)", i, cpus);
}

/* Starts the EAL with the ports of the options. 0, or -EINVAL / -errno after a line on stderr. */
static int start_eal(const struct options *o, const char *program)
{
	static char port_args[PORT_MAX][2][PORT_ARGS_SIZE]; /* the EAL keeps pointers into it */
	const char *specs[PORT_MAX] = {o->tx, o->rx};
	char prefix[64], threads[512];
	char *argv[24];
	int argc = 0;

	name_threads(o, threads, sizeof(threads));
	snprintf(prefix, sizeof(prefix), "kuafu-pktgen-%d", (int)getpid());
	argv[argc++] = (char *)program;
	argv[argc++] = threads;
	argv[argc++] = (char *)"--file-prefix";
	argv[argc++] = prefix;
	argv[argc++] = (char *)"--no-telemetry";
	argv[argc++] = (char *)"--log-level=error";
	if (o->no_huge) {
		argv[argc++] = (char *)"--no-huge";
		argv[argc++] = (char *)"-m";
		argv[argc++] = (char *)(o->workers ? "1024" : "256"); /* flow tables */
	}
	if (strncmp(o->tx, "pci:", 4) != 0 && (!o->rx || strncmp(o->rx, "pci:", 4) != 0))
		argv[argc++] = (char *)"--no-pci";
	for (unsigned i = 0; i < PORT_MAX && specs[i] && !o->workers; i++) {
		const char *error;
		int n = port_eal_args(specs[i], i, port_args[i], &error);
		if (n < 0) {
			fprintf(stderr, "kuafu-pktgen: --%s %s: %s\n", i ? "rx" : "tx", specs[i], error);
			return n;
		}
		for (int k = 0; k < n; k++)
			argv[argc++] = port_args[i][k];
	}
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "kuafu-pktgen: DPDK does not start: %s%s\n", rte_strerror(rte_errno),
		    o->no_huge ? "" : " (without hugepages, try --no-huge)");
		return -rte_errno;
	}
	return 0;
}

static uint64_t ticks(void)
{
	return rte_rdtsc();
}

/* The rate in packets per second, or a line on stderr and -EINVAL: a share of a speed that nobody knows. */
static int find_rate(const struct options *o, const struct port *tx, double *ret)
{
	uint32_t speed = o->port_speed ? o->port_speed : tx->speed;
	if (o->rate.is_share && !speed) {
		fprintf(stderr, "kuafu-pktgen: --rate: port %s does not tell its speed; say it with --port-speed\n",
		    tx->name);
		return -EINVAL;
	}
	*ret = rate_of(&o->rate, speed, traffic_mean_size(&o->traffic));
	return 0;
}

static int run(const struct options *o, struct trial *trial, struct trial_result *result)
{
	double throughput = -1;
	struct throughput how = {trial->rate, o->resolution, o->loss_allowed, report_step};
	int err = o->search ? throughput_search(&how, trial, result, &throughput) : trial_run(trial, result);
	if (err)
		fprintf(stderr, "kuafu-pktgen: no packet buffers: %s\n", strerror(-err));
	else
		report_result(result, throughput, o->json);
	return err;
}

static int generate(const struct options *o, const struct device *device, struct port *tx, struct port *rx)
{
	struct traffic traffic = o->traffic;
	struct trial_result *result = calloc(1, sizeof(*result));
	struct trial trial = {
	    .traffic = &traffic,
	    .seconds = o->seconds,
	    .drain_seconds = 1,
	    .number = (uint32_t)getpid() << 8,
	    .tx = tx,
	    .rx = rx,
	    .stop = &stop,
	    .clock = ticks,
	    .hz = rte_get_tsc_hz(),
	    .left_there = device ? device_left : NULL,
	    .device = device,
	    .progress = o->search ? NULL : report_progress,
	};
	int err = result ? find_rate(o, tx, &trial.rate) : -ENOMEM;
	if (!err) {
		err = traffic_start(&traffic);
		if (!err) {
			err = run(o, &trial, result);
			traffic_free(&traffic);
		} else {
			fprintf(stderr, "kuafu-pktgen: --flows %u: %s\n", traffic.flows, strerror(-err));
		}
	}
	free(result);
	return err;
}

/* Opens what the options name, in ports[0] and, where it is another one, ports[1]. ret_opened: how many, also on failure. */
static int open_ports(const struct options *o, uint16_t first, struct port *ports, unsigned *ret_opened)
{
	unsigned wanted = o->rx ? 2 : 1;
	if (rte_eth_dev_count_avail() < wanted) {
		fprintf(stderr, "kuafu-pktgen: DPDK found %u of %u ports; is the interface there?\n",
		    rte_eth_dev_count_avail(), wanted);
		return -ENODEV;
	}
	for (; *ret_opened < wanted; ++*ret_opened) {
		int err = port_open((uint16_t)(first + *ret_opened), o->traffic.size, &ports[*ret_opened]);
		if (err) {
			fprintf(stderr, "kuafu-pktgen: port %s does not open: %s\n", *ret_opened ? o->rx : o->tx,
			    strerror(-err));
			return err;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct options o;
	struct port ports[PORT_MAX];
	struct device *device = NULL;
	uint16_t first = 0;
	unsigned opened = 0;
	int err = options_parse(argc, argv, &o);
	if (err)
		return err > 0 ? 0 : 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (start_eal(&o, argv[0]))
		return 1;
	if (o.workers)
		err = device_start(&(struct device_config){.workers = o.workers,
		                       .size = o.traffic.size,
		                       .flows = o.traffic.flows,
		                       .flow = flow_set_get(&o.traffic.set, 0)},
		    &device, &first);
	if (!err)
		err = open_ports(&o, first, ports, &opened);
	if (!err)
		err = generate(&o, device, &ports[0], &ports[opened - 1]);
	if (device) {
		device_tell(device);
		device_stop(device);
	}
	while (opened)
		port_close(&ports[--opened]);
	pcap_free(&o.pcap);
	dp_eal_end();
	return err ? 1 : 0;
}
