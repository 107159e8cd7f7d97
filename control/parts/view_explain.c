/* SPDX-License-Identifier: BSD-2-Clause */
/* `route explain`: the engine's explanation with names in the place of numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/view.h"
#include "control/route/explain.h"

#define CANDIDATES     64u /* shown; there may be thousands */
#define RULE_TEXT_SIZE 512u

/* A candidate with the room for its names and terms. */
struct shown {
	const char *pop[WIRE_PATH_MAX_HOPS + 1];
	struct ctl_api_term term[ROUTE_TERMS];
	char blame[96];
	char when[120];
};

struct work {
	struct route_candidate candidate[CANDIDATES];
	struct shown shown[CANDIDATES];
	struct ctl_api_candidate row[CANDIDATES];
};

static int64_t ms_to_ns(float ms)
{
	return isfinite(ms) ? (int64_t)((double)ms * (double)CTL_NS_PER_MS) : CTL_API_NO_NS;
}

static float seconds_until(uint64_t at_ns)
{
	uint64_t now_ns = ctl_monotonic_ns();
	return at_ns > now_ns ? (float)(at_ns - now_ns) / 1e9f : 0;
}

/* What would make traffic take a candidate. */
static const char *when_text(
    const struct route_candidate *c, const struct route_explanation *e, char *text, size_t size)
{
	float settle_s = (float)e->settle_ns / 1e9f;
	switch (c->verdict) {
	case ROUTE_VERDICT_PRIMARY:
		if (e->worse)
			snprintf(text, size, "is left if it stays worse than direct for another %.1f s",
			    (double)seconds_until(e->worse_since_ns + ROUTE_WORSE_THAN_DIRECT_NS));
		else
			return NULL;
		break;
	case ROUTE_VERDICT_BACKUP:
	case ROUTE_VERDICT_COSTLIER:
	case ROUTE_VERDICT_NOT_ENOUGH:
		snprintf(text, size, "%sif it became %.1f ms cheaper for %.1f s",
		    c->verdict == ROUTE_VERDICT_BACKUP ? "if the primary failed, or " : "", (double)c->lacks_ms,
		    (double)settle_s);
		break;
	case ROUTE_VERDICT_UNSURE:
	case ROUTE_VERDICT_STALE:
		snprintf(text, size, "if it is as good when it is measured again");
		break;
	case ROUTE_VERDICT_DAMPED:
	case ROUTE_VERDICT_DISTRUSTED:
	case ROUTE_VERDICT_WAITING:
		snprintf(text, size, "in %.1f s, if it stays better", (double)seconds_until(c->free_ns));
		break;
	case ROUTE_VERDICT_BEATEN:
		snprintf(text, size, "if no other were better still");
		break;
	case ROUTE_VERDICT_DOWN:
	case ROUTE_VERDICT_UNMEASURED:
		snprintf(text, size, "if the link were up, and by what it costs then");
		break;
	case ROUTE_VERDICT_AVOIDED:
	case ROUTE_VERDICT_LIMITED:
	case ROUTE_VERDICT_NOT_PINNED:
		snprintf(text, size, "if the rule ended, and by what it costs then");
		break;
	case ROUTE_VERDICT_DRAINED:
		snprintf(text, size, "if the relay were undrained, and by what it costs then");
		break;
	default:
		return NULL;
	}
	return text;
}

static void show_candidate(const struct ctl_daemon *d, const struct route_explanation *e,
    const struct route_candidate *candidate, struct shown *shown, struct ctl_api_candidate *ret_row)
{
	struct ctl_api_path path;
	ctl_view_path(d, e->from, &candidate->path, shown->pop, &path);
	for (unsigned i = 0; i < ROUTE_TERMS; i++)
		shown->term[i] =
		    (struct ctl_api_term){route_term_name((enum route_term)i), ms_to_ns(candidate->term[i])};
	const struct ctl_link *link = candidate->blame ? ctl_daemon_link(d, candidate->blame) : NULL;
	if (link)
		snprintf(shown->blame, sizeof(shown->blame), "%s > %s (%u > %u)", ctl_view_pop(d, link->key.from),
		    ctl_view_pop(d, link->key.to), link->key.local, link->key.remote);
	*ret_row = (struct ctl_api_candidate){
	    .pop = path.pop,
	    .n_pop = path.n_pop,
	    .cost_ns = path.cost_ns,
	    .rtt_ns = ms_to_ns(candidate->path.rtt_ms),
	    .term = shown->term,
	    .n_term = ROUTE_TERMS,
	    .verdict = route_verdict_name(candidate->verdict),
	    .why = route_verdict_text(candidate->verdict),
	    .blame = link ? shown->blame : NULL,
	    .evidence_ns = ms_to_ns(candidate->evidence_ms),
	    .when = e->has_choice ? when_text(candidate, e, shown->when, sizeof(shown->when)) : NULL,
	};
}

/* Where it is written, and what it does. */
static const char *rule_text(const struct ctl_daemon *d, const struct route_rule *rule, char *text, size_t size)
{
	const struct ctl_object *object = ctl_objects_find(&d->objects, CTL_KIND_POLICY, rule->policy);
	int used = snprintf(text, size, "rules[%u] of policy %s", rule->index, rule->policy);
	if (object && rule->index < object->policy.n_rules && used > 0 && (size_t)used + 3 < size) {
		memcpy(text + used, ": ", 3);
		ctl_rule_text(&object->policy.rules[rule->index], text + used + 2, size - (size_t)used - 2);
	}
	return text;
}

static int explain(const struct ctl_daemon *d, uint16_t from, uint16_t to, uint8_t class, ctl_api_emit *emit, void *arg)
{
	struct route_explanation e;
	char rule[RULE_TEXT_SIZE];
	struct work *work = calloc(1, sizeof(*work));
	int error = work
	                ? route_explain(d->engine, from, to, class, ctl_monotonic_ns(), work->candidate, CANDIDATES, &e)
	                : -ENOMEM;
	if (!error) {
		for (unsigned i = 0; i < e.n_candidates; i++)
			show_candidate(d, &e, &work->candidate[i], &work->shown[i], &work->row[i]);
		struct ctl_api_explanation row = {
		    .from = ctl_view_pop(d, from),
		    .to = ctl_view_pop(d, to),
		    .class = d->policy->class[class].name,
		    .rule = e.has_rule ? rule_text(d, &e.rule, rule, sizeof(rule)) : NULL,
		    .reason = e.has_choice ? route_reason_name(e.choice.reason) : NULL,
		    .since_ns = e.has_choice ? ctl_view_wall(e.choice.since_ns) : 0,
		    .must_beat_ns = ms_to_ns(e.must_beat_ms),
		    .waiting_since_ns = e.waiting ? ctl_view_wall(e.waiting_since_ns) : 0,
		    .settle_ns = e.has_choice ? (int64_t)e.settle_ns : CTL_API_NO_NS,
		    .worse_since_ns = e.worse ? ctl_view_wall(e.worse_since_ns) : 0,
		    .distrusts_until_ns = e.distrusts ? ctl_view_wall(e.distrusts_until_ns) : 0,
		    .returns = e.has_choice ? e.choice.returns : 0,
		    .considered = e.n_considered,
		    .candidate = work->row,
		    .n_candidate = e.n_candidates,
		};
		emit(arg, &row);
	}
	free(work);
	return error;
}

/* What the user called a POP or class that there is not, with the ones that there are. */
static int unknown(const char *what, const char *name, const char *const *known, char *ret_error)
{
	const char *nearest = ctl_nearest_name(name, known);
	if (nearest)
		snprintf(ret_error, CTL_API_ERROR_SIZE, "%s: '%.64s': no such %s; did you mean '%s'?", what, name, what,
		    nearest);
	else
		snprintf(ret_error, CTL_API_ERROR_SIZE, "%s: '%.64s': no such %s; see: kuafuctl show %s", what, name,
		    what, strcmp(what, "POP") == 0 ? "pops" : "policies");
	return -ENOENT;
}

int ctl_view_find_pop(const struct ctl_daemon *d, const char *name, uint16_t *ret_id, char *ret_error)
{
	const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	if (pop) {
		*ret_id = pop->id;
		return 0;
	}
	const char **known = calloc(d->cluster.n_pops + 1, sizeof(*known));
	for (unsigned i = 0; known && i < d->cluster.n_pops; i++)
		known[i] = d->cluster.pop[i]->name;
	int error = known ? unknown("POP", name, known, ret_error) : -ENOMEM;
	free(known);
	return error;
}

int ctl_view_explain(
    void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg, char *ret_error)
{
	const struct ctl_daemon *d = daemon;
	const char *known[ROUTE_MAX_CLASSES + 1] = {0};
	uint16_t from_id = 0, to_id = 0;
	int error = ctl_view_find_pop(d, from, &from_id, ret_error);
	if (!error)
		error = ctl_view_find_pop(d, to, &to_id, ret_error);
	if (error)
		return error;
	for (unsigned i = 0; i < d->policy->n_classes; i++)
		known[i] = d->policy->class[i].name;
	int number = class ? ctl_daemon_class(d, class) : 0;
	if (number < 0)
		return unknown("class", class, known, ret_error);
	error = explain(d, from_id, to_id, (uint8_t)number, emit, arg);
	if (error == -EINVAL)
		snprintf(ret_error, CTL_API_ERROR_SIZE, "from and to are the same POP; name two");
	else if (error)
		snprintf(ret_error, CTL_API_ERROR_SIZE, "%s", strerror(-error));
	return error;
}
