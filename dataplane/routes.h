/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's routes and neighbours as kuafud mirrors them: from the ROUTE rows of a transaction and the adjacencies of
 * its snapshot to the FIB and the table of next hops that a state holds.
 *
 * A value in the FIB is a place in the table of next hops: 1 .. DP_MAX_PORTS say "not resolved, ask on port value - 1",
 * the next one "nowhere", the rest are adjacencies. An adjacency keeps its place while it exists.
 *
 * Invariant: every route leads to an adjacency of the same snapshot, to the port to ask, or nowhere. A commit that would break
 * this changes nothing. */
#pragma once

#include <stdbool.h>

#include "dataplane/worker.h"

struct dp_routes;
struct dp_route_changes; /* the ROUTE rows of one transaction */
struct lb_snapshot;

/* n_ports: what a row's port must be below. Returns 0 or -ENOMEM. */
int dp_routes_create(uint16_t n_ports, struct dp_routes **ret_routes);
void dp_routes_destroy(struct dp_routes *routes);
uint32_t dp_routes_count(const struct dp_routes *routes);

/* full: routes that are not sent are gone at the commit. */
int dp_route_changes_begin(const struct dp_routes *routes, bool full, struct dp_route_changes **ret_changes);
void dp_route_changes_free(struct dp_route_changes *changes);

/* Check a row by itself and note it; of several for one prefix the last counts. 0, or -EINVAL, -ENOMEM with *ret_error
 * filled in. */
int dp_route_changes_upsert(
    struct dp_route_changes *changes, const struct wire_ctl_route *row, struct wire_ctl_error *ret_error);
int dp_route_changes_delete(
    struct dp_route_changes *changes, const struct wire_ctl_route *row, struct wire_ctl_error *ret_error);

/* What only readers of earlier states need. */
struct dp_routes_garbage;
void dp_routes_collect(struct dp_routes *routes, struct dp_routes_garbage *garbage);

/* Fill fib, adjacency and n_adjacencies of *ret_state from the changes and the adjacencies of `snapshot`. The garbage is
 * what the state before this one used alone. 0, or -EINVAL, -ENOSPC, -ENOMEM with *ret_error filled in. */
int dp_routes_commit(struct dp_routes *routes, const struct dp_route_changes *changes,
    const struct lb_snapshot *snapshot, struct dp_state *ret_state, struct dp_routes_garbage **ret_garbage,
    struct wire_ctl_error *ret_error);
