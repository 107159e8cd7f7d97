/* SPDX-License-Identifier: BSD-2-Clause */
/* Accelerators: from YAML. accelerator_json.c is the way back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/config/kinds.h"
#include "wire/packet.h"

#define MAX_VNI      0xffffffu
#define MAX_INTERVAL (3600 * (int64_t)CTL_NS_PER_S)

const char *const ctl_affinity_names[] = {"none", "source-ip", NULL};
const char *const ctl_client_ip_names[] = {"none", "toa", "proxy-v2", NULL};
const char *const ctl_endpoint_mode_names[] = {"nat", "tunnel", NULL};
const char *const ctl_encap_names[] = {"ipip", "geneve", NULL};
const char *const ctl_health_type_names[] = {"none", "tcp", "http", NULL};

static const char *const protocols[] = {"tcp", "udp", NULL};

static const char *const accelerator_keys[] = {"kind", "name", "id", "vips", "listeners", NULL};
static const char *const listener_keys[] = {
    "name", "protocol", "ports", "affinity", "class", "client-ip", "quic-lb", "groups", NULL};
static const char *const group_keys[] = {"name", "id", "region", "pops", "dial", "health", "endpoints", NULL};
static const char *const check_keys[] = {"type", "path", "port", "interval", "timeout", "rise", "fall", NULL};
static const char *const endpoint_keys[] = {
    "address", "id", "port", "weight", "mode", "encap", "drained", "server-id", NULL};

/* ---- groups ---- */

static void read_check_path(struct ctl_yaml_value map, struct ctl_check *check)
{
	struct ctl_yaml_value path = ctl_yaml_get(map, "path");
	snprintf(check->path, sizeof(check->path), "%s", ctl_yaml_text(path, sizeof(check->path), "/"));
	if (check->path[0] != '/' || strchr(check->path, ' '))
		ctl_yaml_complain(path, "must be a path that begins with '/' and has no blanks, such as /healthz");
	if (ctl_yaml_is_present(&path) && check->type != CTL_HEALTH_HTTP)
		ctl_yaml_complain(path, "only http checks have a path; write 'type: http' or remove it");
}

static void read_check(struct ctl_yaml_value map, enum ctl_health_type otherwise, struct ctl_check *check)
{
	ctl_yaml_only(map, check_keys);
	check->type =
	    (enum ctl_health_type)ctl_yaml_choice(ctl_yaml_get(map, "type"), ctl_health_type_names, (int)otherwise);
	read_check_path(map, check);
	check->port = (uint16_t)ctl_yaml_uint(ctl_yaml_get(map, "port"), 1, UINT16_MAX, 0);
	int64_t ms = (int64_t)CTL_NS_PER_MS;
	int64_t interval = ctl_yaml_duration(ctl_yaml_get(map, "interval"), 10 * ms, MAX_INTERVAL, 1000 * ms);
	struct ctl_yaml_value timeout_value = ctl_yaml_get(map, "timeout");
	int64_t fallback = interval < 500 * ms ? interval : 500 * ms;
	int64_t timeout = ctl_yaml_duration(timeout_value, 10 * ms, MAX_INTERVAL, fallback);
	if (timeout > interval)
		ctl_yaml_complain(timeout_value, "is longer than the interval; choose one of at most the interval");
	check->interval_ms = (uint32_t)(interval / ms);
	check->timeout_ms = (uint32_t)(timeout / ms);
	check->rise = (uint16_t)ctl_yaml_uint(ctl_yaml_get(map, "rise"), 1, 100, 2);
	check->fall = (uint16_t)ctl_yaml_uint(ctl_yaml_get(map, "fall"), 1, 100, 3);
}

static void read_endpoint(struct ctl_yaml_value item, const struct ctl_listener *listener, struct ctl_group *group)
{
	struct ctl_endpoint *endpoint = &group->endpoints[group->n_endpoints];
	if (!ctl_yaml_only(item, endpoint_keys))
		return;
	endpoint->line = ctl_yaml_line(&item);
	ctl_yaml_address(ctl_yaml_need(item, "address"), &endpoint->address);
	endpoint->id = (uint32_t)ctl_yaml_uint(ctl_yaml_get(item, "id"), 1, UINT32_MAX, 0);
	endpoint->port = (uint16_t)ctl_yaml_uint(ctl_yaml_need(item, "port"), 1, UINT16_MAX, 0);
	endpoint->weight = (uint16_t)ctl_yaml_uint(ctl_yaml_get(item, "weight"), 0, 255, 128);
	struct ctl_yaml_value mode = ctl_yaml_get(item, "mode");
	endpoint->mode = (enum wire_ctl_endpoint_mode)ctl_yaml_choice(mode, ctl_endpoint_mode_names, WIRE_MODE_NAT);
	if (endpoint->mode == WIRE_MODE_TUNNEL && listener->client_ip != WIRE_CLIENT_IP_NONE)
		ctl_yaml_complain(mode, "keeps the client's address without the listener's 'client-ip'; remove that, "
		                        "or write 'mode: nat'");
	struct ctl_yaml_value encap = ctl_yaml_get(item, "encap");
	endpoint->encap = (enum wire_ctl_encap)ctl_yaml_choice(encap, ctl_encap_names, WIRE_ENCAP_IPIP);
	if (ctl_yaml_is_present(&encap) && endpoint->mode != WIRE_MODE_TUNNEL)
		ctl_yaml_complain(encap, "is for mode tunnel; leave it out, or write mode: tunnel");
	struct ctl_yaml_value drained = ctl_yaml_get(item, "drained");
	endpoint->drained_given = ctl_yaml_is_present(&drained);
	endpoint->drained = ctl_yaml_bool(drained, false);
	for (unsigned i = 0; i < group->n_endpoints; i++)
		if (group->endpoints[i].port == endpoint->port &&
		    wire_addr_equal(&group->endpoints[i].address, &endpoint->address)) {
			ctl_yaml_complain(ctl_yaml_get(item, "address"),
			    "port %u stands in this group twice; give it more weight instead", endpoint->port);
			break;
		}
	ctl_server_id_read(ctl_yaml_get(item, "server-id"), listener, endpoint);
	group->n_endpoints++;
}

static int read_endpoints(struct ctl_yaml_value list, const struct ctl_listener *listener, struct ctl_group *group)
{
	unsigned n = ctl_yaml_items(list, CTL_MAX_ENDPOINTS);
	group->endpoints = calloc(n ? n : 1, sizeof(*group->endpoints));
	if (!group->endpoints)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		read_endpoint(ctl_yaml_item(list, i), listener, group);
	return 0;
}

static void read_pops(struct ctl_yaml_value list, struct ctl_group *group)
{
	unsigned n = ctl_yaml_items(list, CTL_MAX_GROUP_POPS);
	for (unsigned i = 0; i < n; i++) {
		struct ctl_yaml_value item = ctl_yaml_item(list, i);
		if (!ctl_yaml_name(item, group->pops[group->n_pops]))
			continue;
		for (unsigned j = 0; j < group->n_pops; j++)
			if (strcmp(group->pops[j], group->pops[group->n_pops]) == 0)
				ctl_yaml_complain(item, "stands in the list twice; remove one");
		group->n_pops++;
	}
	if (ctl_yaml_is_present(&list) && n == 0)
		ctl_yaml_complain(list, "must name at least one egress POP near the endpoints");
}

static int read_group(struct ctl_yaml_value item, struct ctl_listener *listener)
{
	struct ctl_group *group = &listener->groups[listener->n_groups++];
	group->line = ctl_yaml_line(&item);
	ctl_yaml_only(item, group_keys);
	ctl_yaml_name(ctl_yaml_need(item, "region"), group->region);
	struct ctl_yaml_value name = ctl_yaml_get(item, "name");
	memcpy(group->name, group->region, sizeof(group->name));
	ctl_yaml_name(name, group->name);
	for (unsigned i = 0; i + 1 < listener->n_groups; i++)
		if (strcmp(listener->groups[i].name, group->name) == 0)
			ctl_yaml_complain(ctl_yaml_is_present(&name) ? name : ctl_yaml_get(item, "region"),
			    "another group of this listener is called so; give this one a 'name' of its own");
	group->id = (uint32_t)ctl_yaml_uint(ctl_yaml_get(item, "id"), 1, UINT32_MAX, 0);
	group->dial = (uint8_t)ctl_yaml_uint(ctl_yaml_get(item, "dial"), 0, 100, 100);
	read_pops(ctl_yaml_need(item, "pops"), group);
	enum ctl_health_type type = listener->protocol == WIRE_PROTO_TCP ? CTL_HEALTH_TCP : CTL_HEALTH_NONE;
	read_check(ctl_yaml_get(item, "health"), type, &group->check);
	return read_endpoints(ctl_yaml_need(item, "endpoints"), listener, group);
}

/* ---- listeners ---- */

static void read_ports(struct ctl_yaml_value list, struct ctl_listener *listener)
{
	unsigned n = ctl_yaml_items(list, CTL_MAX_PORT_RANGES);
	for (unsigned i = 0; i < n; i++) {
		struct ctl_port_range *range = &listener->ports[listener->n_ports];
		if (ctl_yaml_port_range(ctl_yaml_item(list, i), &range->lo, &range->hi))
			listener->n_ports++;
	}
	if (ctl_yaml_is_present(&list) && n == 0)
		ctl_yaml_complain(list, "must list at least one port, such as [443, 8000-8099]");
}

/* Ports of one protocol belong to one listener: all listeners of an accelerator share its VIPs. */
static void check_ports(struct ctl_yaml_value item, const struct ctl_accelerator *a, const struct ctl_listener *l)
{
	for (const struct ctl_listener *other = a->listeners; other <= l; other++)
		for (unsigned i = 0; i < l->n_ports; i++)
			for (unsigned j = 0; j < (other == l ? i : other->n_ports); j++)
				if (other->protocol == l->protocol && l->ports[i].lo <= other->ports[j].hi &&
				    other->ports[j].lo <= l->ports[i].hi)
					ctl_yaml_complain(ctl_yaml_item(ctl_yaml_get(item, "ports"), i),
					    "overlaps %u-%u of listener '%s'; a port belongs to one listener",
					    other->ports[j].lo, other->ports[j].hi, other->name);
}

static int read_groups(struct ctl_yaml_value list, struct ctl_listener *listener)
{
	unsigned n = ctl_yaml_items(list, CTL_MAX_GROUPS);
	listener->groups = calloc(n ? n : 1, sizeof(*listener->groups));
	if (!listener->groups)
		return -ENOMEM;
	if (ctl_yaml_is_present(&list) && n == 0)
		ctl_yaml_complain(list, "must hold at least one group of endpoints");
	int error = 0;
	for (unsigned i = 0; i < n && !error; i++)
		error = read_group(ctl_yaml_item(list, i), listener);
	return error;
}

static int read_listener(struct ctl_yaml_value item, struct ctl_accelerator *a)
{
	struct ctl_listener *listener = &a->listeners[a->n_listeners++];
	listener->line = ctl_yaml_line(&item);
	ctl_yaml_only(item, listener_keys);
	struct ctl_yaml_value name = ctl_yaml_need(item, "name");
	ctl_yaml_name(name, listener->name);
	for (unsigned i = 0; i + 1 < a->n_listeners; i++)
		if (strcmp(a->listeners[i].name, listener->name) == 0)
			ctl_yaml_complain(
			    name, "another listener of this accelerator is called so; choose another name");
	int protocol = ctl_yaml_choice(ctl_yaml_need(item, "protocol"), protocols, 0);
	listener->protocol = protocol ? WIRE_PROTO_UDP : WIRE_PROTO_TCP;
	read_ports(ctl_yaml_need(item, "ports"), listener);
	check_ports(item, a, listener);
	listener->affinity = (enum wire_ctl_affinity)ctl_yaml_choice(
	    ctl_yaml_get(item, "affinity"), ctl_affinity_names, WIRE_AFFINITY_NONE);
	struct ctl_yaml_value client_ip = ctl_yaml_get(item, "client-ip");
	listener->client_ip =
	    (enum wire_ctl_client_ip)ctl_yaml_choice(client_ip, ctl_client_ip_names, WIRE_CLIENT_IP_NONE);
	if (listener->client_ip != WIRE_CLIENT_IP_NONE && listener->protocol != WIRE_PROTO_TCP)
		ctl_yaml_complain(client_ip, "is for listeners of protocol tcp; write 'none' or remove it");
	strcpy(listener->class, "latency");
	ctl_yaml_name(ctl_yaml_get(item, "class"), listener->class);
	ctl_quic_read(ctl_yaml_get(item, "quic-lb"), listener);
	return read_groups(ctl_yaml_need(item, "groups"), listener);
}

/* ---- accelerators ---- */

static void read_vips(struct ctl_yaml_value list, struct ctl_accelerator *a)
{
	unsigned n = ctl_yaml_items(list, CTL_MAX_VIPS);
	for (unsigned i = 0; i < n; i++) {
		struct ctl_yaml_value item = ctl_yaml_item(list, i);
		if (!ctl_yaml_address(item, &a->vips[a->n_vips]))
			continue;
		if (!wire_addr_is_host(&a->vips[a->n_vips]))
			ctl_yaml_complain(item, "must be an address that clients can connect to");
		for (unsigned j = 0; j < a->n_vips; j++)
			if (wire_addr_equal(&a->vips[j], &a->vips[a->n_vips]))
				ctl_yaml_complain(item, "stands in the list twice; remove one");
		a->n_vips++;
	}
	if (ctl_yaml_is_present(&list) && n == 0)
		ctl_yaml_complain(list, "must list at least one address");
}

int ctl_accelerator_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns)
{
	(void)now_wall_ns;
	struct ctl_accelerator *a = &object->accelerator;
	ctl_yaml_only(document, accelerator_keys);
	ctl_yaml_name(ctl_yaml_need(document, "name"), a->name);
	a->id = (uint32_t)ctl_yaml_uint(ctl_yaml_get(document, "id"), 1, MAX_VNI, 0);
	read_vips(ctl_yaml_need(document, "vips"), a);
	struct ctl_yaml_value list = ctl_yaml_need(document, "listeners");
	unsigned n = ctl_yaml_items(list, CTL_MAX_LISTENERS);
	a->listeners = calloc(n ? n : 1, sizeof(*a->listeners));
	if (!a->listeners)
		return -ENOMEM;
	int error = 0;
	for (unsigned i = 0; i < n && !error; i++)
		error = read_listener(ctl_yaml_item(list, i), a);
	return error;
}

void ctl_accelerator_free(struct ctl_object *object)
{
	struct ctl_accelerator *a = &object->accelerator;
	for (unsigned i = 0; i < a->n_listeners; i++) {
		for (unsigned j = 0; j < a->listeners[i].n_groups; j++)
			free(a->listeners[i].groups[j].endpoints);
		free(a->listeners[i].groups);
	}
	free(a->listeners);
}
