/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes: endpoints and POPs that are drained, or not any more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/parts/change.h"

static const char *word(const struct ctl_change *change)
{
	return change->drained ? "drained" : "undrained";
}

/* ADDRESS:PORT or [ADDRESS]:PORT against an endpoint. */
static bool is_called(const struct ctl_endpoint *endpoint, const char *name)
{
	char address[CTL_ADDRESS_TEXT], plain[64], bracketed[64];
	ctl_address_text(&endpoint->address, address);
	snprintf(plain, sizeof(plain), "%s:%u", address, endpoint->port);
	snprintf(bracketed, sizeof(bracketed), "[%s]:%u", address, endpoint->port);
	return strcmp(name, plain) == 0 || strcmp(name, bracketed) == 0;
}

/* Sets the endpoints of this name; returns how many there are. */
static unsigned mark(struct ctl_accelerator *a, const char *name, bool drained)
{
	unsigned n = 0;
	for (unsigned i = 0; i < a->n_listeners; i++)
		for (unsigned j = 0; j < a->listeners[i].n_groups; j++)
			for (unsigned k = 0; k < a->listeners[i].groups[j].n_endpoints; k++) {
				struct ctl_endpoint *endpoint = &a->listeners[i].groups[j].endpoints[k];
				if (!is_called(endpoint, name))
					continue;
				endpoint->drained = drained;
				n++;
			}
	return n;
}

/* A copy of the object with the endpoints marked, as an operation. Returns 1 if it has any such, 0, or -errno. */
static int drain_in(struct ctl_change *change, const struct ctl_object *object, const char *name)
{
	struct ctl_objects copy = {0};
	struct ctl_mistakes mistakes = {0};
	char *text = ctl_change_object_text(object);
	int error = text ? ctl_objects_parse("store", text, strlen(text), 0, &mistakes, &copy) : -ENOMEM;
	free(text);
	if (!error && mark(&copy.object[0]->accelerator, name, change->drained)) {
		error = ctl_change_add_object(change, copy.object[0], word(change));
		error = error ? error : 1;
	}
	ctl_objects_free(&copy);
	ctl_mistakes_free(&mistakes);
	return error;
}

/* Its name: ADDRESS:PORT, or ACCELERATOR/ADDRESS:PORT. Returns how many accelerators have it, or -errno. */
static int drain_endpoint(struct ctl_change *change)
{
	const char *name = change->name, *slash = strchr(name, '/'), *endpoint = slash ? slash + 1 : name;
	const struct ctl_objects *objects = &change->d->objects;
	int found = 0;
	for (unsigned i = 0; i < objects->n; i++) {
		const char *accelerator = ctl_object_name(objects->object[i]);
		if (objects->object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		if (slash && (strlen(accelerator) != (size_t)(slash - name) ||
		                 strncmp(accelerator, name, (size_t)(slash - name)) != 0))
			continue;
		int n = drain_in(change, objects->object[i], endpoint);
		if (n < 0)
			return n;
		found += n;
	}
	return found;
}

static int drain_pop(struct ctl_change *change)
{
	struct ctl_object object = {.kind = CTL_KIND_POP, .pop = {.drained = change->drained, .drained_given = true}};
	bool has_object = ctl_objects_find(&change->d->objects, CTL_KIND_POP, change->name) != NULL;
	if (!has_object && !ctl_cluster_find(&change->d->cluster, change->name))
		return 0;
	snprintf(object.pop.name, sizeof(object.pop.name), "%s", change->name);
	int error = has_object || change->drained ? ctl_change_add_object(change, &object, word(change))
	                                          : ctl_change_add_absence(change, CTL_KIND_POP, change->name);
	return error ? error : 1;
}

static bool build(struct ctl_change *change)
{
	char line[192];
	int n = strcmp(change->kind, "pop") == 0 ? drain_pop(change) : drain_endpoint(change);
	if (n > 0)
		return true;
	if (n == 0)
		snprintf(line, sizeof(line), "no %s is called '%.64s'; see: kuafuctl show %ss", change->kind,
		    change->name, change->kind);
	else
		snprintf(line, sizeof(line), "%s",
		    n == -E2BIG ? "too many accelerators have it; name one: ACCELERATOR/ADDRESS:PORT" : strerror(-n));
	return ctl_change_refuse(change, n == 0 ? -ENOENT : n == -E2BIG ? -EINVAL : n, line);
}

void ctl_change_drain(void *daemon, const char *kind, const char *name, bool drained, ctl_api_done *done, void *to)
{
	struct ctl_change *change = ctl_change_new(daemon, build, kind, name, NULL, 0, done, to);
	if (!change)
		return;
	change->drained = drained;
	ctl_change_submit(change);
}
