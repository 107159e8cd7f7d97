/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows on demand: flows, one query after the other, the records of a trace, and captured packets. */
#include "control/dataplane/impl.h"

#include <errno.h>
#include <stdlib.h>

static void ask(struct ctl_dataplane *client)
{
	struct ctl_dataplane_query *query = client->query;
	if (query && client->greeted)
		ctl_dataplane_send(client, WIRE_CTL_FLOWS_QUERY, &query->filter, sizeof(query->filter), -1);
}

int ctl_dataplane_flows(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_flow *flow), void (*on_end)(void *arg, int error), void *arg,
    struct ctl_dataplane_query **ret_query)
{
	if (!client->greeted)
		return -ENOTCONN;
	struct ctl_dataplane_query *query = calloc(1, sizeof(*query));
	if (!query)
		return -ENOMEM;
	*query = (struct ctl_dataplane_query){
	    .client = client, .filter = *filter, .on_row = on_row, .on_end = on_end, .arg = arg};
	struct ctl_dataplane_query **last = &client->query;
	while (*last)
		last = &(*last)->next;
	*last = query;
	if (client->query == query)
		ask(client);
	*ret_query = query;
	return 0;
}

void ctl_dataplane_flows_cancel(struct ctl_dataplane_query *query)
{
	query->cancelled = true;
}

void ctl_dataplane_on_flow(struct ctl_dataplane *client, const struct wire_ctl_flow *flow)
{
	if (client->query && !client->query->cancelled)
		client->query->on_row(client->query->arg, flow);
}

/* Take the first query off, tell its owner, free it. */
static void finish(struct ctl_dataplane *client, int error)
{
	struct ctl_dataplane_query *query = client->query;
	client->query = query->next;
	if (!query->cancelled)
		query->on_end(query->arg, error);
	free(query);
}

void ctl_dataplane_on_flows_end(struct ctl_dataplane *client)
{
	if (!client->query)
		return;
	finish(client, 0);
	while (client->query && client->query->cancelled)
		finish(client, 0);
	ask(client);
}

int ctl_dataplane_trace(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_trace *trace), void (*on_end)(void *arg, int error), void *arg)
{
	if (!client->greeted)
		return -ENOTCONN;
	if (client->trace.on)
		return -EBUSY;
	int error = ctl_dataplane_send(client, WIRE_CTL_TRACE_START, filter, sizeof(*filter), -1);
	if (!error)
		client->trace = (struct ctl_trace){.on = true, .on_row = on_row, .on_end = on_end, .arg = arg};
	return error;
}

void ctl_dataplane_trace_stop(struct ctl_dataplane *client)
{
	if (!client->trace.on)
		return;
	client->trace.on = false;
	if (client->greeted)
		ctl_dataplane_send(client, WIRE_CTL_TRACE_STOP, NULL, 0, -1);
}

void ctl_dataplane_on_trace(struct ctl_dataplane *client, const struct wire_ctl_trace *trace)
{
	if (client->trace.on)
		client->trace.on_row(client->trace.arg, trace);
}

int ctl_dataplane_capture(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_captured *captured), void (*on_end)(void *arg, int error),
    void *arg)
{
	if (!client->greeted)
		return -ENOTCONN;
	if (client->capture.on)
		return -EBUSY;
	int error = ctl_dataplane_send(client, WIRE_CTL_CAPTURE_START, filter, sizeof(*filter), -1);
	if (!error)
		client->capture = (struct ctl_capture){.on = true, .on_row = on_row, .on_end = on_end, .arg = arg};
	return error;
}

void ctl_dataplane_capture_stop(struct ctl_dataplane *client)
{
	if (!client->capture.on)
		return;
	client->capture.on = false;
	if (client->greeted)
		ctl_dataplane_send(client, WIRE_CTL_CAPTURE_STOP, NULL, 0, -1);
}

void ctl_dataplane_on_captured(struct ctl_dataplane *client, const struct wire_ctl_captured *captured, size_t size)
{
	if (client->capture.on && captured->captured <= size - sizeof(*captured))
		client->capture.on_row(client->capture.arg, captured);
}

void ctl_dataplane_queries_lost(struct ctl_dataplane *client, int error)
{
	/* A callback may ask again and is refused: nobody is connected. */
	while (client->query)
		finish(client, error);
	if (client->trace.on) {
		client->trace.on = false;
		client->trace.on_end(client->trace.arg, error);
	}
	if (client->capture.on) {
		client->capture.on = false;
		client->capture.on_end(client->capture.arg, error);
	}
}
