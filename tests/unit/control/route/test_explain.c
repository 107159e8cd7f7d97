/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/explain.h"

#include <math.h>

#include "tests/unit/control/route/world.h"

static struct world world;
static struct route_candidate candidate[64];
static struct route_explanation about;

static void finish(void)
{
	route_engine_free(world.engine);
}

TestSuite(explain, .fini = finish);

static void explain(uint16_t from, uint16_t to, uint32_t capacity)
{
	cr_assert(route_explain(world.engine, from, to, 0, world.now, candidate, capacity, &about) == 0);
	for (uint32_t i = 0; i < about.n_candidates; i++) {
		float sum = 0;
		for (int t = 0; t < ROUTE_TERMS; t++)
			sum += candidate[i].term[t];
		cr_assert(fabsf(sum - candidate[i].path.cost) < 0.01f, "the terms are the cost");
	}
}

static enum route_verdict verdict_on(const char *path)
{
	char text[64];
	for (uint32_t i = 0; i < about.n_candidates; i++)
		if (!strcmp(path_text(&candidate[i].path, text), path))
			return candidate[i].verdict;
	return ROUTE_VERDICT_COUNT;
}

static void expect_verdict(const char *path, enum route_verdict expected)
{
	enum route_verdict got = verdict_on(path);
	cr_assert(got == expected, "%s is %s, not %s", path, route_verdict_name(got), route_verdict_name(expected));
}

Test(explain, says_of_every_candidate_why_it_lost)
{
	world_open(&world, 5, 100);
	both(&world, 1, 3, 100);
	both(&world, 1, 2, 40);
	both(&world, 2, 3, 45);
	settle(&world, 3 * SECOND);
	explain(1, 3, 64);
	cr_assert(
	    about.has_choice && !about.has_rule && about.n_considered == 10, "1 direct, 3 of one relay, 6 of two");
	expect_verdict("1>2>3", ROUTE_VERDICT_PRIMARY);
	expect_verdict("1>3", ROUTE_VERDICT_BACKUP);
	expect_verdict("1>4>3", ROUTE_VERDICT_COSTLIER);
	both(&world, 1, 4, 30); /* 1>4>3 at 71 against 86: not 10% of 170 less */
	both(&world, 4, 3, 40);
	both(&world, 1, 5, 10); /* 1>5>3 at 21 */
	both(&world, 5, 3, 10);
	settle(&world, 500 * MS);
	explain(1, 3, 64);
	expect_verdict("1>4>3", ROUTE_VERDICT_NOT_ENOUGH);
	expect_verdict("1>5>3", ROUTE_VERDICT_WAITING);
	cr_assert(candidate[0].free_ns == about.waiting_since_ns + ROUTE_SETTLE_NS);
	cr_assert(about.waiting && about.waiting_since_ns < world.now && fabsf(about.must_beat_ms - 69) < 0.1f);
	darken(&world, 5, 3, true);
	explain(1, 3, 64);
	expect_verdict("1>5>3", ROUTE_VERDICT_DOWN);
}

Test(explain, tells_what_packets_have_shown_and_until_when_that_counts)
{
	world_open(&world, 3, 140);
	both(&world, 1, 2, 40);
	both(&world, 2, 3, 45);
	settle(&world, 3 * SECOND);
	for (unsigned i = 0; i < 32; i++) {
		struct route_evidence evidence = {.delay_ns = 120000000, .at_ns = world.now};
		route_link_evidence(world.engine, world.link[2][3], &evidence);
		settle(&world, 100 * MS);
		if (i != 20)
			continue;
		explain(1, 3, 64);
		cr_assert(about.worse && about.worse_since_ns < world.now && !about.distrusts);
		cr_assert(candidate[0].verdict == ROUTE_VERDICT_PRIMARY && fabsf(candidate[0].evidence_ms - 75) < 0.1f);
	}
	settle(&world, 2 * SECOND);
	explain(1, 3, 64);
	expect_verdict("1>3", ROUTE_VERDICT_PRIMARY);
	expect_verdict("1>2>3", ROUTE_VERDICT_DISTRUSTED);
	cr_assert(about.distrusts && about.choice.returns == 1 && candidate[0].free_ns == about.distrusts_until_ns);
	cr_assert(about.distrusts_until_ns > world.now + 25 * SECOND && about.settle_ns == ROUTE_SETTLE_NS);
}

Test(explain, names_the_rule_and_what_it_rules_out)
{
	world_open(&world, 3, 10);
	both(&world, 1, 3, 100);
	world.policy.n_rules = 1;
	world.policy.rule[0] = (struct route_rule){.to = 3, .avoid = {.n_pops = 1, .pops = {2}}};
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	settle(&world, 3 * SECOND);
	explain(1, 3, 64);
	cr_assert(about.has_rule && about.rule.avoid.pops[0] == 2);
	expect_verdict("1>3", ROUTE_VERDICT_PRIMARY);
	expect_verdict("1>2>3", ROUTE_VERDICT_AVOIDED);
	world.policy.rule[0] = (struct route_rule){.action = ROUTE_PIN, .n_pops = 2, .pops = {1, 3}};
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	run(&world);
	explain(1, 3, 64);
	expect_verdict("1>2>3", ROUTE_VERDICT_BACKUP);
	expect_verdict("1>3", ROUTE_VERDICT_PRIMARY);
}

Test(explain, gives_the_cheapest_when_there_is_room_for_few)
{
	world_open(&world, 7, 50);
	both(&world, 1, 4, 5);
	both(&world, 4, 3, 5);
	settle(&world, 3 * SECOND);
	explain(1, 3, 2);
	cr_assert(about.n_candidates == 2 && about.n_considered == 26);
	expect_verdict("1>4>3", ROUTE_VERDICT_PRIMARY);
	expect_verdict("1>3", ROUTE_VERDICT_BACKUP);
}

Test(explain, looks_from_another_pop_too_with_its_direct_path_at_half_its_round_trip)
{
	world_open(&world, 3, 50);
	world.clock[2] = 7000000000;
	world.delay[2][3] = 60;
	world.delay[3][2] = 40;
	settle(&world, 3 * SECOND);
	explain(2, 3, 64);
	cr_assert(!about.has_choice && candidate[0].verdict == ROUTE_VERDICT_BEST);
	cr_assert(fabsf(candidate[0].path.cost - 50) < 0.01f);
	cr_assert(route_explain(world.engine, 2, 2, 0, 0, candidate, 1, &about) < 0);
	cr_assert(route_explain(world.engine, 2, 9, 0, 0, candidate, 1, &about) < 0);
	cr_assert(route_explain(world.engine, 2, 3, 1, 0, candidate, 1, &about) < 0);
}
