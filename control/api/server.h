/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP over a UNIX socket, on the daemon's event loop: libmicrohttpd runs when its epoll descriptor or its timer says
 * so, in the loop's thread. */
#pragma once

#include <uv.h>

#include "control/api/view.h"

struct ctl_api_server;

/* Listens on path (mode 0660; a socket left by a dead daemon is replaced, which the lock on the pid file makes safe).
 * view and loop must outlive the server. Returns 0; -errno of socket, bind or listen; -ENAMETOOLONG; -ENOMEM. */
int ctl_api_server_start(
    uv_loop_t *loop, const char *path, const struct ctl_api_view *view, struct ctl_api_server **ret_server);

/* Ends every request, removes the socket and frees the server after its handles are closed, which needs further passes of
 * the loop. NULL is allowed. */
void ctl_api_server_stop(struct ctl_api_server *server);
