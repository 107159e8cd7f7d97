/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's routes and neighbours on the data plane's ports, as adjacencies and routes for it; so the routing daemon
 * of this machine is BIRD, FRR or `ip route`. Follows rtnetlink of the network namespace that it was made in.
 *
 * It also keeps addresses that belong to the data plane alone (VIPs, NAT addresses) out of the kernel's hands, by
 * blackhole routes that carry a protocol number of ours and are not mirrored; what another run left behind goes at the
 * first call. */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "wire/control.h"

#define CTL_KERNEL_ROUTE_PROTOCOL 75u /* `ip route` shows it; unassigned in iproute2's rt_protos */

struct ctl_kernel;

struct ctl_kernel_port {
	char interface[16]; /* the index in the array is the port number; empty: no kernel interface */
};

/* Called from the loop when rows have changed, at most every 20 ms, and once after the first dump. Ownership of the rows
 * stays with the mirror; they are valid during the call. */
typedef void (*ctl_kernel_changed)(void *arg, const struct wire_ctl_adjacency *adjacency, size_t n_adjacencies,
    const struct wire_ctl_route *route, size_t n_routes);

/* Returns 0 or -errno of the netlink sockets. */
int ctl_kernel_new(uv_loop_t *loop, const struct ctl_kernel_port *port, size_t n_ports, ctl_kernel_changed changed,
    void *arg, struct ctl_kernel **ret_kernel);
void ctl_kernel_close(struct ctl_kernel *kernel); /* removes the blackholes; memory is freed from the loop */

/* Ask the kernel for a neighbour and have it kept fresh. Returns 0 or -errno. */
int ctl_kernel_resolve(struct ctl_kernel *kernel, uint32_t port, const struct wire_addr *address);

/* The addresses that the kernel must not answer for. Returns 0 or the first -errno; the others are tried. */
int ctl_kernel_blackhole(struct ctl_kernel *kernel, const struct wire_addr *address, size_t n);
