/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows, traces and captures: the data plane's rows, handed on to whoever asked. */
#include <errno.h>
#include <stdlib.h>

#include "control/parts/view.h"

struct ctl_query {
	struct ctl_daemon *d;
	struct ctl_query *next;
	uint64_t id;
	struct ctl_api_query api;
	struct ctl_dataplane_query *flows; /* NULL: this is the trace or the capture, which end by */
	void (*stop)(struct ctl_dataplane *client);
};

static void forget(struct ctl_query *query)
{
	struct ctl_query **link = &query->d->parts->queries;
	while (*link != query)
		link = &(*link)->next;
	*link = query->next;
	free(query);
}

static void on_flow(void *arg, const struct wire_ctl_flow *flow)
{
	struct ctl_query *query = arg;
	query->api.row(query->api.to, flow);
}

static void on_trace(void *arg, const struct wire_ctl_trace *trace)
{
	struct ctl_query *query = arg;
	query->api.row(query->api.to, trace);
}

static void on_captured(void *arg, const struct wire_ctl_captured *captured)
{
	struct ctl_query *query = arg;
	query->api.row(query->api.to, captured);
}

static void on_end(void *arg, int error)
{
	struct ctl_query *query = arg;
	struct ctl_api_query api = query->api;
	forget(query);
	api.end(api.to, error ? -EPIPE : 0);
}

static struct ctl_query *new_query(struct ctl_daemon *d, const struct ctl_api_query *api)
{
	struct ctl_query *query = calloc(1, sizeof(*query));
	if (!query)
		return NULL;
	*query = (struct ctl_query){.d = d, .next = d->parts->queries, .id = ++d->parts->last_query, .api = *api};
	d->parts->queries = query;
	return query;
}

static bool is_connected(const struct ctl_daemon *d)
{
	struct ctl_dataplane_status status;
	ctl_dataplane_status(d->dataplane, &status);
	return status.connected;
}

int ctl_view_flows(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *api, uint64_t *ret_id)
{
	struct ctl_daemon *d = daemon;
	struct ctl_query *query = is_connected(d) ? new_query(d, api) : NULL;
	if (!query)
		return is_connected(d) ? -ENOMEM : -ENOTCONN;
	int error = ctl_dataplane_flows(d->dataplane, filter, on_flow, on_end, query, &query->flows);
	if (error)
		forget(query);
	else
		*ret_id = query->id;
	return error;
}

int ctl_view_trace(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *api, uint64_t *ret_id)
{
	struct ctl_daemon *d = daemon;
	struct ctl_query *query = is_connected(d) ? new_query(d, api) : NULL;
	if (!query)
		return is_connected(d) ? -ENOMEM : -ENOTCONN;
	query->stop = ctl_dataplane_trace_stop;
	int error = ctl_dataplane_trace(d->dataplane, filter, on_trace, on_end, query);
	if (error)
		forget(query);
	else
		*ret_id = query->id;
	return error;
}

int ctl_view_capture(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *api, uint64_t *ret_id)
{
	struct ctl_daemon *d = daemon;
	struct ctl_query *query = is_connected(d) ? new_query(d, api) : NULL;
	if (!query)
		return is_connected(d) ? -ENOMEM : -ENOTCONN;
	query->stop = ctl_dataplane_capture_stop;
	int error = ctl_dataplane_capture(d->dataplane, filter, on_captured, on_end, query);
	if (error)
		forget(query);
	else
		*ret_id = query->id;
	return error;
}

void ctl_view_stop(void *daemon, uint64_t id)
{
	struct ctl_daemon *d = daemon;
	struct ctl_query *query = d->parts->queries;
	while (query && query->id != id)
		query = query->next;
	if (!query)
		return;
	if (query->flows)
		ctl_dataplane_flows_cancel(query->flows);
	else
		query->stop(d->dataplane);
	forget(query);
}
