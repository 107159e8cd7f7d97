/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "control/balance/balance.h"
#include "control/base/address.h"
#include "control/parts/view.h"
#include "wire/packet.h"

typedef void visit_fn(const struct ctl_daemon *d, const struct ctl_accelerator *a, ctl_api_emit *emit, void *to);

static void each_accelerator(const struct ctl_daemon *d, visit_fn *visit, ctl_api_emit *emit, void *to)
{
	for (unsigned i = 0; i < d->objects.n; i++)
		if (d->objects.object[i]->kind == CTL_KIND_ACCELERATOR)
			visit(d, &d->objects.object[i]->accelerator, emit, to);
}

/* An endpoint that nobody calls down takes traffic. */
static unsigned count_up(const struct ctl_daemon *d, const struct ctl_group *group)
{
	unsigned n = 0;
	for (unsigned i = 0; i < group->n_endpoints; i++)
		n += ctl_group_verdict(d, group, group->endpoints[i].id, NULL) != CTL_HEALTH_DOWN;
	return n;
}

/* ---- accelerators ---- */

static bool is_left_out(const struct ctl_daemon *d, const struct ctl_accelerator *a)
{
	for (size_t i = 0; i < d->parts->n_left_out; i++)
		if (d->parts->left_out[i] == a->id)
			return true;
	return false;
}

static void show_accelerator(const struct ctl_daemon *d, const struct ctl_accelerator *a, ctl_api_emit *emit, void *to)
{
	char text[CTL_MAX_VIPS][CTL_ADDRESS_TEXT];
	const char *vip[CTL_MAX_VIPS];
	struct ctl_dataplane_status status;
	ctl_dataplane_status(d->dataplane, &status);
	struct ctl_api_accelerator row = {
	    .name = a->name,
	    .id = a->id,
	    .vip = vip,
	    .n_vip = a->n_vips,
	    .listeners = a->n_listeners,
	    .state = is_left_out(d, a)     ? "left-out"
	             : status.synchronised ? "ready"
	                                   : "pending",
	};
	for (unsigned i = 0; i < a->n_vips; i++)
		vip[i] = ctl_address_text(&a->vips[i], text[i]);
	for (unsigned i = 0; i < a->n_listeners; i++)
		for (unsigned j = 0; j < a->listeners[i].n_groups; j++) {
			row.endpoints += a->listeners[i].groups[j].n_endpoints;
			row.endpoints_up += count_up(d, &a->listeners[i].groups[j]);
		}
	emit(to, &row);
}

void ctl_view_accelerators(void *daemon, ctl_api_emit *emit, void *to)
{
	each_accelerator(daemon, show_accelerator, emit, to);
}

/* ---- listeners ---- */

static void show_group(const struct ctl_daemon *d, const struct ctl_group *group, const struct ctl_balance_share *share,
    unsigned n_shares, struct ctl_api_group *ret_row)
{
	*ret_row = (struct ctl_api_group){
	    .region = group->name,
	    .dial = group->dial,
	    .endpoints = group->n_endpoints,
	    .endpoints_up = count_up(d, group),
	};
	for (unsigned i = 0; i < n_shares; i++)
		if (share[i].group == group->id) {
			ret_row->egress = ctl_view_pop(d, share[i].egress_pop);
			ret_row->share = (double)share[i].weight / CTL_BALANCE_WHOLE;
		}
}

static void show_listener(const struct ctl_daemon *d, const struct ctl_accelerator *a,
    const struct ctl_listener *listener, ctl_api_emit *emit, void *to)
{
	char text[CTL_MAX_PORT_RANGES][16];
	const char *port[CTL_MAX_PORT_RANGES];
	struct ctl_api_group groups[CTL_MAX_GROUPS];
	struct ctl_balance_share share[CTL_MAX_GROUPS];
	unsigned n_shares = ctl_forwarding_shares(d, a, listener, share);
	for (unsigned i = 0; i < listener->n_ports; i++) {
		const struct ctl_port_range *range = &listener->ports[i];
		snprintf(text[i], sizeof(text[i]), range->lo == range->hi ? "%u" : "%u-%u", range->lo, range->hi);
		port[i] = text[i];
	}
	for (unsigned i = 0; i < listener->n_groups; i++)
		show_group(d, &listener->groups[i], share, n_shares, &groups[i]);
	struct ctl_api_listener row = {
	    .accelerator = a->name,
	    .name = listener->name,
	    .protocol = listener->protocol == WIRE_PROTO_TCP ? "tcp" : "udp",
	    .port = port,
	    .n_port = listener->n_ports,
	    .class = listener->class,
	    .affinity = ctl_affinity_names[listener->affinity],
	    .client_ip = ctl_client_ip_names[listener->client_ip],
	    .group = groups,
	    .n_group = listener->n_groups,
	};
	emit(to, &row);
}

static void show_listeners(const struct ctl_daemon *d, const struct ctl_accelerator *a, ctl_api_emit *emit, void *to)
{
	for (unsigned i = 0; i < a->n_listeners; i++)
		show_listener(d, a, &a->listeners[i], emit, to);
}

void ctl_view_listeners(void *daemon, ctl_api_emit *emit, void *to)
{
	each_accelerator(daemon, show_listeners, emit, to);
}

/* ---- endpoints ---- */

/* What only the POP that checks it knows. */
static void show_check(const struct ctl_daemon *d, uint32_t endpoint, struct ctl_api_endpoint *row)
{
	const struct ctl_health_result *result = ctl_health_get(d->health, endpoint);
	if (!result || !result->checked_ns)
		return;
	row->cause = result->verdict == CTL_HEALTH_DOWN ? result->detail : NULL;
	row->since_ns = ctl_view_wall(result->changed_ns);
	row->age_ns = ctl_view_age(result->checked_ns);
}

static void show_endpoint(const struct ctl_daemon *d, const struct ctl_accelerator *a,
    const struct ctl_listener *listener, const struct ctl_group *group, const struct ctl_endpoint *endpoint,
    ctl_api_emit *emit, void *to)
{
	static const char *const health[] = {
	    [CTL_HEALTH_UNKNOWN] = "unknown", [CTL_HEALTH_UP] = "healthy", [CTL_HEALTH_DOWN] = "unhealthy"};
	char address[CTL_ADDRESS_TEXT], name[CTL_ADDRESS_TEXT + 8];
	const struct ctl_pop *pop = NULL;
	enum ctl_health_verdict verdict = ctl_group_verdict(d, group, endpoint->id, &pop);
	snprintf(name, sizeof(name), wire_addr_is_v4(&endpoint->address) ? "%s:%u" : "[%s]:%u",
	    ctl_address_text(&endpoint->address, address), endpoint->port);
	struct ctl_api_endpoint row = {
	    .accelerator = a->name,
	    .listener = listener->name,
	    .group = group->name,
	    .name = name,
	    .id = endpoint->id,
	    .weight = endpoint->weight,
	    .mode = ctl_endpoint_mode_names[endpoint->mode],
	    .state = verdict == CTL_HEALTH_DOWN ? "down"
	             : endpoint->drained        ? "drained"
	                                        : "up",
	    .drained = endpoint->drained,
	    .health = group->check.type == CTL_HEALTH_NONE ? "unchecked" : health[verdict],
	    .checked_by = pop ? pop->name : NULL,
	    .age_ns = pop ? ctl_view_age(pop->state_seen_ns) : CTL_API_NO_NS,
	};
	show_check(d, endpoint->id, &row);
	emit(to, &row);
}

static void show_endpoints(const struct ctl_daemon *d, const struct ctl_accelerator *a, ctl_api_emit *emit, void *to)
{
	for (unsigned i = 0; i < a->n_listeners; i++)
		for (unsigned j = 0; j < a->listeners[i].n_groups; j++)
			for (unsigned k = 0; k < a->listeners[i].groups[j].n_endpoints; k++)
				show_endpoint(d, a, &a->listeners[i], &a->listeners[i].groups[j],
				    &a->listeners[i].groups[j].endpoints[k], emit, to);
}

void ctl_view_endpoints(void *daemon, ctl_api_emit *emit, void *to)
{
	each_accelerator(daemon, show_endpoints, emit, to);
}
