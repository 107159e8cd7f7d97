/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ctl_fib_free(struct ctl_fib *fib)
{
	free(fib->neighbour);
	free(fib->route);
	free(fib->adjacency);
	*fib = (struct ctl_fib){0};
}

void ctl_fib_rows_free(struct ctl_fib_rows *rows)
{
	free(rows->adjacency);
	free(rows->route);
	free(rows->unresolved);
	*rows = (struct ctl_fib_rows){0};
}

#define ADDRESS_BITS 128u
#define V4_BITS      96u /* an IPv4 prefix's length starts here */

/* Room for one more in an array that grows by doubling at powers of two. */
static void *grown(void *array, size_t n, size_t size)
{
	return n & (n - 1) ? array : realloc(array, (n ? n * 2 : 1) * size);
}

int ctl_fib_add_neighbour(struct ctl_fib *fib, const struct ctl_fib_neighbour *neighbour)
{
	struct ctl_fib_neighbour *array = grown(fib->neighbour, fib->n_neighbours, sizeof(*array));
	if (!array)
		return -ENOMEM;
	fib->neighbour = array;
	array[fib->n_neighbours++] = *neighbour;
	return 0;
}

int ctl_fib_add_route(struct ctl_fib *fib, const struct ctl_fib_route *route)
{
	struct ctl_fib_route *array = grown(fib->route, fib->n_routes, sizeof(*array));
	if (!array)
		return -ENOMEM;
	fib->route = array;
	array[fib->n_routes++] = *route;
	return 0;
}

int ctl_fib_port_of(const struct ctl_fib *fib, int ifindex)
{
	for (size_t i = 0; i < fib->n_ports && ifindex; i++)
		if (fib->port[i].ifindex == ifindex)
			return (int)i;
	return -1;
}

static uint32_t find_adjacency(const struct ctl_fib *fib, int port, const struct wire_addr *address)
{
	for (size_t i = 0; i < fib->n_adjacencies; i++)
		if (fib->adjacency[i].used && fib->adjacency[i].port == port &&
		    wire_addr_equal(&fib->adjacency[i].address, address))
			return (uint32_t)i + 1;
	return 0;
}

static int claim_adjacency(struct ctl_fib *fib, int port, const struct ctl_fib_neighbour *neighbour)
{
	size_t at = find_adjacency(fib, port, &neighbour->address);
	if (at) {
		at--;
	} else {
		while (at < fib->n_adjacencies && fib->adjacency[at].used)
			at++;
		if (at == fib->n_adjacencies) {
			struct ctl_fib_adjacency *array = grown(fib->adjacency, fib->n_adjacencies, sizeof(*array));
			if (!array)
				return -ENOMEM;
			fib->adjacency = array;
			fib->n_adjacencies++;
		}
	}
	fib->adjacency[at] = (struct ctl_fib_adjacency){
	    .used = true, .seen = true, .port = (uint16_t)port, .address = neighbour->address};
	memcpy(fib->adjacency[at].mac, neighbour->mac, 6);
	return 0;
}

static int claim_adjacencies(struct ctl_fib *fib)
{
	for (size_t i = 0; i < fib->n_adjacencies; i++)
		fib->adjacency[i].seen = false;
	for (size_t i = 0; i < fib->n_neighbours; i++) {
		int port = ctl_fib_port_of(fib, fib->neighbour[i].ifindex);
		int error = port < 0 ? 0 : claim_adjacency(fib, port, &fib->neighbour[i]);
		if (error)
			return error;
	}
	for (size_t i = 0; i < fib->n_adjacencies; i++)
		fib->adjacency[i].used = fib->adjacency[i].used && fib->adjacency[i].seen;
	return 0;
}

static int by_prefix(const void *left, const void *right)
{
	const struct ctl_fib_route *a = left, *b = right;
	int order = memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));
	if (!order)
		order = (a->length > b->length) - (a->length < b->length);
	if (!order)
		order = (a->metric > b->metric) - (a->metric < b->metric);
	return order;
}

static bool same_prefix(const struct ctl_fib_route *a, const struct ctl_fib_route *b)
{
	return a->length == b->length && wire_addr_equal(&a->prefix, &b->prefix);
}

/* Of the sorted routes the one that counts for exactly this prefix, or NULL. */
static const struct ctl_fib_route *route_to(const struct ctl_fib *fib, const struct wire_addr *prefix, unsigned length)
{
	const struct ctl_fib_route key = {.prefix = *prefix, .length = (uint8_t)length};
	size_t lo = 0, hi = fib->n_routes;
	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;
		if (by_prefix(&fib->route[middle], &key) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < fib->n_routes && same_prefix(&fib->route[lo], &key) ? &fib->route[lo] : NULL;
}

/* Of the sorted routes the longest that holds the address, or NULL. */
static const struct ctl_fib_route *longest_route(const struct ctl_fib *fib, const struct wire_addr *address)
{
	struct wire_addr prefix = *address;
	unsigned shortest = wire_addr_is_v4(address) ? V4_BITS : 0;
	for (unsigned length = ADDRESS_BITS;; length--) {
		const struct ctl_fib_route *route = route_to(fib, &prefix, length);
		if (route || length == shortest)
			return route;
		prefix.bytes[(length - 1) / 8] &= (uint8_t) ~(0x80u >> (length - 1) % 8);
	}
}

static int by_key(const void *left, const void *right)
{
	return memcmp(left, right, offsetof(struct wire_ctl_route, adjacency));
}

/* Several ports may have a neighbour of that address: it is a next hop, and no packet's destination. */
static bool is_link_local(const struct wire_addr *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* The neighbours' host routes, but of those that the kernel would not send to. */
static void fill_hosts(const struct ctl_fib *fib, struct ctl_fib_rows *rows)
{
	for (size_t i = 0; i < fib->n_adjacencies; i++) {
		const struct ctl_fib_adjacency *adjacency = &fib->adjacency[i];
		if (!adjacency->used || is_link_local(&adjacency->address))
			continue;
		const struct ctl_fib_route *route = longest_route(fib, &adjacency->address);
		if (route && ctl_fib_port_of(fib, route->ifindex) < 0)
			continue;
		rows->route[rows->n_routes++] = (struct wire_ctl_route){.prefix = adjacency->address,
		    .length = ADDRESS_BITS,
		    .adjacency = (uint32_t)i + 1,
		    .port = adjacency->port};
	}
}

static struct wire_ctl_route row_of(const struct ctl_fib *fib, const struct ctl_fib_route *route)
{
	int port = ctl_fib_port_of(fib, route->ifindex);
	bool connected = wire_addr_is_unset(&route->gateway);
	return (struct wire_ctl_route){.prefix = route->prefix,
	    .length = route->length,
	    .adjacency = port < 0 || connected ? 0 : find_adjacency(fib, port, &route->gateway),
	    .port = port < 0 ? WIRE_CTL_NOWHERE : (uint32_t)port};
}

/* Hosts, then routes; a kernel route to the same host gives way to the neighbour. */
static void fill_routes(const struct ctl_fib *fib, struct ctl_fib_rows *rows)
{
	fill_hosts(fib, rows);
	size_t n_hosts = rows->n_routes;
	qsort(rows->route, n_hosts, sizeof(rows->route[0]), by_key);
	for (size_t i = 0; i < fib->n_routes; i++) {
		const struct ctl_fib_route *route = &fib->route[i];
		if (i && same_prefix(route, route - 1))
			continue;
		struct wire_ctl_route row = row_of(fib, route);
		if (!bsearch(&row, rows->route, n_hosts, sizeof(row), by_key))
			rows->route[rows->n_routes++] = row;
	}
	qsort(rows->route, rows->n_routes, sizeof(rows->route[0]), by_key);
}

/* A full table has many routes and few gateways. */
static int fill_unresolved(const struct ctl_fib *fib, struct ctl_fib_rows *rows)
{
	for (size_t i = 0; i < fib->n_routes; i++) {
		const struct ctl_fib_route *route = &fib->route[i];
		int port = ctl_fib_port_of(fib, route->ifindex);
		if (port < 0 || wire_addr_is_unset(&route->gateway) || find_adjacency(fib, port, &route->gateway))
			continue;
		size_t at = rows->n_unresolved;
		while (at > 0 && (rows->unresolved[at - 1].ifindex != route->ifindex ||
		                     !wire_addr_equal(&rows->unresolved[at - 1].address, &route->gateway)))
			at--;
		if (at > 0)
			continue;
		struct ctl_fib_gateway *array = grown(rows->unresolved, rows->n_unresolved, sizeof(*array));
		if (!array)
			return -ENOMEM;
		rows->unresolved = array;
		array[rows->n_unresolved++] = (struct ctl_fib_gateway){route->ifindex, route->gateway};
	}
	return 0;
}

int ctl_fib_compute(struct ctl_fib *fib, struct ctl_fib_rows *ret_rows)
{
	int error = claim_adjacencies(fib);
	if (error)
		return error;
	struct ctl_fib_rows rows = {
	    .adjacency = malloc((fib->n_adjacencies + 1) * sizeof(*rows.adjacency)),
	    .route = malloc((fib->n_adjacencies + fib->n_routes + 1) * sizeof(*rows.route)),
	};
	error = !rows.adjacency || !rows.route ? -ENOMEM : fill_unresolved(fib, &rows);
	if (error) {
		ctl_fib_rows_free(&rows);
		return error;
	}
	for (size_t i = 0; i < fib->n_adjacencies; i++) {
		if (!fib->adjacency[i].used)
			continue;
		const struct ctl_fib_port *port = &fib->port[fib->adjacency[i].port];
		struct wire_ctl_adjacency *row = &rows.adjacency[rows.n_adjacencies++];
		*row = (struct wire_ctl_adjacency){
		    .adjacency = (uint32_t)i + 1, .port = fib->adjacency[i].port, .mtu = port->mtu};
		memcpy(row->src, port->mac, 6);
		memcpy(row->dst, fib->adjacency[i].mac, 6);
	}
	if (fib->n_routes)
		qsort(fib->route, fib->n_routes, sizeof(fib->route[0]), by_prefix);
	fill_routes(fib, &rows);
	*ret_rows = rows;
	return 0;
}

static bool covers(const struct ctl_fib_route *route, const struct wire_addr *address)
{
	unsigned bytes = route->length / 8, bits = route->length % 8;
	if (wire_addr_is_v4(address) && route->length < 96) /* IPv6's, if shorter than any of IPv4's */
		return false;
	if (memcmp(route->prefix.bytes, address->bytes, bytes) != 0)
		return false;
	return !bits || !((route->prefix.bytes[bytes] ^ address->bytes[bytes]) >> (8 - bits));
}

int ctl_fib_next_hop(const struct ctl_fib *fib, const struct wire_addr *address, struct wire_addr *ret_next_hop)
{
	const struct ctl_fib_route *best = NULL;
	for (size_t i = 0; i < fib->n_routes; i++) {
		const struct ctl_fib_route *route = &fib->route[i];
		if (covers(route, address) && (!best || route->length > best->length ||
		                                  (route->length == best->length && route->metric < best->metric)))
			best = route;
	}
	if (!best || ctl_fib_port_of(fib, best->ifindex) < 0)
		return 0;
	*ret_next_hop = wire_addr_is_unset(&best->gateway) ? *address : best->gateway;
	return best->ifindex;
}

bool ctl_fib_rows_equal(const struct ctl_fib_rows *a, const struct ctl_fib_rows *b)
{
	return a->n_adjacencies == b->n_adjacencies && a->n_routes == b->n_routes &&
	       (!a->n_adjacencies || !memcmp(a->adjacency, b->adjacency, a->n_adjacencies * sizeof(*a->adjacency))) &&
	       (!a->n_routes || !memcmp(a->route, b->route, a->n_routes * sizeof(*a->route)));
}
