/* SPDX-License-Identifier: BSD-2-Clause */
/* What the data plane should hold of accelerators: VIPs, listeners with their shares, groups, endpoints. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/balance/balance.h"
#include "control/base/address.h"
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

/* Which row has a key: open addressing; 0 is free, else the row's index + 1. */
struct index {
	uint32_t *slot;
	uint32_t mask;
};

struct forwarding {
	struct ctl_daemon *d;
	struct rows vips, listeners, groups, endpoints, quics, dark;
	struct rows left_out; /* ids of accelerators */
	struct index by_vip, by_listener;
	char why[CTL_LEFT_OUT_SIZE]; /* of the first that is left out */
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
		    .encap = (uint8_t)e->encap,
		    .state = down         ? WIRE_ENDPOINT_DOWN
		             : e->drained ? WIRE_ENDPOINT_DRAINED
		                          : WIRE_ENDPOINT_UP,
		    .server_id_length = e->server_id_length,
		};
		memcpy(row->server_id, e->server_id, sizeof(row->server_id));
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
		/* With a weight of 0 it gets no new flow, but connection ids may name its endpoints. */
		if (shares[i].weight || listener->has_quic)
			ret_share[(*ret_n)++] = (struct wire_ctl_share){shares[i].group, shares[i].weight};
	}
}

/* ---- listeners ---- */

static uint32_t mix(const struct wire_addr *address)
{
	return (address->words[0] ^ address->words[1] ^ address->words[2] ^ address->words[3]) * 2654435761u;
}

/* Whether a listener of this id is there; if not, it is entered as the next row. */
static bool has_listener(struct forwarding *f, uint32_t id)
{
	const struct wire_ctl_listener *row = (const struct wire_ctl_listener *)f->listeners.data;
	uint32_t i = (id ^ id >> 16) & f->by_listener.mask;
	for (; f->by_listener.slot[i]; i = (i + 1) & f->by_listener.mask)
		if (row[f->by_listener.slot[i] - 1].listener == id)
			return true;
	f->by_listener.slot[i] = (uint32_t)f->listeners.n + 1;
	return false;
}

/* Ids only this data plane sees; the same for the same ports while nothing else is in the way, so that a change of one
 * listener leaves the rows of the others alone. */
static uint32_t listener_id(struct forwarding *f, const struct wire_addr *vip, uint8_t protocol, uint16_t port)
{
	uint32_t id = (mix(vip) ^ protocol) * 2654435761u ^ port;
	while (id == 0 || has_listener(f, id))
		id++;
	return id;
}

#define NO_OWNER UINT32_MAX

/* Where the VIP is, or would be. */
static uint32_t *vip_slot(const struct forwarding *f, const struct wire_addr *vip)
{
	const struct wire_ctl_vip *row = (const struct wire_ctl_vip *)f->vips.data;
	uint32_t i = (mix(vip) >> 7) & f->by_vip.mask;
	while (f->by_vip.slot[i] && !wire_addr_equal(&row[f->by_vip.slot[i] - 1].address, vip))
		i = (i + 1) & f->by_vip.mask;
	return &f->by_vip.slot[i];
}

/* Id of the accelerator that the data plane is told of. */
static uint32_t owner_of(const struct forwarding *f, const struct wire_addr *vip)
{
	uint32_t row = *vip_slot(f, vip);
	assert(row == 0 || f->vips.data);
	return row ? ((const struct wire_ctl_vip *)f->vips.data)[row - 1].accelerator : NO_OWNER;
}

/* How connection ids of the listener name endpoints. Returns the row's id, or 0: they do not. */
static uint32_t add_quic(struct forwarding *f, const struct ctl_listener *listener)
{
	if (!listener->has_quic)
		return 0;
	struct wire_ctl_quic *row = add_row(&f->quics);
	row->quic = listener->groups[0].id; /* a group is one listener's */
	memcpy(row->config, listener->quic, sizeof(row->config));
	return row->quic;
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
	row.quic = add_quic(f, listener);
	for (unsigned i = 0; row.n_shares && i < a->n_vips * listener->n_ports; i++) {
		const struct ctl_port_range *range = &listener->ports[i % listener->n_ports];
		row.vip = a->vips[i / listener->n_ports];
		if (owner_of(f, &row.vip) != a->id)
			continue;
		row.port_lo = range->lo;
		row.port_hi = range->hi;
		row.listener = listener_id(f, &row.vip, row.protocol, row.port_lo);
		*(struct wire_ctl_listener *)add_row(&f->listeners) = row;
	}
}

/* What the apply could not see: pop.yaml of each POP, and what two POPs applied at the same moment. The data plane would
 * refuse everything for one such VIP, or the POP be cut off. */
static bool can_keep(struct forwarding *f, const struct ctl_accelerator *a, const struct wire_addr *vip)
{
	char text[CTL_ADDRESS_TEXT];
	const char *taken = ctl_taken_by(f->d, vip);
	if (!taken && owner_of(f, vip) == NO_OWNER)
		return true;
	if (f->left_out.n == 0)
		snprintf(f->why, sizeof(f->why), "VIP %s of accelerator %s: it is %s", ctl_address_text(vip, text),
		    a->name, taken ? taken : "another accelerator's");
	*(uint32_t *)add_row(&f->left_out) = a->id;
	return false;
}

static void add_accelerator(struct forwarding *f, const struct ctl_accelerator *a)
{
	for (unsigned i = 0; i < a->n_vips; i++) {
		if (!can_keep(f, a, &a->vips[i]))
			continue;
		*vip_slot(f, &a->vips[i]) = (uint32_t)f->vips.n + 1;
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
	return p->dark && p->n_dark == dark->n &&
	       (dark->n == 0 || memcmp(p->dark, dark->data, dark->n * sizeof(struct wire_addr)) == 0);
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

static bool make_index(struct index *index, size_t rows)
{
	uint32_t slots = 16;
	while (slots < 2 * rows)
		slots *= 2;
	index->slot = calloc(slots, sizeof(*index->slot));
	index->mask = slots - 1;
	return index->slot;
}

static bool make_indexes(struct forwarding *f)
{
	size_t vips = 0, listeners = 0;
	for (unsigned i = 0; i < f->d->objects.n; i++) {
		const struct ctl_accelerator *a = &f->d->objects.object[i]->accelerator;
		if (f->d->objects.object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		vips += a->n_vips;
		for (unsigned j = 0; j < a->n_listeners; j++)
			listeners += (size_t)a->n_vips * a->listeners[j].n_ports;
	}
	return make_index(&f->by_vip, vips) && make_index(&f->by_listener, listeners);
}

/* Takes left_out->data over. */
static void set_left_out(struct forwarding *f)
{
	struct ctl_parts *p = f->d->parts;
	if (f->why[0] && strcmp(p->vip_left_out, f->why) != 0)
		ctl_warning("left out: %s", f->why);
	memcpy(p->vip_left_out, f->why, sizeof(p->vip_left_out));
	free(p->left_out);
	p->left_out = (uint32_t *)(void *)f->left_out.data;
	p->n_left_out = f->left_out.n;
}

void ctl_forwarding_update(struct ctl_daemon *d)
{
	struct forwarding f = {
	    .d = d,
	    .vips.size = sizeof(struct wire_ctl_vip),
	    .listeners.size = sizeof(struct wire_ctl_listener),
	    .groups.size = sizeof(struct wire_ctl_group),
	    .endpoints.size = sizeof(struct wire_ctl_endpoint),
	    .quics.size = sizeof(struct wire_ctl_quic),
	    .dark.size = sizeof(struct wire_addr),
	    .left_out.size = sizeof(uint32_t),
	};
	if (!d->objects_listed || !ctl_taken_known(d))
		return;
	ctl_taken_look(d);
	bool failed = !make_indexes(&f);
	for (unsigned i = 0; !failed && i < d->objects.n; i++)
		if (d->objects.object[i]->kind == CTL_KIND_ACCELERATOR)
			add_accelerator(&f, &d->objects.object[i]->accelerator);
	failed =
	    failed || f.vips.failed || f.listeners.failed || f.groups.failed || f.endpoints.failed || f.quics.failed;
	if (!failed) {
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_VIP, f.vips.data, f.vips.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_GROUP, f.groups.data, f.groups.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_ENDPOINT, f.endpoints.data, f.endpoints.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_QUIC, f.quics.data, f.quics.n);
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_LISTENER, f.listeners.data, f.listeners.n);
	}
	if (!failed) {
		set_dark(d, &f.dark);
		set_left_out(&f);
	} else {
		free(f.dark.data);
		free(f.left_out.data);
	}
	free(f.by_vip.slot);
	free(f.by_listener.slot);
	free(f.vips.data);
	free(f.listeners.data);
	free(f.groups.data);
	free(f.endpoints.data);
	free(f.quics.data);
}
