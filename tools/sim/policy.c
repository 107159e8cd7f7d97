/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/objects.h"
#include "control/route/engine.h"

#define MAX_FILE (1u << 20)

/* The POP id of a name; 0: it was not drawn, or is none. */
static uint16_t id_of(const struct sim_trace *trace, const char *name)
{
	char *end;
	unsigned long row = strtoul(name, &end, 10);
	for (uint32_t i = 0; !*end && i < trace->n; i++)
		if (trace->node[i] + 1ul == row)
			return (uint16_t)(i + 1);
	return 0;
}

static void map_set(const struct sim_trace *trace, const struct ctl_rule_set *set, struct route_set *ret)
{
	for (unsigned i = 0; i < set->n_pops; i++)
		if ((ret->pops[ret->n_pops] = id_of(trace, set->pops[i])))
			ret->n_pops++;
	for (unsigned i = 0; i < set->n_ends; i++) {
		uint16_t from = id_of(trace, set->ends[i].from), to = id_of(trace, set->ends[i].to);
		ret->ends[ret->n_ends].from = from;
		ret->ends[ret->n_ends].to = to;
		if (from && to)
			ret->n_ends++;
	}
}

/* False: it is about POPs that were not drawn. */
static bool map_rule(const struct sim_trace *trace, const struct ctl_rule *rule, struct route_rule *ret)
{
	*ret = (struct route_rule){.action = rule->action,
	    .from = id_of(trace, rule->from),
	    .to = id_of(trace, rule->to),
	    .n_pops = (uint8_t)rule->n_pops,
	    .prefer_ms = rule->prefer_ms,
	    .limits = (uint8_t)rule->limits,
	    .max_money = rule->max_money,
	    .max_rtt_ms = rule->max_rtt_ms,
	    .fallback_direct = rule->fallback_direct};
	memcpy(ret->accelerator, rule->accelerator, sizeof(ret->accelerator));
	memcpy(ret->class, rule->class, sizeof(ret->class));
	map_set(trace, &rule->avoid, &ret->avoid);
	map_set(trace, &rule->prefer, &ret->prefer);
	bool there = (!rule->from[0] || ret->from) && (!rule->to[0] || ret->to);
	for (unsigned i = 0; i < rule->n_pops; i++)
		there = (ret->pops[i] = id_of(trace, rule->pops[i])) && there;
	return there && (rule->action != ROUTE_PIN || route_pin_is_sound(ret));
}

static void take_policy(const struct sim_options *options, const struct sim_trace *trace,
    const struct ctl_policy *policy, struct route_policy *ret)
{
	for (unsigned i = 0; i < policy->n_classes; i++)
		if (!strcmp(policy->classes[i].name, options->class))
			ret->class[0] = policy->classes[i];
	for (unsigned i = 0; i < policy->n_rules && ret->n_rules < ROUTE_MAX_RULES; i++)
		ret->n_rules += map_rule(trace, &policy->rules[i], &ret->rule[ret->n_rules]);
}

static int read_text(const char *path, char *why, size_t room, char **ret_text, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(MAX_FILE + 1) : NULL;
	int error = file ? (text ? 0 : -ENOMEM) : -errno;
	if (!error) {
		*ret_size = fread(text, 1, MAX_FILE + 1, file);
		error = ferror(file) ? -EIO : *ret_size > MAX_FILE ? -EFBIG : 0;
	}
	if (file)
		fclose(file);
	if (error) {
		snprintf(why, room, "%s: %s", path, strerror(-error));
		free(text);
		return error;
	}
	*ret_text = text;
	return 0;
}

static int read_policies(
    const struct sim_options *options, const struct sim_trace *trace, char *why, size_t room, struct route_policy *ret)
{
	struct ctl_mistakes mistakes = {0};
	struct ctl_objects objects = {0};
	char *text;
	size_t size;
	int error = read_text(options->policy, why, room, &text, &size);
	if (error)
		return error;
	error = ctl_objects_parse(options->policy, text, size, 0, &mistakes, &objects);
	if (error)
		snprintf(why, room, "%s", mistakes.kept ? mistakes.line[0] : strerror(-error));
	for (unsigned i = 0; i < objects.n; i++)
		if (objects.object[i]->kind == CTL_KIND_POLICY)
			take_policy(options, trace, &objects.object[i]->policy, ret);
	ctl_objects_free(&objects);
	ctl_mistakes_free(&mistakes);
	free(text);
	return error;
}

int sim_policy(const struct sim_options *options, const struct sim_trace *trace, char *why, size_t room,
    struct route_policy *ret_policy)
{
	memset(ret_policy, 0, sizeof(*ret_policy));
	ret_policy->n_classes = 1;
	for (int i = 0; ctl_objective_names[i]; i++)
		if (!strcmp(options->class, ctl_objective_names[i]))
			route_class_default(options->class, (enum route_objective)i, &ret_policy->class[0]);
	int error = options->policy ? read_policies(options, trace, why, room, ret_policy) : 0;
	if (error)
		return error;
	if (!ret_policy->class[0].name[0]) {
		snprintf(why, room,
		    "--class %s: no such class; use latency, loss or cost, or define "
		    "it in --policy",
		    options->class);
		return -EINVAL;
	}
	if (options->relay_cost_ms >= 0)
		ret_policy->class[0].relay_penalty_ms = options->relay_cost_ms;
	return 0;
}
