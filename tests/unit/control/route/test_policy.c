/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/policy.h"

#include <criterion/criterion.h>
#include <string.h>

static struct route_policy policy;
static const struct route_class plain = {.name = "latency"}, of_game = {.name = "latency", .accelerator = "game"};

static void rule(const char *accelerator, const char *class, uint16_t from, uint16_t to, uint64_t expires)
{
	struct route_rule *added = &policy.rule[policy.n_rules++];
	*added = (struct route_rule){.from = from, .to = to, .expires_ns = expires};
	strcpy(added->accelerator, accelerator);
	strcpy(added->class, class);
}

static long applied(const struct route_class *class, uint16_t from, uint16_t to, uint64_t now)
{
	const struct route_rule *found = route_policy_rule(&policy, class, from, to, now);
	return found ? found - policy.rule : -1;
}

Test(policy, applies_the_most_specific_rule)
{
	rule("", "", 0, 0, 0);
	rule("", "", 1, 0, 0);
	rule("", "", 0, 2, 0);
	rule("", "", 1, 2, 0);
	rule("", "latency", 0, 0, 0);
	rule("game", "", 0, 0, 0);
	cr_assert(applied(&of_game, 1, 2, 0) == 5);
	cr_assert(applied(&plain, 1, 2, 0) == 4);
	policy.n_rules = 4;
	cr_assert(applied(&plain, 1, 2, 0) == 3);
	cr_assert(applied(&plain, 9, 2, 0) == 2);
	cr_assert(applied(&plain, 1, 9, 0) == 1);
	cr_assert(applied(&plain, 9, 9, 0) == 0);
}

Test(policy, forgets_a_rule_when_it_expires)
{
	rule("", "", 0, 0, 0);
	rule("", "", 1, 2, 100);
	cr_assert(applied(&plain, 1, 2, 99) == 1 && route_policy_next_expiry(&policy, 99) == 100);
	cr_assert(applied(&plain, 1, 2, 100) == 0 && route_policy_next_expiry(&policy, 100) == UINT64_MAX);
}

Test(policy, takes_a_pin_only_between_its_own_ends)
{
	policy.n_rules = 1;
	policy.rule[0] = (struct route_rule){.action = ROUTE_PIN, .n_pops = 3, .pops = {1, 5, 2}};
	cr_assert(applied(&plain, 1, 2, 0) == 0);
	cr_assert(applied(&plain, 2, 1, 0) == -1);
}

Test(policy, that_cannot_be_followed_is_refused)
{
	cr_assert(route_policy_check(&policy) == 0);
	policy.n_rules = 1;
	policy.rule[0] = (struct route_rule){.action = ROUTE_PIN, .n_pops = 1, .pops = {1}};
	cr_assert(route_policy_check(&policy) < 0);
	policy.rule[0] = (struct route_rule){.action = ROUTE_PIN, .n_pops = 3, .pops = {1, 2, 1}};
	cr_assert(route_policy_check(&policy) < 0, "it goes round in a circle");
	policy.rule[0] =
	    (struct route_rule){.action = ROUTE_PIN, .n_pops = WIRE_PATH_MAX_HOPS + 2, .pops = {1, 2, 3, 4, 5}};
	cr_assert(route_policy_check(&policy) < 0, "longer than a packet can say");
	policy.rule[0] = (struct route_rule){.avoid = {.n_regions = ROUTE_MAX_REGIONS + 1}};
	cr_assert(route_policy_check(&policy) < 0);
	policy.n_rules = 0;
	policy.n_classes = 1;
	policy.class[0].max_relays = ROUTE_MAX_RELAYS + 1;
	cr_assert(route_policy_check(&policy) < 0);
}
