/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/mirror.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/log.h"
#include "control/kernel/netlink.h"

/* Notices come in bursts; one look at the tables answers them all. */
#define GATHER_MS 20u

/* When a dump fails (the kernel says so if the tables changed under it), or notices were lost. */
#define AGAIN_MS 200u

/* Failures in a row after which somebody should know. */
#define FAILURES_TOLD 10u

enum stale { STALE_LINKS = 1, STALE_NEIGHBOURS = 2, STALE_ROUTES = 4, STALE_ALL = 7 };

struct ctl_kernel {
	ctl_kernel_changed changed;
	void *arg;
	char interface[WIRE_CTL_MAX_PORTS][16];
	struct mnl_socket *requests;
	struct mnl_socket *notices;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	unsigned stale; /* enum stale */
	bool told;
	unsigned failures; /* in a row */
	struct ctl_fib fib;
	struct ctl_fib_rows rows;
};

static int on_notice(const struct nlmsghdr *message, void *arg)
{
	struct ctl_kernel *kernel = arg;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		kernel->stale |= STALE_ALL;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		kernel->stale |= STALE_NEIGHBOURS;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		kernel->stale |= STALE_ROUTES;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int refresh(struct ctl_kernel *kernel)
{
	int error = 0;
	if (kernel->stale & STALE_LINKS)
		error = ctl_netlink_dump_links(kernel->requests, &kernel->fib, (const char(*)[16])kernel->interface);
	if (!error && kernel->stale & STALE_NEIGHBOURS)
		error = ctl_netlink_dump_neighbours(kernel->requests, &kernel->fib);
	if (!error && kernel->stale & STALE_ROUTES)
		error = ctl_netlink_dump_routes(kernel->requests, &kernel->fib);
	struct ctl_fib_rows rows;
	if (!error)
		error = ctl_fib_compute(&kernel->fib, &rows);
	if (error)
		return error;
	/* Without waiting for a packet: a data plane could not say which gateway it wants. */
	for (size_t i = 0; i < rows.n_unresolved && kernel->stale & (STALE_LINKS | STALE_ROUTES); i++)
		ctl_netlink_resolve(kernel->requests, rows.unresolved[i].ifindex, &rows.unresolved[i].address);
	kernel->stale = 0;
	bool news = !kernel->told || !ctl_fib_rows_equal(&rows, &kernel->rows);
	ctl_fib_rows_free(&kernel->rows);
	kernel->rows = rows;
	kernel->told = true;
	if (news)
		kernel->changed(kernel->arg, rows.adjacency, rows.n_adjacencies, rows.route, rows.n_routes);
	return 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct ctl_kernel *kernel = timer->data;
	int error = refresh(kernel);
	if (!error && kernel->failures >= FAILURES_TOLD)
		ctl_info("the kernel's routes can be read again");
	kernel->failures = error ? kernel->failures + 1 : 0;
	if (!error)
		return;
	if (kernel->failures == FAILURES_TOLD)
		ctl_warning(
		    "the kernel's routes cannot be read (%s): the data plane keeps those it has", strerror(-error));
	kernel->stale = STALE_ALL;
	uv_timer_start(timer, on_timer, AGAIN_MS, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ctl_kernel *kernel = poll->data;
	char buffer[32768];
	(void)events;
	if (status < 0) { /* libuv gives up a socket that has an error, and this one's is that notices were lost */
		kernel->stale = STALE_ALL;
		uv_poll_start(poll, UV_READABLE, on_poll);
	}
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(kernel->notices, buffer, sizeof(buffer));
		if (length < 0 && errno == ENOBUFS) { /* notices were lost: look at everything */
			kernel->stale = STALE_ALL;
			continue;
		}
		if (length <= 0)
			break;
		mnl_cb_run(buffer, (size_t)length, 0, 0, on_notice, kernel);
	}
	if (kernel->stale && !uv_is_active((uv_handle_t *)&kernel->timer))
		uv_timer_start(&kernel->timer, on_timer, GATHER_MS, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct ctl_kernel *kernel = handle->data;
	if (--kernel->handles)
		return;
	mnl_socket_close(kernel->notices);
	mnl_socket_close(kernel->requests);
	ctl_fib_free(&kernel->fib);
	ctl_fib_rows_free(&kernel->rows);
	free(kernel);
}

int ctl_kernel_new(uv_loop_t *loop, const struct ctl_kernel_port *port, size_t n_ports, ctl_kernel_changed changed,
    void *arg, struct ctl_kernel **ret_kernel)
{
	if (n_ports > WIRE_CTL_MAX_PORTS)
		return -EINVAL;
	struct ctl_kernel *kernel = calloc(1, sizeof(*kernel));
	if (!kernel)
		return -ENOMEM;
	unsigned groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	int error = ctl_netlink_open(0, &kernel->requests);
	if (!error)
		error = ctl_netlink_open(groups, &kernel->notices);
	if (!error)
		error = uv_poll_init(loop, &kernel->poll, mnl_socket_get_fd(kernel->notices));
	if (error) {
		if (kernel->notices)
			mnl_socket_close(kernel->notices);
		if (kernel->requests)
			mnl_socket_close(kernel->requests);
		free(kernel);
		return error;
	}
	for (size_t i = 0; i < n_ports; i++)
		memcpy(kernel->interface[i], port[i].interface, sizeof(kernel->interface[i]));
	kernel->fib.n_ports = n_ports;
	kernel->changed = changed;
	kernel->arg = arg;
	kernel->stale = STALE_ALL;
	kernel->handles = 2;
	kernel->poll.data = kernel->timer.data = kernel;
	uv_timer_init(loop, &kernel->timer);
	uv_poll_start(&kernel->poll, UV_READABLE, on_poll);
	uv_timer_start(&kernel->timer, on_timer, 0, 0);
	*ret_kernel = kernel;
	return 0;
}

void ctl_kernel_close(struct ctl_kernel *kernel)
{
	if (!kernel)
		return;
	ctl_netlink_sweep_blackholes(kernel->requests, NULL, 0);
	uv_close((uv_handle_t *)&kernel->poll, on_closed);
	uv_close((uv_handle_t *)&kernel->timer, on_closed);
}

int ctl_kernel_resolve(struct ctl_kernel *kernel, uint32_t port, const struct wire_addr *address)
{
	struct wire_addr next_hop = *address;
	int ifindex = ctl_fib_next_hop(&kernel->fib, address, &next_hop);
	if (!ifindex && port < kernel->fib.n_ports)
		ifindex = kernel->fib.port[port].ifindex;
	return ifindex ? ctl_netlink_resolve(kernel->requests, ifindex, &next_hop) : -ENODEV;
}

int ctl_kernel_blackhole(struct ctl_kernel *kernel, const struct wire_addr *address, size_t n)
{
	int error = ctl_netlink_sweep_blackholes(kernel->requests, address, n);
	for (size_t i = 0; i < n; i++) {
		int failed = ctl_netlink_blackhole(kernel->requests, &address[i], true);
		error = error ? error : failed;
	}
	return error;
}
