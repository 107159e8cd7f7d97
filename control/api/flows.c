/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows as one array, written as the data plane finds them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/fields.h"
#include "control/api/filter.h"
#include "control/api/query.h"
#include "wire/packet.h"

#define FLOWS_DEFAULT 1000u
#define FLOWS_MAX     50000u /* some 450 bytes each: within CTL_API_ANSWER_MAX */

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
	struct ctl_api_asked *query = to;
	json_t *object = flow_object(query->view, row);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	char *line = NULL;
	int n = text ? asprintf(&line, "%s%s", query->rows ? "," : "", text) : -1;
	if (n >= 0)
		ctl_api_query_write(query, line, (size_t)n);
	else
		query->lost++;
	json_decref(object);
	free(text);
	free(n >= 0 ? line : NULL);
}

static void flows_end(void *to, int error)
{
	struct ctl_api_asked *query = to;
	char text[160];
	int n = snprintf(text, sizeof(text), "],\"more\":%s%s}",
	    query->rows + query->lost >= query->limit || query->lost ? "true" : "false",
	    error ? ",\"error\":\"the data plane went away before the last flow\"" : "");
	ctl_api_query_end(query, text, (size_t)n);
}

void ctl_api_get_flows(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct wire_ctl_filter filter;
	if (ctl_api_filter(view, request, answer, FLOWS_MAX, FLOWS_DEFAULT, &filter) != 0 ||
	    !ctl_api_query_start(view, answer, view->flows, "query", &filter, filter.limit, flow_row, flows_end))
		return;
	ctl_api_answer_begin(answer, 200, "application/json");
	ctl_api_answer_write(answer, "{\"flows\":[", strlen("{\"flows\":["));
}
