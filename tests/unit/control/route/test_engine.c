/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/engine.h"

#include <math.h>

#include "tests/unit/control/route/world.h"

static struct world world;

/* As in the lab: 1 to 3 is a detour, 2 lies on the way. */
static void given_the_lab(void)
{
	world_open(&world, 3, 1);
	both(&world, 1, 3, 140);
	both(&world, 1, 2, 40);
	both(&world, 2, 3, 45);
	settle(&world, 3 * SECOND);
	expect_paths(&world, 3, "1>2>3", "1>3");
	world.changes = 0;
}

static void finish(void)
{
	route_engine_free(world.engine);
}

TestSuite(engine, .fini = finish);

Test(engine, takes_the_relayed_path_and_keeps_direct_as_backup)
{
	given_the_lab();
	const struct route_choice *choice = route_choice(world.engine, 3, 0);
	cr_assert(fabsf(choice->primary.cost - 86) < 0.01f, "40 + 45 and a relay");
	cr_assert(fabsf(choice->primary.rtt_ms - 170) < 0.01f && fabsf(route_rtt_ms(world.engine, 3, 0) - 170) < 0.01f);
	cr_assert(choice->primary.mtu == 1512, "the smallest of 1512 and 1523");
	cr_assert(route_rtt_ms(world.engine, 1, 0) == 0 && isinf(route_rtt_ms(world.engine, 9, 0)));
}

Test(engine, leaves_a_failed_path_at_the_next_run_and_returns_within_3_seconds)
{
	given_the_lab();
	for (int which = 0; which < 2; which++) { /* our own link, then the one that we cannot see */
		int a = which ? 2 : 1, b = which ? 3 : 2;
		darken(&world, a, b, true);
		run(&world);
		expect_paths(&world, 3, "1>3", "none");
		settle(&world, 5 * SECOND);
		expect_paths(&world, 3, "1>3", "none");
		darken(&world, a, b, false);
		uint64_t took = pass(&world, 10 * SECOND, 3, 2);
		cr_assert(took <= 3 * SECOND, "took %f s", (double)took / 1e9);
		expect_paths(&world, 3, "1>2>3", "1>3");
	}
}

Test(engine, does_not_trust_a_link_of_which_one_direction_is_down)
{
	given_the_lab();
	route_link_state(world.engine, world.link[3][2], false, world.now);
	run(&world);
	expect_paths(&world, 3, "1>3", "none");
}

Test(engine, waits_with_a_link_that_flaps_longer_each_time)
{
	given_the_lab();
	for (int i = 0; i < 4; i++) {
		darken(&world, 2, 3, true);
		settle(&world, SECOND);
		expect_paths(&world, 3, "1>3", "none");
		darken(&world, 2, 3, false);
		settle(&world, 2 * SECOND);
	}
	uint64_t took = pass(&world, 120 * SECOND, 3, 2);
	cr_assert(took > 15 * SECOND && took < 60 * SECOND, "took %f s", (double)took / 1e9);
}

Test(engine, fails_over_to_a_damped_link_if_there_is_nothing_else)
{
	given_the_lab();
	for (int i = 0; i < 5; i++) {
		darken(&world, 2, 3, true);
		settle(&world, SECOND);
		darken(&world, 2, 3, false);
		settle(&world, 2 * SECOND);
	}
	expect_paths(&world, 3, "1>3", "1>2>3");
	darken(&world, 1, 3, true);
	run(&world);
	expect_paths(&world, 3, "1>2>3", "none");
}

Test(engine, ignores_an_improvement_that_is_small_or_short)
{
	world_open(&world, 3, 50);
	both(&world, 1, 3, 100);
	settle(&world, 3 * SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	both(&world, 2, 3, 32); /* 83 against 100: 17 ms of 200 is less than 10% */
	settle(&world, 60 * SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	both(&world, 2, 3, 20); /* 71 */
	settle(&world, SECOND * 9 / 10);
	both(&world, 2, 3, 50);
	settle(&world, SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	both(&world, 2, 3, 20);
	settle(&world, SECOND + 200 * MS);
	expect_paths(&world, 3, "1>2>3", "1>3");
	cr_assert(route_choice(world.engine, 3, 0)->reason == ROUTE_REASON_BETTER);
}

Test(engine, does_not_stay_on_a_path_that_is_worse_than_direct)
{
	given_the_lab();
	both(&world, 2, 3, 104); /* 145 against 140, by far less than 10% of the RTT */
	uint64_t took = pass(&world, 60 * SECOND, 3, 0);
	cr_assert(took >= 3 * SECOND && took <= 3500 * MS, "took %f s", (double)took / 1e9);
	cr_assert(route_choice(world.engine, 3, 0)->reason == ROUTE_REASON_DIRECT);
}

/* The packets by 2 say that they take so much longer than the probes do. */
static void testify(uint64_t ns, float more_ms)
{
	for (uint64_t end = world.now + ns; world.now < end;) {
		struct route_link_info info;
		cr_assert(route_link_info(world.engine, world.link[2][3], world.now, &info) == 0);
		struct route_evidence evidence = {.delay_ns = info.estimate.delay_ns + (int64_t)((double)more_ms * 1e6),
		    .loss = info.estimate.loss,
		    .at_ns = world.now};
		route_link_evidence(world.engine, world.link[2][3], &evidence);
		settle(&world, 100 * MS);
	}
}

Test(engine, goes_back_to_direct_for_what_its_packets_show_and_stays_for_a_while)
{
	given_the_lab();
	testify(10 * SECOND, 50);
	expect_paths(&world, 3, "1>2>3", "1>3"); /* 136 against 140 */
	testify(2800 * MS, 60);
	expect_paths(&world, 3, "1>2>3", "1>3");
	testify(500 * MS, 60);
	expect_paths(&world, 3, "1>3", "1>2>3");
	const struct route_choice *choice = route_choice(world.engine, 3, 0);
	cr_assert(choice->reason == ROUTE_REASON_EVIDENCE && choice->returns == 1);
	uint64_t took = pass(&world, 100 * SECOND, 3, 2);
	cr_assert(took >= 30 * SECOND && took < 33 * SECOND, "took %f s", (double)took / 1e9);
	testify(4 * SECOND, 60);
	expect_paths(&world, 3, "1>3", "1>2>3");
	took = pass(&world, 100 * SECOND, 3, 2);
	cr_assert(took >= 60 * SECOND && took < 63 * SECOND, "took %f s", (double)took / 1e9);
	cr_assert(route_choice(world.engine, 3, 0)->returns == 2);
}

Test(engine, old_evidence_says_nothing)
{
	given_the_lab();
	testify(1500 * MS, 60);
	settle(&world, 60 * SECOND);
	expect_paths(&world, 3, "1>2>3", "1>3");
	cr_assert(world.changes == 0);
}

Test(engine, says_a_change_once_and_nothing_when_nothing_changes)
{
	given_the_lab();
	settle(&world, 10 * SECOND);
	cr_assert(world.changes == 0);
	darken(&world, 1, 2, true);
	run(&world);
	run(&world);
	cr_assert(world.changes == 2, "%u changes: POPs 2 and 3", world.changes);
}

Test(engine, counts_loss_in_the_class_that_minds_it)
{
	world_open(&world, 3, 50);
	both(&world, 1, 3, 90);
	world.loss[1][3] = 0.02f; /* 40 ms for latency, 400 for loss */
	world.policy.n_classes = 2;
	route_class_default("loss", ROUTE_LOSS, &world.policy.class[1]);
	world.policy.class[0].loss_penalty_ms = 1;
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	settle(&world, 3 * SECOND);
	cr_assert(route_choice(world.engine, 3, 0)->primary.n_links == 1);
	cr_assert(route_choice(world.engine, 3, 1)->primary.n_links == 2);
}

/* Hardly ever the same twice: of two paths that cost the same, either would do. */
static float random_ms(void)
{
	return 1 + (float)(rand() % 2000000) / 10000;
}

/* A second passes in the world of right clocks and in that of wrong ones, which do not run alike either. */
static void settle_both(struct world *right, struct world *wrong, const int64_t *drift_ns)
{
	for (int tenth = 0; tenth < 10; tenth++) {
		for (int i = 1; i <= wrong->n; i++)
			wrong->clock[i] += drift_ns[i];
		settle(right, 100 * MS);
		settle(wrong, 100 * MS);
	}
}

Test(engine, chooses_alike_whatever_the_clocks_of_the_pops_show)
{
	srand(4);
	for (int round = 0; round < 200; round++) {
		struct world right, wrong;
		int64_t drift_ns[MAX_POPS + 1] = {0};
		world_open(&right, 6, 0);
		world_open(&wrong, 6, 0);
		for (int i = 1; i <= 6; i++) {
			wrong.clock[i] = (int64_t)((rand() - RAND_MAX / 2) * 1000ll); /* up to a quarter of an hour */
			drift_ns[i] = rand() % 40001 - 20000; /* each tenth of a second: up to 200 ppm */
			for (int j = 1; j <= 6; j++)
				right.delay[i][j] = wrong.delay[i][j] = random_ms();
		}
		for (int step = 0; step < 10; step++) {
			int a = 1 + rand() % 6, b = 1 + rand() % 6;
			right.delay[a][b] = wrong.delay[a][b] = random_ms();
			settle_both(&right, &wrong, drift_ns);
			for (uint16_t to = 2; to <= 6; to++) {
				char p[64], q[64];
				const struct route_choice *one = route_choice(right.engine, to, 0);
				const struct route_choice *other = route_choice(wrong.engine, to, 0);
				cr_assert_str_eq(path_text(&one->primary, p), path_text(&other->primary, q));
				cr_assert_str_eq(path_text(&one->backup, p), path_text(&other->backup, q));
				cr_assert(fabsf(one->primary.rtt_ms - other->primary.rtt_ms) < 0.01f);
			}
		}
		route_engine_free(right.engine);
		route_engine_free(wrong.engine);
	}
	world_open(&world, 2, 1);
}

Test(engine, backup_never_shares_a_relay_with_its_primary_and_neither_has_a_link_that_is_down)
{
	srand(5);
	world_open(&world, 7, 0);
	for (int step = 0; step < 3000; step++) {
		int a = 1 + rand() % 7, b = 1 + rand() % 7;
		if (a == b)
			continue;
		world.delay[a][b] = (float)(1 + rand() % 200);
		darken(&world, a, b, rand() % 3 == 0);
		world.now += (uint64_t)(rand() % 2000) * MS;
		measure(&world);
		run(&world);
		for (uint16_t to = 2; to <= 7; to++) {
			const struct route_choice *choice = route_choice(world.engine, to, 0);
			if (!choice)
				continue;
			const struct route_path *paths[2] = {&choice->primary, &choice->backup};
			for (int p = 0; p < 2; p++)
				for (unsigned i = 0; i < paths[p]->n_links; i++) {
					struct route_link_info info;
					cr_assert(
					    route_link_info(world.engine, paths[p]->link[i], world.now, &info) == 0);
					cr_assert(info.up && info.key.from == (i ? paths[p]->pop[i - 1] : 1));
				}
			for (unsigned i = 0; i < choice->primary.n_links; i++)
				for (unsigned j = 0; j < choice->backup.n_links; j++)
					cr_assert(choice->primary.link[i] != choice->backup.link[j] &&
					          (choice->primary.pop[i] != choice->backup.pop[j] ||
					              choice->primary.pop[i] == to));
		}
	}
}

Test(engine, does_not_move_for_stale_measurements_nor_leave_for_them)
{
	given_the_lab();
	world.silent[2] = true;
	settle(&world, 60 * SECOND);
	expect_paths(&world, 3, "1>2>3", "1>3");
	cr_assert(world.changes == 0, "a silent store does not move traffic");
	darken(&world, 1, 2, true);
	run(&world);
	darken(&world, 1, 2, false);
	settle(&world, 60 * SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	world.silent[2] = false;
	cr_assert(pass(&world, 10 * SECOND, 3, 2) <= 3 * SECOND);
}

Test(engine, asks_more_of_a_path_the_older_its_measurements_are)
{
	world_open(&world, 3, 43);
	both(&world, 1, 3, 80);
	settle(&world, 3 * SECOND);
	world.silent[2] = true;
	settle(&world, 9 * SECOND);
	both(&world, 1, 3, 114); /* enough by 4 ms, if it is as it was 9 s ago */
	settle(&world, 3 * SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	world.silent[2] = false;
	cr_assert(pass(&world, 10 * SECOND, 3, 2) <= 3 * SECOND);
}

/* POP 4 says that 3 is very near, or sends clocks that nobody else sees. */
static void lie(uint64_t ns, int64_t delay_ns, int64_t rtt_ns)
{
	for (uint64_t end = world.now + ns; world.now < end;) {
		struct route_estimate estimate = {.delay_ns = delay_ns, .rtt_ns = rtt_ns};
		world.now += 100 * MS;
		measure(&world);
		estimate.at_ns = world.now;
		route_link_measured(world.engine, world.link[4][3], &estimate);
		run(&world);
	}
}

Test(engine, believes_a_link_only_as_far_as_its_two_ends_agree)
{
	struct route_link_info info;
	world_open(&world, 4, 100);
	both(&world, 1, 3, 120);
	settle(&world, 3 * SECOND);
	world.dark[4][3] = true; /* what is honest of it is not heard */
	for (int how = 0; how < 2; how++) {
		cr_assert(route_choice(world.engine, 3, 0)->primary.n_links == 1);
		lie(10 * SECOND, how ? -300000000 : 1000000, how ? 200000000 : 2000000);
		cr_assert(route_choice(world.engine, 3, 0)->primary.n_links == 1);
		cr_assert(route_link_info(world.engine, world.link[4][3], world.now, &info) == 0);
		cr_assert(fabsf(info.doubt_ms - (how ? 400 : 99)) < 0.1f, "%f", (double)info.doubt_ms);
		lie(SECOND, 100000000, 200000000); /* which is true */
		cr_assert(route_link_info(world.engine, world.link[4][3], world.now, &info) == 0 && info.doubt_ms == 0);
	}
}

Test(engine, follows_a_pin_at_once_even_if_it_is_worse_and_ends_it_when_it_expires)
{
	given_the_lab();
	world.policy.n_rules = 1;
	world.policy.rule[0] = (struct route_rule){.action = ROUTE_PIN, .n_pops = 2, .pops = {1, 3}};
	world.policy.rule[0].expires_ns = world.now + 30 * SECOND;
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	run(&world);
	expect_paths(&world, 3, "1>3", "1>2>3");
	cr_assert(world.last.reason == ROUTE_REASON_PINNED);
	settle(&world, 29 * SECOND);
	expect_paths(&world, 3, "1>3", "1>2>3");
	darken(&world, 1, 3, true);
	run(&world);
	expect_paths(&world, 3, "1>2>3", "none");
	darken(&world, 1, 3, false);
	run(&world);
	expect_paths(&world, 3, "1>3", "1>2>3");
	settle(&world, SECOND + 100 * MS);
	expect_paths(&world, 3, "1>2>3", "1>3");
	cr_assert(world.last.reason == ROUTE_REASON_RULE);
}

Test(engine, avoids_the_relays_and_providers_that_a_rule_names)
{
	world_open(&world, 4, 10);
	both(&world, 1, 3, 100);
	both(&world, 1, 4, 20);
	settle(&world, 3 * SECOND);
	expect_paths(&world, 3, "1>2>3", "1>4>3");
	world.policy.n_rules = 1;
	world.policy.rule[0] = (struct route_rule){.to = 3, .avoid = {.n_pops = 1, .pops = {2}}};
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	run(&world);
	expect_paths(&world, 3, "1>4>3", "1>3");
	cr_assert(world.last.reason == ROUTE_REASON_RULE);
	expect_paths(&world, 2, "1>2", "1>4>2");
	struct route_link_config dear = {.provider = "dear", .mtu = 1500};
	struct route_link_key key = {.from = 1, .to = 4};
	cr_assert(route_link_add(world.engine, key, &dear, &world.link[1][4]) == 0);
	strcpy(world.policy.rule[0].avoid.providers[0], "dear");
	world.policy.rule[0].avoid.n_providers = 1;
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	run(&world);
	expect_paths(&world, 3, "1>3", "none");
}

Test(engine, routes_nothing_through_a_drained_pop_but_still_to_it)
{
	given_the_lab();
	cr_assert(route_set_pop(world.engine, 2, true) == 0);
	run(&world);
	expect_paths(&world, 3, "1>3", "none");
	cr_assert(world.last.reason == ROUTE_REASON_DRAINED);
	expect_paths(&world, 2, "1>2", "1>3>2");
}

Test(engine, takes_a_second_link_between_two_pops_as_backup)
{
	world_open(&world, 2, 10);
	struct route_link_key forth = {.from = 1, .to = 2, .local = 1}, back = {.from = 2, .to = 1, .remote = 1};
	struct route_link_config config = {.mtu = 1500};
	uint32_t other, reverse;
	cr_assert(route_link_add(world.engine, forth, &config, &other) == 0);
	cr_assert(route_link_add(world.engine, back, &config, &reverse) == 0);
	route_link_measured(world.engine, other, &(struct route_estimate){.delay_ns = 20000000, .at_ns = world.now});
	settle(&world, SECOND);
	const struct route_choice *choice = route_choice(world.engine, 2, 0);
	cr_assert(choice->primary.link[0] == world.link[1][2] && choice->backup.link[0] == other);
	darken(&world, 1, 2, true);
	run(&world);
	cr_assert(choice->primary.link[0] == other && !choice->backup.n_links);
	route_link_state(world.engine, reverse, false, world.now);
	run(&world);
	cr_assert(route_choice(world.engine, 2, 0) == NULL && world.last.reason == ROUTE_REASON_LOST);
}

Test(engine, prefers_a_backup_by_another_provider_if_there_is_one)
{
	static const char *const provider[] = {"", "", "red", "blue", "red"}; /* of 1's links to 2, 3 and 4 */
	world_open(&world, 5, 200);
	for (int relay = 2; relay <= 4; relay++) {
		struct route_link_config config = {.mtu = 1500};
		struct route_link_key key = {.from = 1, .to = (uint16_t)relay};
		strcpy(config.provider, provider[relay]);
		cr_assert(route_link_add(world.engine, key, &config, &world.link[1][relay]) == 0);
		both(&world, relay, 5, 20);
	}
	both(&world, 1, 2, 20);
	both(&world, 1, 4, 25);
	both(&world, 1, 3, 40);
	settle(&world, 3 * SECOND);
	expect_paths(&world, 5, "1>2>5", "1>3>5");
	darken(&world, 1, 3, true);
	run(&world);
	expect_paths(&world, 5, "1>2>5", "1>5");
	darken(&world, 1, 5, true);
	run(&world);
	cr_assert(route_choice(world.engine, 5, 0)->backup.n_links, "one of the same provider is better than none");
	darken(&world, 1, 3, false);
	settle(&world, SECOND);
	expect_paths(&world, 5, "1>2>5", "1>3>5");
}

Test(engine, takes_routes_back_when_a_pop_or_class_goes)
{
	given_the_lab();
	route_remove_pop(world.engine, 3);
	run(&world);
	cr_assert(world.last.to == 3 && world.last.reason == ROUTE_REASON_LOST && !world.last.primary.n_links);
	cr_assert(route_choice(world.engine, 3, 0) == NULL);
	world.policy.n_classes = 0;
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	run(&world);
	cr_assert(world.last.to == 2 && !world.last.primary.n_links);
}

Test(engine, forgets_a_removed_link_before_its_id_names_another)
{
	given_the_lab();
	uint32_t again;
	route_link_remove(world.engine, (struct route_link_key){.from = 2, .to = 3});
	cr_assert(route_link_add(world.engine, (struct route_link_key){.from = 3, .to = 2, .local = 7},
	              &(struct route_link_config){.mtu = 1500}, &again) == 0);
	cr_assert(again == world.link[2][3], "ids are used again");
	run(&world);
	expect_paths(&world, 3, "1>3", "none");
}
