/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/clock.h"
#include "dataplane/links.h"
#include "dataplane/loop.h"
#include "dataplane/oam.h"
#include "dataplane/reminder.h"
#include "dataplane/server.h"
#include "dataplane/telemetry.h"
#include "dataplane/worker_set.h"
#include "lb/snapshot.h"

#define TURN_MS         200 /* the longest wait of the main thread, when all ports are open */
#define OPENING_TURN_MS 20  /* while a port waits for its program or its queue */
#define COLLECT_NS      (1000u * 1000000u)

struct daemon {
	const struct dp_daemon_config *config;
	struct dp_workers *set;
	struct dp_transactions *transactions;
	struct dp_session *session;
	struct dp_server *server;
	struct dp_loop loop[DP_MAX_WORKERS];
	bool refused[DP_MAX_PORTS];           /* it will never open */
	struct dp_reminder why[DP_MAX_PORTS]; /* that a port is closed */
	uint64_t collected_ns;
};

static void say(const struct daemon *d, enum dp_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct daemon *d, enum dp_level level, const char *format, ...)
{
	char line[400];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	d->config->say(level, line);
}

/* ---- ports ---- */

static void open_port(struct daemon *d, uint16_t port)
{
	const struct dp_port_config *c = &d->config->port[port];
	char why[DP_PORT_WHY_SIZE] = "";
	int error = dp_port_open(d->set, port, c, why);
	if (error == 0) {
		say(d, DP_INFO, "port %s: open", c->name);
		d->why[port] = (struct dp_reminder){0};
		return;
	}
	d->refused[port] = error != -EAGAIN;
	if (d->refused[port])
		say(d, DP_ERROR, "port %s: %s", c->name, why);
	else if (dp_reminder_due(&d->why[port], why, dp_clock_ns(CLOCK_MONOTONIC)))
		say(d, DP_INFO, "port %s: %s; waiting", c->name, why);
}

/* Returns whether a port is still to be opened. */
static bool look_after_ports(struct daemon *d)
{
	bool waits = false;
	for (uint16_t port = 0; port < d->set->n_ports; port++) {
		if (dp_port_is_open(d->set, port) && !dp_port_is_alive(d->set, port, &d->config->port[port])) {
			say(d, DP_WARNING, "port %s: interface %s has vanished; closed", d->config->port[port].name,
			    d->config->port[port].interface);
			dp_port_close(d->set, port);
		}
		if (!dp_port_is_open(d->set, port) && !d->refused[port])
			open_port(d, port);
		waits = waits || (!dp_port_is_open(d->set, port) && !d->refused[port]);
	}
	return waits;
}

/* ---- counters that are sums ---- */

static void collect_links(struct daemon *d)
{
	static struct wire_stats_link sum[WIRE_STATS_MAX_LINKS];
	struct wire_stats_link *shown = d->set->stats.link;
	const struct lb_snapshot *snapshot = dp_transaction_state(d->transactions)->snapshot;
	for (uint32_t i = 0; i < WIRE_STATS_MAX_LINKS; i++) { /* a link keeps its block; one that is gone leaves it */
		bool stays = lb_snapshot_link(snapshot, shown[i].link) != NULL;
		sum[i] = (struct wire_stats_link){
		    .link = stays ? shown[i].link : 0, .rx_delay_base_us = stays ? shown[i].rx_delay_base_us : 0};
	}
	for (uint16_t id = 0; id < d->set->n; id++)
		dp_overlay_state_collect(d->set->slot[id]->worker.overlay, sum, WIRE_STATS_MAX_LINKS);
	dp_oam_collect(d->set->slot[0]->worker.oam, sum, WIRE_STATS_MAX_LINKS);
	memcpy(shown, sum, sizeof(sum));
}

static void collect(struct daemon *d)
{
	uint64_t now_ns = dp_clock_ns(CLOCK_MONOTONIC);
	struct wire_stats *head = d->set->stats.head;
	head->generation = dp_transaction_generation(d->transactions);
	head->routes = dp_transaction_routes(d->transactions);
	if (now_ns - d->collected_ns < COLLECT_NS)
		return;
	d->collected_ns = now_ns;
	collect_links(d);
	for (uint16_t port = 0; port < d->set->n_ports; port++)
		dp_port_follow_mtu(d->set, port, &d->config->port[port]);
}

/* ---- the client ---- */

static void on_connected(void *arg, pid_t pid)
{
	say(arg, DP_INFO, "kuafud (pid %d) is connected", pid);
}

static void on_refused(void *arg, pid_t pid, pid_t holder)
{
	say(arg, DP_WARNING, "client with pid %d refused: pid %d is connected", pid, holder);
}

static void on_disconnected(void *arg, pid_t pid, const char *why)
{
	say(arg, DP_INFO, "kuafud (pid %d) is gone: %s; forwarding goes on", pid, why);
}

/* ---- life ---- */

static int set_up(struct daemon *d)
{
	const struct dp_daemon_config *c = d->config;
	int error = dp_workers_create(&c->workers, &d->set);
	if (error != 0) {
		say(d, DP_ERROR, "cannot make %u workers with %u and %u flows and %u packet buffers: %s%s",
		    c->workers.workers, c->workers.flows, c->workers.nat_flows, c->workers.mbufs, strerror(-error),
		    error == -ENOMEM ? "; raise dataplane.memory, or lower dataplane.flows or nat-flows" : "");
		return error;
	}
	for (uint16_t port = 0; port < c->workers.ports && error == 0; port++)
		error = dp_port_describe(d->set, port, &c->port[port]);
	if (error == 0)
		error = dp_transactions_create(d->set, &d->transactions);
	if (error == 0)
		error = dp_session_create(d->set, d->transactions, c->boot_id, &d->session);
	if (error == 0)
		error = dp_telemetry_start(d->set);
	if (error != 0)
		say(d, DP_ERROR, "cannot start: %s", strerror(-error));
	return error;
}

static int start_workers(struct daemon *d)
{
	for (uint16_t id = 0; id < d->set->n; id++) {
		d->loop[id] = (struct dp_loop){.set = d->set, .worker = id};
		int error = rte_eal_remote_launch(dp_loop_run, &d->loop[id], id + 1u); /* lcore 0 is ours: eal.c */
		if (error != 0) {
			say(d, DP_ERROR, "worker %u does not start: %s", id, strerror(-error));
			return error;
		}
	}
	return 0;
}

static void take_down(struct daemon *d)
{
	dp_server_destroy(d->server);
	if (d->set != NULL)
		dp_loop_stop(d->set);
	rte_eal_mp_wait_lcore();
	for (uint16_t port = 0; d->set != NULL && port < d->set->n_ports; port++)
		dp_port_close(d->set, port);
	dp_session_destroy(d->session);
	dp_transactions_destroy(d->transactions);
	/* The set stays for rte_telemetry, whose thread ends with the process. */
}

int dp_daemon_run(const struct dp_daemon_config *config)
{
	static struct daemon daemon;
	struct daemon *d = &daemon;
	d->config = config;
	struct dp_server_events events = {
	    .connected = on_connected, .refused = on_refused, .disconnected = on_disconnected, .arg = d};
	int error = set_up(d);
	if (error == 0)
		error = start_workers(d);
	if (error == 0) {
		error = dp_server_create(config->socket_path, d->session, &events, &d->server);
		if (error != 0)
			say(d, DP_ERROR, "cannot listen on %s: %s", config->socket_path, strerror(-error));
	}
	for (bool end = error != 0; !end;) {
		bool waits = look_after_ports(d);
		end = dp_server_serve(d->server, config->signal_fd, waits ? OPENING_TURN_MS : TURN_MS);
		collect(d);
	}
	take_down(d);
	return error;
}
