/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes: documents that are applied. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/parts/change.h"
#include "control/parts/view.h"

/* PUT of one object allows no other. */
static void check_allowed(const struct ctl_objects *batch, const struct ctl_change *change, struct ctl_mistakes *m)
{
	for (unsigned i = 0; i < batch->n; i++) {
		const struct ctl_object *o = batch->object[i];
		if (change->kind && strcmp(change->kind, ctl_kind_names[o->kind]) != 0)
			ctl_mistake(m, "%s:%u: kind: '%s': only documents of kind %s are taken here", o->source,
			    o->line, ctl_kind_names[o->kind], change->kind);
		else if (change->name && strcmp(change->name, ctl_object_name(o)) != 0)
			ctl_mistake(m, "%s:%u: name: '%s': only '%s' is taken here", o->source, o->line,
			    ctl_object_name(o), change->name);
	}
	if (batch->n == 0)
		ctl_mistake(m, "body:1: holds no document; see kuafu.yaml(5)");
}

/* What this POP needs itself; nobody else sees all of it. */
static void check_own(const struct ctl_daemon *d, const struct ctl_object *o, struct ctl_mistakes *m)
{
	for (unsigned i = 0; o->kind == CTL_KIND_ACCELERATOR && i < o->accelerator.n_vips; i++) {
		char text[CTL_ADDRESS_TEXT];
		const struct wire_addr *vip = &o->accelerator.vips[i];
		const char *taken = ctl_taken_by(d, vip);
		if (taken)
			ctl_mistake(m, "%s:%u: vips: '%s': is %s; choose another", o->source, o->line,
			    ctl_address_text(vip, text), taken);
	}
}

static int check_taken(const struct ctl_daemon *d, const struct ctl_objects *batch, struct ctl_mistakes *m)
{
	size_t n = 0, most = 0;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		most += d->cluster.pop[i]->n_addresses;
	struct ctl_taken_address *taken = calloc(most + 1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		for (unsigned j = 0; !d->cluster.pop[i]->self && j < d->cluster.pop[i]->n_addresses; j++)
			taken[n++] =
			    (struct ctl_taken_address){d->cluster.pop[i]->address[j].address, d->cluster.pop[i]->name};
	ctl_objects_check_taken(batch, taken, n, m);
	free(taken);
	return 0;
}

/* Rules that leave no path, of those links that there are now. */
static int check_rules(const struct ctl_daemon *d, const struct ctl_objects *batch, struct ctl_mistakes *m)
{
	struct route_rule *rule = malloc(sizeof(*rule));
	float *scratch = calloc(route_rule_scratch(d->engine), sizeof(*scratch));
	for (unsigned i = 0; rule && scratch && i < batch->n; i++) {
		const struct ctl_policy *policy = &batch->object[i]->policy;
		for (unsigned j = 0; batch->object[i]->kind == CTL_KIND_POLICY && j < policy->n_rules; j++) {
			uint16_t from, to;
			if (policy->rules[j].fallback_direct ||
			    !ctl_policy_rule(&policy->rules[j], &d->cluster, rule) ||
			    !route_rule_leaves_paths(d->engine, rule, ROUTE_MAX_RELAYS, scratch, &from, &to))
				continue;
			ctl_mistake(m,
			    "%s:%u: policy '%s': rules[%u] leaves no path from %s to %s; name less, or say "
			    "'fallback: direct'",
			    batch->object[i]->source, policy->rules[j].line, policy->name, j, ctl_view_pop(d, from),
			    ctl_view_pop(d, to));
		}
	}
	int error = rule && scratch ? 0 : -ENOMEM;
	free(rule);
	free(scratch);
	return error;
}

static int check(struct ctl_daemon *d, struct ctl_objects *batch, struct ctl_mistakes *m)
{
	const char **known = calloc(d->cluster.n_pops + 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		known[i] = d->cluster.pop[i]->name;
	int error = ctl_objects_check(&d->objects, batch, known, m);
	free(known);
	ctl_taken_look(d);
	for (unsigned i = 0; !error && i < batch->n; i++)
		check_own(d, batch->object[i], m);
	error = error ? error : check_rules(d, batch, m);
	return error ? error : check_taken(d, batch, m);
}

static bool build(struct ctl_change *change)
{
	struct ctl_daemon *d = change->d;
	struct ctl_mistakes mistakes = {0};
	struct ctl_objects batch = {0};
	char too_many[96];
	snprintf(too_many, sizeof(too_many), "more than %u documents for one change; apply them in parts",
	    CTL_STORE_MAX_OPS);
	int error = ctl_objects_parse("body", change->text, change->size, ctl_wall_ns(), &mistakes, &batch);
	if (!error)
		check_allowed(&batch, change, &mistakes);
	if (!error && !mistakes.found)
		error = check(d, &batch, &mistakes);
	for (unsigned i = 0; !error && !mistakes.found && i < batch.n; i++)
		error = ctl_change_add_object(change, batch.object[i], NULL);
	bool good = !error && !mistakes.found;
	if (mistakes.found)
		ctl_change_refuse_lines(change, &mistakes);
	else if (error)
		ctl_change_refuse(
		    change, error == -E2BIG ? -EINVAL : error, error == -E2BIG ? too_many : strerror(-error));
	ctl_mistakes_free(&mistakes);
	ctl_objects_free(&batch);
	return good;
}

void ctl_change_apply(void *daemon, const struct ctl_api_documents *documents, ctl_api_done *done, void *to)
{
	struct ctl_change *change =
	    ctl_change_new(daemon, build, documents->kind, documents->name, documents->text, documents->size, done, to);
	if (change)
		ctl_change_submit(change);
}
