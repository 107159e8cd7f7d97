/* SPDX-License-Identifier: BSD-2-Clause */
/* Matrices that are kept up to date row by row, against ones that are made anew, whatever has changed in between. */
#include "control/route/view.h"

#include <math.h>

#include "control/route/state.h"
#include "tests/unit/control/route/world.h"

static struct world world;

static void finish(void)
{
	route_engine_free(world.engine);
}

TestSuite(view, .fini = finish);

/* What is forecast may be behind by a thousandth of a deviation. */
static bool near(float a, float b)
{
	return (isinf(a) && isinf(b)) || fabsf(a - b) < 0.5f;
}

static void expect_the_same_as_new(unsigned round)
{
	struct route_engine *engine = world.engine;
	uint16_t n = engine->graph.n;
	for (uint32_t c = 0; c < engine->policy.n_classes; c++) {
		const struct route_view *kept = &engine->common[c];
		static struct route_view new;
		cr_assert(route_view_open(engine, &new, &engine->policy.class[c], NULL) == 0);
		for (size_t i = 0; i < (size_t)n * n; i++) {
			cr_assert(near(kept->calm.cost[i], new.calm.cost[i]),
			    "round %u, class %u, from %zu to %zu: %f, not %f", round, c, i / n, i % n,
			    (double)kept->calm.cost[i], (double)new.calm.cost[i]);
			cr_assert_eq(!kept->calm.link[i], !new.calm.link[i]);
		}
		for (uint16_t to = 0; to < n; to++)
			cr_assert(near(kept->calm_best[to].cost, new.calm_best[to].cost), "round %u to %u", round, to);
	}
}

static void measure_one(int from, int to)
{
	struct route_estimate e = {.at_ns = world.now,
	    .delay_ns = rand() % 200000000,
	    .rtt_ns = 200000000,
	    .jitter_ns = rand() % 5000000,
	    .loss = (float)(rand() % 10) / 100,
	    .load = (float)(rand() % 10) / 10};
	route_link_measured(world.engine, world.link[from][to], &e);
}

/* Something changes. */
static void happen(void)
{
	int from = 1 + rand() % world.n, to = 1 + (from + rand() % (world.n - 1)) % world.n;
	struct route_link_key key = {.from = (uint16_t)from, .to = (uint16_t)to};
	struct route_link_config config = {.mtu = 1500, .money = (float)(rand() % 3)};
	switch (rand() % 8) {
	case 0:
	case 1:
		measure_one(from, to);
		break;
	case 2:
		for (int i = 1; i <= world.n; i++)
			if (i != from)
				measure_one(from, i);
		break;
	case 3:
		route_link_state(world.engine, world.link[from][to], rand() % 2, world.now);
		break;
	case 4:
		cr_assert(route_set_pop(world.engine, (uint16_t)from, rand() % 2) == 0);
		break;
	case 5:
		world.now += (uint64_t)(rand() % 8) * SECOND; /* links become stale, flaps decay */
		break;
	case 6:
		cr_assert(route_link_add(world.engine, key, &config, &world.link[from][to]) == 0);
		break;
	case 7:
		if (rand() % 8 == 0)
			route_link_remove(world.engine, key);
		cr_assert(route_link_add(world.engine, key, &config, &world.link[from][to]) == 0);
		measure_one(from, to);
		break;
	}
}

/* What the engine has decided, in the second of two that were told the same. */
static void expect_the_same_choices(const struct route_engine *full, unsigned round)
{
	for (uint32_t c = 0; c < world.policy.n_classes; c++)
		for (uint16_t to = 2; to <= world.n; to++) {
			static const struct route_choice none;
			char text[2][64];
			const struct route_choice *a = route_choice(world.engine, to, (uint8_t)c);
			const struct route_choice *b = route_choice(full, to, (uint8_t)c);
			a = a ? a : &none;
			b = b ? b : &none;
			cr_assert(route_path_same(&a->primary, &b->primary), "round %u, class %u: %s, not %s", round, c,
			    path_text(&a->primary, text[0]), path_text(&b->primary, text[1]));
			cr_assert(route_path_same(&a->backup, &b->backup),
			    "round %u, class %u, to %u: backup %s, not %s", round, c, to,
			    path_text(&a->backup, text[0]), path_text(&b->backup, text[1]));
			cr_assert(a->reason == b->reason && a->since_ns == b->since_ns);
		}
}

/* Something happens to both worlds. */
static void happen_twice(struct route_engine *first, struct route_engine *second)
{
	unsigned seed = (unsigned)rand();
	uint64_t now = world.now;
	srand(seed);
	world.engine = second;
	happen();
	world.now = now;
	srand(seed);
	world.engine = first;
	happen();
}

Test(view, deciding_for_what_has_changed_is_deciding_for_all)
{
	world_open(&world, 7, 100);
	struct route_engine *full = world.engine;
	world_open(&world, 7, 100);
	world.policy.n_classes = 2;
	route_class_default("loss", ROUTE_LOSS, &world.policy.class[1]);
	world.policy.n_rules = 2;
	world.policy.rule[0] = (struct route_rule){.class = "loss", .to = 3, .avoid = {.n_pops = 1, .pops = {2}}};
	world.policy.rule[1] = (struct route_rule){.to = 4, .action = ROUTE_PIN, .n_pops = 3, .pops = {1, 5, 4}};
	cr_assert(route_set_policy(world.engine, &world.policy) == 0 && route_set_policy(full, &world.policy) == 0);
	srand(22);
	for (unsigned round = 0; round < 4000; round++) {
		for (int i = rand() % 3; i >= 0; i--)
			happen_twice(world.engine, full);
		const struct route_change *change;
		uint64_t next;
		world.now += (uint64_t)rand() % 500 * MS;
		full->upset = full->priced.all = true;
		cr_assert(route_run(full, world.now, &change, &next) >= 0);
		run(&world);
		expect_the_same_choices(full, round);
	}
	route_engine_free(full);
}

Test(view, what_is_kept_is_what_would_be_made_anew)
{
	srand(21);
	world_open(&world, 7, 100);
	world.policy.n_classes = 3;
	route_class_default("loss", ROUTE_LOSS, &world.policy.class[1]);
	route_class_default("cost", ROUTE_COST, &world.policy.class[2]);
	cr_assert(route_set_policy(world.engine, &world.policy) == 0);
	for (unsigned round = 0; round < 4000; round++) {
		for (int i = rand() % 4; i >= 0; i--)
			happen();
		world.now += (uint64_t)(rand() % 500) * MS;
		run(&world);
		expect_the_same_as_new(round);
	}
}
