/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the data plane knows, streamed as it finds it: flows as one array, a trace as lines of JSON. */
#include "control/api/router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/fields.h"
#include "wire/packet.h"

#define FLOWS_DEFAULT 1000u
#define FLOWS_MAX     50000u /* some 450 bytes each: within CTL_API_ANSWER_MAX */
#define TRACE_MAX     1000000u
#define MAX_STATES    16u  /* of a flow; there are fewer */
#define RECENT        256u /* packets whose records may still be coming: a few bursts */

struct query {
	const struct ctl_api_view *view;
	struct ctl_api_answer *answer;
	uint64_t id;
	uint64_t limit;
	uint64_t rows;
	uint64_t lost;           /* rows that a slow reader had no room for */
	uint64_t packets;        /* of a trace, so far */
	uint64_t recent[RECENT]; /* the last of them, a ring */
};

/* ---- the filter ---- */

static int parse_address(
    struct ctl_api_answer *answer, const char *key, const char *text, struct wire_addr *ret_address)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*ret_address = wire_addr_from_v4(bytes);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*ret_address = wire_addr_from_v6(bytes);
		return 0;
	}
	ctl_api_answer_error(answer, 400, "%s: '%s' is no IPv4 or IPv6 address", key, text);
	return -EINVAL;
}

/* Those of any end, and those of a certain one; two in all. */
static int param_addresses(
    const struct ctl_api_request *request, struct ctl_api_answer *answer, struct wire_ctl_filter *filter)
{
	static const struct {
		const char *key;
		uint8_t end;
	} keys[] = {{"address", WIRE_END_ANY}, {"address2", WIRE_END_ANY}, {"client", WIRE_END_CLIENT},
	    {"vip", WIRE_END_VIP}, {"endpoint", WIRE_END_ENDPOINT}};
	unsigned n = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *text = ctl_api_param(request, keys[i].key);
		if (!text)
			continue;
		if (n == 2) {
			ctl_api_answer_error(answer, 400, "%s: a filter has two addresses at most", keys[i].key);
			return -EINVAL;
		}
		if (parse_address(answer, keys[i].key, text, n ? &filter->address2 : &filter->address) != 0)
			return -EINVAL;
		*(n ? &filter->end2 : &filter->end) = keys[i].end;
		n++;
	}
	return 0;
}

static int param_protocol(const struct ctl_api_request *request, struct ctl_api_answer *answer, uint8_t *ret_protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {{"tcp", WIRE_PROTO_TCP}, {"udp", WIRE_PROTO_UDP}, {"icmp", WIRE_PROTO_ICMP}};
	const char *text = ctl_api_param(request, "protocol");
	if (!text)
		return 0;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcmp(text, protocols[i].name) == 0) {
			*ret_protocol = protocols[i].number;
			return 0;
		}
	}
	ctl_api_answer_error(answer, 400, "protocol: '%s' is none of tcp, udp, icmp", text);
	return -EINVAL;
}

static int param_role(const struct ctl_api_request *request, struct ctl_api_answer *answer, uint8_t *ret_role)
{
	const char *text = ctl_api_param(request, "role");
	if (!text)
		return 0;
	if (strcmp(text, "ingress") != 0 && strcmp(text, "egress") != 0) {
		ctl_api_answer_error(answer, 400, "role: '%s' is none of ingress, egress", text);
		return -EINVAL;
	}
	*ret_role = *text == 'i' ? WIRE_FLOW_INGRESS : WIRE_FLOW_EGRESS;
	return 0;
}

static int param_state(const struct ctl_api_view *view, const struct ctl_api_request *request,
    struct ctl_api_answer *answer, uint8_t *ret_state)
{
	const char *text = ctl_api_param(request, "state");
	char all[128] = "";
	if (!text)
		return 0;
	for (uint8_t state = 1; state < MAX_STATES; state++) {
		const char *name = view->flow_state_name(view->daemon, state);
		if (!name || strcmp(name, "unknown") == 0)
			break;
		if (strcmp(name, text) == 0) {
			*ret_state = state;
			return 0;
		}
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", name);
	}
	ctl_api_answer_error(answer, 400, "state: '%s' is none of %s", text, all);
	return -EINVAL;
}

struct pop_search {
	const char *name;
	uint16_t id;
};

static void is_it(void *to, const void *row)
{
	struct pop_search *search = to;
	const struct ctl_api_pop *pop = row;
	if (strcmp(pop->name, search->name) == 0)
		search->id = pop->id;
}

static int param_pop(const struct ctl_api_view *view, const struct ctl_api_request *request,
    struct ctl_api_answer *answer, uint16_t *ret_pop)
{
	struct pop_search search = {.name = ctl_api_param(request, "pop")};
	if (!search.name)
		return 0;
	view->pops(view->daemon, is_it, &search);
	if (!search.id) {
		ctl_api_answer_error(answer, 404, "no POP '%s'", search.name);
		return -ENOENT;
	}
	*ret_pop = search.id;
	return 0;
}

/* Reads the filter from the query; on a mistake the request is answered and the result -EINVAL. */
static int parse_filter(const struct ctl_api_view *view, const struct ctl_api_request *request,
    struct ctl_api_answer *answer, uint64_t max, uint64_t fallback, struct wire_ctl_filter *ret_filter)
{
	struct wire_ctl_filter filter = {0};
	uint64_t port, limit;
	if (param_addresses(request, answer, &filter) != 0 || param_protocol(request, answer, &filter.protocol) != 0 ||
	    param_role(request, answer, &filter.role) != 0 || param_state(view, request, answer, &filter.state) != 0 ||
	    param_pop(view, request, answer, &filter.pop) != 0 ||
	    ctl_api_param_number(request, answer, "port", 1, UINT16_MAX, 0, &port) != 0 ||
	    ctl_api_param_number(request, answer, "limit", 1, max, fallback, &limit) != 0)
		return -EINVAL;
	filter.l4_port = (uint16_t)port;
	filter.limit = (uint32_t)limit;
	*ret_filter = filter;
	return 0;
}

/* ---- the life of a query ---- */

static void query_free(struct query *query)
{
	query->answer->handler = NULL;
	query->answer->left = NULL;
	query->answer->idle = NULL;
	ctl_api_answer_unref(query->answer);
	free(query);
}

static void client_left(struct ctl_api_answer *answer)
{
	struct query *query = answer->handler;
	query->view->stop(query->view->daemon, query->id);
	query_free(query);
}

/* How to ask the data plane, and what to do with what it says. */
typedef int ask_fn(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);

/* Starts the query and attaches it to the answer. Returns false after answering with why not. */
static bool start(const struct ctl_api_view *view, struct ctl_api_answer *answer, ask_fn *ask,
    const struct wire_ctl_filter *filter, uint64_t limit, void (*row)(void *, const void *), void (*end)(void *, int))
{
	struct query *query = calloc(1, sizeof(*query));
	if (!query) {
		ctl_api_answer_error(answer, 500, "out of memory");
		return false;
	}
	query->view = view;
	query->limit = limit;
	int err = ask(view->daemon, filter, &(struct ctl_api_query){row, end, query}, &query->id);
	if (err) {
		free(query);
		if (err == -ENOTCONN)
			ctl_api_answer_error(
			    answer, 503, "the data plane is not connected; is kuafu-dataplane running?");
		else if (err == -EBUSY)
			ctl_api_answer_error(answer, 409, "another trace runs; end it first");
		else
			ctl_api_answer_error(answer, 500, "asking the data plane: %s", strerror(-err));
		return false;
	}
	query->answer = ctl_api_answer_ref(answer);
	answer->handler = query;
	answer->left = client_left;
	return true;
}

/* Writes "before", the object and "after". The object is ours to free. A row without room is counted as lost. */
static void write_row(struct query *query, const char *before, json_t *object, const char *after)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t room = CTL_API_ANSWER_MAX - query->answer->size;
	json_decref(object);
	if (!text || strlen(before) + strlen(text) + strlen(after) + 256 > room) {
		query->lost++;
	} else {
		ctl_api_answer_write(query->answer, before, strlen(before));
		ctl_api_answer_write(query->answer, text, strlen(text));
		ctl_api_answer_write(query->answer, after, strlen(after));
		query->rows++;
	}
	free(text);
}

/* ---- flows ---- */

static json_t *socket_text(const struct wire_addr *address, uint16_t port)
{
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];
	if (wire_addr_is_unset(address))
		return json_null();
	bool v4 = wire_addr_is_v4(address);
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->bytes + 12 : address->bytes, host, sizeof(host));
	snprintf(text, sizeof(text), v4 ? "%s:%u" : "[%s]:%u", host, port);
	return json_string(text);
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == WIRE_PROTO_TCP ? "tcp" : protocol == WIRE_PROTO_UDP ? "udp" : "icmp";
}

static json_t *flow_object(const struct ctl_api_view *view, const struct wire_ctl_flow *flow)
{
	json_t *o = json_object();
	json_object_set_new(o, "role", json_string(flow->role == WIRE_FLOW_EGRESS ? "egress" : "ingress"));
	json_object_set_new(o, "protocol", json_string(protocol_name(flow->protocol)));
	json_object_set_new(o, "client", socket_text(&flow->client, flow->client_port));
	json_object_set_new(o, "vip", socket_text(&flow->vip, flow->vip_port));
	json_object_set_new(o, "endpoint", socket_text(&flow->endpoint_address, flow->endpoint_port));
	json_object_set_new(o, "nat", socket_text(&flow->nat_address, flow->nat_port));
	json_object_set_new(o, "state", ctl_api_string(view->flow_state_name(view->daemon, flow->state)));
	json_object_set_new(o, "class", ctl_api_string(view->class_name(view->daemon, flow->class)));
	json_object_set_new(o, "ingress", ctl_api_string(view->pop_name(view->daemon, flow->ingress_pop)));
	json_object_set_new(o, "egress", ctl_api_string(view->pop_name(view->daemon, flow->egress_pop)));
	json_object_set_new(o, "idle_ms", json_integer(flow->idle_ms));
	json_object_set_new(o, "worker", json_integer(flow->worker));
	return o;
}

static void flow_row(void *to, const void *row)
{
	struct query *query = to;
	write_row(query, query->rows ? "," : "", flow_object(query->view, row), "");
}

static void flows_end(void *to, int error)
{
	struct query *query = to;
	char text[160];
	int n = snprintf(text, sizeof(text), "],\"more\":%s%s}",
	    query->rows + query->lost >= query->limit || query->lost ? "true" : "false",
	    error ? ",\"error\":\"the data plane went away before the last flow\"" : "");
	ctl_api_answer_write(query->answer, text, (size_t)n);
	ctl_api_answer_end(query->answer);
	query_free(query);
}

void ctl_api_get_flows(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct wire_ctl_filter filter;
	if (parse_filter(view, request, answer, FLOWS_MAX, FLOWS_DEFAULT, &filter) != 0 ||
	    !start(view, answer, view->flows, &filter, filter.limit, flow_row, flows_end))
		return;
	ctl_api_answer_begin(answer, 200, "application/json");
	ctl_api_answer_write(answer, "{\"flows\":[", strlen("{\"flows\":["));
}

/* ---- trace ---- */

static json_t *trace_object(const struct wire_ctl_trace *trace)
{
	char packet[17], at[25], step[sizeof(trace->text) + 1];
	snprintf(packet, sizeof(packet), "%016llx", (unsigned long long)trace->packet);
	ctl_api_time_text(trace->at_ns, at);
	snprintf(step, sizeof(step), "%.*s", (int)sizeof(trace->text), trace->text);
	json_t *o = json_object();
	json_object_set_new(o, "packet", json_string(packet));
	json_object_set_new(o, "at", json_string(at));
	json_object_set_new(o, "worker", json_integer(trace->worker));
	json_object_set_new(o, "journey", json_string(wire_journey_name(trace->journey)));
	json_object_set_new(o, "drop", trace->drop ? json_string(wire_drop_name(trace->drop)) : json_null());
	json_object_set_new(o, "text", ctl_api_string(step));
	return o;
}

/* Is the packet one of the first `limit`? Records of packets that share a burst come mixed. */
static bool is_wanted(struct query *query, uint64_t packet)
{
	uint64_t known = query->packets < RECENT ? query->packets : RECENT;
	for (uint64_t i = 0; i < known; i++) {
		if (query->recent[i] == packet)
			return true;
	}
	if (query->limit && query->packets == query->limit)
		return false;
	query->recent[query->packets++ % RECENT] = packet;
	return true;
}

static void trace_row(void *to, const void *row)
{
	struct query *query = to;
	const struct wire_ctl_trace *trace = row;
	if (is_wanted(query, trace->packet))
		write_row(query, "", trace_object(trace), "\n");
}

static void trace_end(void *to, int error)
{
	struct query *query = to;
	char text[160];
	int n = 0;
	if (error || query->lost)
		n = snprintf(text, sizeof(text), "{\"lost\":%llu,\"error\":%s}\n", (unsigned long long)query->lost,
		    error ? "\"the data plane went away\"" : "null");
	ctl_api_answer_write(query->answer, text, (size_t)n);
	ctl_api_answer_end(query->answer);
	query_free(query);
}

/* The limit is ours to keep: only here it is known when the last packet's last record is out. */
static void trace_idle(struct ctl_api_answer *answer)
{
	struct query *query = answer->handler;
	if (!query->limit || query->packets < query->limit)
		return;
	query->view->stop(query->view->daemon, query->id);
	trace_end(query, 0);
}

void ctl_api_get_trace(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct wire_ctl_filter filter;
	if (parse_filter(view, request, answer, TRACE_MAX, 0, &filter) != 0)
		return;
	uint64_t limit = filter.limit;
	filter.limit = 0;
	if (!start(view, answer, view->trace, &filter, limit, trace_row, trace_end))
		return;
	answer->idle = trace_idle;
	ctl_api_answer_begin(answer, 200, "application/x-ndjson");
}
