/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the directed links between all POPs. They follow from the registrations; the probes, the data plane, floods and
 * the store tell how each is, and the route engine is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/parts/link_numbers.h"
#include "control/parts/parts.h"
#include "wire/packet.h"

#define MEASURE_MS 100u /* how often estimates go to the route engine */

/* A flood is faster than the store: what the store says of a link is not believed so soon after. */
#define FLOOD_PREVAILS_NS (3 * CTL_NS_PER_S)

static struct ctl_link *by_id(const struct ctl_daemon *d, uint32_t id)
{
	return (struct ctl_link *)ctl_daemon_link(d, id);
}

static struct ctl_link *by_key(const struct ctl_daemon *d, struct route_link_key key)
{
	return by_id(d, route_link_find(d->engine, key));
}

static const char *link_text(const struct ctl_daemon *d, const struct ctl_link *link, char *text, size_t size)
{
	char local[CTL_ADDRESS_TEXT], remote[CTL_ADDRESS_TEXT];
	const struct ctl_pop *from = ctl_cluster_find_id(&d->cluster, link->key.from);
	const struct ctl_pop *to = ctl_cluster_find_id(&d->cluster, link->key.to);
	snprintf(text, size, "%s > %s (%s > %s)", from ? from->name : "?", to ? to->name : "?",
	    ctl_address_text(&link->local, local), ctl_address_text(&link->remote, remote));
	return text;
}

/* ---- up and down ---- */

static void tell_engine(struct ctl_daemon *d, struct ctl_link *link, bool up, uint8_t cause)
{
	char text[160];
	if (link->up == up && link->changed_wall_ns)
		return;
	link->up = up;
	link->cause = cause;
	link->changed_wall_ns = ctl_wall_ns();
	route_link_state(d->engine, link->id, up, ctl_monotonic_ns());
	ctl_log(link->ours ? CTL_LOG_INFO : CTL_LOG_DEBUG, "link %s is %s", link_text(d, link, text, sizeof(text)),
	    up ? "up" : "down");
	ctl_due(d, link->ours ? CTL_DUE_ROUTES | CTL_DUE_PUBLISH : CTL_DUE_ROUTES);
}

/* Ours: up while both the probes and the data planes' keepalives are answered. */
static void judge_ours(struct ctl_daemon *d, struct ctl_link *link, uint8_t cause)
{
	bool up = link->stamp_up && (!link->dataplane_known || link->dataplane_up);
	tell_engine(d, link, up, up ? WIRE_CAUSE_NONE : cause);
}

static void measure(struct ctl_daemon *d, struct ctl_link *link);

static void on_probe_state(void *owner, uint32_t id, bool up, enum probe_cause cause, uint64_t at_ns)
{
	struct ctl_daemon *d = owner;
	struct ctl_link *link = by_id(d, id);
	if (!link)
		return;
	link->stamp_up = up;
	struct wire_ctl_link_state state = {
	    .from_pop = link->key.from,
	    .to_pop = link->key.to,
	    .local_link = link->key.local,
	    .remote_link = link->key.remote,
	    .state = up ? WIRE_LINK_UP : WIRE_LINK_DOWN,
	    .cause = up ? WIRE_CAUSE_NONE : WIRE_CAUSE_STAMP,
	    .at_ns = ctl_wall_ns() - (ctl_monotonic_ns() - at_ns),
	};
	ctl_debug("probes of link %u: %s (%s)", id, up ? "up" : "down", probe_cause_name(cause));
	ctl_dataplane_link_state(d->dataplane, &state);
	measure(d, link);
	judge_ours(d, link, WIRE_CAUSE_STAMP);
}

void ctl_links_flooded(struct ctl_daemon *d, const struct wire_ctl_link_state *state)
{
	struct route_link_key key = {state->from_pop, state->to_pop, state->local_link, state->remote_link};
	struct ctl_link *link = by_key(d, key);
	if (!link)
		return;
	bool up = state->state == WIRE_LINK_UP;
	if (link->ours) {
		link->dataplane_known = true;
		link->dataplane_up = up;
		judge_ours(d, link, state->cause);
		return;
	}
	link->flooded_ns = ctl_monotonic_ns();
	tell_engine(d, link, up, state->cause);
}

void ctl_links_dataplane_lost(struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->n_links; i++)
		if (d->link[i].ours && d->link[i].dataplane_known) {
			d->link[i].dataplane_known = false;
			judge_ours(d, &d->link[i], WIRE_CAUSE_STAMP);
		}
}

/* ---- measurements ---- */

static void tell_estimate(struct ctl_daemon *d, struct ctl_link *link, const struct route_estimate *estimate)
{
	link->estimate = *estimate;
	link->estimate.load = ctl_load_of(d, link->key);
	route_link_measured(d->engine, link->id, &link->estimate);
}

/* What probes say of a direction, and what its own packets do. */
static void weigh(struct route_estimate *e, const struct probe_traffic_estimate *packets, uint32_t probes)
{
	e->delay_ns = probe_traffic_weigh_delay(packets, e->delay_ns);
	e->loss = (float)probe_traffic_weigh_loss(packets, (double)e->loss, probes);
}

/* What the packets alone say, where they say both. */
static void tell_evidence(
    struct ctl_daemon *d, const struct ctl_link *link, const struct probe_traffic_estimate *packets)
{
	if (packets->packets && packets->delay_packets)
		route_link_evidence(d->engine, link->id,
		    &(struct route_evidence){.delay_ns = packets->delay_ns,
		        .loss = (float)probe_traffic_loss(packets),
		        .at_ns = ctl_monotonic_ns()});
}

static void tell_dataplane(struct ctl_daemon *d)
{
	struct wire_ctl_link *rows = calloc(d->n_links + 1, sizeof(*rows));
	if (!rows)
		return;
	for (unsigned i = 0; i < d->n_links; i++) {
		const struct ctl_link *link = &d->link[i];
		rows[i] = (struct wire_ctl_link){
		    .link = link->number,
		    .from_pop = link->key.from,
		    .to_pop = link->key.to,
		    .local_link = link->key.local,
		    .remote_link = link->key.remote,
		    .mtu = link->config.mtu,
		};
		if (link->ours) {
			rows[i].local = link->local;
			rows[i].remote = link->remote;
		}
	}
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_LINK, rows, d->n_links);
	free(rows);
}

/* A link takes no more than was found, and no more than its ends say. True: that has changed. */
static bool set_mtu(struct ctl_daemon *d, struct ctl_link *link, uint16_t found)
{
	char text[160];
	uint16_t least = wire_addr_is_v4(&link->local) ? WIRE_CTL_MIN_MTU : WIRE_IPV6_MIN_MTU;
	link->found_mtu = found;
	uint16_t mtu = found && found < link->registered_mtu ? found : link->registered_mtu;
	mtu = mtu < least ? least : mtu;
	if (mtu == link->config.mtu)
		return false;
	link->config.mtu = mtu;
	bool narrow = mtu < link->registered_mtu;
	ctl_log(!link->ours ? CTL_LOG_DEBUG
	        : narrow    ? CTL_LOG_WARNING
	                    : CTL_LOG_INFO,
	    "link %s takes packets of %u bytes; configured are %u", link_text(d, link, text, sizeof(text)), mtu,
	    link->registered_mtu);
	route_link_add(d->engine, link->key, &link->config, &link->id);
	return true;
}

/* Those of ours, as our probes have found. */
static void look_at_mtus(struct ctl_daemon *d)
{
	bool changed = false;
	for (unsigned i = 0; i < d->n_links; i++) {
		struct ctl_link *link = &d->link[i];
		struct probe_mtu m;
		if (link->probed && probe_sessions_get_mtu(d->probes, link->id, &m) == 0 && m.found)
			changed |= set_mtu(d, link, m.found);
	}
	if (changed)
		tell_dataplane(d);
}

/* One of ours, and with it the way back, which the same probes measure. */
static void measure(struct ctl_daemon *d, struct ctl_link *link)
{
	struct probe_estimate e;
	struct probe_traffic_estimate came, went;
	if (!link->probed || probe_sessions_get(d->probes, link->id, &e) || !e.samples || !e.one_way_samples)
		return;
	ctl_traffic_came(link, e.back.delay_ns, &came);
	ctl_traffic_went(link, &went);
	struct route_estimate there = {
	    .delay_ns = e.forward.delay_ns,
	    .rtt_ns = (int64_t)e.rtt_ns,
	    .jitter_ns = (int64_t)e.forward.jitter_ns,
	    .loss = (float)e.forward.loss,
	    .at_ns = e.last_reply_ns,
	};
	link->back_ns = e.back.delay_ns;
	struct route_estimate back = there;
	back.delay_ns = e.back.delay_ns;
	back.jitter_ns = (int64_t)e.back.jitter_ns;
	back.loss = (float)e.back.loss;
	weigh(&there, &went, e.samples);
	weigh(&back, &came, e.samples);
	tell_estimate(d, link, &there);
	tell_evidence(d, link, &went);
	struct route_link_key reverse = {link->key.to, link->key.from, link->key.remote, link->key.local};
	struct ctl_link *returning = by_key(d, reverse);
	if (!returning)
		return;
	tell_estimate(d, returning, &back);
	tell_evidence(d, returning, &came);
}

static void on_measure(uv_timer_t *timer)
{
	struct ctl_daemon *d = timer->data;
	for (unsigned i = 0; i < d->n_links; i++)
		if (d->link[i].ours)
			measure(d, &d->link[i]);
	look_at_mtus(d);
	ctl_due(d, CTL_DUE_ROUTES);
}

/* The other end of one of our links tells what came there of our packets. */
static void hear(struct ctl_daemon *d, const struct ctl_link_report *report, uint64_t at_ns)
{
	const struct route_link_key *k = &report->key;
	struct ctl_link *ours = by_key(d, (struct route_link_key){k->to, k->from, k->remote, k->local});
	if (!ours)
		return;
	ours->went = report->heard;
	ours->went_ns = at_ns;
}

void ctl_links_reported(struct ctl_daemon *d, const struct ctl_pop *pop, uint64_t at_ns)
{
	bool resized = false;
	if (pop->self)
		return;
	for (unsigned i = 0; i < pop->n_reports; i++) {
		const struct ctl_link_report *report = &pop->report[i];
		struct ctl_link *link = by_key(d, report->key);
		if (link && link->key.to == d->config.id)
			hear(d, report, at_ns);
		if (!link || link->ours)
			continue;
		if (report->mtu)
			resized |= set_mtu(d, link, report->mtu);
		bool measured_here = link->key.to == d->config.id && link->estimate.at_ns;
		if (report->estimate.at_ns && !measured_here) {
			struct route_estimate estimate = report->estimate;
			estimate.at_ns = at_ns;
			tell_estimate(d, link, &estimate);
		}
		if (!link->flooded_ns || ctl_monotonic_ns() - link->flooded_ns > FLOOD_PREVAILS_NS)
			tell_engine(d, link, report->up, report->up ? WIRE_CAUSE_NONE : WIRE_CAUSE_REMOTE);
	}
	if (resized)
		tell_dataplane(d);
	ctl_due(d, CTL_DUE_ROUTES);
}

bool ctl_links_measured(const struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->n_links; i++)
		if (d->link[i].ours && !d->link[i].estimate.at_ns)
			return false;
	return true;
}

/* ---- which links there are ---- */

static int stamp_keys(const struct ctl_daemon *d, const struct ctl_link *link, struct probe_keys *ret_keys,
    struct probe_keys *ret_their_keys)
{
	int error = ctl_secret_stamp_keys(d, link->key.from, link->key.to, ret_keys);
	return error ? error : ctl_secret_stamp_keys(d, link->key.to, link->key.from, ret_their_keys);
}

/* After a change of secrets. */
static void set_keys(struct ctl_daemon *d, const struct ctl_link *link)
{
	struct probe_keys keys, their_keys;
	int error = stamp_keys(d, link, &keys, &their_keys);
	if (!error)
		error = probe_sessions_set_keys(d->probes, link->id, &keys, &their_keys);
	if (error)
		ctl_error("keys of probes cannot be set: %s", strerror(-error));
	explicit_bzero(&keys, sizeof(keys));
	explicit_bzero(&their_keys, sizeof(their_keys));
}

static void probe(struct ctl_daemon *d, struct ctl_link *link)
{
	struct probe_link row = {
	    .link = link->id,
	    .from_pop = link->key.from,
	    .to_pop = link->key.to,
	    .local_link = link->key.local,
	    .remote_link = link->key.remote,
	    .local = link->local,
	    .remote = link->remote,
	    .mtu = link->registered_mtu,
	    .authenticated = link->authenticated,
	};
	char text[160];
	int error = link->authenticated ? stamp_keys(d, link, &row.keys, &row.their_keys) : 0;
	if (!error)
		error = probe_sessions_add(d->probes, &row);
	explicit_bzero(&row, sizeof(row));
	link->probed = error == 0;
	if (error)
		ctl_warning("link %s cannot be probed: %s", link_text(d, link, text, sizeof(text)), strerror(-error));
}

static void forget(struct ctl_daemon *d, struct ctl_link *link)
{
	if (link->probed)
		probe_sessions_remove(d->probes, link->id);
	route_link_remove(d->engine, link->key);
	free(link->came);
	link->came = NULL;
}

/* What the registrations say of a link, in *ret_link. False: the two addresses have no link. */
static bool describe(const struct ctl_daemon *d, const struct ctl_pop *from, unsigned a, const struct ctl_pop *to,
    unsigned b, struct ctl_link *ret_link)
{
	const struct ctl_pop_address *near = &from->address[a], *far = &to->address[b];
	if (wire_addr_is_v4(&near->address) != wire_addr_is_v4(&far->address))
		return false;
	*ret_link = (struct ctl_link){
	    .key = {from->id, to->id, near->link, far->link},
	    .local = near->address,
	    .remote = far->address,
	    .config = {.money = (float)near->cost},
	    .registered_mtu = near->mtu < far->mtu ? near->mtu : far->mtu,
	    .ours = from->id == d->config.id,
	    .authenticated = near->authenticated || far->authenticated,
	};
	ret_link->config.mtu = ret_link->registered_mtu;
	memcpy(ret_link->config.provider, near->provider, sizeof(near->provider));
	return true;
}

static bool same_ends(const struct ctl_link *a, const struct ctl_link *b)
{
	return memcmp(&a->key, &b->key, sizeof(a->key)) == 0 && wire_addr_equal(&a->local, &b->local) &&
	       wire_addr_equal(&a->remote, &b->remote) && a->authenticated == b->authenticated;
}

/* All links that the registrations make. Returns how many, or -ENOMEM; *ret_links is the caller's. */
static int list_links(const struct ctl_daemon *d, struct ctl_link **ret_links)
{
	const struct ctl_cluster *c = &d->cluster;
	size_t most = 1, n = 0;
	for (unsigned i = 0; i < c->n_pops; i++)
		for (unsigned j = 0; j < c->n_pops; j++)
			most += i == j ? 0 : (size_t)c->pop[i]->n_addresses * c->pop[j]->n_addresses;
	struct ctl_link *links = calloc(most, sizeof(*links));
	if (!links)
		return -ENOMEM;
	for (unsigned i = 0; i < c->n_pops; i++)
		for (unsigned j = 0; j < c->n_pops; j++)
			for (unsigned k = 0; i != j && k < c->pop[i]->n_addresses * c->pop[j]->n_addresses; k++)
				n += describe(d, c->pop[i], k / c->pop[j]->n_addresses, c->pop[j],
				    k % c->pop[j]->n_addresses, &links[n]);
	n = ctl_links_most_useful(links, (unsigned)n, d->config.id);
	*ret_links = links;
	return (int)n;
}

/* Links beyond what the data plane keeps are not used at all: it must know every link of a path. */
static void warn_of_left_out(struct ctl_daemon *d, unsigned n)
{
	size_t all = 0;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		for (unsigned j = 0; j < d->cluster.n_pops; j++)
			all += i == j ? 0 : (size_t)d->cluster.pop[i]->n_addresses * d->cluster.pop[j]->n_addresses;
	if (all - n != d->parts->links_left_out && all > n)
		ctl_warning(
		    "%zu links are left out: the data plane keeps %u at most, of %zu that the POPs' addresses make",
		    all - n, WIRE_CTL_MAX_LINKS, all);
	d->parts->links_left_out = (unsigned)(all - n);
}

static int by_ascending_id(const void *a, const void *b)
{
	const struct ctl_link *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Links that were there and have the same ends keep what is known of them; the others are forgotten. */
static int keep_known(struct ctl_daemon *d, struct ctl_link *links, unsigned n)
{
	bool *stays = calloc(d->n_links + 1, sizeof(*stays));
	if (!stays)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const struct ctl_link *old = by_key(d, links[i].key);
		if (!old || !same_ends(old, &links[i]))
			continue;
		struct ctl_link told = links[i];
		links[i] = *old;
		links[i].config = told.config;
		links[i].registered_mtu = told.registered_mtu;
		if (old->registered_mtu != told.registered_mtu)
			links[i].found_mtu = 0; /* it is looked for again */
		else
			links[i].config.mtu = old->config.mtu;
		stays[old - d->link] = true;
	}
	for (unsigned i = 0; i < d->n_links; i++)
		if (!stays[i])
			forget(d, &d->link[i]);
	free(stays);
	return 0;
}

static void give_ids(struct ctl_daemon *d, struct ctl_link *links, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int error = route_link_add(d->engine, links[i].key, &links[i].config, &links[i].id);
		if (error)
			ctl_warning("a link cannot be used by the route engine: %s", strerror(-error));
	}
}

static void set_pops(struct ctl_daemon *d)
{
	struct wire_ctl_pop *rows = calloc(d->cluster.n_pops + 1, sizeof(*rows));
	if (!rows)
		return;
	for (unsigned i = 0; i < d->cluster.n_pops; i++) {
		struct ctl_pop *pop = d->cluster.pop[i];
		int error = route_set_pop(d->engine, pop->id, pop->drained);
		if (error)
			ctl_warning("POP %s cannot be used by the route engine: %s", pop->name, strerror(-error));
		route_set_region(d->engine, pop->id, pop->region);
		rows[i].pop = pop->id;
		memcpy(rows[i].name, pop->name, sizeof(rows[i].name));
	}
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_POP, rows, d->cluster.n_pops);
	free(rows);
}

void ctl_links_rebuild(struct ctl_daemon *d)
{
	struct ctl_link *links;
	set_pops(d);
	int n = list_links(d, &links);
	if (n < 0)
		return;
	if (keep_known(d, links, (unsigned)n) || ctl_link_numbers(links, (unsigned)n)) {
		free(links);
		return;
	}
	warn_of_left_out(d, (unsigned)n);
	give_ids(d, links, (unsigned)n);
	qsort(links, (size_t)n, sizeof(*links), by_ascending_id);
	free(d->link);
	d->link = links;
	d->n_links = (unsigned)n;
	ctl_secret_tell_dataplane(d);
	tell_dataplane(d);
	for (int i = 0; i < n; i++) {
		if (links[i].probed)
			probe_sessions_set_mtu(d->probes, links[i].id, links[i].registered_mtu);
		if (links[i].probed && links[i].authenticated)
			set_keys(d, &links[i]);
		else if (links[i].ours && !links[i].probed && links[i].id)
			probe(d, &links[i]);
	}
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		if (d->cluster.pop[i]->n_reports)
			ctl_links_reported(d, d->cluster.pop[i], d->cluster.pop[i]->state_seen_ns);
	if (d->pops_listed)
		probe_sessions_forget_others(d->probes);
}

/* ---- the part ---- */

int ctl_links_start(struct ctl_daemon *d)
{
	const struct probe_events events = {.owner = d, .on_state = on_probe_state};
	struct probe_options options = {
	    .kbpf = d->config.timestamps == CTL_TIMESTAMPS_AUTO ? d->kbpf : NULL,
	    .interval_ns = (uint64_t)((double)CTL_NS_PER_S / d->config.probe_rate_hz),
	    .test_clock_offset_ns = d->config.clock_offset_ns,
	    .clock_source = d->config.clock,
	    .stateless = d->config.reflector == CTL_REFLECTOR_STATELESS,
	    .answer_any = d->config.answer == CTL_ANSWER_ANY,
	};
	char why[KBPF_WHY_SIZE] = "";
	int error = probe_sessions_open(d->loop, &options, &events, &d->probes, why);
	if (error) {
		ctl_error("probes: %s", why[0] ? why : strerror(-error));
		return error;
	}
	ctl_dataplane_heartbeat_map(d->dataplane, probe_sessions_heartbeat_fd(d->probes), WIRE_BPF_MAX_WORKERS);
	ctl_timer_start(d, &d->parts->measure, on_measure, MEASURE_MS, MEASURE_MS);
	return 0;
}

void ctl_links_stop(struct ctl_daemon *d)
{
	probe_sessions_close(d->probes);
	d->probes = NULL;
}
