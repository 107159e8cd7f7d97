/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/policy.h"

#include <errno.h>
#include <string.h>

#include "control/route/engine.h"

/* Delay counts once in every objective; what differs is what else hurts. */
void route_class_default(const char *name, enum route_objective objective, struct route_class *ret_class)
{
	static const struct route_class defaults[] = {
	    [ROUTE_LATENCY] = {.loss_penalty_ms = 20, .jitter_penalty = 1, .money_penalty_ms = 0},
	    [ROUTE_LOSS] = {.loss_penalty_ms = 200, .jitter_penalty = 1, .money_penalty_ms = 0},
	    [ROUTE_COST] = {.loss_penalty_ms = 20, .jitter_penalty = 1, .money_penalty_ms = 50},
	};
	struct route_class class = defaults[objective];
	strncpy(class.name, name, sizeof(class.name) - 1);
	class.objective = objective;
	class.load_penalty_ms = 10;
	class.relay_penalty_ms = 1;
	class.max_relays = ROUTE_MAX_RELAYS;
	class.better_by = 0.1f;
	class.and_by_ms = 5;
	*ret_class = class;
}

bool route_pin_is_sound(const struct route_rule *rule)
{
	if (rule->n_pops < 2 || rule->n_pops > WIRE_PATH_MAX_HOPS + 1)
		return false;
	for (unsigned i = 0; i < rule->n_pops; i++)
		for (unsigned j = 0; j < i; j++)
			if (rule->pops[i] == rule->pops[j])
				return false;
	return true;
}

static bool is_sound(const struct route_set *set)
{
	return set->n_pops <= ROUTE_MAX_NAMED && set->n_ends <= ROUTE_MAX_NAMED_ENDS &&
	       set->n_providers <= ROUTE_MAX_PROVIDERS && set->n_regions <= ROUTE_MAX_REGIONS;
}

int route_policy_check(const struct route_policy *policy)
{
	if (policy->n_classes > ROUTE_MAX_CLASSES || policy->n_rules > ROUTE_MAX_RULES)
		return -EINVAL;
	for (uint32_t i = 0; i < policy->n_classes; i++)
		if (policy->class[i].max_relays > ROUTE_MAX_RELAYS)
			return -EINVAL;
	for (uint32_t i = 0; i < policy->n_rules; i++) {
		const struct route_rule *rule = &policy->rule[i];
		if (!is_sound(&rule->avoid) || !is_sound(&rule->prefer))
			return -EINVAL;
		if (rule->action == ROUTE_PIN && !route_pin_is_sound(rule))
			return -EINVAL;
	}
	return 0;
}

/* How specific a rule is for this traffic; -1: it does not match. */
static int specificity(const struct route_rule *rule, const struct route_class *class, uint16_t from, uint16_t to)
{
	if ((rule->from && rule->from != from) || (rule->to && rule->to != to))
		return -1;
	if (rule->accelerator[0] && strcmp(rule->accelerator, class->accelerator) != 0)
		return -1;
	if (rule->class[0] && strcmp(rule->class, class->name) != 0)
		return -1;
	/* A pin means the way between its two ends, whatever the match leaves open. */
	if (rule->action == ROUTE_PIN && (rule->pops[0] != from || rule->pops[rule->n_pops - 1] != to))
		return -1;
	return 8 * !!rule->accelerator[0] + 4 * !!rule->class[0] + 2 * !!rule->to + !!rule->from;
}

const struct route_rule *route_policy_rule(
    const struct route_policy *policy, const struct route_class *class, uint16_t from, uint16_t to, uint64_t now_ns)
{
	const struct route_rule *best = NULL;
	int best_specificity = -1;
	for (uint32_t i = 0; i < policy->n_rules; i++) {
		const struct route_rule *rule = &policy->rule[i];
		if (rule->expires_ns && rule->expires_ns <= now_ns)
			continue;
		int found = specificity(rule, class, from, to);
		if (found >= 0 && found >= best_specificity) {
			best = rule;
			best_specificity = found;
		}
	}
	return best;
}

uint64_t route_policy_next_expiry(const struct route_policy *policy, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; i < policy->n_rules; i++) {
		uint64_t expires = policy->rule[i].expires_ns;
		if (expires > now_ns && expires < next)
			next = expires;
	}
	return next;
}
