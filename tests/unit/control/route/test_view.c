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
	    .delay_ns = (int64_t)(rand() % 200) * 1000000,
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
