/* SPDX-License-Identifier: BSD-2-Clause */
/* A trace as lines of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/fields.h"
#include "control/api/filter.h"
#include "control/api/query.h"

#define TRACE_MAX 1000000u

static json_t *trace_object(struct ctl_api_asked *query, const struct wire_ctl_trace *trace)
{
	char packet[17], at[25], step[sizeof(trace->text) + 1], named[2 * sizeof(trace->text)];
	snprintf(packet, sizeof(packet), "%016llx", (unsigned long long)trace->packet);
	ctl_api_time_text(trace->at_ns, at);
	snprintf(step, sizeof(step), "%.*s", (int)sizeof(trace->text), trace->text);
	ctl_api_name_numbers(&query->numbers, query->view, step, named, sizeof(named));
	json_t *o = json_object();
	json_object_set_new(o, "packet", json_string(packet));
	json_object_set_new(o, "at", json_string(at));
	json_object_set_new(o, "worker", json_integer(trace->worker));
	json_object_set_new(o, "journey", json_string(wire_journey_name(trace->journey)));
	json_object_set_new(o, "drop", trace->drop ? json_string(wire_drop_name(trace->drop)) : json_null());
	json_object_set_new(o, "text", ctl_api_string(named));
	return o;
}

/* Is the packet one of the first `limit`? Records of packets that share a burst come mixed. */
static bool is_wanted(struct ctl_api_asked *query, uint64_t packet)
{
	uint64_t known = query->packets < CTL_API_RECENT ? query->packets : CTL_API_RECENT;
	for (uint64_t i = 0; i < known; i++) {
		if (query->recent[i] == packet)
			return true;
	}
	if (query->limit && query->packets == query->limit)
		return false;
	query->recent[query->packets++ % CTL_API_RECENT] = packet;
	return true;
}

static void trace_row(void *to, const void *row)
{
	struct ctl_api_asked *query = to;
	const struct wire_ctl_trace *trace = row;
	if (!is_wanted(query, trace->packet))
		return;
	json_t *object = trace_object(query, trace);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	char *line = NULL;
	int n = text ? asprintf(&line, "%s\n", text) : -1;
	if (n >= 0)
		ctl_api_query_write(query, line, (size_t)n);
	else
		query->lost++;
	json_decref(object);
	free(text);
	free(n >= 0 ? line : NULL);
}

static void trace_end(void *to, int error)
{
	struct ctl_api_asked *query = to;
	char text[160];
	int n = 0;
	if (error || query->lost)
		n = snprintf(text, sizeof(text), "{\"lost\":%llu,\"error\":%s}\n", (unsigned long long)query->lost,
		    error ? "\"the data plane went away\"" : "null");
	ctl_api_query_end(query, text, (size_t)n);
}

/* The limit is ours to keep: only here it is known when the last packet's last record is out. */
static void trace_idle(struct ctl_api_answer *answer)
{
	struct ctl_api_asked *query = answer->handler;
	if (!query->limit || query->packets < query->limit)
		return;
	ctl_api_query_stop(query);
	trace_end(query, 0);
}

void ctl_api_get_trace(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct wire_ctl_filter filter;
	if (ctl_api_filter(view, request, answer, TRACE_MAX, 0, &filter) != 0)
		return;
	uint64_t limit = filter.limit;
	filter.limit = 0;
	if (!ctl_api_query_start(view, answer, view->trace, "trace", &filter, limit, trace_row, trace_end))
		return;
	answer->idle = trace_idle;
	ctl_api_answer_begin(answer, 200, "application/x-ndjson");
}
