/* SPDX-License-Identifier: BSD-2-Clause */
/* One kuafud and one data plane to an interface: two of the former would take turns at its BPF programs and answer for
 * each other's POP, two of the latter wait for each other's queues.
 *
 * The lock is a pid file (control/base/pidfile.h) named after the program, the interface and the network namespace, in a
 * directory of root's: so nobody else can hold it, it ends with the process, however that dies, and it tells who holds
 * it. Systems that share a network namespace must share the directory. */
#pragma once

#include <sys/types.h>

#define CTL_INTERFACE_LOCKS "/run/kuafu/lock"

struct ctl_interface_lock {
	char path[128];
	int fd;
};

/* Takes the lock, making the directory. Returns 0, -EBUSY with *ret_holder (0: it has not written its pid yet), or another
 * -errno. */
int ctl_interface_lock(const char *directory, const char *program, const char *interface,
    struct ctl_interface_lock *ret_lock, pid_t *ret_holder);

/* Removes the file, too. */
void ctl_interface_unlock(const struct ctl_interface_lock *lock);
