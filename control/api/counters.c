/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane's counters as JSON, and as metrics. */
#include "control/api/router.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/fields.h"
#include "control/base/address.h"
#include "control/metrics/counters.h"
#include "control/metrics/last_mile.h"
#include "control/metrics/prometheus.h"
#include "control/metrics/traffic.h"

/* Maps the counters, or answers why there are none. */
static bool open_counters(
    const struct ctl_api_view *view, struct ctl_api_answer *answer, struct ctl_counters *ret_counters)
{
	size_t size = 0;
	const void *map = view->stats(view->daemon, &size);
	if (!map)
		ctl_api_answer_error(answer, 503, "the data plane is not connected; is kuafu-dataplane running?");
	else if (ctl_counters_open(map, size, ret_counters) != 0)
		ctl_api_answer_error(
		    answer, 500, "the data plane's counters are of another version; restart both daemons");
	else
		return true;
	return false;
}

void ctl_api_get_drops(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct ctl_counters counters;
	uint64_t all;
	if (ctl_api_param_number(request, answer, "all", 0, 1, 0, &all) != 0 || !open_counters(view, answer, &counters))
		return;
	json_t *rows = json_array();
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++) {
		uint64_t packets = ctl_counters_drop(&counters, reason);
		if (packets == 0 && !all)
			continue;
		json_t *row = json_object();
		json_object_set_new(row, "reason", json_string(wire_drop_name(reason)));
		json_object_set_new(row, "packets", json_integer((json_int_t)packets));
		json_object_set_new(row, "text", json_string(wire_drop_text(reason)));
		json_array_append_new(rows, row);
	}
	json_t *body = json_object();
	json_object_set_new(body, "drops", rows);
	ctl_api_answer_json(answer, 200, body);
}

static json_t *journeys(const struct wire_stats_worker *worker)
{
	json_t *all = json_object();
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
		json_t *one = json_object();
		json_object_set_new(one, "packets", json_integer((json_int_t)worker->journey[j].packets));
		json_object_set_new(one, "bytes", json_integer((json_int_t)worker->journey[j].bytes));
		json_object_set_new(all, wire_journey_name(j), one);
	}
	return all;
}

static json_t *worker_object(const struct wire_stats_worker *worker, uint32_t number, uint64_t monotonic_ns)
{
	uint64_t at = worker->heartbeat_ns;
	json_t *all = json_object();
	for (unsigned c = 0; c < WIRE_COUNTER_COUNT; c++)
		json_object_set_new(all, wire_counter_name(c), json_integer((json_int_t)worker->counter[c]));
	json_t *o = json_object();
	json_object_set_new(o, "worker", json_integer(number));
	json_object_set_new(o, "heartbeat_age_ms",
	    json_integer(at && at < monotonic_ns ? (json_int_t)((monotonic_ns - at) / 1000000) : 0));
	json_object_set_new(o, "flows", json_integer((json_int_t)worker->flows));
	json_object_set_new(o, "flow_capacity", json_integer((json_int_t)worker->flow_capacity));
	json_object_set_new(o, "nat_flows", json_integer((json_int_t)worker->nat_flows));
	json_object_set_new(o, "nat_capacity", json_integer((json_int_t)worker->nat_capacity));
	json_object_set_new(o, "counters", all);
	json_object_set_new(o, "journeys", journeys(worker));
	return o;
}

static json_t *dataplane_object(const struct wire_stats *stats)
{
	char started[25];
	ctl_api_time_text(stats->started_ns, started);
	json_t *o = json_object();
	json_object_set_new(o, "pid", json_integer(stats->pid));
	json_object_set_new(o, "started", json_string(started));
	json_object_set_new(o, "generation", json_integer((json_int_t)stats->generation));
	json_object_set_new(o, "routes", json_integer((json_int_t)stats->routes));
	return o;
}

struct link_list {
	const struct ctl_counters *counters;
	json_t *rows;
};

static void append_link(void *to, const void *row)
{
	const struct link_list *list = to;
	const struct ctl_api_link *link = row;
	for (uint32_t i = 0; link->own && i < list->counters->links; i++) {
		const struct wire_stats_link *block = &list->counters->link[i];
		if (block->link != link->id || (block->link == 0 && block->tx_packets + block->rx_packets == 0))
			continue;
		json_t *o = json_object();
		json_object_set_new(o, "from", json_string(link->from));
		json_object_set_new(o, "to", json_string(link->to));
		json_object_set_new(o, "local_link", json_integer(link->local_link));
		json_object_set_new(o, "remote_link", json_integer(link->remote_link));
		json_object_set_new(o, "up", json_boolean(block->up));
		json_object_set_new(o, "tx_packets", json_integer((json_int_t)block->tx_packets));
		json_object_set_new(o, "tx_bytes", json_integer((json_int_t)block->tx_bytes));
		json_object_set_new(o, "rx_packets", json_integer((json_int_t)block->rx_packets));
		json_object_set_new(o, "rx_bytes", json_integer((json_int_t)block->rx_bytes));
		json_object_set_new(o, "rx_lost", json_integer((json_int_t)block->rx_lost));
		json_object_set_new(
		    o, "keepalive_rtt_ms", json_real(round((double)block->keepalive_rtt_ns / 1e3) / 1e3));
		json_array_append_new(list->rows, o);
		return;
	}
}

void ctl_api_get_counters(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	(void)request;
	struct ctl_counters counters;
	if (!open_counters(view, answer, &counters))
		return;
	json_t *workers = json_array();
	for (uint32_t w = 0; w < counters.workers; w++)
		json_array_append_new(workers, worker_object(&counters.worker[w], w, view->monotonic(view->daemon)));
	struct link_list links = {&counters, json_array()};
	view->links(view->daemon, append_link, &links);
	json_t *body = json_object();
	json_object_set_new(body, "dataplane", dataplane_object(counters.stats));
	json_object_set_new(body, "workers", workers);
	json_object_set_new(body, "links", links.rows);
	ctl_api_answer_json(answer, 200, body);
}

static void append_traffic(void *to, const struct ctl_traffic *row)
{
	const struct wire_stats_traffic *n = &row->count;
	json_t *o = json_object();
	json_object_set_new(o, "vip", ctl_api_string(row->vip));
	json_object_set_new(o, "accelerator", ctl_api_string(row->accelerator));
	json_object_set_new(o, "listener", ctl_api_string(row->listener));
	json_object_set_new(o, "group", ctl_api_string(row->group));
	json_object_set_new(o, "endpoint", ctl_api_string(row->endpoint));
	json_object_set_new(o, "egress", ctl_api_string(row->egress));
	json_object_set_new(o, "flows", json_integer((json_int_t)n->flows));
	json_object_set_new(o, "packets_in", json_integer((json_int_t)n->packets_in));
	json_object_set_new(o, "bytes_in", json_integer((json_int_t)n->bytes_in));
	json_object_set_new(o, "packets_out", json_integer((json_int_t)n->packets_out));
	json_object_set_new(o, "bytes_out", json_integer((json_int_t)n->bytes_out));
	json_array_append_new(to, o);
}

void ctl_api_get_traffic(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	(void)request;
	struct ctl_counters counters;
	if (!open_counters(view, answer, &counters))
		return;
	json_t *rows = json_array();
	if (ctl_traffic_list(view, &counters, append_traffic, rows) != 0) {
		json_decref(rows);
		ctl_api_answer_error(answer, 500, "out of memory");
		return;
	}
	json_t *body = json_object();
	json_object_set_new(body, "traffic", rows);
	ctl_api_answer_json(answer, 200, body);
}

struct last_mile_list {
	json_t *rows;
	uint32_t now_seconds;
};

static void append_last_mile(void *to, const struct ctl_last_mile *mile)
{
	const struct last_mile_list *list = to;
	const struct wire_stats_last_mile *row = &mile->row;
	char prefix[CTL_PREFIX_TEXT];
	json_t *o = json_object();
	json_object_set_new(o, "side", json_string(row->side == WIRE_SIDE_CLIENT ? "client" : "endpoint"));
	json_object_set_new(o, "prefix", json_string(ctl_prefix_text(&row->prefix, row->length, prefix)));
	json_object_set_new(o, "handshakes", json_integer(row->handshakes));
	json_object_set_new(o, "rtt_ms", json_real(row->smooth_us / 1e3));
	json_object_set_new(o, "rtt_p50_ms", json_real(round(mile->p50_ms * 10) / 10));
	json_object_set_new(o, "rtt_p95_ms", json_real(round(mile->p95_ms * 10) / 10));
	json_object_set_new(o, "age_ms",
	    json_integer(row->at_seconds < list->now_seconds ? (list->now_seconds - row->at_seconds) * 1000ll : 0));
	json_array_append_new(list->rows, o);
}

void ctl_api_get_last_mile(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	(void)request;
	struct ctl_counters counters;
	if (!open_counters(view, answer, &counters))
		return;
	struct last_mile_list list = {json_array(), (uint32_t)(view->monotonic(view->daemon) / 1000000000u)};
	if (ctl_last_mile_list(&counters, append_last_mile, &list) != 0) {
		json_decref(list.rows);
		ctl_api_answer_error(answer, 500, "out of memory");
		return;
	}
	json_t *body = json_object();
	json_object_set_new(body, "last_mile", list.rows);
	ctl_api_answer_json(answer, 200, body);
}

void ctl_api_get_metrics(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	(void)request;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (out) {
		ctl_metrics_write(view, out);
		fclose(out);
		ctl_api_answer_text(answer, 200, "text/plain; version=0.0.4; charset=utf-8", text, size);
	} else {
		ctl_api_answer_error(answer, 500, "out of memory");
	}
	free(text);
}
