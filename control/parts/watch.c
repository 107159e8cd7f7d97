/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the store, and what comes out of it: POPs, their states, and the cluster's objects. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/cluster/message.h"
#include "control/parts/parts.h"

#define POP_PREFIX    CTL_STORE_PREFIX "pop/"
#define STATE_PREFIX  CTL_STORE_PREFIX "state/"
#define HEALTH_PREFIX CTL_STORE_PREFIX "health/"
#define OBJECT_PREFIX CTL_STORE_PREFIX "object/"

static void log_mistakes(struct ctl_mistakes *m)
{
	for (unsigned i = 0; i < m->kept; i++)
		ctl_warning("%s", m->line[i]);
	ctl_mistakes_free(m);
}

static void maybe_listed(struct ctl_daemon *d)
{
	if (d->pops_listed && d->objects_listed && !d->parts->listed_ns) {
		d->parts->listed_ns = ctl_monotonic_ns();
		ctl_due(d, CTL_DUE_LINKS | CTL_DUE_POLICY | CTL_DUE_FORWARDING | CTL_DUE_PUBLISH);
	}
}

/* ---- POPs ---- */

/* The pop objects' word on the registered POPs. */
static void set_drained(struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->cluster.n_pops; i++) {
		const struct ctl_object *object = ctl_objects_find(&d->objects, CTL_KIND_POP, d->cluster.pop[i]->name);
		d->cluster.pop[i]->drained = object && object->pop.drained;
	}
}

static void register_pop(struct ctl_daemon *d, const char *name, const char *json, size_t length)
{
	struct ctl_mistakes mistakes = {0};
	bool changed = false;
	const struct ctl_pop *old = ctl_cluster_find(&d->cluster, name);
	uint16_t old_id = old ? old->id : 0;
	int error = ctl_cluster_register(&d->cluster, name, json, length, &mistakes, &changed);
	log_mistakes(&mistakes);
	if (error)
		return;
	struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	pop->self = strcmp(name, d->config.name) == 0;
	if (old_id && old_id != pop->id)
		route_remove_pop(d->engine, old_id);
	if (changed) {
		set_drained(d);
		ctl_info("POP %s: id %u, region %s, %u addresses", name, pop->id, pop->region, pop->n_addresses);
		if (pop->left_out[0])
			ctl_warning("POP %s: left out: %s", name, pop->left_out);
		ctl_due(d, CTL_DUE_LINKS);
	}
}

static void remove_pop(struct ctl_daemon *d, const char *name)
{
	const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	if (!pop)
		return;
	route_remove_pop(d->engine, pop->id);
	ctl_cluster_remove(&d->cluster, name);
	ctl_info("POP %s has been removed from the store", name);
	ctl_due(d, CTL_DUE_LINKS);
}

static void on_state(void *arg, const struct ctl_store_event *event);
static void on_health(void *arg, const struct ctl_store_event *event);

/* States are of use only when we know whose they are. */
static void pops_listed(struct ctl_daemon *d)
{
	d->pops_listed = true;
	int error = ctl_store_watch(d->store, STATE_PREFIX, on_state, d);
	if (!error)
		error = ctl_store_watch(d->store, HEALTH_PREFIX, on_health, d);
	if (error)
		ctl_error("the other POPs' states cannot be followed: %s", strerror(-error));
	maybe_listed(d);
}

/* A POP that runs is there: whoever wants it away ends its kuafud first. */
static void register_again(struct ctl_daemon *d)
{
	ctl_warning("the store has no registration of this POP any more: writing it again");
	d->parts->registered = false;
	ctl_due(d, CTL_DUE_PUBLISH);
}

static void on_pop(void *arg, const struct ctl_store_event *event)
{
	struct ctl_daemon *d = arg;
	const char *name = event->key ? event->key + strlen(POP_PREFIX) : "";
	bool self = strcmp(name, d->config.name) == 0; /* pop.yaml says what we are, not the store */
	if (event->type == CTL_STORE_LISTED)
		pops_listed(d);
	else if (event->type == CTL_STORE_LOST || (event->type == CTL_STORE_DELETE && self))
		register_again(d);
	else if (event->type == CTL_STORE_PUT && !self)
		register_pop(d, name, event->value, event->length);
	else if (event->type == CTL_STORE_DELETE)
		remove_pop(d, name);
}

/* ---- states ---- */

/* When a state that was in the store before we came was written: by its own clock, as far as that can be believed. */
static uint64_t age_ns(const struct ctl_pop *pop)
{
	uint64_t wall = ctl_wall_ns();
	return wall > pop->state_at_wall_ns ? wall - pop->state_at_wall_ns : 0;
}

static void on_state(void *arg, const struct ctl_store_event *event)
{
	struct ctl_daemon *d = arg;
	struct ctl_mistakes mistakes = {0};
	if (event->type != CTL_STORE_PUT)
		return;
	const char *name = event->key + strlen(STATE_PREFIX);
	struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	bool is_first = pop && !pop->state_seen_ns;
	uint64_t now = ctl_monotonic_ns();
	int error = ctl_cluster_state(&d->cluster, name, event->value, event->length, now, &mistakes);
	log_mistakes(&mistakes);
	if (error || !pop)
		return;
	if (is_first && age_ns(pop) < now)
		pop->state_seen_ns = now - age_ns(pop);
	ctl_links_reported(d, pop, pop->state_seen_ns);
	if (!pop->self)
		ctl_due(d, CTL_DUE_DISTANCES);
}

static void take_verdicts(struct ctl_daemon *d, const char *name, const struct ctl_store_event *event)
{
	struct ctl_mistakes mistakes = {0};
	int error = ctl_cluster_verdicts(&d->cluster, name, event->value, event->length, &mistakes);
	log_mistakes(&mistakes);
	if (!error)
		ctl_due(d, CTL_DUE_FORWARDING);
}

static void on_health(void *arg, const struct ctl_store_event *event)
{
	struct ctl_daemon *d = arg;
	const char *name = event->key ? event->key + strlen(HEALTH_PREFIX) : "";
	if (event->type == CTL_STORE_PUT)
		take_verdicts(d, name, event);
	if (event->type == CTL_STORE_LOST || strcmp(name, d->config.name) == 0)
		ctl_publish_stored(d, event->value);
}

/* ---- objects ---- */

static void objects_changed(struct ctl_daemon *d)
{
	set_drained(d);
	ctl_due(d, CTL_DUE_CHECKS | CTL_DUE_LINKS | CTL_DUE_POLICY | CTL_DUE_FORWARDING);
}

/* .../object/KIND/NAME. Returns the name, or NULL if there is no such kind. */
static const char *split_key(const char *key, enum ctl_kind *ret_kind)
{
	const char *kind = key + strlen(OBJECT_PREFIX), *slash = strchr(kind, '/');
	for (int i = 0; slash && i < CTL_KIND_COUNT; i++)
		if ((size_t)(slash - kind) == strlen(ctl_kind_names[i]) &&
		    strncmp(kind, ctl_kind_names[i], (size_t)(slash - kind)) == 0) {
			*ret_kind = (enum ctl_kind)i;
			return slash + 1;
		}
	return NULL;
}

/* One object of the store; they were checked when they were applied, and refer to each other, so only the form counts
 * here. Where nobody can read it, the object of before stays, and whoever applies it anew replaces it. */
static void put_object(struct ctl_daemon *d, const struct ctl_store_event *event)
{
	struct ctl_mistakes mistakes = {0};
	struct ctl_objects read = {0};
	int error = ctl_objects_parse(event->key, event->value, event->length, ctl_wall_ns(), &mistakes, &read);
	log_mistakes(&mistakes);
	if (!error && read.n == 1) {
		error = ctl_objects_put(&d->objects, read.object[0]);
		read.n = error ? 1 : 0;
	}
	if (!error && !read.n)
		objects_changed(d);
	ctl_objects_free(&read);
}

static void delete_object(struct ctl_daemon *d, const char *key)
{
	enum ctl_kind kind;
	const char *name = split_key(key, &kind);
	if (name && ctl_objects_remove(&d->objects, kind, name))
		objects_changed(d);
}

static void on_object(void *arg, const struct ctl_store_event *event)
{
	struct ctl_daemon *d = arg;
	switch (event->type) {
	case CTL_STORE_PUT:
		put_object(d, event);
		break;
	case CTL_STORE_DELETE:
		delete_object(d, event->key);
		break;
	case CTL_STORE_LISTED:
		d->objects_listed = true;
		maybe_listed(d);
		break;
	case CTL_STORE_LOST: /* kept; the publisher warns */
		break;
	}
}

/* ---- the part ---- */

static void register_ourselves(struct ctl_daemon *d)
{
	char *text = ctl_registration_text(&d->config);
	if (text)
		register_pop(d, d->config.name, text, strlen(text));
	free(text);
}

int ctl_watch_start(struct ctl_daemon *d)
{
	register_ourselves(d);
	int error = ctl_store_open(d->loop, d->config.store, &d->store);
	if (!error)
		error = ctl_store_watch(d->store, OBJECT_PREFIX, on_object, d);
	if (!error)
		error = ctl_store_watch(d->store, POP_PREFIX, on_pop, d);
	if (error)
		ctl_error("store %s: %s", d->config.store, strerror(-error));
	return error;
}

void ctl_watch_stop(struct ctl_daemon *d)
{
	ctl_changes_stop(d);
	ctl_store_close(d->store);
	d->store = NULL;
}
