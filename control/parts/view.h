/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows that the API shows, from the daemon's parts: each function is one of struct ctl_api_view. */
#pragma once

#include "control/parts/parts.h"

ctl_api_list ctl_view_pops, ctl_view_links;                                 /* view_cluster.c */
ctl_api_list ctl_view_routes, ctl_view_policies;                            /* view_routes.c */
ctl_api_list ctl_view_accelerators, ctl_view_listeners, ctl_view_endpoints; /* view_objects.c */

void ctl_view_accuracy(void *d, uint64_t seconds, ctl_api_emit *emit, void *to); /* view_cluster.c */

int ctl_view_explain(void *d, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg,
    char *ret_error); /* view_explain.c */
int ctl_view_history(void *d, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg,
    char *ret_error);                /* history.c */
ctl_api_list ctl_view_route_changes; /* history.c */
ctl_api_list ctl_view_bpf;           /* ebpf.c */

/* The id of a POP by its name; -ENOENT with one line that names one that is nearly called so. */
int ctl_view_find_pop(const struct ctl_daemon *d, const char *name, uint16_t *ret_id, char *ret_error);

/* view_query.c */
int ctl_view_flows(void *d, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
int ctl_view_trace(void *d, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
int ctl_view_capture(
    void *d, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
void ctl_view_stop(void *d, uint64_t id);

/* ---- shared by them ---- */

/* Name by id; NULL: unknown. */
const char *ctl_view_pop(const struct ctl_daemon *d, uint16_t id);

/* A time of CLOCK_MONOTONIC on the wall clock, and how long ago it was. */
uint64_t ctl_view_wall(uint64_t monotonic_ns);
int64_t ctl_view_age(uint64_t monotonic_ns);

/* A path as names; pop holds WIRE_PATH_MAX_HOPS + 1 of them, and *ret_path points to it. */
void ctl_view_path(const struct ctl_daemon *d, uint16_t from, const struct route_path *path, const char **pop,
    struct ctl_api_path *ret_path);
