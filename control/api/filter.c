/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/packet.h"

#define MAX_STATES 16u /* of a flow; there are fewer */

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

int ctl_api_filter(const struct ctl_api_view *view, const struct ctl_api_request *request,
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
