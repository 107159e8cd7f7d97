/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "control/parts/parts.h"
#include "tests/unit/control/route/world.h"

static struct world world;
static struct ctl_parts parts;
static struct ctl_daemon d = {.parts = &parts};

static void enter(const char *name, const char *json)
{
	struct ctl_mistakes m = {0};
	bool changed;
	cr_assert(ctl_cluster_register(&d.cluster, name, json, strlen(json), &m, &changed) == 0);
}

/* POP 1 is ours, 2 is nearer than 3. */
static void begin(void)
{
	enter("a", "{\"id\":1,\"region\":\"r\"}");
	enter("b", "{\"id\":2,\"region\":\"r\"}");
	enter("c", "{\"id\":3,\"region\":\"r\"}");
	world_open(&world, 3, 50);
	both(&world, 1, 2, 10);
	both(&world, 1, 3, 20);
	settle(&world, SECOND);
	d.engine = world.engine;
	d.policy = &world.policy;
}

static void end(void)
{
	route_engine_free(world.engine);
	ctl_cluster_free(&d.cluster);
	free(parts.rank);
}

TestSuite(distances, .init = begin, .fini = end);

static bool changed_when_second_is_at(float delay_ms)
{
	both(&world, 1, 2, delay_ms);
	settle(&world, SECOND);
	return ctl_distances_changed(&d);
}

Test(distances, change_when_they_are_asked_for_the_first_time)
{
	cr_assert(ctl_distances_changed(&d));
	cr_assert(!ctl_distances_changed(&d));
}

Test(distances, have_not_changed_while_the_same_pops_are_nearer)
{
	ctl_distances_changed(&d);
	cr_assert(!changed_when_second_is_at(15));
	cr_assert(!changed_when_second_is_at(5));
}

Test(distances, change_with_each_turn_that_was_seen)
{
	ctl_distances_changed(&d);
	cr_assert(changed_when_second_is_at(30));
	cr_assert(changed_when_second_is_at(10), "what was seen in between is what it is compared with");
	cr_assert(!changed_when_second_is_at(10));
}

Test(distances, change_when_a_pop_cannot_be_reached)
{
	ctl_distances_changed(&d);
	darken(&world, 1, 3, true);
	darken(&world, 2, 3, true);
	settle(&world, SECOND);
	cr_assert(ctl_distances_changed(&d));
}
