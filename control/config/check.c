/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a set of objects holds together: names, VIPs, POPs, classes. ids.c gives the numbers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/config/ids.h"
#include "control/config/objects.h"

/* What would be after the apply: batch over set. */
struct merged {
	const struct ctl_objects *set;
	const struct ctl_objects *batch;
	const char *const *known_pops;
	struct ctl_mistakes *m;
};

static const struct ctl_object *find(const struct merged *w, enum ctl_kind kind, const char *name)
{
	const struct ctl_object *object = ctl_objects_find(w->batch, kind, name);
	return object ? object : ctl_objects_find(w->set, kind, name);
}

/* The objects of the merged set, one after the other: first those of batch. NULL at the end. */
static const struct ctl_object *next_object(const struct merged *w, unsigned *i)
{
	for (; *i < w->batch->n + w->set->n; (*i)++) {
		if (*i < w->batch->n)
			return w->batch->object[(*i)++];
		const struct ctl_object *old = w->set->object[*i - w->batch->n];
		if (!ctl_objects_find(w->batch, old->kind, ctl_object_name(old))) {
			(*i)++;
			return old;
		}
	}
	return NULL;
}

static bool pop_exists(const struct merged *w, const char *name)
{
	for (const char *const *known = w->known_pops; *known; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return find(w, CTL_KIND_POP, name);
}

static void need_pop(
    const struct merged *w, const struct ctl_object *o, unsigned line, const char *field, const char *name)
{
	if (!name[0] || pop_exists(w, name))
		return;
	const char *nearest = ctl_nearest_name(name, w->known_pops);
	if (nearest)
		ctl_mistake(
		    w->m, "%s:%u: %s: '%s': no such POP; did you mean '%s'?", o->source, line, field, name, nearest);
	else
		ctl_mistake(w->m,
		    "%s:%u: %s: '%s': no such POP; start its kuafud first, or declare it with 'kind: pop'", o->source,
		    line, field, name);
}

/* ---- classes ---- */

static unsigned count_definitions(const struct merged *w, const char *class)
{
	unsigned n = 0, i = 0;
	for (const struct ctl_object *o; (o = next_object(w, &i));)
		for (unsigned j = 0; o->kind == CTL_KIND_POLICY && j < o->policy.n_classes; j++)
			n += strcmp(o->policy.classes[j].name, class) == 0;
	return n;
}

static bool is_built_in(const char *class)
{
	for (const char *const *name = ctl_objective_names; *name; name++)
		if (strcmp(*name, class) == 0)
			return true;
	return false;
}

static void need_class(const struct merged *w, const struct ctl_object *o, unsigned line, const char *class)
{
	if (!class[0] || is_built_in(class) || count_definitions(w, class))
		return;
	ctl_mistake(w->m,
	    "%s:%u: class: '%s': no such class; use latency, loss or cost, or define it in a policy's 'classes'",
	    o->source, line, class);
}

/* ---- endpoints ---- */

/* A VIP of the merged set and whose it is. By address, to be looked up. */
struct vip {
	struct wire_addr address;
	const struct ctl_object *owner;
};

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wire_addr)); /* the first of struct vip */
}

/* From malloc, sorted; NULL without memory. */
static struct vip *list_vips(const struct merged *w, size_t *ret_n)
{
	size_t n = 0;
	unsigned i = 0;
	for (const struct ctl_object *o; (o = next_object(w, &i));)
		n += o->kind == CTL_KIND_ACCELERATOR ? o->accelerator.n_vips : 0;
	struct vip *vips = calloc(n + 1, sizeof(*vips));
	n = i = 0;
	for (const struct ctl_object *o; vips && (o = next_object(w, &i));)
		for (unsigned j = 0; o->kind == CTL_KIND_ACCELERATOR && j < o->accelerator.n_vips; j++)
			vips[n++] = (struct vip){o->accelerator.vips[j], o};
	if (vips)
		qsort(vips, n, sizeof(*vips), by_address);
	*ret_n = n;
	return vips;
}

static bool is_new(const struct merged *w, const struct ctl_object *o)
{
	return ctl_objects_find(w->batch, o->kind, ctl_object_name(o)) == o;
}

/* Its traffic would come back to the data plane, and go round. */
static void check_endpoint(const struct merged *w, const struct ctl_object *o, bool new,
    const struct ctl_endpoint *endpoint, const struct vip *vips, size_t n)
{
	char text[CTL_ADDRESS_TEXT];
	ctl_address_text(&endpoint->address, text);
	if (new && !wire_addr_is_host(&endpoint->address))
		ctl_mistake(w->m,
		    "%s:%u: endpoints: '%s': is no host's address; name the server as the POPs of its group reach it",
		    o->source, endpoint->line, text);
	const struct vip *vip = bsearch(&endpoint->address, vips, n, sizeof(*vips), by_address);
	if (vip && new)
		ctl_mistake(w->m, "%s:%u: endpoints: '%s': is a VIP of accelerator '%s'; name the server's own address",
		    o->source, endpoint->line, text, vip->owner->accelerator.name);
	else if (vip && is_new(w, vip->owner))
		ctl_mistake(w->m, "%s:%u: vips: '%s': is an endpoint of accelerator '%s'; choose another",
		    vip->owner->source, vip->owner->line, text, o->accelerator.name);
}

static int check_endpoints(const struct merged *w)
{
	size_t n = 0;
	unsigned i = 0;
	struct vip *vips = list_vips(w, &n);
	if (!vips)
		return -ENOMEM;
	for (const struct ctl_object *o; (o = next_object(w, &i));) {
		bool new = is_new(w, o);
		for (unsigned j = 0; o->kind == CTL_KIND_ACCELERATOR && j < o->accelerator.n_listeners; j++) {
			const struct ctl_listener *listener = &o->accelerator.listeners[j];
			for (unsigned k = 0; k < listener->n_groups; k++)
				for (unsigned e = 0; e < listener->groups[k].n_endpoints; e++)
					check_endpoint(w, o, new, &listener->groups[k].endpoints[e], vips, n);
		}
	}
	free(vips);
	return 0;
}

/* ---- each kind ---- */

static void check_vips(const struct merged *w, const struct ctl_object *o)
{
	const struct ctl_accelerator *a = &o->accelerator;
	unsigned i = 0;
	for (const struct ctl_object *other; (other = next_object(w, &i));) {
		if (other->kind != CTL_KIND_ACCELERATOR || strcmp(other->accelerator.name, a->name) == 0)
			continue;
		const struct ctl_accelerator *b = &other->accelerator;
		for (unsigned j = 0; j < a->n_vips * b->n_vips; j++) {
			char text[CTL_ADDRESS_TEXT];
			if (wire_addr_equal(&a->vips[j / b->n_vips], &b->vips[j % b->n_vips]))
				ctl_mistake(w->m,
				    "%s:%u: vips: '%s': accelerator '%s' has this address; a VIP belongs to one",
				    o->source, o->line, ctl_address_text(&a->vips[j / b->n_vips], text), b->name);
		}
	}
}

static void check_accelerator(const struct merged *w, const struct ctl_object *o)
{
	check_vips(w, o);
	for (unsigned i = 0; i < o->accelerator.n_listeners; i++) {
		const struct ctl_listener *listener = &o->accelerator.listeners[i];
		need_class(w, o, listener->line, listener->class);
		for (unsigned j = 0; j < listener->n_groups; j++)
			for (unsigned k = 0; k < listener->groups[j].n_pops; k++)
				need_pop(w, o, listener->groups[j].line, "pops", listener->groups[j].pops[k]);
	}
}

/* The route engine leaves out a pin that visits a POP twice: control/route/engine.h. */
static void check_pin(const struct merged *w, const struct ctl_object *o, unsigned index)
{
	const struct ctl_rule *rule = &o->policy.rules[index];
	for (unsigned i = 0; i < rule->n_pops; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(rule->pops[i], rule->pops[j]) == 0)
				ctl_mistake(w->m,
				    "%s:%u: policy '%s': rules[%u].pin: '%s': stands in the path twice; a path visits "
				    "each POP once",
				    o->source, rule->line, o->policy.name, index, rule->pops[i]);
}

static bool is_empty(const struct ctl_rule_set *set)
{
	return !set->n_pops && !set->n_ends && !set->n_providers && !set->n_regions;
}

static void need_pops(const struct merged *w, const struct ctl_object *o, unsigned line, const char *field,
    const struct ctl_rule_set *set)
{
	for (unsigned i = 0; i < set->n_pops; i++)
		need_pop(w, o, line, field, set->pops[i]);
	for (unsigned i = 0; i < set->n_ends; i++) {
		need_pop(w, o, line, field, set->ends[i].from);
		need_pop(w, o, line, field, set->ends[i].to);
	}
}

static void check_policy(const struct merged *w, const struct ctl_object *o)
{
	const struct ctl_policy *policy = &o->policy;
	for (unsigned i = 0; i < policy->n_classes; i++)
		if (count_definitions(w, policy->classes[i].name) > 1)
			ctl_mistake(w->m, "%s:%u: classes: '%s': another policy defines this class; change it there",
			    o->source, o->line, policy->classes[i].name);
	for (unsigned i = 0; i < policy->n_rules; i++) {
		const struct ctl_rule *rule = &policy->rules[i];
		if (rule->action == ROUTE_STEER && !rule->limits && is_empty(&rule->avoid) && is_empty(&rule->prefer))
			ctl_mistake(w->m,
			    "%s:%u: avoid: must name a POP, link, provider or region; remove the rule otherwise",
			    o->source, rule->line);
		need_pop(w, o, rule->line, "from", rule->from);
		need_pop(w, o, rule->line, "to", rule->to);
		need_class(w, o, rule->line, rule->class);
		for (unsigned j = 0; j < rule->n_pops; j++)
			need_pop(w, o, rule->line, "pin", rule->pops[j]);
		need_pops(w, o, rule->line, "avoid", &rule->avoid);
		need_pops(w, o, rule->line, "prefer", &rule->prefer);
		if (rule->action == ROUTE_PIN)
			check_pin(w, o, i);
		if (rule->accelerator[0] && !find(w, CTL_KIND_ACCELERATOR, rule->accelerator))
			ctl_mistake(w->m, "%s:%u: accelerator: '%s': no such accelerator; apply it first or together",
			    o->source, rule->line, rule->accelerator);
	}
}

/* Whoever applies no policy is not to blame. */
static void check_limits(const struct merged *w)
{
	unsigned classes = ROUTE_COST + 1, rules = 0, i = 0;
	const struct ctl_object *last = NULL;
	for (unsigned j = 0; j < w->batch->n; j++)
		last = w->batch->object[j]->kind == CTL_KIND_POLICY ? w->batch->object[j] : last;
	if (!last)
		return;
	for (const struct ctl_object *o; (o = next_object(w, &i));) {
		for (unsigned j = 0; o->kind == CTL_KIND_POLICY && j < o->policy.n_classes; j++)
			classes += !is_built_in(o->policy.classes[j].name);
		rules += o->kind == CTL_KIND_POLICY ? o->policy.n_rules : 0;
	}
	if (classes > ROUTE_MAX_CLASSES)
		ctl_mistake(w->m, "%s:%u: classes: %u in all policies together; at most %u are possible", last->source,
		    last->line, classes, ROUTE_MAX_CLASSES);
	if (rules > ROUTE_MAX_RULES)
		ctl_mistake(w->m, "%s:%u: rules: %u in all policies together; at most %u are possible", last->source,
		    last->line, rules, ROUTE_MAX_RULES);
}

static void check_repeats(const struct merged *w)
{
	for (unsigned i = 0; i < w->batch->n; i++) {
		const struct ctl_object *o = w->batch->object[i];
		const struct ctl_object *first = ctl_objects_find(w->batch, o->kind, ctl_object_name(o));
		if (first != o)
			ctl_mistake(w->m,
			    "%s:%u: name: '%s': the %s of this name stands in line %u already; remove one", o->source,
			    o->line, ctl_object_name(o), ctl_kind_names[o->kind], first->line);
	}
}

int ctl_objects_check(
    const struct ctl_objects *set, struct ctl_objects *batch, const char *const *known_pops, struct ctl_mistakes *m)
{
	const struct merged w = {set, batch, known_pops, m};
	unsigned found = m->found;
	check_repeats(&w);
	check_limits(&w);
	for (unsigned i = 0; i < batch->n; i++) {
		const struct ctl_object *o = batch->object[i];
		if (o->kind == CTL_KIND_ACCELERATOR)
			check_accelerator(&w, o);
		if (o->kind == CTL_KIND_POLICY)
			check_policy(&w, o);
	}
	int error = check_endpoints(&w);
	if (error)
		return error;
	if (m->found != found)
		return -EINVAL;
	return ctl_objects_inherit(set, batch);
}

void ctl_objects_check_taken(
    const struct ctl_objects *batch, const struct ctl_taken_address *taken, size_t n, struct ctl_mistakes *m)
{
	for (unsigned i = 0; i < batch->n; i++) {
		const struct ctl_object *o = batch->object[i];
		unsigned n_vips = o->kind == CTL_KIND_ACCELERATOR ? o->accelerator.n_vips : 0;
		for (size_t j = 0; j < n_vips * n; j++) {
			char text[CTL_ADDRESS_TEXT];
			const struct wire_addr *vip = &o->accelerator.vips[j / n];
			if (wire_addr_equal(vip, &taken[j % n].address))
				ctl_mistake(m, "%s:%u: vips: '%s': is an address of POP '%s' itself; choose another",
				    o->source, o->line, ctl_address_text(vip, text), taken[j % n].pop);
		}
	}
}
