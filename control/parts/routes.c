/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the route engine, and its paths for the data plane. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/parts.h"

/* Of the largest outer packet, IPv4's header counted on every link: wire/control.h. */
static uint16_t mtu_of(const struct ctl_link *link)
{
	return (uint16_t)(link->config.mtu - (wire_addr_is_v4(&link->local) ? 0 : WIRE_CTL_V6_EXTRA));
}

static void take_path(
    const struct ctl_daemon *d, const struct route_path *path, uint8_t *ret_n, uint32_t *ret_links, uint16_t *ret_mtu)
{
	uint16_t mtu = path->mtu;
	for (unsigned i = 0; i < path->n_links; i++) {
		const struct ctl_link *link = ctl_daemon_link(d, path->link[i]);
		if (!link)
			return; /* no such link: no path */
		ret_links[i] = link->number;
		if (mtu_of(link) < mtu)
			mtu = mtu_of(link);
	}
	*ret_n = path->n_links;
	*ret_mtu = mtu;
}

/* All paths in use; the client finds out what has changed. */
static void tell_paths(struct ctl_daemon *d)
{
	size_t most = (size_t)d->cluster.n_pops * d->policy->n_classes, n = 0;
	struct wire_ctl_path *rows = calloc(most + 1, sizeof(*rows));
	if (!rows)
		return;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		for (unsigned class = 0; class < d->policy->n_classes; class ++) {
			uint16_t to = d->cluster.pop[i]->id;
			const struct route_choice *choice = route_choice(d->engine, to, (uint8_t) class);
			if (d->cluster.pop[i]->self || !choice || !choice->primary.n_links)
				continue;
			struct wire_ctl_path *row = &rows[n++];
			row->to_pop = to;
			row->class = (uint8_t) class;
			take_path(d, &choice->primary, &row->n_primary, row->primary, &row->primary_mtu);
			take_path(d, &choice->backup, &row->n_backup, row->backup, &row->backup_mtu);
			n -= !row->n_primary;
		}
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_PATH, rows, n);
	free(rows);
}

static const char *path_text(const struct ctl_daemon *d, const struct route_path *path, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s", path->n_links ? d->config.name : "none");
	for (unsigned i = 0; i < path->n_links && used < size; i++) {
		const struct ctl_pop *pop = ctl_cluster_find_id(&d->cluster, path->pop[i]);
		used += (size_t)snprintf(text + used, size - used, " > %s", pop ? pop->name : "?");
	}
	return text;
}

static void log_change(const struct ctl_daemon *d, const struct route_change *change)
{
	char primary[160], backup[160];
	const struct ctl_pop *pop = ctl_cluster_find_id(&d->cluster, change->to);
	const char *class = change->class < d->policy->n_classes ? d->policy->class[change->class].name : "?";
	ctl_log(change->reason == ROUTE_REASON_BACKUP ? CTL_LOG_DEBUG : CTL_LOG_INFO,
	    "route to %s (%s): %s; backup %s; %s", pop ? pop->name : "?", class,
	    path_text(d, &change->primary, primary, sizeof(primary)),
	    path_text(d, &change->backup, backup, sizeof(backup)), route_reason_text(change->reason));
}

static void on_wait(uv_timer_t *timer)
{
	ctl_due(timer->data, CTL_DUE_ROUTES);
}

void ctl_routes_run(struct ctl_daemon *d)
{
	const struct route_change *changes;
	uint64_t next_ns, now = ctl_monotonic_ns();
	int n = route_run(d->engine, now, &changes, &next_ns);
	if (n < 0) {
		ctl_warning("routes stay as they are: %s", strerror(-n));
		return;
	}
	for (int i = 0; i < n; i++) {
		log_change(d, &changes[i]);
		ctl_history_note(d, &changes[i]);
	}
	tell_paths(d);
	if (n > 0)
		d->parts->due |= CTL_DUE_FORWARDING;
	if (next_ns != UINT64_MAX)
		ctl_timer_start(
		    d, &d->parts->route_wait, on_wait, next_ns > now ? (next_ns - now) / CTL_NS_PER_MS + 1 : 1, 0);
	if (d->parts->due)
		ctl_due(d, 0);
}

void ctl_routes_policy(struct ctl_daemon *d)
{
	struct route_policy *policy = malloc(sizeof(*policy));
	if (!policy)
		return;
	char left_out[CTL_LEFT_OUT_SIZE];
	ctl_policy_compile(&d->objects, &d->cluster, d->policy, ctl_monotonic_ns(), ctl_wall_ns(), policy, left_out);
	if (left_out[0] && strcmp(d->parts->rule_left_out, left_out) != 0)
		ctl_warning("left out: %s", left_out);
	memcpy(d->parts->rule_left_out, left_out, sizeof(left_out));
	/* Compiled into zeroed memory, padding and all: NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	int error = d->policy && memcmp(policy, d->policy, sizeof(*policy)) == 0 ? -EALREADY
	                                                                         : route_set_policy(d->engine, policy);
	if (error) {
		if (error != -EALREADY)
			ctl_warning("a route policy cannot be used: %s; the last one stays", strerror(-error));
		free(policy);
		return;
	}
	free(d->policy);
	d->policy = policy;
}

int ctl_routes_start(struct ctl_daemon *d)
{
	int error = route_engine_new(d->config.id, &d->engine);
	if (error) {
		ctl_error("route engine: %s", strerror(-error));
		return error;
	}
	ctl_routes_policy(d);
	return d->policy ? 0 : -ENOMEM;
}

void ctl_routes_stop(struct ctl_daemon *d)
{
	ctl_history_free(d);
	if (d->engine)
		route_engine_free(d->engine);
	d->engine = NULL;
}
