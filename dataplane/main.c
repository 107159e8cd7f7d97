/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-dataplane: reads pop.yaml, starts DPDK, runs the daemon (dataplane/daemon.h). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "control/base/interface_lock.h"
#include "control/base/log.h"
#include "control/base/mistakes.h"
#include "control/base/pidfile.h"
#include "control/base/pop_config.h"
#include "dataplane/daemon.h"
#include "dataplane/eal.h"
#include "dataplane/worker_set.h"

#define PROGRAM "kuafu-dataplane"

/* An mbuf with its room, headers and share of the pool, and what each queue of a port keeps of them: af_xdp fills a
 * ring of 2048 and may have as many under way. */
#define MBUF_BYTES       2688u
#define MBUFS_PER_QUEUE  6144u
#define MBUFS_PER_WORKER 4096u

static const char usage[] = "usage: " PROGRAM " --config FILE [--no-huge]\n"
                            "       " PROGRAM " --help | --version\n"
                            "\n"
                            "The packet forwarder of a Kuafu POP.\n"
                            "  -c, --config FILE  the POP's configuration, /etc/kuafu/pop.yaml\n"
                            "      --no-huge      use no hugepages, whatever the configuration says\n"
                            "  -h, --help         this text\n"
                            "  -V, --version      the version\n";

struct arguments {
	const char *config;
	bool no_huge;
};

/* Returns 0; -1: done, exit with *ret_status. */
static int read_arguments(int argc, char **argv, struct arguments *ret_arguments, int *ret_status)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"no-huge", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0}};
	struct arguments a = {0};
	for (int option; (option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			a.config = optarg;
			break;
		case 'n':
			a.no_huge = true;
			break;
		case 'h':
			fputs(usage, stdout);
			*ret_status = EXIT_SUCCESS;
			return -1;
		case 'V':
			puts(PROGRAM " " KUAFU_VERSION);
			*ret_status = EXIT_SUCCESS;
			return -1;
		default:
			fputs(usage, stderr);
			*ret_status = EXIT_FAILURE;
			return -1;
		}
	}
	if (a.config == NULL || optind != argc) {
		fputs(usage, stderr);
		*ret_status = EXIT_FAILURE;
		return -1;
	}
	*ret_arguments = a;
	return 0;
}

/* ---- log ---- */

static void say(enum dp_level level, const char *line)
{
	static const enum ctl_log_level levels[] = {
	    [DP_ERROR] = CTL_LOG_ERROR, [DP_WARNING] = CTL_LOG_WARNING, [DP_INFO] = CTL_LOG_INFO};
	ctl_log(levels[level], "%s", line);
}

/* DPDK's own lines. What goes wrong in it is said by us, with a remedy, where it matters. */
static ssize_t take_dpdk_line(void *cookie, const char *text, size_t size)
{
	(void)cookie;
	int length = (int)size;
	while (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > 0)
		ctl_debug("dpdk: %.*s", length, text);
	return (ssize_t)size;
}

static void route_dpdk_log(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take_dpdk_line});
	if (stream == NULL)
		return;
	setvbuf(stream, NULL, _IOLBF, BUFSIZ);
	rte_openlog_stream(stream);
}

/* ---- from the configuration to the daemon ---- */

_Static_assert((int)CTL_PORT_AF_XDP == (int)DP_DRIVER_AF_XDP && (int)CTL_PORT_PCI == (int)DP_DRIVER_PCI &&
                   (int)CTL_PORT_MEMIF == (int)DP_DRIVER_MEMIF && (int)CTL_PORT_TAP == (int)DP_DRIVER_TAP &&
                   (int)CTL_PORT_PCAP == (int)DP_DRIVER_PCAP && (int)CTL_PORT_RING == (int)DP_DRIVER_RING &&
                   (int)CTL_PORT_NULL == (int)DP_DRIVER_NULL,
    "one list of drivers");
_Static_assert(CTL_POP_MAX_QUEUES == DP_MAX_QUEUES, "what the configuration takes, a port has");

/* 0: none is larger than the usual. */
static uint16_t largest_mtu(const struct ctl_pop_config *pop)
{
	uint16_t mtu = 0;
	for (unsigned i = 0; i < pop->n_ports; i++)
		mtu = pop->ports[i].mtu > mtu ? pop->ports[i].mtu : mtu;
	return mtu > CTL_POP_USUAL_MTU ? mtu : 0;
}

static uint32_t mbufs_of(const struct ctl_pop_config *pop)
{
	uint64_t wanted = (uint64_t)pop->dataplane.workers * MBUFS_PER_WORKER;
	for (unsigned i = 0; i < pop->n_ports; i++)
		wanted += (uint64_t)pop->ports[i].queues * MBUFS_PER_QUEUE;
	uint64_t fit = pop->dataplane.memory_bytes / 2 /
	               (MBUF_BYTES + largest_mtu(pop)); /* the other half: rings, what drivers take */
	return (uint32_t)(wanted < fit ? wanted : fit);
}

/* A number that no predecessor of this process has used; any will do if the kernel has none. */
static uint32_t random_epoch(void)
{
	uint32_t n;
	return (getrandom(&n, sizeof(n), GRND_NONBLOCK) == sizeof(n) ? n : (uint32_t)rte_rdtsc()) & 0xffffff;
}

static void describe_daemon(const struct ctl_pop_config *pop, struct dp_daemon_config *daemon)
{
	daemon->workers = (struct dp_workers_config){
	    .workers = (uint16_t)pop->dataplane.workers,
	    .ports = (uint16_t)pop->n_ports,
	    .flows = pop->dataplane.flows,
	    .nat_flows = pop->dataplane.nat_flows,
	    .mbufs = mbufs_of(pop),
	    .mtu = largest_mtu(pop),
	    .busy = pop->dataplane.idle == CTL_IDLE_BUSY,
	    .epoch = random_epoch(),
	    .clock_offset_ns = pop->clock_offset_ns,
	};
	for (unsigned i = 0; i < pop->n_ports; i++) {
		const struct ctl_pop_port *p = &pop->ports[i];
		daemon->port[i] = (struct dp_port_config){
		    .name = p->name,
		    .driver = (enum dp_driver)p->driver,
		    .interface = p->interface,
		    .device = p->device,
		    .rx_file = p->rx_file,
		    .tx_file = p->tx_file,
		    .memif_server = p->memif_server,
		    .queues = p->queues,
		    .mtu = p->mtu,
		    .vlan = {.n = p->vlan_tags, .id = {p->vlan[0], p->vlan[1]}},
		};
	}
}

/* ---- EAL ---- */

/* EAL cannot be started a second time in a process, so without hugepages we begin anew as another program would. */
static void again_without_hugepages(const char *config)
{
	char *const argv[] = {PROGRAM, "--config", (char *)config, "--no-huge", NULL};
	execv("/proc/self/exe", argv);
	ctl_error("cannot start again without hugepages: %s", strerror(errno));
}

static int start_eal(const struct ctl_pop_config *pop, const struct arguments *arguments)
{
	static struct dp_eal_arguments eal;
	char cpus[256];
	const char *pci[WIRE_CTL_MAX_PORTS];
	struct dp_eal_config config = {
	    .program = PROGRAM,
	    .pop = pop->name,
	    .run_dir = pop->run_dir,
	    .workers = (uint16_t)pop->dataplane.workers,
	    .memory_bytes = pop->dataplane.memory_bytes,
	    .pci = pci,
	    .cpus = dp_eal_cpus(cpus, sizeof(cpus)),
	};
	for (unsigned i = 0; i < pop->n_ports; i++)
		if (pop->ports[i].driver == CTL_PORT_PCI)
			pci[config.n_pci++] = pop->ports[i].device;
	uint64_t huge = dp_eal_free_hugepages();
	config.hugepages = pop->dataplane.hugepages && !arguments->no_huge && huge >= config.memory_bytes;
	if (pop->dataplane.hugepages && !config.hugepages && !arguments->no_huge)
		ctl_info("hugepages: %llu MiB free, %llu wanted (dataplane.memory); going on without",
		    (unsigned long long)(huge >> 20), (unsigned long long)(config.memory_bytes >> 20));
	if (dp_eal_arguments(&config, &eal) != 0) {
		ctl_error("too many workers, CPUs or PCI ports for one start of DPDK");
		return -E2BIG;
	}
	route_dpdk_log();
	if (rte_eal_init(eal.argc, eal.argv) >= 0)
		return 0;
	int error = -rte_errno;
	if (config.hugepages) {
		ctl_warning("DPDK does not start with hugepages: %s; trying without", strerror(-error));
		again_without_hugepages(arguments->config);
	}
	ctl_error("DPDK does not start: %s; 'log: debug' shows what it says", strerror(-error));
	return error;
}

/* ---- main ---- */

static int load_config(const char *path, struct ctl_pop_config *config)
{
	struct ctl_mistakes mistakes = {0};
	int error = ctl_pop_config_load(path, &mistakes, config);
	for (unsigned i = 0; error != 0 && i < mistakes.kept; i++)
		fprintf(stderr, "%s\n", mistakes.line[i]);
	ctl_mistakes_free(&mistakes);
	return error;
}

/* A predecessor that was just killed holds the lock until the kernel has taken its memory apart. */
#define LOCK_TRIES  50
#define LOCK_TRY_US 20000

static int lock_run_dir(const struct ctl_pop_config *config, char *path)
{
	int fd = -1;
	pid_t holder = 0;
	ctl_pop_run_path(config, "dataplane.pid", path);
	int error = ctl_pidfile_acquire(path, &fd, &holder);
	for (int i = 0; i < LOCK_TRIES && error == -EBUSY; i++) {
		usleep(LOCK_TRY_US);
		error = ctl_pidfile_acquire(path, &fd, &holder);
	}
	if (error == -EBUSY)
		ctl_error("%s: held by pid %d; end that process first", path, (int)holder);
	else if (error != 0)
		ctl_error("%s: %s", path, strerror(-error));
	return error != 0 ? error : fd;
}

/* Two data planes would wait for each other's queues for ever. The locks end with the process. A predecessor that was just
 * killed is waited for, as above; its queues, which the kernel gives back a little later, are the port's business. */
static int lock_interface(const struct ctl_pop_port *port, struct ctl_interface_lock *ret_lock)
{
	pid_t holder = 0;
	int error = ctl_interface_lock(CTL_INTERFACE_LOCKS, PROGRAM, port->interface, ret_lock, &holder);
	for (int i = 0; i < LOCK_TRIES && error == -EBUSY; i++) {
		usleep(LOCK_TRY_US);
		error = ctl_interface_lock(CTL_INTERFACE_LOCKS, PROGRAM, port->interface, ret_lock, &holder);
	}
	if (error == -EBUSY)
		ctl_error("port %s: another data plane has interface %s already, process %d", port->name,
		    port->interface, (int)holder);
	else if (error != 0)
		ctl_error("port %s: interface %s: %s", port->name, port->interface, strerror(-error));
	return error;
}

struct locks {
	unsigned n;
	struct ctl_interface_lock lock[WIRE_CTL_MAX_PORTS];
};

static int lock_interfaces(const struct ctl_pop_config *config, struct locks *locks)
{
	int error = 0;
	for (unsigned i = 0; i < config->n_ports && error == 0; i++) {
		if (config->ports[i].driver != CTL_PORT_AF_XDP)
			continue;
		error = lock_interface(&config->ports[i], &locks->lock[locks->n]);
		locks->n += error == 0;
	}
	return error;
}

static void unlock_interfaces(const struct locks *locks)
{
	for (unsigned i = 0; i < locks->n; i++)
		ctl_interface_unlock(&locks->lock[i]);
}

/* Threads made later inherit the mask, so only the main thread sees the signals. */
static int catch_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(const struct ctl_pop_config *pop, const struct arguments *arguments)
{
	static struct dp_daemon_config daemon;
	char socket_path[CTL_RUN_PATH_SIZE];
	describe_daemon(pop, &daemon);
	daemon.socket_path = ctl_pop_run_path(pop, "dataplane.sock", socket_path);
	daemon.say = say;
	daemon.signal_fd = catch_signals();
	if (daemon.signal_fd < 0 || getrandom(&daemon.boot_id, sizeof(daemon.boot_id), 0) != sizeof(daemon.boot_id)) {
		ctl_error("cannot start: %s", strerror(errno));
		return -EIO;
	}
	int error = start_eal(pop, arguments);
	if (error != 0)
		return error;
	daemon.workers.hugepages = rte_eal_has_hugepages() != 0;
	ctl_info("POP %s: %u workers, %u ports, %u packet buffers", pop->name, daemon.workers.workers,
	    daemon.workers.ports, daemon.workers.mbufs);
	error = dp_daemon_run(&daemon);
	dp_eal_end();
	return error;
}

int main(int argc, char **argv)
{
	static struct ctl_pop_config pop;
	struct arguments arguments;
	char pid_path[CTL_RUN_PATH_SIZE];
	int status = EXIT_SUCCESS;
	if (read_arguments(argc, argv, &arguments, &status) != 0)
		return status;
	if (load_config(arguments.config, &pop) != 0)
		return EXIT_FAILURE;
	ctl_log_start(PROGRAM, pop.log);
	int lock = lock_run_dir(&pop, pid_path);
	if (lock < 0)
		return EXIT_FAILURE;
	struct locks locks = {0};
	int error = lock_interfaces(&pop, &locks);
	if (error == 0)
		error = run(&pop, &arguments);
	unlock_interfaces(&locks);
	ctl_pidfile_release(pid_path, lock);
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
