/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: one client at a time. A second one is refused with the first one's pid while that lives; the
 * socket tells at once when it dies. */
#pragma once

#include <sys/types.h>

#include "dataplane/session.h"

struct dp_server;

/* What happened, for the program to log. Any may be NULL. */
struct dp_server_events {
	void (*connected)(void *arg, pid_t pid);
	void (*refused)(void *arg, pid_t pid, pid_t holder);
	void (*disconnected)(void *arg, pid_t pid, const char *why);
	void *arg;
};

/* Listens on `path`, whose old file is removed: the caller holds the lock of the run directory. 0 or -errno. */
int dp_server_create(
    const char *path, struct dp_session *session, const struct dp_server_events *events, struct dp_server **ret_server);

/* Removes the socket. */
void dp_server_destroy(struct dp_server *server);

/* Waits for at most timeout_ms for the sockets, the workers or `other_fd` (-1: none), and serves the former two.
 * Returns whether other_fd is readable. */
bool dp_server_serve(struct dp_server *server, int other_fd, int timeout_ms);
