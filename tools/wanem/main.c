/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-wanem: the Internet in a process, see kuafu-wanem(1). */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "control/base/log.h"
#include "tools/wanem/client.h"
#include "tools/wanem/config.h"
#include "tools/wanem/loop.h"
#include "tools/wanem/server.h"

#define DEFAULT_SOCKET "/run/kuafu/wanem.sock"
#define PRIORITY       20  /* SCHED_FIFO: above everything in a lab; one loop never takes a whole processor */
#define FRAME_MARGIN   64u /* Ethernet header, and slots at multiples of a cache line */

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static void usage(FILE *to)
{
	fputs("usage: kuafu-wanem --config FILE [--socket PATH]\n"
	      "       kuafu-wanem [--socket PATH] set [--both] FROM TO KEY=VALUE...\n"
	      "       kuafu-wanem [--socket PATH] show [--json]\n"
	      "       kuafu-wanem [--socket PATH] reset | selftest\n",
	    to);
}

/* On time even when the machine is busy, if we may. */
static void ask_for_priority(void)
{
	struct sched_param param = {.sched_priority = PRIORITY};
	if (sched_setscheduler(0, SCHED_FIFO, &param) != 0)
		ctl_warning("no SCHED_FIFO (%s): packets may leave late while the machine is busy", strerror(errno));
	(void)prctl(PR_SET_TIMERSLACK, 1);
}

/* A receiver without an XDP program takes frames from a queue per processor: sent from two of them, they would overtake
 * each other. So we stay on one, the last that we may use, as the first is often the one that serves interrupts. */
static void stay_on_one_processor(void)
{
	cpu_set_t may, one;
	if (sched_getaffinity(0, sizeof(may), &may) != 0)
		return;
	int last = CPU_SETSIZE - 1;
	while (last > 0 && !CPU_ISSET(last, &may))
		last--;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

static int open_wires(struct wanem_emulator *e, struct wanem_wire *wire, uint32_t *ret_frame_size)
{
	uint16_t mtu = 0;
	for (uint32_t i = 0; i < e->router.n_ports; i++) {
		int error = wanem_wire_open(&e->router.port[i], &wire[i]);
		if (error) {
			ctl_error("interface %s: %s", e->router.port[i].name, strerror(-error));
			return error;
		}
		e->traffic[i].xdp = wire[i].xdp_link >= 0;
		if (!e->traffic[i].xdp)
			ctl_warning(
			    "interface %s: no XDP program: XDP_TX of its peer will fail", e->router.port[i].name);
		if (e->router.port[i].mtu > mtu)
			mtu = e->router.port[i].mtu;
	}
	*ret_frame_size = (mtu + FRAME_MARGIN + 63u) & ~63u;
	return 0;
}

static int serve(struct wanem_emulator *e, struct wanem_wire *wire, const char *socket)
{
	int server;
	pid_t owner;
	int error = wanem_server_listen(socket, &server, &owner);
	if (error == -EADDRINUSE)
		ctl_error("%s: pid %d serves this socket already", socket, (int)owner);
	else if (error)
		ctl_error("%s: %s", socket, strerror(-error));
	if (error)
		return error;
	ctl_info("%u interfaces, %u packets of %u bytes, control at %s", e->router.n_ports, e->n_packets, e->frame_size,
	    socket);
	error = wanem_loop_run(e, wire, server, &stop);
	if (error)
		ctl_error("loop: %s", strerror(-error));
	unlink(socket);
	close(server);
	return error;
}

static int emulate(const struct wanem_config *c, const char *socket)
{
	struct wanem_wire wire[WANEM_MAX_PORTS];
	struct wanem_emulator *e = calloc(1, sizeof(*e));
	uint32_t frame_size;
	if (!e)
		return -ENOMEM;
	for (uint32_t i = 0; i < WANEM_MAX_PORTS; i++)
		wire[i] = (struct wanem_wire){.fd = -1, .xdp_link = -1};
	memcpy(e->router.port, c->port, sizeof(c->port));
	e->router.n_ports = c->n_ports;
	e->router.routes = c->routes;
	int error = open_wires(e, wire, &frame_size);
	if (!error)
		error = wanem_emulator_init(e, c->packets, frame_size, c->seed);
	if (!error) {
		for (uint32_t from = 0; from < c->n_ports; from++)
			for (uint32_t to = 0; to < c->n_ports; to++)
				wanem_line_configure(&e->line[from][to], &c->line[from][to]);
		ask_for_priority();
		stay_on_one_processor();
		error = serve(e, wire, socket);
		wanem_emulator_free(e);
	}
	for (uint32_t i = 0; i < WANEM_MAX_PORTS; i++)
		wanem_wire_close(&wire[i]);
	free(e);
	return error;
}

static int run(const char *config_path, const char *socket)
{
	static struct wanem_config config;
	struct ctl_mistakes mistakes = {0};
	char text[8192];
	int error = wanem_config_read(config_path, &mistakes, &config);
	if (error)
		fprintf(stderr, "%s\n", ctl_mistakes_text(&mistakes, text, sizeof(text)));
	ctl_mistakes_free(&mistakes);
	if (error)
		return 2;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	ctl_log_start("kuafu-wanem", CTL_LOG_INFO);
	if (!socket)
		socket = config.socket[0] ? config.socket : DEFAULT_SOCKET;
	return emulate(&config, socket) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"socket", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	const char *config = NULL, *socket = NULL;
	for (int option; (option = getopt_long(argc, argv, "+c:s:h", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			config = optarg;
			break;
		case 's':
			socket = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (config && optind == argc)
		return run(config, socket);
	if (!config && optind < argc)
		return wanem_client(socket ? socket : DEFAULT_SOCKET, argc - optind, argv + optind);
	usage(stderr);
	return 2;
}
