/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes: objects that are deleted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/cluster/message.h"
#include "control/parts/change.h"

#define POP_GONE_NS (10 * CTL_NS_PER_S) /* a POP that has published nothing for so long does not run */

/* A listener whose class only this policy defines, or NULL. */
static const char *class_in_use(const struct ctl_daemon *d, const struct ctl_policy *policy, const char **ret_class)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_ACCELERATOR && j < a->n_listeners; j++)
			for (unsigned k = 0; k < policy->n_classes; k++) {
				const char *class = policy->classes[k].name;
				bool built_in = false;
				for (unsigned b = 0; ctl_objective_names[b]; b++)
					built_in = built_in || strcmp(ctl_objective_names[b], class) == 0;
				if (built_in || strcmp(a->listeners[j].class, class) != 0)
					continue;
				*ret_class = class;
				return a->name;
			}
	}
	return NULL;
}

/* What keeps the object in place, in line; false: nothing does. */
static bool policy_is_needed(const struct ctl_daemon *d, const struct ctl_object *object, char *line, size_t size)
{
	const char *class = NULL;
	const char *user = class_in_use(d, &object->policy, &class);
	if (user)
		snprintf(line, size,
		    "policy '%s' defines class '%s', which accelerator '%s' uses; change the accelerator first",
		    object->policy.name, class, user);
	return user;
}

static bool accelerator_is_needed(const struct ctl_daemon *d, const char *name, char *line, size_t size)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_policy *policy = &d->objects.object[i]->policy;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_POLICY && j < policy->n_rules; j++)
			if (strcmp(policy->rules[j].accelerator, name) == 0) {
				snprintf(line, size,
				    "a rule of policy '%s' is for accelerator '%s'; change the policy first",
				    policy->name, name);
				return true;
			}
	}
	return false;
}

static const char *user_of_pop(const struct ctl_daemon *d, const char *name)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_ACCELERATOR && j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++)
				for (unsigned l = 0; l < a->listeners[j].groups[k].n_pops; l++)
					if (strcmp(a->listeners[j].groups[k].pops[l], name) == 0)
						return a->name;
	}
	return NULL;
}

static bool pop_is_needed(const struct ctl_daemon *d, const char *name, char *line, size_t size)
{
	const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	const char *user = user_of_pop(d, name);
	bool runs = pop && (pop->self || (pop->state_seen_ns && ctl_monotonic_ns() - pop->state_seen_ns < POP_GONE_NS));
	if (runs)
		snprintf(line, size, "POP '%s' runs and would register again; end its kuafud first%s", name,
		    pop->self ? ", and ask another POP" : ", and wait 10 s");
	else if (user)
		snprintf(
		    line, size, "accelerator '%s' has POP '%s' in 'pops'; change the accelerator first", user, name);
	return runs || user;
}

static int delete_object(struct ctl_change *change, const struct ctl_object *object)
{
	char key[128];
	snprintf(
	    key, sizeof(key), CTL_STORE_PREFIX "object/%s/%s", ctl_kind_names[object->kind], ctl_object_name(object));
	return ctl_change_add_deletion(change, key, ctl_change_object_text(object));
}

/* Its registration, its last state and its verdicts. What is put back, if the store lost them, need only be of the form. */
static int delete_registration(struct ctl_change *change, const struct ctl_pop *pop)
{
	char key[128], *text;
	if (asprintf(&text, "{\"id\":%u,\"region\":\"%s\",\"links\":[]}", pop->id, pop->region) < 0)
		return -ENOMEM;
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "pop/%s", pop->name);
	int error = ctl_change_add_deletion(change, key, text);
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "state/%s", pop->name);
	error = error ? error : ctl_change_add_deletion(change, key, strdup("{\"at\":1}"));
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "health/%s", pop->name);
	return error ? error : ctl_change_add_deletion(change, key, strdup("{\"up\":[],\"down\":[]}"));
}

static bool build(struct ctl_change *change)
{
	const struct ctl_daemon *d = change->d;
	const char *name = change->name;
	char line[256];
	enum ctl_kind kind = 0;
	while (strcmp(ctl_kind_names[kind], change->kind) != 0)
		kind++;
	const struct ctl_object *object = ctl_objects_find(&d->objects, kind, name);
	const struct ctl_pop *pop = kind == CTL_KIND_POP ? ctl_cluster_find(&d->cluster, name) : NULL;
	bool needed = kind == CTL_KIND_POP      ? pop_is_needed(d, name, line, sizeof(line))
	              : !object                 ? false
	              : kind == CTL_KIND_POLICY ? policy_is_needed(d, object, line, sizeof(line))
	                                        : accelerator_is_needed(d, name, line, sizeof(line));
	if (!object && !pop)
		snprintf(line, sizeof(line), "no %s is called '%.64s'; see: kuafuctl show %s", change->kind, name,
		    kind == CTL_KIND_POLICY ? "policies"
		    : kind == CTL_KIND_POP  ? "pops"
		                            : "accelerators");
	if (needed || (!object && !pop))
		return ctl_change_refuse(change, object || pop ? -EINVAL : -ENOENT, line);
	int error = object ? delete_object(change, object) : 0;
	if (!error && pop)
		error = delete_registration(change, pop);
	if (!error)
		error = ctl_change_add_row(change, kind, name, "deleted");
	return error ? ctl_change_refuse(change, error, strerror(-error)) : true;
}

void ctl_change_delete(void *daemon, const char *kind, const char *name, ctl_api_done *done, void *to)
{
	struct ctl_change *change = ctl_change_new(daemon, build, kind, name, NULL, 0, done, to);
	if (change)
		ctl_change_submit(change);
}
