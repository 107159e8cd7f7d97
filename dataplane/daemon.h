/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon once EAL runs: workers, ports, control socket, until it is told to end. main.c has read the
 * configuration; what is to be told to people goes back to it through `say`. */
#pragma once

#include "dataplane/port.h"

enum dp_level { DP_ERROR, DP_WARNING, DP_INFO };

struct dp_daemon_config {
	struct dp_workers_config workers;
	struct dp_port_config port[DP_MAX_PORTS];
	const char *socket_path;
	uint64_t boot_id;
	int signal_fd; /* becomes readable when the daemon is to end */
	void (*say)(enum dp_level level, const char *line);
};

/* Returns 0 after an orderly end, or -errno (said why). */
int dp_daemon_run(const struct dp_daemon_config *config);
