/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafud: the control daemon of a POP. kuafud.8 describes it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "control/base/interface_lock.h"
#include "control/base/log.h"
#include "control/base/pidfile.h"
#include "control/base/pop_config.h"
#include "control/daemon.h"
#include "ebpf/kbpf.h"

#define DEFAULT_CONFIG "/etc/kuafu/pop.yaml"

enum exit_status { EXIT_WORLD = 1, EXIT_USER = 2 }; /* something around us fails; the user's input is wrong */

struct options {
	const char *config;
	bool check;
	bool remove;
};

static const char usage[] = "usage: kuafud [--config FILE] [--check | --remove]\n"
                            "  --config FILE  the POP's pop.yaml (default " DEFAULT_CONFIG ")\n"
                            "  --check        read the file, report its mistakes and end\n"
                            "  --remove       take the POP down: BPF programs off the ports, pins and mounts gone\n"
                            "  --version, --help\n";

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'},
	    {"remove", no_argument, NULL, 'r'},
	    {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	for (int option; (option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
		switch (option) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'r':
			o->remove = true;
			break;
		case 'v':
			puts("kuafud " KUAFU_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_USER;
		}
	}
	if (optind == argc && !(o->check && o->remove))
		return -1;
	fputs(usage, stderr);
	return EXIT_USER;
}

static int load_config(const char *path, struct ctl_pop_config *config)
{
	struct ctl_mistakes mistakes = {0};
	int error = ctl_pop_config_load(path, &mistakes, config);
	for (unsigned i = 0; i < mistakes.kept; i++)
		fprintf(stderr, "%s\n", mistakes.line[i]);
	ctl_mistakes_free(&mistakes);
	return error;
}

/* Locks <run-dir>/NAME; who is in the way is named. */
static int lock(const struct ctl_pop_config *config, const char *name, const char *program, int *ret_fd)
{
	char path[CTL_RUN_PATH_SIZE];
	pid_t holder = 0;
	int error = ctl_pidfile_acquire(ctl_pop_run_path(config, name, path), ret_fd, &holder);
	if (error == -EBUSY)
		ctl_error("%s is running on %s already, as process %d", program, config->run_dir, (int)holder);
	else if (error)
		ctl_error("%s: %s", path, strerror(-error));
	return error;
}

struct locks {
	unsigned n;
	struct ctl_interface_lock lock[WIRE_CTL_MAX_PORTS];
};

/* Of every port whose BPF programs are ours. */
static int lock_interfaces(const struct ctl_pop_config *config, struct locks *locks)
{
	for (unsigned i = 0; i < config->n_ports; i++) {
		const struct ctl_pop_port *port = &config->ports[i];
		pid_t holder = 0;
		if (port->driver != CTL_PORT_AF_XDP)
			continue;
		int error =
		    ctl_interface_lock(CTL_INTERFACE_LOCKS, "kuafud", port->interface, &locks->lock[locks->n], &holder);
		if (error == -EBUSY)
			ctl_error("port %s: another kuafud has interface %s already, process %d", port->name,
			    port->interface, (int)holder);
		else if (error)
			ctl_error("port %s: interface %s: %s", port->name, port->interface, strerror(-error));
		if (error)
			return error;
		locks->n++;
	}
	return 0;
}

static void unlock_interfaces(const struct locks *locks)
{
	for (unsigned i = 0; i < locks->n; i++)
		ctl_interface_unlock(&locks->lock[i]);
}

/* ---- --remove ---- */

static int remove_pop(const struct ctl_pop_config *config)
{
	static const char *const left[] = {"dataplane.pid", "dataplane.sock", "api.sock", "kuafud.ready"};
	char path[CTL_RUN_PATH_SIZE], why[KBPF_WHY_SIZE] = "";
	int fd;
	if (lock(config, "dataplane.pid", "kuafu-dataplane", &fd))
		return EXIT_WORLD;
	int error = kbpf_remove(ctl_pop_run_path(config, "bpf", path), why);
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		unlink(ctl_pop_run_path(config, left[i], path));
	close(fd);
	if (error) {
		ctl_error("the BPF programs cannot be removed: %s", why[0] ? why : strerror(-error));
		return EXIT_WORLD;
	}
	ctl_info("POP %s is down: its BPF programs and pins are gone", config->name);
	return 0;
}

/* ---- running ---- */

struct signals {
	uv_signal_t term, interrupt, hangup;
	struct ctl_daemon *daemon;
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;
	ctl_info("signal %s: stopping; the data plane goes on", strsignal(number));
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
	uv_close((uv_handle_t *)&s->hangup, NULL);
	ctl_daemon_stop(s->daemon);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	(void)number;
	ctl_daemon_reload(((struct signals *)handle->data)->daemon);
}

static void watch_signals(uv_loop_t *loop, struct signals *s)
{
	signal(SIGPIPE, SIG_IGN);
	uv_signal_init(loop, &s->term);
	uv_signal_init(loop, &s->interrupt);
	uv_signal_init(loop, &s->hangup);
	s->term.data = s->interrupt.data = s->hangup.data = s;
	uv_signal_start(&s->term, on_signal, SIGTERM);
	uv_signal_start(&s->interrupt, on_signal, SIGINT);
	uv_signal_start(&s->hangup, on_hangup, SIGHUP);
}

static int run(const struct ctl_pop_config *config)
{
	uv_loop_t loop;
	struct signals signals = {.daemon = NULL};
	uv_loop_init(&loop);
	int error = ctl_daemon_start(&loop, config, &signals.daemon);
	if (!error) {
		watch_signals(&loop, &signals);
		ctl_info("POP %s (%u) runs; API at %s/api.sock", config->name, config->id, config->run_dir);
		uv_run(&loop, UV_RUN_DEFAULT);
		ctl_daemon_free(signals.daemon);
	}
	uv_loop_close(&loop);
	return error ? EXIT_WORLD : 0;
}

int main(int argc, char *argv[])
{
	struct options options = {.config = DEFAULT_CONFIG};
	struct ctl_pop_config config;
	char path[CTL_RUN_PATH_SIZE];
	int fd, status = parse_options(argc, argv, &options);
	if (status >= 0)
		return status;
	ctl_log_start("kuafud", CTL_LOG_INFO);
	if (load_config(options.config, &config))
		return EXIT_USER;
	ctl_log_start("kuafud", config.log);
	if (options.check)
		return 0;
	if (lock(&config, "kuafud.pid", "kuafud", &fd))
		return EXIT_WORLD;
	struct locks locks = {0};
	if (options.remove)
		status = remove_pop(&config);
	else
		status = lock_interfaces(&config, &locks) ? EXIT_WORLD : run(&config);
	unlock_interfaces(&locks);
	ctl_pidfile_release(ctl_pop_run_path(&config, "kuafud.pid", path), fd);
	return status;
}
