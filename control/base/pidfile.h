/* SPDX-License-Identifier: BSD-2-Clause */
/* One daemon per run directory. The holder keeps an exclusive lock (flock) on its pid file; the lock dies with the
 * process, so a stale file after SIGKILL stands in nobody's way. Whoever can open a file can lock it (flock(2)), so it is
 * for our own user alone. */
#pragma once

#include <sys/types.h>

/* Makes the missing parents of path, locks it and writes our pid. On success *ret_fd is the open descriptor: keep it
 * until the end, then give it to ctl_pidfile_release. If another process holds it: -EBUSY and *ret_holder is its pid
 * (0 if it has not written it yet). Other errors: -errno. */
int ctl_pidfile_acquire(const char *path, int *ret_fd, pid_t *ret_holder);

/* Removes the file and unlocks. */
void ctl_pidfile_release(const char *path, int fd);

/* mkdir -p with mode 0755. Returns 0 or -errno. */
int ctl_make_directories(const char *path);
