/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/routes.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "dataplane/prefix_map.h"
#include "lb/snapshot.h"

#define NOWHERE     (1u + DP_MAX_PORTS)
#define FIRST_PLACE (NOWHERE + 1u) /* of an adjacency */

/* Who holds a place in the table of next hops. */
struct place {
	uint32_t adjacency; /* id; 0: free */
	uint32_t routes;    /* that lead here */
};

struct places {
	struct place *of;
	uint32_t n;
};

struct dp_routes {
	struct dp_fib *fib;
	struct places places;
	const struct dp_adjacency *table; /* of the last state */
	uint32_t n_routes;
	uint16_t n_ports;
};

struct dp_routes_garbage {
	struct dp_fib_garbage *fib;
	const struct dp_adjacency *table;
};

struct wanted_route {
	struct wire_addr prefix; /* masked */
	uint32_t length;
	uint32_t adjacency;
	uint32_t port;
	bool gone;
};

struct dp_route_changes {
	const struct dp_routes *routes;
	bool full;
	struct dp_prefix_map index; /* prefix -> place in row + 1 */
	struct wanted_route *row;
	size_t n;
	size_t size;
};

/* ---- errors ---- */

static void describe(const struct wire_addr *prefix, uint32_t length, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	bool v4 = wire_addr_is_v4(prefix) && length >= 96;
	inet_ntop(v4 ? AF_INET : AF_INET6, prefix->bytes + (v4 ? 12 : 0), address, sizeof(address));
	snprintf(text, size, "%s/%u", address, v4 ? length - 96 : length);
}

static int refuse(struct wire_ctl_error *ret_error, int code, uint16_t object, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct wire_ctl_error *ret_error, int code, uint16_t object, const char *format, ...)
{
	*ret_error = (struct wire_ctl_error){.code = code, .object = object};
	va_list args;
	va_start(args, format);
	vsnprintf(ret_error->text, sizeof(ret_error->text), format, args);
	va_end(args);
	return code;
}

static int no_memory(struct wire_ctl_error *ret_error)
{
	return refuse(ret_error, -ENOMEM, WIRE_OBJ_ROUTE, "route: out of memory");
}

/* ---- the rows of a transaction ---- */

int dp_route_changes_begin(const struct dp_routes *routes, bool full, struct dp_route_changes **ret_changes)
{
	struct dp_route_changes *changes = calloc(1, sizeof(*changes));
	if (changes == NULL)
		return -ENOMEM;
	changes->routes = routes;
	changes->full = full;
	*ret_changes = changes;
	return 0;
}

void dp_route_changes_free(struct dp_route_changes *changes)
{
	if (changes == NULL)
		return;
	dp_prefix_map_free(&changes->index);
	free(changes->row);
	free(changes);
}

static int note(struct dp_route_changes *changes, const struct wanted_route *wanted)
{
	uint32_t at = dp_prefix_map_get(&changes->index, &wanted->prefix, wanted->length);
	if (at != 0) {
		changes->row[at - 1] = *wanted;
		return 0;
	}
	if (changes->n == changes->size) {
		size_t size = changes->size == 0 ? 64 : changes->size * 2;
		struct wanted_route *row = realloc(changes->row, size * sizeof(*row));
		if (row == NULL)
			return -ENOMEM;
		changes->row = row;
		changes->size = size;
	}
	int error = dp_prefix_map_set(&changes->index, &wanted->prefix, wanted->length, (uint32_t)changes->n + 1);
	if (error == 0)
		changes->row[changes->n++] = *wanted;
	return error;
}

static int check_prefix(const struct wire_ctl_route *row, struct wire_ctl_error *ret_error)
{
	char text[64];
	if (row->length > 128)
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE,
		    "route: length %u is more than the 128 bits of an address", row->length);
	struct wire_addr masked = dp_prefix_mask(&row->prefix, row->length);
	describe(&row->prefix, row->length, text, sizeof(text));
	if (!wire_addr_equal(&masked, &row->prefix))
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route %s: prefix has bits after its length", text);
	return 0;
}

int dp_route_changes_upsert(
    struct dp_route_changes *changes, const struct wire_ctl_route *row, struct wire_ctl_error *ret_error)
{
	int error = check_prefix(row, ret_error);
	if (error != 0)
		return error;
	char text[64];
	describe(&row->prefix, row->length, text, sizeof(text));
	if (row->adjacency == 0 && row->port != WIRE_CTL_NOWHERE && row->port >= changes->routes->n_ports)
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route %s: port %u, but there are %u ports", text,
		    row->port, changes->routes->n_ports);
	if (row->reserved != 0)
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route %s: reserved is not 0", text);
	struct wanted_route wanted = {
	    .prefix = row->prefix, .length = row->length, .adjacency = row->adjacency, .port = row->port};
	return note(changes, &wanted) == 0 ? 0 : no_memory(ret_error);
}

int dp_route_changes_delete(
    struct dp_route_changes *changes, const struct wire_ctl_route *row, struct wire_ctl_error *ret_error)
{
	int error = check_prefix(row, ret_error);
	if (error != 0)
		return error;
	char text[64];
	describe(&row->prefix, row->length, text, sizeof(text));
	uint32_t at = dp_prefix_map_get(&changes->index, &row->prefix, row->length);
	bool there = at != 0 ? !changes->row[at - 1].gone
	                     : !changes->full && dp_fib_get(changes->routes->fib, &row->prefix, row->length) != 0;
	if (!there)
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route %s: there is no such route to delete", text);
	struct wanted_route gone = {.prefix = row->prefix, .length = row->length, .gone = true};
	return note(changes, &gone) == 0 ? 0 : no_memory(ret_error);
}

/* ---- commit ---- */

/* What a commit works on; nothing of the routes is touched before all of it is there. */
struct draft {
	struct places places;
	struct dp_prefix_map by_id; /* adjacency id -> place */
	struct dp_adjacency *table;
	struct dp_fib_change *change;
	size_t n_changes;
	uint32_t n_routes;
};

static void draft_free(struct draft *d)
{
	free(d->places.of);
	dp_prefix_map_free(&d->by_id);
	free(d->table);
	free(d->change);
}

static struct wire_addr id_key(uint32_t id)
{
	return (struct wire_addr){.words = {id}};
}

/* The places as they are, with room for every adjacency of the snapshot. */
static int copy_places(struct draft *d, const struct dp_routes *routes, uint32_t n_adjacencies)
{
	d->places.n = routes->places.n;
	d->places.of = calloc((size_t)routes->places.n + n_adjacencies + 1, sizeof(*d->places.of));
	if (d->places.of == NULL)
		return -ENOMEM;
	memcpy(d->places.of, routes->places.of, routes->places.n * sizeof(*d->places.of));
	for (uint32_t at = FIRST_PLACE; at < d->places.n; at++) {
		struct wire_addr key = id_key(d->places.of[at].adjacency);
		if (d->places.of[at].adjacency != 0 && dp_prefix_map_set(&d->by_id, &key, 0, at) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* Give each adjacency of the snapshot its place: the one it has, a free one, or a new one. */
static int place_adjacencies(
    struct draft *d, const struct dp_routes *routes, const struct lb_map *adjacencies, struct wire_ctl_error *ret_error)
{
	uint64_t cursor = 0;
	uint32_t free_at = FIRST_PLACE;
	for (const struct lb_map_entry *e; (e = lb_map_next(adjacencies, &cursor)) != NULL;) {
		const struct wire_ctl_adjacency *row = &((const struct lb_adjacency *)e->part)->row;
		if (row->port >= routes->n_ports)
			return refuse(ret_error, -EINVAL, WIRE_OBJ_ADJACENCY,
			    "adjacency %u: port %u, but there are %u ports", row->adjacency, row->port,
			    routes->n_ports);
		struct wire_addr key = id_key(row->adjacency);
		if (dp_prefix_map_get(&d->by_id, &key, 0) != 0)
			continue;
		while (free_at < d->places.n && d->places.of[free_at].adjacency != 0)
			free_at++;
		if (free_at == d->places.n)
			d->places.n++;
		d->places.of[free_at].adjacency = row->adjacency;
		if (dp_prefix_map_set(&d->by_id, &key, 0, free_at) != 0)
			return no_memory(ret_error);
	}
	return 0;
}

static void move_route(struct draft *d, uint32_t from, uint32_t to)
{
	if (from != 0) {
		d->places.of[from].routes--;
		d->n_routes--;
	}
	if (to != 0) {
		d->places.of[to].routes++;
		d->n_routes++;
	}
}

static void add_change(struct draft *d, const struct wire_addr *prefix, uint32_t length, uint32_t from, uint32_t to)
{
	if (from == to)
		return;
	d->change[d->n_changes++] = (struct dp_fib_change){.prefix = *prefix, .length = length, .value = to};
	move_route(d, from, to);
}

/* Where a row leads to; 0: its adjacency is not there. */
static uint32_t place_of(const struct draft *d, const struct wanted_route *row)
{
	struct wire_addr key = id_key(row->adjacency);
	if (row->adjacency != 0)
		return dp_prefix_map_get(&d->by_id, &key, 0);
	return row->port == WIRE_CTL_NOWHERE ? NOWHERE : 1 + row->port;
}

/* The rows, and with `full` the end of every route that is not among them. */
static int draft_routes(struct draft *d, const struct dp_routes *routes, const struct dp_route_changes *changes,
    struct wire_ctl_error *ret_error)
{
	d->n_routes = routes->n_routes;
	d->change = calloc(changes->n + (changes->full ? routes->n_routes : 0) + 1, sizeof(*d->change));
	if (d->change == NULL)
		return no_memory(ret_error);
	struct dp_fib_change there;
	size_t cursor = 0;
	while (changes->full && dp_fib_next(routes->fib, &cursor, &there))
		if (dp_prefix_map_get(&changes->index, &there.prefix, there.length) == 0)
			add_change(d, &there.prefix, there.length, there.value, 0);
	for (size_t i = 0; i < changes->n; i++) {
		const struct wanted_route *row = &changes->row[i];
		uint32_t to = row->gone ? 0 : place_of(d, row);
		if (to == 0 && !row->gone) {
			char text[64];
			describe(&row->prefix, row->length, text, sizeof(text));
			return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route %s: there is no adjacency %u", text,
			    row->adjacency);
		}
		add_change(d, &row->prefix, row->length, dp_fib_get(routes->fib, &row->prefix, row->length), to);
	}
	return 0;
}

/* The table for workers; places whose adjacency is gone become free, which no route may hold. */
static int draft_table(struct draft *d, const struct dp_routes *routes, const struct lb_snapshot *snapshot,
    struct wire_ctl_error *ret_error)
{
	d->table = calloc(d->places.n, sizeof(*d->table));
	if (d->table == NULL)
		return no_memory(ret_error);
	for (uint16_t port = 0; port < routes->n_ports; port++)
		d->table[1 + port] = (struct dp_adjacency){.port = port, .mtu = UINT16_MAX};
	d->table[NOWHERE] = (struct dp_adjacency){.mtu = UINT16_MAX, .nowhere = true};
	for (uint32_t at = FIRST_PLACE; at < d->places.n; at++) {
		struct place *place = &d->places.of[at];
		if (place->adjacency == 0)
			continue;
		const struct lb_adjacency *a = lb_snapshot_adjacency(snapshot, place->adjacency);
		if (a == NULL && place->routes > 0)
			return refuse(ret_error, -EINVAL, WIRE_OBJ_ADJACENCY,
			    "adjacency %u: deleted, but %u routes lead to it", place->adjacency, place->routes);
		if (a == NULL) {
			place->adjacency = 0;
			continue;
		}
		struct dp_adjacency *to = &d->table[at];
		to->port = a->row.port;
		to->mtu = a->row.mtu;
		to->resolved = true;
		memcpy(to->ether.src, a->row.src, sizeof(to->ether.src));
		memcpy(to->ether.dst, a->row.dst, sizeof(to->ether.dst));
	}
	return 0;
}

static int draft_all(struct draft *d, const struct dp_routes *routes, const struct dp_route_changes *changes,
    const struct lb_snapshot *snapshot, struct wire_ctl_error *ret_error)
{
	const struct lb_map *adjacencies = snapshot->part[LB_PART_ADJACENCY];
	if (copy_places(d, routes, lb_map_count(adjacencies)) != 0)
		return no_memory(ret_error);
	int error = place_adjacencies(d, routes, adjacencies, ret_error);
	if (error == 0)
		error = draft_routes(d, routes, changes, ret_error);
	if (error == 0)
		error = draft_table(d, routes, snapshot, ret_error);
	return error;
}

int dp_routes_commit(struct dp_routes *routes, const struct dp_route_changes *changes,
    const struct lb_snapshot *snapshot, struct dp_state *ret_state, struct dp_routes_garbage **ret_garbage,
    struct wire_ctl_error *ret_error)
{
	struct draft d = {0};
	struct dp_fib_garbage *fib_garbage = NULL;
	struct dp_routes_garbage *garbage = calloc(1, sizeof(*garbage));
	int error = garbage == NULL ? no_memory(ret_error) : draft_all(&d, routes, changes, snapshot, ret_error);
	if (error == 0) {
		error = dp_fib_apply(routes->fib, d.change, d.n_changes, &fib_garbage);
		if (error != 0)
			refuse(ret_error, error, WIRE_OBJ_ROUTE, "route: %s for %zu changes",
			    error == -ENOSPC ? "no room in the FIB" : "no memory", d.n_changes);
	}
	if (error != 0) {
		draft_free(&d);
		free(garbage);
		return error;
	}
	assert(garbage);
	*garbage = (struct dp_routes_garbage){.fib = fib_garbage, .table = routes->table};
	*ret_garbage = garbage;
	free(routes->places.of);
	routes->places = d.places;
	routes->table = d.table;
	routes->n_routes = d.n_routes;
	d.places.of = NULL;
	d.table = NULL;
	draft_free(&d);
	ret_state->fib = dp_fib_current(routes->fib);
	ret_state->adjacency = routes->table;
	ret_state->n_adjacencies = routes->places.n;
	return 0;
}

void dp_routes_collect(struct dp_routes *routes, struct dp_routes_garbage *garbage)
{
	if (garbage == NULL)
		return;
	dp_fib_collect(routes->fib, garbage->fib);
	free((void *)garbage->table);
	free(garbage);
}

int dp_routes_create(uint16_t n_ports, struct dp_routes **ret_routes)
{
	struct dp_routes *routes = calloc(1, sizeof(*routes));
	if (routes == NULL)
		return -ENOMEM;
	routes->n_ports = n_ports;
	routes->places.n = FIRST_PLACE;
	routes->places.of = calloc(FIRST_PLACE, sizeof(*routes->places.of));
	int error = routes->places.of == NULL ? -ENOMEM : dp_fib_create(&routes->fib);
	if (error != 0) {
		dp_routes_destroy(routes);
		return error;
	}
	*ret_routes = routes;
	return 0;
}

void dp_routes_destroy(struct dp_routes *routes)
{
	if (routes == NULL)
		return;
	dp_fib_destroy(routes->fib);
	free(routes->places.of);
	free((void *)routes->table);
	free(routes);
}

uint32_t dp_routes_count(const struct dp_routes *routes)
{
	return routes->n_routes;
}
