/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule does to the paths between 1 and 5, by the relays 2, 3 or 4. */
#include <errno.h>
#include <math.h>

#include "control/route/explain.h"
#include "tests/unit/control/route/world.h"

static struct world world;
static struct route_rule *rule;

/* By 2 for 41, by 3 for 51, by 4 for 61, directly for 70; what each costs is the number of the relay. */
static void begin(void)
{
	static const char *const region[] = {"", "eu", "eu", "asia", "asia", "us"};
	static const char *const provider[] = {"", "", "red", "blue", "blue", "red"};
	world_open(&world, 5, 200);
	both(&world, 1, 5, 70);
	for (int i = 2; i <= 5; i++) {
		struct route_link_config config = {.mtu = 1500, .money = i == 5 ? 9 : (float)i};
		struct route_link_key key = {.from = 1, .to = (uint16_t)i};
		strcpy(config.provider, provider[i]);
		cr_assert(route_link_add(world.engine, key, &config, &world.link[1][i]) == 0);
		route_set_region(world.engine, (uint16_t)i, region[i]);
		both(&world, 1, i, i == 5 ? 70 : (float)(10 * i));
		if (i < 5)
			both(&world, i, 5, 20);
	}
	settle(&world, 3 * SECOND);
	expect_paths(&world, 5, "1>2>5", "1>3>5");
	rule = &world.policy.rule[0];
	*rule = (struct route_rule){.to = 5};
	world.policy.n_rules = 1;
}

static void end(void)
{
	route_engine_free(world.engine);
}

TestSuite(rule, .init = begin, .fini = end);

static void set(void)
{
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	settle(&world, 10 * SECOND); /* who has moved in vain waits longer */
}

Test(rule, avoids_links_by_their_ends_and_relays_by_their_region)
{
	rule->avoid.n_ends = 1;
	rule->avoid.ends[0].from = 1;
	rule->avoid.ends[0].to = 2;
	set();
	expect_paths(&world, 5, "1>3>5", "1>5"); /* 4 is nearer, but by the same provider */
	*rule = (struct route_rule){.to = 5, .avoid = {.n_regions = 1, .regions = {"asia"}}};
	set();
	expect_paths(&world, 5, "1>2>5", "1>5");
	rule->avoid = (struct route_set){.n_regions = 2, .regions = {"asia", "eu"}};
	set();
	expect_paths(&world, 5, "1>5", "none");
	expect_paths(&world, 2, "1>2", "1>3>5>2");
}

Test(rule, prefers_by_what_it_says_and_shows_it_as_a_term)
{
	rule->prefer = (struct route_set){.n_pops = 1, .pops = {3}};
	rule->prefer_ms = 9;
	set();
	expect_paths(&world, 5, "1>2>5", "1>3>5"); /* 9 less than 51 are not less than 41 */
	rule->prefer_ms = 30;
	set();
	expect_paths(&world, 5, "1>3>5", "1>2>5");
	cr_assert(fabsf(route_choice(world.engine, 5, 0)->primary.cost - 21) < 0.1f);
	struct route_candidate candidate[32];
	struct route_explanation about;
	cr_assert(route_explain(world.engine, 1, 5, 0, world.now, candidate, 32, &about) == 0);
	cr_assert(candidate[0].term[ROUTE_TERM_RULE] == -30 && candidate[1].term[ROUTE_TERM_RULE] == 0);
	rule->prefer = (struct route_set){.n_providers = 1, .providers = {"red"}}; /* 1>2, and the direct one */
	rule->prefer_ms = 50;
	set();
	expect_paths(&world, 5, "1>2>5", "1>3>5");
	rule->prefer = (struct route_set){.n_regions = 1, .regions = {"asia"}};
	set();
	expect_paths(&world, 5, "1>3>5", "1>2>5");
	rule->prefer = (struct route_set){.n_ends = 1, .ends = {{1, 4}}};
	set();
	expect_paths(&world, 5, "1>4>5", "1>2>5");
}

Test(rule, limits_what_a_path_may_cost_and_how_long_its_round_trip_may_be)
{
	rule->limits = ROUTE_LIMIT_MONEY;
	rule->max_money = 2;
	set();
	expect_paths(&world, 5, "1>2>5", "none");
	cr_assert(route_choice(world.engine, 5, 0)->primary.n_links == 2);
	*rule = (struct route_rule){.to = 5, .limits = ROUTE_LIMIT_RTT, .max_rtt_ms = 105};
	set();
	expect_paths(&world, 5, "1>2>5", "1>3>5");
	both(&world, 1, 2, 40); /* 120 there and back: beyond at once, however much better it is than nothing */
	settle(&world, 200 * MS);
	expect_paths(&world, 5, "1>3>5", "none");
	cr_assert(world.last.reason == ROUTE_REASON_RULE);
	struct route_candidate candidate[32];
	struct route_explanation about;
	cr_assert(route_explain(world.engine, 1, 5, 0, world.now, candidate, 32, &about) == 0);
	unsigned limited = 0;
	for (uint32_t i = 0; i < about.n_candidates; i++)
		limited += candidate[i].verdict == ROUTE_VERDICT_LIMITED;
	cr_assert(limited == about.n_candidates - 1);
}

Test(rule, without_a_path_leaves_none_or_falls_back_to_direct)
{
	rule->avoid = (struct route_set){.n_providers = 2, .providers = {"red", "blue"}};
	set();
	cr_assert(route_choice(world.engine, 5, 0) == NULL && world.last.reason == ROUTE_REASON_LOST);
	rule->fallback_direct = true;
	set();
	expect_paths(&world, 5, "1>5", "none");
	cr_assert(route_choice(world.engine, 5, 0)->reason == ROUTE_REASON_FALLBACK);
	world.changes = 0;
	settle(&world, 5 * SECOND);
	cr_assert(world.changes == 0);
	darken(&world, 1, 5, true);
	run(&world);
	cr_assert(route_choice(world.engine, 5, 0) == NULL);
	darken(&world, 1, 5, false);
	settle(&world, SECOND);
	expect_paths(&world, 5, "1>5", "none");
	rule->avoid.n_providers = 1;
	set();
	expect_paths(&world, 5, "1>3>5", "1>4>5");
	*rule =
	    (struct route_rule){.to = 5, .action = ROUTE_PIN, .n_pops = 3, .pops = {1, 4, 5}, .fallback_direct = true};
	set();
	expect_paths(&world, 5, "1>4>5", "1>2>5");
	darken(&world, 1, 4, true);
	run(&world);
	cr_assert(route_choice(world.engine, 5, 0)->primary.n_links == 1, "not by another relay");
	darken(&world, 1, 4, false);
	settle(&world, SECOND);
	expect_paths(&world, 5, "1>4>5", "1>2>5");
}

Test(rule, that_leaves_no_path_is_found_before_it_is_set)
{
	float *scratch = calloc(route_rule_scratch(world.engine), sizeof(*scratch));
	uint16_t from = 0, to = 0;
	struct route_rule none = {.avoid = {.n_providers = 2, .providers = {"red", "blue"}}};
	cr_assert(route_rule_leaves_paths(world.engine, rule, 2, scratch, &from, &to) == 0);
	cr_assert(route_rule_leaves_paths(world.engine, &none, 2, scratch, &from, &to) == -ENOTCONN);
	cr_assert(from == 1 && to == 2, "only our links name providers");
	none.from = 2;
	cr_assert(route_rule_leaves_paths(world.engine, &none, 2, scratch, &from, &to) == 0);
	struct route_rule poor = {.from = 1, .to = 5, .limits = ROUTE_LIMIT_MONEY, .max_money = 2};
	cr_assert(route_rule_leaves_paths(world.engine, &poor, 1, scratch, &from, &to) == 0);
	cr_assert(route_rule_leaves_paths(world.engine, &poor, 0, scratch, &from, &to) == -ENOTCONN);
	poor.max_money = 1;
	cr_assert(route_rule_leaves_paths(world.engine, &poor, 2, scratch, &from, &to) == -ENOTCONN);
	free(scratch);
}
