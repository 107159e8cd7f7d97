/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/parts.h"

#define WALL (1000 * CTL_NS_PER_S)
#define MONO (50 * CTL_NS_PER_S)

static struct ctl_objects objects;
static struct ctl_cluster cluster;
static struct route_policy policy, old;
static char left_out[CTL_LEFT_OUT_SIZE];

static void apply(const char *yaml)
{
	struct ctl_mistakes m = {0};
	cr_assert(ctl_objects_parse("f", yaml, strlen(yaml), WALL, &m, &objects) == 0, "%s", m.kept ? m.line[0] : "");
}

static void enter(const char *name, const char *json)
{
	struct ctl_mistakes m = {0};
	bool changed;
	cr_assert(ctl_cluster_register(&cluster, name, json, strlen(json), &m, &changed) == 0);
}

static void compile(const struct route_policy *before)
{
	ctl_policy_compile(&objects, &cluster, before, MONO, WALL, &policy, left_out);
}

static void begin(void)
{
	enter("a", "{\"id\":1,\"region\":\"r\"}");
	enter("b", "{\"id\":2,\"region\":\"r\"}");
	enter("c", "{\"id\":3,\"region\":\"r\"}");
}

static void end(void)
{
	ctl_objects_free(&objects);
	ctl_cluster_free(&cluster);
}

TestSuite(policy, .init = begin, .fini = end);

Test(policy, without_objects_has_the_three_built_in_classes)
{
	compile(NULL);
	cr_assert(policy.n_classes == 3 && policy.n_rules == 0);
	for (int i = 0; i < 3; i++)
		cr_assert(ctl_policy_class(&policy, ctl_objective_names[i], "any") >= 0);
	cr_assert(ctl_policy_class(&policy, "other", "") == -ENOENT);
}

Test(policy, a_definition_replaces_the_built_in_class)
{
	apply("{kind: policy, name: p, classes: {latency: {objective: latency, max-relays: 1}, bulk: {objective: "
	      "cost}}}");
	compile(NULL);
	cr_assert(policy.n_classes == 4);
	cr_assert(policy.class[ctl_policy_class(&policy, "latency", "")].max_relays == 1);
	cr_assert(policy.class[ctl_policy_class(&policy, "bulk", "")].objective == ROUTE_COST);
}

Test(policy, classes_keep_their_index_when_others_come_and_go)
{
	apply("{kind: policy, name: p, classes: {x: {objective: cost}, y: {objective: loss}}}");
	compile(NULL);
	old = policy;
	ctl_objects_free(&objects);
	apply("{kind: policy, name: p, classes: {y: {objective: loss}, w: {objective: cost}}}");
	compile(&old);
	cr_assert(ctl_policy_class(&policy, "y", "") == ctl_policy_class(&old, "y", ""));
	cr_assert(ctl_policy_class(&policy, "latency", "") == ctl_policy_class(&old, "latency", ""));
	cr_assert(
	    ctl_policy_class(&policy, "w", "") == ctl_policy_class(&old, "x", ""), "the free index is used again");
	cr_assert(ctl_policy_class(&policy, "x", "") == -ENOENT);
}

Test(policy, a_rule_for_an_accelerator_gives_it_a_class_of_its_own)
{
	apply("{kind: accelerator, name: game, vips: [10.0.0.1], listeners: [{name: l, protocol: udp, ports: [1], "
	      "class: loss, "
	      "groups: [{region: r, pops: [a], endpoints: []}]}]}");
	apply(
	    "{kind: policy, name: p, rules: [{match: {accelerator: game, from: a, to: b}, avoid: {pops: [c, gone]}}]}");
	compile(NULL);
	int own = ctl_policy_class(&policy, "loss", "game"), plain = ctl_policy_class(&policy, "loss", "web");
	cr_assert(own >= 0 && plain >= 0 && own != plain);
	cr_assert_str_eq(policy.class[own].accelerator, "game");
	cr_assert(policy.n_classes == 4 && policy.n_rules == 1);
	cr_assert(policy.rule[0].from == 1 && policy.rule[0].to == 2);
	cr_assert(policy.rule[0].avoid.n_pops == 1 && policy.rule[0].avoid.pops[0] == 3,
	    "a POP that is not there is avoided already");
}

Test(policy, rules_that_have_expired_or_name_unknown_pops_are_left_out)
{
	apply("{kind: policy, name: p, rules: [{match: {from: a}, pin: [a, gone, b]}, {match: {to: gone}, avoid: "
	      "{pops: [c]}}, "
	      "{match: {from: a}, avoid: {pops: [c]}, expires-at: 999}, {pin: [a, c, b], expires: 10s}]}");
	compile(NULL);
	cr_assert(policy.n_rules == 1);
	cr_assert(policy.rule[0].action == ROUTE_PIN && policy.rule[0].n_pops == 3 && policy.rule[0].pops[1] == 3);
	cr_assert(policy.rule[0].expires_ns == MONO + 10 * CTL_NS_PER_S);
}

Test(policy, a_pin_that_visits_a_pop_twice_does_not_stop_the_other_rules)
{
	apply("{kind: policy, name: p, rules: [{pin: [a, b]}, {pin: [a, c, a, b]}, {pin: [b, b]}, {pin: [b, c]}]}");
	compile(NULL);
	cr_assert(policy.n_rules == 2 && policy.rule[0].pops[1] == 2 && policy.rule[1].pops[1] == 3);
	cr_assert_str_eq(left_out, "rules[1] of policy p: its pin visits a POP twice");
	ctl_objects_free(&objects);
	apply("{kind: policy, name: p, rules: [{pin: [a, b]}]}");
	compile(NULL);
	cr_assert(policy.n_rules == 1 && left_out[0] == '\0');
}
