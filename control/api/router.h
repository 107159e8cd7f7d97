/* SPDX-License-Identifier: BSD-2-Clause */
/* The API's endpoints: one table of method, path and handler. docs/kuafu-api.7 documents every row, and a test compares.
 * Handlers are functions of the view and the request; they know no connection and no clock. */
#pragma once

#include <stddef.h>

#include "control/api/answer.h"
#include "control/api/view.h"
#include "control/base/yaml.h"

#define CTL_API_MAX_PARAMS 16u

struct ctl_api_param {
	const char *key;
	const char *value; /* never NULL */
};

struct ctl_api_request {
	const char *method;
	const char *path; /* decoded, without the query */
	const char *name; /* what stands for NAME in the route's path, else NULL; set by ctl_api_dispatch */
	const char *body;
	size_t size;
	size_t n_param;
	struct ctl_api_param param[CTL_API_MAX_PARAMS];
};

typedef void ctl_api_handler(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer);

struct ctl_api_route_entry {
	const char *method;
	const char *path;   /* a last part NAME stands for anything but nothing and '/' */
	const char *params; /* allowed in the query, space between; "" none */
	ctl_api_handler *handler;
};

extern const struct ctl_api_route_entry ctl_api_routes[];
extern const size_t ctl_api_n_routes;

/* Answers the request, now or later: 404 for an unknown path, 405 with Allow for a wrong method, 400 for an unknown
 * query parameter, 413 for a body over CTL_YAML_MAX_APPLY. */
void ctl_api_dispatch(const struct ctl_api_view *view, struct ctl_api_request *request, struct ctl_api_answer *answer);

/* The value of a query parameter, or NULL. */
const char *ctl_api_param(const struct ctl_api_request *request, const char *key);
/* A whole number of the query: 0 and *ret_value set to it, or to fallback if absent; -EINVAL if it is none or not in
 * lo .. hi, and then answered with a 400. */
int ctl_api_param_number(const struct ctl_api_request *request, struct ctl_api_answer *answer, const char *key,
    uint64_t lo, uint64_t hi, uint64_t fallback, uint64_t *ret_value);

/* ---- handlers: state.c ---- */
ctl_api_handler ctl_api_get_status, ctl_api_get_pops, ctl_api_get_links, ctl_api_get_routes, ctl_api_get_accelerators,
    ctl_api_get_listeners, ctl_api_get_endpoints, ctl_api_get_policies, ctl_api_get_explain, ctl_api_get_history,
    ctl_api_get_accuracy;
/* counters.c */
ctl_api_handler ctl_api_get_drops, ctl_api_get_counters, ctl_api_get_traffic, ctl_api_get_last_mile,
    ctl_api_get_metrics;
/* flows.c, trace.c, capture.c */
ctl_api_handler ctl_api_get_flows, ctl_api_get_trace, ctl_api_get_capture;
/* change.c */
ctl_api_handler ctl_api_post_apply, ctl_api_put_policy, ctl_api_delete_policy, ctl_api_delete_accelerator,
    ctl_api_delete_pop, ctl_api_post_drain;

/* Adds "stale_ms" and "stale" to an answer that rests on the store, if anything is silent. */
void ctl_api_add_stale(const struct ctl_api_view *view, json_t *object);
