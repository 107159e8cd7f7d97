/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel knows of ports, neighbours and routes, and the rows that follow from it. Pure: filled by netlink.c.
 *
 * A neighbour with a link-layer address is an adjacency and a host route to it. A route by a gateway has the gateway's
 * adjacency, or 0 while that is not resolved. A route to a connected network has adjacency 0 always: the data plane asks
 * for the neighbour that it wants. Of routes with the same prefix the one with the lowest metric counts.
 *
 * A route that leads out of no port (a blackhole or the like, another interface) has a row that says so: the kernel would
 * not use the shorter route that covers it, nor the neighbours behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

struct ctl_fib_port {
	int ifindex; /* 0: not there */
	uint16_t mtu;
	uint8_t mac[6];
};

struct ctl_fib_neighbour {
	int ifindex;
	struct wire_addr address;
	uint8_t mac[6];
};

struct ctl_fib_route {
	struct wire_addr prefix;
	uint8_t length; /* IPv4: 96 + n */
	int ifindex;    /* 0: blackhole and the like */
	uint32_t metric;
	struct wire_addr gateway; /* unset: connected */
};

struct ctl_fib {
	struct ctl_fib_port port[WIRE_CTL_MAX_PORTS];
	size_t n_ports;
	struct ctl_fib_neighbour *neighbour;
	size_t n_neighbours;
	struct ctl_fib_route *route;
	size_t n_routes;
	/* Adjacency ids stay with their neighbour: slot + 1. */
	struct ctl_fib_adjacency {
		bool used;
		bool seen;
		uint16_t port;
		struct wire_addr address;
		uint8_t mac[6];
	} * adjacency;
	size_t n_adjacencies;
};

struct ctl_fib_rows {
	struct wire_ctl_adjacency *adjacency;
	size_t n_adjacencies;
	struct wire_ctl_route *route;
	size_t n_routes;
	/* Gateways of routes out of ports that are no neighbours yet, each once. */
	struct ctl_fib_gateway {
		int ifindex;
		struct wire_addr address;
	} * unresolved;
	size_t n_unresolved;
};

void ctl_fib_free(struct ctl_fib *fib);
void ctl_fib_rows_free(struct ctl_fib_rows *rows);

/* Index of the port that has this interface, or -1. */
int ctl_fib_port_of(const struct ctl_fib *fib, int ifindex);

/* 0 or -ENOMEM. */
int ctl_fib_add_neighbour(struct ctl_fib *fib, const struct ctl_fib_neighbour *neighbour);
int ctl_fib_add_route(struct ctl_fib *fib, const struct ctl_fib_route *route);

/* The rows, in an order that depends only on what they say. 0 or -ENOMEM. */
int ctl_fib_compute(struct ctl_fib *fib, struct ctl_fib_rows *ret_rows);

/* Whom to ask for to reach an address: the gateway of the longest matching route, else the address itself. Returns the
 * interface's index, or 0 if there is no route by a port. */
int ctl_fib_next_hop(const struct ctl_fib *fib, const struct wire_addr *address, struct wire_addr *ret_next_hop);

bool ctl_fib_rows_equal(const struct ctl_fib_rows *a, const struct ctl_fib_rows *b);
