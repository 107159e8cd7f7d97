/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/prometheus.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "control/metrics/sample.h"
#include "control/metrics/traffic.h"

static double seconds(int64_t ns)
{
	return ns == CTL_API_NO_NS ? NAN : (double)ns / 1e9;
}

#define COUNT(labels) (sizeof(labels) / sizeof((labels)[0]))

/* ---- the daemon ---- */

static void write_info(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	struct ctl_label labels[] = {
	    {"pop", s->status.pop}, {"version", s->status.version}, {"timestamps", s->status.timestamps}};
	ctl_metric_count(m, s, labels, COUNT(labels), 1);
}

static void write_started(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	ctl_metric_real(m, s, NULL, 0, (double)s->status.started_ns / 1e9);
}

static void write_connected(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	const char *state = s->status.dataplane.state;
	ctl_metric_count(m, s, NULL, 0, state && strcmp(state, "connected") == 0);
}

static void write_generation(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	ctl_metric_count(m, s, NULL, 0, s->status.dataplane.generation);
}

static void write_dataplane_started(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	if (s->has_counters)
		ctl_metric_real(m, s, NULL, 0, (double)s->counters.stats->started_ns / 1e9);
}

static void write_dataplane_routes(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	if (s->has_counters)
		ctl_metric_count(m, s, NULL, 0, s->counters.stats->routes);
}

static void write_store_up(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	ctl_metric_count(m, s, NULL, 0, s->status.store.state && strcmp(s->status.store.state, "ok") == 0);
}

static void write_store_age(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	ctl_metric_real(m, s, NULL, 0, seconds(s->status.store.age_ns));
}

/* ---- rows of the view ---- */

/* A metric and its source, carried through a list of the view. */
struct carried {
	const struct ctl_metric *metric;
	const struct ctl_metrics_source *source;
};

static void list(ctl_api_list *show, ctl_api_emit *emit, const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	struct carried carried = {m, s};
	show(s->view->daemon, emit, &carried);
}

static void pop_age(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_pop *pop = row;
	ctl_metric_real(c->metric, c->source, &(struct ctl_label){"pop", pop->name}, 1, seconds(pop->age_ns));
}

static void write_pop_age(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->pops, pop_age, m, s);
}

/* Which estimate of a link a metric shows; kept in ctl_metric.index. */
enum link_value {
	LINK_UP,
	LINK_RTT,
	LINK_RTT_P99,
	LINK_OWD,
	LINK_JITTER,
	LINK_LOSS,
	LINK_TRAFFIC_LOSS,
	LINK_LOSS_RETURN
};

static double link_value(const struct ctl_api_link *link, enum link_value value)
{
	switch (value) {
	case LINK_UP:
		return strcmp(link->state, "up") == 0;
	case LINK_RTT:
		return seconds(link->rtt_ns);
	case LINK_RTT_P99:
		return seconds(link->rtt_p99_ns);
	case LINK_OWD:
		return seconds(link->owd_ns);
	case LINK_JITTER:
		return seconds(link->jitter_ns);
	case LINK_LOSS:
		return link->loss;
	case LINK_TRAFFIC_LOSS:
		return link->traffic_loss;
	case LINK_LOSS_RETURN:
		return link->loss_return;
	}
	return NAN;
}

#define LINK_LABELS 4

/* numbers[2][4] is the room for the texts of the two link numbers. */
static void link_labels(const struct ctl_api_link *link, char numbers[2][4], struct ctl_label ret_labels[LINK_LABELS])
{
	snprintf(numbers[0], sizeof(numbers[0]), "%u", link->local_link);
	snprintf(numbers[1], sizeof(numbers[1]), "%u", link->remote_link);
	ret_labels[0] = (struct ctl_label){"from", link->from};
	ret_labels[1] = (struct ctl_label){"to", link->to};
	ret_labels[2] = (struct ctl_label){"local_link", numbers[0]};
	ret_labels[3] = (struct ctl_label){"remote_link", numbers[1]};
}

static void link_estimate(void *to, const void *row)
{
	const struct carried *c = to;
	struct ctl_label labels[LINK_LABELS];
	char numbers[2][4];
	link_labels(row, numbers, labels);
	ctl_metric_real(c->metric, c->source, labels, LINK_LABELS, link_value(row, (enum link_value)c->metric->index));
}

static void write_link(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->links, link_estimate, m, s);
}

static void link_refused(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_link *link = row;
	struct ctl_label labels[LINK_LABELS + 1];
	char numbers[2][4];
	if (!link->own)
		return;
	const struct {
		const char *reason;
		uint64_t value;
	} refused[] = {
	    {"short", link->refused.too_short},
	    {"forged", link->refused.forged},
	    {"unauthenticated", link->refused.unauthenticated},
	    {"replayed", link->refused.replayed},
	    {"crowded", link->refused.crowded},
	    {"unasked", link->ignored},
	};
	link_labels(link, numbers, labels);
	for (size_t i = 0; i < COUNT(refused); i++) {
		labels[LINK_LABELS] = (struct ctl_label){"reason", refused[i].reason};
		ctl_metric_count(c->metric, c->source, labels, COUNT(labels), refused[i].value);
	}
}

static void write_link_refused(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->links, link_refused, m, s);
}

static void write_strangers(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	const struct ctl_api_strangers *strangers = &s->status.strangers;
	ctl_metric_count(m, s, &(struct ctl_label){"verdict", "answered"}, 1, strangers->answered);
	ctl_metric_count(m, s, &(struct ctl_label){"verdict", "refused"}, 1, strangers->refused);
}

/* Counters of our own links: index is the offset in struct wire_stats_link. */
static void link_counter(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_link *link = row;
	const struct ctl_counters *counters = &c->source->counters;
	if (!link->own)
		return;
	for (uint32_t i = 0; i < counters->links; i++) {
		const struct wire_stats_link *block = &counters->link[i];
		if (block->link != link->id || (block->link == 0 && block->tx_packets + block->rx_packets == 0))
			continue;
		struct ctl_label labels[LINK_LABELS];
		char numbers[2][4];
		uint64_t value;
		link_labels(link, numbers, labels);
		memcpy(&value, (const char *)block + c->metric->index, sizeof(value));
		if (strcmp(c->metric->type, "counter") == 0)
			ctl_metric_count(c->metric, c->source, labels, LINK_LABELS, value);
		else
			ctl_metric_real(c->metric, c->source, labels, LINK_LABELS, (double)value / 1e9);
		return;
	}
}

static void write_link_counter(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	if (s->has_counters)
		list(s->view->links, link_counter, m, s);
}

enum route_value { ROUTE_PRIMARY, ROUTE_BACKUP, ROUTE_DIRECT, ROUTE_ON_BACKUP, ROUTE_USABLE };

static double path_cost(const struct ctl_api_path *path)
{
	return path ? seconds(path->cost_ns) : NAN;
}

static void route_cost(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_route *route = row;
	struct ctl_label labels[] = {
	    {"from", route->from}, {"to", route->to}, {"class", route->class}, {"path", "primary"}};
	ctl_metric_real(c->metric, c->source, labels, COUNT(labels), path_cost(route->primary));
	labels[3].value = "backup";
	ctl_metric_real(c->metric, c->source, labels, COUNT(labels), path_cost(route->backup));
	labels[3].value = "direct";
	ctl_metric_real(c->metric, c->source, labels, COUNT(labels), path_cost(route->direct));
}

static void write_route_cost(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->routes, route_cost, m, s);
}

static void route_state(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_route *route = row;
	struct ctl_label labels[] = {{"from", route->from}, {"to", route->to}, {"class", route->class}};
	bool value = c->metric->index == ROUTE_ON_BACKUP ? strcmp(route->active, "backup") == 0
	                                                 : strcmp(route->active, "none") != 0;
	ctl_metric_count(c->metric, c->source, labels, COUNT(labels), value);
}

static void write_route_state(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->routes, route_state, m, s);
}

static void count_by_reason(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_count *count = row;
	ctl_metric_count(c->metric, c->source, &(struct ctl_label){"reason", count->name}, 1, count->value);
}

static void write_route_changes(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->changes, count_by_reason, m, s);
}

static void count_by_event(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_count *count = row;
	ctl_metric_count(c->metric, c->source, &(struct ctl_label){"event", count->name}, 1, count->value);
}

static void write_bpf(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->bpf, count_by_event, m, s);
}

static void endpoint_up(void *to, const void *row)
{
	const struct carried *c = to;
	const struct ctl_api_endpoint *e = row;
	struct ctl_label labels[] = {
	    {"accelerator", e->accelerator}, {"listener", e->listener}, {"group", e->group}, {"endpoint", e->name}};
	ctl_metric_count(c->metric, c->source, labels, COUNT(labels), strcmp(e->state, "down") != 0);
}

static void write_endpoint_up(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	list(s->view->endpoints, endpoint_up, m, s);
}

/* ---- the data plane's counters ---- */

static void write_drops(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	for (unsigned reason = 1; s->has_counters && reason < WIRE_DROP_COUNT; reason++)
		ctl_metric_count(m, s, &(struct ctl_label){"reason", wire_drop_name(reason)}, 1,
		    ctl_counters_drop(&s->counters, reason));
}

enum journey_value { JOURNEY_PACKETS, JOURNEY_BYTES };

static void write_journeys(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	for (uint32_t w = 0; s->has_counters && w < s->counters.workers; w++) {
		char worker[12];
		snprintf(worker, sizeof(worker), "%u", w);
		for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
			struct ctl_label labels[] = {{"worker", worker}, {"journey", wire_journey_name(j)}};
			uint64_t packets = s->counters.worker[w].journey[j].packets;
			uint64_t bytes = s->counters.worker[w].journey[j].bytes;
			ctl_metric_count(m, s, labels, COUNT(labels), m->index == JOURNEY_BYTES ? bytes : packets);
		}
	}
}

/* index: enum wire_counter */
static void write_worker_counter(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	for (uint32_t w = 0; s->has_counters && w < s->counters.workers; w++) {
		char worker[12];
		snprintf(worker, sizeof(worker), "%u", w);
		struct ctl_label label = {"worker", worker};
		uint64_t value = s->counters.worker[w].counter[m->index];
		if (m->index == WIRE_COUNTER_BUSY_NS)
			ctl_metric_real(m, s, &label, 1, (double)value / 1e9);
		else
			ctl_metric_count(m, s, &label, 1, value);
	}
}

/* index: offset in struct wire_stats_worker */
static void write_worker_gauge(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	for (uint32_t w = 0; s->has_counters && w < s->counters.workers; w++) {
		char worker[12];
		uint64_t value;
		snprintf(worker, sizeof(worker), "%u", w);
		memcpy(&value, (const char *)&s->counters.worker[w] + m->index, sizeof(value));
		ctl_metric_count(m, s, &(struct ctl_label){"worker", worker}, 1, value);
	}
}

static void write_heartbeat(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	for (uint32_t w = 0; s->has_counters && w < s->counters.workers; w++) {
		char worker[12];
		snprintf(worker, sizeof(worker), "%u", w);
		uint64_t at = s->counters.worker[w].heartbeat_ns;
		ctl_metric_real(m, s, &(struct ctl_label){"worker", worker}, 1,
		    at && at < s->monotonic_ns ? (double)(s->monotonic_ns - at) / 1e9 : 0);
	}
}

/* ---- traffic ---- */

enum { TRAFFIC_PACKETS, TRAFFIC_BYTES, TRAFFIC_FLOWS };

static void write_traffic_row(void *to, const struct ctl_traffic *row)
{
	const struct carried *c = to;
	struct ctl_label labels[] = {{"vip", row->vip}, {"accelerator", row->accelerator}, {"listener", row->listener},
	    {"group", row->group}, {"endpoint", row->endpoint}, {"ingress", c->source->status.pop},
	    {"egress", row->egress}, {"direction", "in"}};
	const struct wire_stats_traffic *n = &row->count;
	if (c->metric->index == TRAFFIC_FLOWS) {
		ctl_metric_count(c->metric, c->source, labels, COUNT(labels) - 1, n->flows);
		return;
	}
	bool bytes = c->metric->index == TRAFFIC_BYTES;
	ctl_metric_count(c->metric, c->source, labels, COUNT(labels), bytes ? n->bytes_in : n->packets_in);
	labels[COUNT(labels) - 1].value = "out";
	ctl_metric_count(c->metric, c->source, labels, COUNT(labels), bytes ? n->bytes_out : n->packets_out);
}

static void write_traffic(const struct ctl_metric *m, const struct ctl_metrics_source *s)
{
	struct carried carried = {m, s};
	if (s->has_counters)
		ctl_traffic_list(s->view, &s->counters, write_traffic_row, &carried);
}

#define ROW(name, type, help, write, index)                                                                            \
	{                                                                                                              \
		"kuafu_" name, type, help, write, index                                                                \
	}
#define LINK_COUNTER(name, help, member)                                                                               \
	ROW("link_" name, "counter", help, write_link_counter, offsetof(struct wire_stats_link, member))
#define WORKER(name, help, counter) ROW("worker_" name, "counter", help, write_worker_counter, WIRE_COUNTER_##counter)
#define WORKER_GAUGE(name, help, member)                                                                               \
	ROW("worker_" name, "gauge", help, write_worker_gauge, offsetof(struct wire_stats_worker, member))

const struct ctl_metric ctl_metrics[] = {
    ROW("info", "gauge", "1; who answers", write_info, 0),
    ROW("start_time_seconds", "gauge", "start of kuafud, Unix time", write_started, 0),
    ROW("dataplane_connected", "gauge", "1 while the data plane has the whole state", write_connected, 0),
    ROW("dataplane_generation", "gauge", "last transaction that every worker has taken", write_generation, 0),
    ROW("dataplane_start_time_seconds", "gauge", "start of the data plane, Unix time", write_dataplane_started, 0),
    ROW("dataplane_routes", "gauge", "routes in the data plane's FIB", write_dataplane_routes, 0),
    ROW("store_up", "gauge", "1 while the store answers and takes changes", write_store_up, 0),
    ROW("store_age_seconds", "gauge", "since the store last answered", write_store_age, 0),
    ROW("pop_age_seconds", "gauge", "since a POP's measurements last arrived", write_pop_age, 0),
    ROW("link_up", "gauge", "1 while the link is used", write_link, LINK_UP),
    ROW("link_rtt_seconds", "gauge", "round trip", write_link, LINK_RTT),
    ROW("link_rtt_p99_seconds", "gauge", "round trip, 99th percentile", write_link, LINK_RTT_P99),
    ROW("link_owd_seconds", "gauge", "one-way delay, up to the clocks' constant offset", write_link, LINK_OWD),
    ROW("link_jitter_seconds", "gauge", "interarrival jitter (RFC 3550)", write_link, LINK_JITTER),
    ROW("link_loss_ratio", "gauge", "share of probes and packets lost on the way there", write_link, LINK_LOSS),
    ROW("link_traffic_loss_ratio", "gauge", "share of packets lost on the way there", write_link, LINK_TRAFFIC_LOSS),
    ROW("link_loss_return_ratio", "gauge", "share of probes lost on the way back", write_link, LINK_LOSS_RETURN),
    ROW("link_probes_refused_total", "counter", "probes and replies not answered or believed, by reason",
        write_link_refused, 0),
    ROW("strangers_probes_total", "counter", "probes from addresses that are no link's other end", write_strangers, 0),
    LINK_COUNTER("tx_packets_total", "overlay packets sent", tx_packets),
    LINK_COUNTER("tx_bytes_total", "overlay bytes sent", tx_bytes),
    LINK_COUNTER("rx_packets_total", "overlay packets received", rx_packets),
    LINK_COUNTER("rx_bytes_total", "overlay bytes received", rx_bytes),
    LINK_COUNTER("rx_lost_packets_total", "overlay packets that never came", rx_lost),
    ROW("link_keepalive_rtt_seconds", "gauge", "round trip between the data planes", write_link_counter,
        offsetof(struct wire_stats_link, keepalive_rtt_ns)),
    ROW("route_cost_seconds", "gauge", "cost of a path for a class", write_route_cost, 0),
    ROW("route_on_backup", "gauge", "1 while the backup path is in use", write_route_state, ROUTE_ON_BACKUP),
    ROW("route_usable", "gauge", "0 while neither path is usable", write_route_state, ROUTE_USABLE),
    ROW("route_changes_total", "counter", "changes of routes from this POP, by reason", write_route_changes, 0),
    ROW("bpf_packets_total", "counter", "packets that the BPF programs saw, by event", write_bpf, 0),
    ROW("endpoint_up", "gauge", "0 while the endpoint is down", write_endpoint_up, 0),
    ROW("dropped_packets_total", "counter", "packets not forwarded, by reason", write_drops, 0),
    ROW("journey_packets_total", "counter", "packets, by journey", write_journeys, JOURNEY_PACKETS),
    ROW("journey_bytes_total", "counter", "bytes, by journey", write_journeys, JOURNEY_BYTES),
    ROW("traffic_packets_total", "counter", "packets of clients that enter here, by endpoint", write_traffic,
        TRAFFIC_PACKETS),
    ROW("traffic_bytes_total", "counter", "bytes of clients that enter here, by endpoint", write_traffic,
        TRAFFIC_BYTES),
    ROW("traffic_flows_total", "counter", "flows begun here, by endpoint", write_traffic, TRAFFIC_FLOWS),
    WORKER("flows_new_total", "flows made at ingress", FLOWS_NEW),
    WORKER("flows_expired_total", "flows that timed out or closed", FLOWS_EXPIRED),
    WORKER("flows_unstored_total", "packets steered without a flow: the table was full", FLOWS_UNSTORED),
    WORKER("nat_new_total", "flows made at egress", NAT_NEW),
    WORKER("nat_expired_total", "egress flows that timed out or closed", NAT_EXPIRED),
    WORKER("on_backup_packets_total", "packets sent along a backup path", ON_BACKUP),
    WORKER("handed_over_packets_total", "packets given to the flow's worker", HANDED_OVER),
    WORKER("mss_clamped_total", "SYN segments whose MSS was lowered", MSS_CLAMPED),
    WORKER("client_untold_segments_total", "segments that had no room for the client's address", CLIENT_UNTOLD),
    WORKER("denied_segments_total", "segments that an endpoint sent back as no connection of its own", DENIED),
    WORKER("wrapped_packets_total", "packets sent to endpoints of mode tunnel", WRAPPED),
    WORKER("polls_total", "passes of the loop", POLLS),
    WORKER("polls_empty_total", "passes that found nothing", POLLS_EMPTY),
    WORKER("sleeps_total", "times the worker slept", SLEEPS),
    WORKER("busy_seconds_total", "time in passes that found packets", BUSY_NS),
    WORKER_GAUGE("flows", "live flows at ingress", flows),
    WORKER_GAUGE("nat_flows", "live flows at egress", nat_flows),
    WORKER_GAUGE("flow_capacity", "room for flows at ingress", flow_capacity),
    WORKER_GAUGE("nat_capacity", "room for flows at egress", nat_capacity),
    ROW("worker_heartbeat_age_seconds", "gauge", "since the last pass of the loop", write_heartbeat, 0),
};

const size_t ctl_n_metrics = sizeof(ctl_metrics) / sizeof(ctl_metrics[0]);

void ctl_metrics_write(const struct ctl_api_view *view, FILE *out)
{
	struct ctl_metrics_source source = {.view = view, .out = out, .monotonic_ns = view->monotonic(view->daemon)};
	size_t size = 0;
	view->status(view->daemon, &source.status);
	const void *map = view->stats(view->daemon, &size);
	source.has_counters = map && ctl_counters_open(map, size, &source.counters) == 0;
	for (size_t i = 0; i < ctl_n_metrics; i++) {
		const struct ctl_metric *m = &ctl_metrics[i];
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
		m->write(m, &source);
	}
}
