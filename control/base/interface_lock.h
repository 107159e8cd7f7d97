/* SPDX-License-Identifier: BSD-2-Clause */
/* One kuafud and one data plane to an interface: two of the former would take turns at its BPF programs and answer for
 * each other's POP, two of the latter wait for each other's queues.
 *
 * The lock is a listening socket named after the program and the interface in Linux's abstract namespace (unix(7)). That is one for each
 * network namespace, as interface names are; it ends with the process, however that dies, and tells who holds it. */
#pragma once

#include <sys/types.h>

/* The lock is held until *ret_fd is closed. Returns 0, -EBUSY with *ret_holder (0: not known, as for a process of another
 * PID namespace), or another -errno. */
int ctl_interface_lock(const char *program, const char *interface, int *ret_fd, pid_t *ret_holder);
