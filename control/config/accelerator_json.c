/* SPDX-License-Identifier: BSD-2-Clause */
/* Accelerators: to JSON, every field written out, so that a change of a default changes nothing that is stored. */
#include <stdio.h>

#include "control/base/address.h"
#include "control/config/kinds.h"
#include "wire/packet.h"

static json_t *address_json(const struct wire_addr *address)
{
	char text[CTL_ADDRESS_TEXT];
	return json_string(ctl_address_text(address, text));
}

static json_t *milliseconds_json(uint32_t ms)
{
	return json_sprintf("%ums", ms);
}

static json_t *check_json(const struct ctl_check *check)
{
	json_t *json = json_pack("{ss so so si si}", "type", ctl_health_type_names[check->type], "interval",
	    milliseconds_json(check->interval_ms), "timeout", milliseconds_json(check->timeout_ms), "rise",
	    (int)check->rise, "fall", (int)check->fall);
	if (check->port)
		json_object_set_new(json, "port", json_integer(check->port));
	if (check->type == CTL_HEALTH_HTTP)
		json_object_set_new(json, "path", json_string(check->path));
	return json;
}

static json_t *endpoint_json(const struct ctl_endpoint *endpoint)
{
	json_t *json = json_pack("{so sI si si ss sb}", "address", address_json(&endpoint->address), "id",
	    (json_int_t)endpoint->id, "port", (int)endpoint->port, "weight", (int)endpoint->weight, "mode",
	    ctl_endpoint_mode_names[endpoint->mode], "drained", (int)endpoint->drained);
	if (endpoint->server_id_length)
		json_object_set_new(json, "server-id", ctl_server_id_json(endpoint));
	if (endpoint->mode == WIRE_MODE_TUNNEL)
		json_object_set_new(json, "encap", json_string(ctl_encap_names[endpoint->encap]));
	return json;
}

static json_t *group_json(const struct ctl_group *group)
{
	json_t *pops = json_array(), *endpoints = json_array();
	for (unsigned i = 0; i < group->n_pops; i++)
		json_array_append_new(pops, json_string(group->pops[i]));
	for (unsigned i = 0; i < group->n_endpoints; i++)
		json_array_append_new(endpoints, endpoint_json(&group->endpoints[i]));
	return json_pack("{ss sI ss so si so so}", "name", group->name, "id", (json_int_t)group->id, "region",
	    group->region, "pops", pops, "dial", (int)group->dial, "health", check_json(&group->check), "endpoints",
	    endpoints);
}

static json_t *ports_json(const struct ctl_listener *listener)
{
	json_t *ports = json_array();
	for (unsigned i = 0; i < listener->n_ports; i++) {
		const struct ctl_port_range *range = &listener->ports[i];
		json_array_append_new(ports,
		    range->lo == range->hi ? json_integer(range->lo) : json_sprintf("%u-%u", range->lo, range->hi));
	}
	return ports;
}

static json_t *listener_json(const struct ctl_listener *listener)
{
	json_t *groups = json_array();
	for (unsigned i = 0; i < listener->n_groups; i++)
		json_array_append_new(groups, group_json(&listener->groups[i]));
	json_t *json = json_pack("{ss ss so ss ss ss so}", "name", listener->name, "protocol",
	    listener->protocol == WIRE_PROTO_TCP ? "tcp" : "udp", "ports", ports_json(listener), "affinity",
	    ctl_affinity_names[listener->affinity], "class", listener->class, "client-ip",
	    ctl_client_ip_names[listener->client_ip], "groups", groups);
	if (listener->has_quic)
		json_object_set_new(json, "quic-lb", ctl_quic_json(listener));
	return json;
}

int ctl_accelerator_json(const struct ctl_object *object, json_t *json)
{
	const struct ctl_accelerator *a = &object->accelerator;
	json_t *vips = json_array(), *listeners = json_array();
	for (unsigned i = 0; i < a->n_vips; i++)
		json_array_append_new(vips, address_json(&a->vips[i]));
	for (unsigned i = 0; i < a->n_listeners; i++)
		json_array_append_new(listeners, listener_json(&a->listeners[i]));
	int bad = json_object_set_new(json, "name", json_string(a->name));
	bad |= json_object_set_new(json, "id", json_integer(a->id));
	bad |= json_object_set_new(json, "vips", vips);
	return bad | json_object_set_new(json, "listeners", listeners);
}
