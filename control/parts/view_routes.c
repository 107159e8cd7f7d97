/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/view.h"
#include "control/route/explain.h"

#define EXPLAINED 64u /* candidates looked through for the direct one */

static int64_t ms_to_ns(float ms)
{
	return isfinite(ms) ? (int64_t)((double)ms * (double)CTL_NS_PER_MS) : CTL_API_NO_NS;
}

void ctl_view_path(const struct ctl_daemon *d, uint16_t from, const struct route_path *path, const char **pop,
    struct ctl_api_path *ret_path)
{
	size_t n = 0;
	pop[n++] = ctl_view_pop(d, from);
	for (unsigned i = 0; i < path->n_links; i++)
		pop[n++] = ctl_view_pop(d, path->pop[i]);
	*ret_path = (struct ctl_api_path){.pop = pop, .n_pop = n, .cost_ns = ms_to_ns(path->cost), .mtu = path->mtu};
}

/* ---- routes ---- */

/* What the data plane says it uses; until it has said anything, what it was told. */
static void show_active(const struct ctl_daemon *d, uint16_t to, uint8_t class, struct ctl_api_route *row)
{
	static const char *const names[] = {"primary", "backup", "none"};
	row->active = row->primary ? names[0] : names[2];
	for (unsigned i = 0; row->primary && i < d->n_paths; i++) {
		const struct ctl_path_in_use *path = &d->path[i];
		if (path->to != to || path->class != class)
			continue;
		row->active = names[path->active < 2 ? path->active : 2];
		if (path->active)
			row->since_ns = path->at_wall_ns; /* since the primary is out, not since it was chosen */
	}
}

/* The direct path, if its cost is known. */
static bool find_direct(const struct ctl_daemon *d, uint16_t to, uint8_t class, struct route_path *ret_path)
{
	struct route_candidate candidate[EXPLAINED];
	struct route_explanation explanation;
	if (route_explain(d->engine, d->config.id, to, class, ctl_monotonic_ns(), candidate, EXPLAINED, &explanation))
		return false;
	for (unsigned i = 0; i < explanation.n_candidates; i++)
		if (candidate[i].path.n_links == 1) {
			*ret_path = candidate[i].path;
			return true;
		}
	return false;
}

static void show_route(const struct ctl_daemon *d, uint16_t to, uint8_t class, ctl_api_emit *emit, void *emit_to)
{
	const struct route_choice *choice = route_choice(d->engine, to, class);
	const char *names[3][WIRE_PATH_MAX_HOPS + 1];
	struct ctl_api_path primary, backup, direct;
	struct route_path direct_path;
	if (!choice)
		return;
	ctl_view_path(d, d->config.id, &choice->primary, names[0], &primary);
	ctl_view_path(d, d->config.id, &choice->backup, names[1], &backup);
	bool has_direct = find_direct(d, to, class, &direct_path);
	if (has_direct)
		ctl_view_path(d, d->config.id, &direct_path, names[2], &direct);
	struct ctl_api_route row = {
	    .from = d->config.name,
	    .to = ctl_view_pop(d, to),
	    .class = d->policy->class[class].name,
	    .primary = choice->primary.n_links ? &primary : NULL,
	    .backup = choice->backup.n_links ? &backup : NULL,
	    .direct = has_direct ? &direct : NULL,
	    .reason = route_reason_name(choice->reason),
	    .since_ns = ctl_view_wall(choice->since_ns),
	};
	show_active(d, to, class, &row);
	emit(emit_to, &row);
}

void ctl_view_routes(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		for (unsigned class = 0; class < d->policy->n_classes; class ++)
			if (!d->cluster.pop[i]->self)
				show_route(d, d->cluster.pop[i]->id, (uint8_t) class, emit, to);
}

/* ---- policies ---- */

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static void show_class(const struct route_class *class, struct ctl_api_class *ret_row)
{
	*ret_row = (struct ctl_api_class){
	    .name = class->name,
	    .objective = ctl_objective_names[class->objective],
	    .loss_penalty_ns = ms_to_ns(class->loss_penalty_ms),
	    .jitter_penalty = (double)class->jitter_penalty,
	    .max_relays = class->max_relays,
	    .better_by = (double)class->better_by,
	    .and_by_ns = ms_to_ns(class->and_by_ms),
	};
}

struct rule_names {
	const char *pop[WIRE_PATH_MAX_HOPS + 1];
	const char *avoid[ROUTE_MAX_NAMED];
	const char *provider[ROUTE_MAX_PROVIDERS];
	char text[400];
};

static void show_rule(const struct ctl_rule *rule, struct rule_names *names, struct ctl_api_rule *ret_row)
{
	for (unsigned i = 0; i < rule->n_pops; i++)
		names->pop[i] = rule->pops[i];
	for (unsigned i = 0; i < rule->avoid.n_pops; i++)
		names->avoid[i] = rule->avoid.pops[i];
	for (unsigned i = 0; i < rule->avoid.n_providers; i++)
		names->provider[i] = rule->avoid.providers[i];
	*ret_row = (struct ctl_api_rule){
	    .accelerator = or_null(rule->accelerator),
	    .class = or_null(rule->class),
	    .from = or_null(rule->from),
	    .to = or_null(rule->to),
	    .pin = names->pop,
	    .n_pin = rule->n_pops,
	    .avoid_pop = names->avoid,
	    .n_avoid_pop = rule->avoid.n_pops,
	    .avoid_provider = names->provider,
	    .n_avoid_provider = rule->avoid.n_providers,
	    .text = ctl_rule_text(rule, names->text, sizeof(names->text)),
	    .expires_at_ns = rule->expires_wall_ns,
	};
}

static void show_policy(const struct ctl_policy *policy, ctl_api_emit *emit, void *to)
{
	struct ctl_api_class classes[ROUTE_MAX_CLASSES];
	struct ctl_api_rule rules[CTL_MAX_RULES];
	struct rule_names names[CTL_MAX_RULES];
	for (unsigned i = 0; i < policy->n_classes; i++)
		show_class(&policy->classes[i], &classes[i]);
	for (unsigned i = 0; i < policy->n_rules; i++)
		show_rule(&policy->rules[i], &names[i], &rules[i]);
	struct ctl_api_policy row = {policy->name, classes, policy->n_classes, rules, policy->n_rules};
	emit(to, &row);
}

static bool is_defined(const struct ctl_daemon *d, const char *class)
{
	for (unsigned i = 0; i < d->objects.n; i++)
		for (unsigned j = 0;
		     d->objects.object[i]->kind == CTL_KIND_POLICY && j < d->objects.object[i]->policy.n_classes; j++)
			if (strcmp(d->objects.object[i]->policy.classes[j].name, class) == 0)
				return true;
	return false;
}

/* The classes that no policy defines, as the engine has them. */
static void show_built_in(const struct ctl_daemon *d, ctl_api_emit *emit, void *to)
{
	struct ctl_api_class classes[ROUTE_MAX_CLASSES];
	struct ctl_api_policy row = {.name = "(built in)", .class = classes};
	for (unsigned i = 0; i < d->policy->n_classes; i++) {
		const struct route_class *class = &d->policy->class[i];
		bool built_in =
		    strcmp(class->name, ctl_objective_names[class->objective]) == 0 && !class->accelerator[0];
		if (built_in && !is_defined(d, class->name))
			show_class(class, &classes[row.n_class++]);
	}
	if (row.n_class)
		emit(to, &row);
}

void ctl_view_policies(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	for (unsigned i = 0; i < d->objects.n; i++)
		if (d->objects.object[i]->kind == CTL_KIND_POLICY)
			show_policy(&d->objects.object[i]->policy, emit, to);
	show_built_in(d, emit, to);
}
