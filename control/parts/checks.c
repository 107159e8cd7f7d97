/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: health checks of the endpoints near this POP, and the verdicts of all POPs on all endpoints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/parts/parts.h"

static const struct ctl_endpoint *find_endpoint(const struct ctl_listener *listener, uint32_t id)
{
	for (unsigned i = 0; i < listener->n_groups; i++)
		for (unsigned j = 0; j < listener->groups[i].n_endpoints; j++)
			if (listener->groups[i].endpoints[j].id == id)
				return &listener->groups[i].endpoints[j];
	return NULL;
}

/* "ACCELERATOR/LISTENER ADDRESS:PORT", or of one that has just gone, its number. */
static void name_endpoint(const struct ctl_daemon *d, uint32_t id, char *ret_name, size_t size)
{
	char address[CTL_ADDRESS_TEXT];
	snprintf(ret_name, size, "%u", id);
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		unsigned n = d->objects.object[i]->kind == CTL_KIND_ACCELERATOR ? a->n_listeners : 0;
		for (unsigned j = 0; j < n; j++) {
			const struct ctl_endpoint *e = find_endpoint(&a->listeners[j], id);
			if (e)
				snprintf(ret_name, size, "%s/%s %s:%u", a->name, a->listeners[j].name,
				    ctl_address_text(&e->address, address), e->port);
		}
	}
}

static void on_changed(void *arg, const struct ctl_health_result *result)
{
	struct ctl_daemon *d = arg;
	char name[CTL_ADDRESS_TEXT + 2 * CTL_NAME_SIZE + 8];
	name_endpoint(d, result->endpoint, name, sizeof(name));
	ctl_info("endpoint %s is %s: %s", name, result->verdict == CTL_HEALTH_UP ? "up" : "down", result->detail);
	d->parts->verdicts_changed = true;
	ctl_due(d, CTL_DUE_FORWARDING | CTL_DUE_PUBLISH);
}

bool ctl_checks_are_ours(const struct ctl_daemon *d, const struct ctl_group *group)
{
	for (unsigned i = 0; i < group->n_pops; i++)
		if (strcmp(group->pops[i], d->config.name) == 0)
			return true;
	return false;
}

static void add_targets(const struct ctl_group *group, struct ctl_health_target *target, size_t *n)
{
	for (unsigned i = 0; i < group->n_endpoints; i++) {
		const struct ctl_endpoint *endpoint = &group->endpoints[i];
		struct ctl_health_target *t = &target[(*n)++];
		*t = (struct ctl_health_target){
		    .endpoint = endpoint->id,
		    .type = group->check.type,
		    .address = endpoint->address,
		    .port = group->check.port ? group->check.port : endpoint->port,
		    .interval_ms = group->check.interval_ms,
		    .timeout_ms = group->check.timeout_ms,
		    .rise = group->check.rise,
		    .fall = group->check.fall,
		};
		memcpy(t->path, group->check.path, sizeof(t->path));
	}
}

/* Calls with target NULL only count. */
static size_t list_targets(const struct ctl_daemon *d, struct ctl_health_target *target)
{
	size_t n = 0;
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		if (d->objects.object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		for (unsigned j = 0; j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++) {
				const struct ctl_group *group = &a->listeners[j].groups[k];
				if (!ctl_checks_are_ours(d, group))
					continue;
				if (target)
					add_targets(group, target, &n);
				else
					n += group->n_endpoints;
			}
	}
	return n;
}

void ctl_checks_set(struct ctl_daemon *d)
{
	struct ctl_health_target *target = calloc(list_targets(d, NULL) + 1, sizeof(*target));
	if (!target)
		return;
	size_t n = list_targets(d, target);
	int error = ctl_health_set(d->health, target, n);
	if (error)
		ctl_error("health checks cannot be set: %s", strerror(-error));
	d->parts->verdicts_changed = true; /* those of endpoints that are gone */
	free(target);
}

/* ---- verdicts ---- */

enum ctl_health_verdict ctl_pop_verdict(const struct ctl_daemon *d, const struct ctl_pop *pop, uint32_t endpoint)
{
	const struct ctl_health_result *own = pop->self ? ctl_health_get(d->health, endpoint) : NULL;
	if (own && own->verdict != CTL_HEALTH_UNKNOWN)
		return own->verdict;
	/* Before our first check: what we published in our last life. */
	const struct ctl_endpoint_verdict *said = ctl_pop_said(pop, endpoint);
	if (!said)
		return CTL_HEALTH_UNKNOWN;
	return said->up ? CTL_HEALTH_UP : CTL_HEALTH_DOWN;
}

enum ctl_health_verdict ctl_group_verdict(
    const struct ctl_daemon *d, const struct ctl_group *group, uint32_t endpoint, const struct ctl_pop **ret_pop)
{
	for (unsigned i = 0; i < group->n_pops; i++) {
		const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, group->pops[i]);
		enum ctl_health_verdict verdict = pop ? ctl_pop_verdict(d, pop, endpoint) : CTL_HEALTH_UNKNOWN;
		if (verdict == CTL_HEALTH_UNKNOWN)
			continue;
		if (ret_pop)
			*ret_pop = pop;
		return verdict;
	}
	return CTL_HEALTH_UNKNOWN;
}

/* ---- the part ---- */

int ctl_checks_start(struct ctl_daemon *d)
{
	int error = ctl_health_new(d->loop, on_changed, d, &d->health);
	if (error)
		ctl_error("health checks: %s", strerror(-error));
	return error;
}

void ctl_checks_stop(struct ctl_daemon *d)
{
	if (d->health)
		ctl_health_close(d->health);
	d->health = NULL;
}
