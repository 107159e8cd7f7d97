/* SPDX-License-Identifier: BSD-2-Clause */
/* From the policies as written to the one policy of the route engine. Pure. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/parts/parts.h"

/* A class for an accelerator, or for any (""). */
struct wanted {
	struct route_class class[ROUTE_MAX_CLASSES];
	unsigned n;
};

static void want(struct wanted *wanted, const struct route_class *class, const char *accelerator)
{
	for (unsigned i = 0; i < wanted->n; i++)
		if (strcmp(wanted->class[i].name, class->name) == 0 &&
		    strcmp(wanted->class[i].accelerator, accelerator) == 0)
			return;
	if (wanted->n == ROUTE_MAX_CLASSES)
		return;
	wanted->class[wanted->n] = *class;
	strcpy(wanted->class[wanted->n++].accelerator, accelerator);
}

/* The built-in ones as policies change them, then the policies' own. */
static void want_plain_classes(struct wanted *wanted, const struct ctl_objects *objects)
{
	for (unsigned i = 0; i < objects->n; i++)
		for (unsigned j = 0;
		     objects->object[i]->kind == CTL_KIND_POLICY && j < objects->object[i]->policy.n_classes; j++)
			want(wanted, &objects->object[i]->policy.classes[j], "");
	for (int i = 0; ctl_objective_names[i]; i++) {
		struct route_class class;
		route_class_default(ctl_objective_names[i], (enum route_objective)i, &class);
		want(wanted, &class, "");
	}
}

/* A rule for one accelerator needs that accelerator's traffic to be a class of its own. */
static void want_accelerator_classes(
    struct wanted *wanted, const struct ctl_objects *objects, const struct ctl_rule *rule)
{
	const struct ctl_object *object = ctl_objects_find(objects, CTL_KIND_ACCELERATOR, rule->accelerator);
	unsigned n_plain = wanted->n;
	for (unsigned i = 0; object && i < object->accelerator.n_listeners; i++) {
		const char *name = object->accelerator.listeners[i].class;
		if (rule->class[0] && strcmp(rule->class, name) != 0)
			continue;
		for (unsigned j = 0; j < n_plain; j++)
			if (strcmp(wanted->class[j].name, name) == 0 && !wanted->class[j].accelerator[0])
				want(wanted, &wanted->class[j], rule -> accelerator);
	}
}

/* Classes that were there keep their index; new ones take indexes that no wanted class has. */
static void place_classes(const struct wanted *wanted, const struct route_policy *old, struct route_policy *ret)
{
	bool taken[ROUTE_MAX_CLASSES] = {false}, placed[ROUTE_MAX_CLASSES] = {false};
	for (unsigned i = 0; old && i < old->n_classes; i++)
		for (unsigned j = 0; j < wanted->n; j++)
			if (strcmp(old->class[i].name, wanted->class[j].name) == 0 &&
			    strcmp(old->class[i].accelerator, wanted->class[j].accelerator) == 0) {
				ret->class[i] = wanted->class[j];
				taken[i] = placed[j] = true;
			}
	for (unsigned j = 0, i = 0; j < wanted->n; j++) {
		if (placed[j])
			continue;
		while (taken[i])
			i++;
		ret->class[i] = wanted->class[j];
		taken[i] = true;
	}
	for (unsigned i = 0; i < ROUTE_MAX_CLASSES; i++)
		ret->n_classes = taken[i] ? i + 1 : ret->n_classes;
	for (unsigned i = 0; i < ret->n_classes; i++)
		if (!taken[i])
			ret->class[i] = old->class[i]; /* no longer used; it keeps the place of those behind it */
}

/* Whether all of the names are registered; their ids go to ret_ids. "" is 0. */
static bool pop_ids(
    const struct ctl_cluster *cluster, const char (*names)[CTL_NAME_SIZE], unsigned n, uint16_t *ret_ids)
{
	for (unsigned i = 0; i < n; i++) {
		const struct ctl_pop *pop = names[i][0] ? ctl_cluster_find(cluster, names[i]) : NULL;
		if (names[i][0] && !pop)
			return false;
		ret_ids[i] = pop ? pop->id : 0;
	}
	return true;
}

/* What is not there is avoided already, and cannot be preferred. */
static void set_ids(const struct ctl_cluster *cluster, const struct ctl_rule_set *set, struct route_set *ret)
{
	for (unsigned i = 0; i < set->n_pops; i++)
		ret->n_pops += pop_ids(cluster, &set->pops[i], 1, &ret->pops[ret->n_pops]);
	for (unsigned i = 0; i < set->n_ends; i++)
		if (pop_ids(cluster, &set->ends[i].from, 1, &ret->ends[ret->n_ends].from) &&
		    pop_ids(cluster, &set->ends[i].to, 1, &ret->ends[ret->n_ends].to))
			ret->n_ends++;
	ret->n_providers = (uint8_t)set->n_providers;
	memcpy(ret->providers, set->providers, sizeof(ret->providers));
	ret->n_regions = (uint8_t)set->n_regions;
	memcpy(ret->regions, set->regions, sizeof(ret->regions));
}

bool ctl_policy_rule(const struct ctl_rule *rule, const struct ctl_cluster *cluster, struct route_rule *ret)
{
	memset(ret, 0, sizeof(*ret)); /* padding too */
	ret->action = rule->action;
	ret->n_pops = (uint8_t)rule->n_pops;
	ret->prefer_ms = rule->prefer_ms;
	ret->limits = (uint8_t)rule->limits;
	ret->max_money = rule->max_money;
	ret->max_rtt_ms = rule->max_rtt_ms;
	ret->fallback_direct = rule->fallback_direct;
	set_ids(cluster, &rule->avoid, &ret->avoid);
	set_ids(cluster, &rule->prefer, &ret->prefer);
	memcpy(ret->accelerator, rule->accelerator, sizeof(ret->accelerator));
	memcpy(ret->class, rule->class, sizeof(ret->class));
	return pop_ids(cluster, &rule->from, 1, &ret->from) && pop_ids(cluster, &rule->to, 1, &ret->to) &&
	       pop_ids(cluster, rule->pops, rule->n_pops, ret->pops);
}

/* False: no path could follow it, and the engine would refuse the whole policy for it. */
static bool add_rule(const struct ctl_policy *policy, unsigned index, const struct ctl_cluster *cluster,
    uint64_t now_ns, uint64_t now_wall_ns, struct route_policy *ret)
{
	const struct ctl_rule *rule = &policy->rules[index];
	struct route_rule *r = &ret->rule[ret->n_rules];
	bool expired = rule->expires_wall_ns && rule->expires_wall_ns <= now_wall_ns;
	if (expired || !ctl_policy_rule(rule, cluster, r))
		return true;
	if (r->action == ROUTE_PIN && !route_pin_is_sound(r))
		return false;
	memcpy(r->policy, policy->name, sizeof(r->policy));
	r->index = (uint16_t)index;
	r->expires_ns = rule->expires_wall_ns ? now_ns + (rule->expires_wall_ns - now_wall_ns) : 0;
	ret->n_rules++;
	return true;
}

void ctl_policy_compile(const struct ctl_objects *objects, const struct ctl_cluster *cluster,
    const struct route_policy *old, uint64_t now_ns, uint64_t now_wall_ns, struct route_policy *ret_policy,
    char *ret_left_out)
{
	struct wanted wanted = {.n = 0};
	ret_left_out[0] = '\0';
	memset(ret_policy, 0, sizeof(*ret_policy)); /* padding too: policies are compared as memory */
	want_plain_classes(&wanted, objects);
	for (unsigned i = 0; i < objects->n; i++) {
		const struct ctl_policy *policy = &objects->object[i]->policy;
		for (unsigned j = 0; objects->object[i]->kind == CTL_KIND_POLICY && j < policy->n_rules; j++) {
			if (policy->rules[j].accelerator[0])
				want_accelerator_classes(&wanted, objects, &policy->rules[j]);
			if (ret_policy->n_rules < ROUTE_MAX_RULES &&
			    !add_rule(policy, j, cluster, now_ns, now_wall_ns, ret_policy) && !ret_left_out[0])
				snprintf(ret_left_out, CTL_LEFT_OUT_SIZE,
				    "rules[%u] of policy %s: its pin visits a POP twice", j, policy->name);
		}
	}
	place_classes(&wanted, old, ret_policy);
}

int ctl_policy_class(const struct route_policy *policy, const char *name, const char *accelerator)
{
	int found = -ENOENT;
	for (unsigned i = 0; i < policy->n_classes; i++) {
		if (strcmp(policy->class[i].name, name) != 0)
			continue;
		if (strcmp(policy->class[i].accelerator, accelerator) == 0)
			return (int)i;
		if (!policy->class[i].accelerator[0])
			found = (int)i;
	}
	return found;
}
