/* SPDX-License-Identifier: BSD-2-Clause */
/* What the data plane should hold of accelerators: VIPs, listeners with their shares, groups, endpoints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/balance/balance.h"
#include "control/parts/parts.h"

/* Flow timeouts: RFC 5382 asks for 2 h 4 min of an established TCP connection, RFC 4787 for 5 min of UDP. */
#define TCP_SYN_MS         30000u
#define TCP_ESTABLISHED_MS 7440000u
#define TCP_CLOSING_MS     60000u
#define UDP_MS             300000u

/* 20 Hz as the probes; four missed in a row, so that one late wake-up of a worker that shares its core is no outage. */
#define KEEPALIVE_US   50000u
#define KEEPALIVE_DEAD 4u

/* Rows of one kind, growing. */
struct rows {
	char *data;
	size_t n, capacity, size;
	bool failed;
};

static void *add_row(struct rows *rows)
{
	static char nowhere[256];
	if (rows->n == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 32;
		char *grown = reallocarray(rows->data, capacity, rows->size);
		if (!grown) {
			rows->failed = true;
			return memset(nowhere, 0, sizeof(nowhere));
		}
		rows->data = grown;
		rows->capacity = capacity;
	}
	return memset(rows->data + rows->size * rows->n++, 0, rows->size);
}

struct forwarding {
	const struct ctl_daemon *d;
	struct rows vips, listeners, groups, endpoints, dark;
};

/* ---- from pop.yaml alone ---- */

void ctl_forwarding_settings(struct ctl_daemon *d)
{
	struct wire_ctl_settings settings = {
	    .pop = d->config.id,
	    .keepalive_interval_us = KEEPALIVE_US,
	    .keepalive_dead = KEEPALIVE_DEAD,
	    .tcp_syn_ms = TCP_SYN_MS,
	    .tcp_established_ms = TCP_ESTABLISHED_MS,
	    .tcp_closing_ms = TCP_CLOSING_MS,
	    .udp_ms = UDP_MS,
	};
	struct wire_ctl_nat nats[CTL_POP_MAX_NATS] = {0};
	for (unsigned i = 0; i < d->config.dataplane.n_nats; i++) {
		const struct ctl_pop_nat *nat = &d->config.dataplane.nats[i];
		nats[i] =
		    (struct wire_ctl_nat){.address = nat->address, .port_lo = nat->port_lo, .port_hi = nat->port_hi};
	}
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_SETTINGS, &settings, 1);
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_NAT, nats, d->config.dataplane.n_nats);
}

/* ---- groups ---- */

static bool has_healthy(const struct ctl_daemon *d, const struct ctl_pop *pop, const struct ctl_group *group)
{
	for (unsigned i = 0; i < group->n_endpoints; i++) {
		const struct ctl_endpoint *e = &group->endpoints[i];
		if (e->weight && !e->drained && ctl_pop_verdict(d, pop, e->id) != CTL_HEALTH_DOWN)
			return true;
	}
	return false;
}

static void balance_group(
    const struct ctl_daemon *d, const struct ctl_group *group, uint8_t class, struct ctl_balance_group *ret_group)
{
	*ret_group = (struct ctl_balance_group){.group = group->id, .dial = group->dial};
	for (unsigned i = 0; i < group->n_pops; i++) {
		const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, group->pops[i]);
		if (!pop)
			continue;
		ret_group->pop[ret_group->n_pops++] = (struct ctl_balance_pop){
		    .pop = pop->id,
		    .rtt_ms = route_rtt_ms(d->engine, pop->id, class),
		    .drained = pop->drained,
		    .healthy = has_healthy(d, pop, group),
		};
	}
}

static void add_endpoints(struct forwarding *f, const struct ctl_group *group)
{
	for (unsigned i = 0; i < group->n_endpoints; i++) {
		const struct ctl_endpoint *e = &group->endpoints[i];
		struct wire_ctl_endpoint *row = add_row(&f->endpoints);
		bool down = ctl_group_verdict(f->d, group, e->id, NULL) == CTL_HEALTH_DOWN;
		*row = (struct wire_ctl_endpoint){
		    .endpoint = e->id,
		    .group = group->id,
		    .address = e->address,
		    .port = e->port,
		    .weight = e->weight,
		    .mode = (uint8_t)e->mode,
		    .state = down         ? WIRE_ENDPOINT_DOWN
		             : e->drained ? WIRE_ENDPOINT_DRAINED
		                          : WIRE_ENDPOINT_UP,
		};
	}
}

unsigned ctl_forwarding_shares(const struct ctl_daemon *d, const struct ctl_accelerator *a,
    const struct ctl_listener *listener, struct ctl_balance_share *ret_share)
{
	struct ctl_balance_group groups[CTL_MAX_GROUPS];
	int class = ctl_policy_class(d->policy, listener->class, a->name);
	for (unsigned i = 0; i < listener->n_groups; i++)
		balance_group(d, &listener->groups[i], class < 0 ? 0 : (uint8_t) class, &groups[i]);
	return ctl_balance_split(groups, listener->n_groups, ret_share) ? 0 : listener->n_groups;
}

/* Rows of a listener's groups; *ret_n shares for its own rows. A group none of whose POPs has registered is left out. */
static void add_groups(struct forwarding *f, const struct ctl_accelerator *a, const struct ctl_listener *listener,
    struct wire_ctl_share *ret_share, uint32_t *ret_n)
{
	struct ctl_balance_share shares[CTL_MAX_GROUPS];
	unsigned n = ctl_forwarding_shares(f->d, a, listener, shares);
	*ret_n = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct ctl_group *group = listener->groups;
		while (group->id != shares[i].group)
			group++;
		if (!shares[i].egress_pop)
			continue;
		struct wire_ctl_group *row = add_row(&f->groups);
		row->group = shares[i].group;
		row->egress_pop = shares[i].egress_pop;
		memcpy(row->candidate, shares[i].candidate, sizeof(row->candidate));
		add_endpoints(f, group);
		if (shares[i].weight)
			ret_share[(*ret_n)++] = (struct wire_ctl_share){shares[i].group, shares[i].weight};
	}
}

/* ---- listeners ---- */

/* Ids only this data plane sees; the same for the same ports while nothing else is in the way, so that a change of one
 * listener leaves the rows of the others alone. */
static uint32_t listener_id(const struct rows *rows, const struct wire_addr *vip, uint8_t protocol, uint16_t port)
{
	uint32_t id = vip->words[0] ^ vip->words[1] ^ vip->words[2] ^ vip->words[3];
	id = (id * 2654435761u ^ protocol) * 2654435761u ^ port;
	const struct wire_ctl_listener *row = (const struct wire_ctl_listener *)rows->data;
	for (size_t i = 0; i < rows->n; i++)
		if (id == 0 || row[i].listener == id) {
			id++;
			i = (size_t)-1; /* look through all again */
		}
	return id ? id : 1;
}

static void add_listener(struct forwarding *f, const struct ctl_accelerator *a, const struct ctl_listener *listener)
{
	struct wire_ctl_listener row = {
	    .accelerator = a->id,
	    .protocol = listener->protocol,
	    .affinity = (uint8_t)listener->affinity,
	    .client_ip = (uint8_t)listener->client_ip,
	};
	int class = ctl_policy_class(f->d->policy, listener->class, a->name);
	row.class = class < 0 ? 0 : (uint8_t) class;
	add_groups(f, a, listener, row.share, &row.n_shares);
	for (unsigned i = 0; row.n_shares && i < a->n_vips * listener->n_ports; i++) {
		const struct ctl_port_range *range = &listener->ports[i % listener->n_ports];
		row.vip = a->vips[i / listener->n_ports];
		row.port_lo = range->lo;
		row.port_hi = range->hi;
		row.listener = listener_id(&f->listeners, &row.vip, row.protocol, row.port_lo);
		*(struct wire_ctl_listener *)add_row(&f->listeners) = row;
	}
}

static void add_accelerator(struct forwarding *f, const struct ctl_accelerator *a)
{
	for (unsigned i = 0; i < a->n_vips; i++) {
		*(struct wire_ctl_vip *)add_row(&f->vips) =
		    (struct wire_ctl_vip){.address = a->vips[i], .accelerator = a->id};
		*(struct wire_addr *)add_row(&f->dark) = a->vips[i];
	}
	for (unsigned i = 0; i < a->n_listeners; i++)
		add_listener(f, a, &a->listeners[i]);
}

/* ---- all ---- */

static bool same_dark(const struct ctl_parts *p, const struct rows *dark)
{
	return p->dark && p->n_dark == dark->n && memcmp(p->dark, dark->data, dark->n * sizeof(struct wire_addr)) == 0;
}

/* Addresses that only the data plane may answer for: the kernel gets blackholes, XDP steers. Takes dark->data over. */
static void set_dark(struct ctl_daemon *d, struct rows *dark)
{
	for (unsigned i = 0; i < d->config.dataplane.n_nats; i++)
		*(struct wire_addr *)add_row(dark) = d->config.dataplane.nats[i].address;
	if (dark->failed || same_dark(d->parts, dark)) {
		free(dark->data);
		return;
	}
	free(d->parts->dark);
	d->parts->dark = (struct wire_addr *)dark->data;
	d->parts->n_dark = (unsigned)dark->n;
	ctl_ebpf_steer(d);
	int error = ctl_kernel_blackhole(d->kernel, d->parts->dark, d->parts->n_dark);
	if (error)
		ctl_warning("the kernel does not take a blackhole for a VIP or NAT address: %s", strerror(-error));
}

void ctl_forwarding_update(struct ctl_daemon *d)
{
	struct forwarding f = {
	    .d = d,
	    .vips.size = sizeof(struct wire_ctl_vip),
	    .listeners.size = sizeof(struct wire_ctl_listener),
	    .groups.size = sizeof(struct wire_ctl_group),
	    .endpoints.size = sizeof(struct wire_ctl_endpoint),
	    .dark.size = sizeof(struct wire_addr),
	};
	if (!d->objects_listed)
		return;
	for (unsigned i = 0; i < d->objects.n; i++)
		if (d->objects.object[i]->kind == CTL_KIND_ACCELERATOR)
			add_accelerator(&f, &d->objects.object[i]->accelerator);
	if (!(f.vips.failed || f.listeners.failed || f.groups.failed || f.endpoints.failed)) {
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_VIP, f.vips.data, f.vips.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_GROUP, f.groups.data, f.groups.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_ENDPOINT, f.endpoints.data, f.endpoints.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_LISTENER, f.listeners.data, f.listeners.n);
	}
	set_dark(d, &f.dark);
	free(f.vips.data);
	free(f.listeners.data);
	free(f.groups.data);
	free(f.endpoints.data);
}
