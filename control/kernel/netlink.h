/* SPDX-License-Identifier: BSD-2-Clause */
/* rtnetlink, as far as the mirror needs it: dumps into a FIB, and a few requests. Blocking, but the kernel answers at
 * once. `socket` is an unbound-to-groups NETLINK_ROUTE socket. Errors: -errno of the kernel's answer. */
#pragma once

#include <libmnl/libmnl.h>

#include "control/kernel/fib.h"

int ctl_netlink_open(unsigned groups, struct mnl_socket **ret_socket); /* RTMGRP_ bits; non-blocking if any */

/* Replace what the FIB knows. Ports keep their place; interface[i] is the name of port i. */
int ctl_netlink_dump_links(struct mnl_socket *socket, struct ctl_fib *fib, const char (*interface)[16]);
int ctl_netlink_dump_neighbours(struct mnl_socket *socket, struct ctl_fib *fib);
int ctl_netlink_dump_routes(struct mnl_socket *socket, struct ctl_fib *fib);

/* Resolve a neighbour now and keep it fresh (NTF_EXT_MANAGED, Linux 5.16); older kernels resolve it once. */
int ctl_netlink_resolve(struct mnl_socket *socket, int ifindex, const struct wire_addr *address);

/* Add or delete a blackhole host route that carries our protocol number; adding it twice is no error. */
int ctl_netlink_blackhole(struct mnl_socket *socket, const struct wire_addr *address, bool add);

/* Delete every blackhole of ours that is not among the n addresses. */
int ctl_netlink_sweep_blackholes(struct mnl_socket *socket, const struct wire_addr *keep, size_t n);
