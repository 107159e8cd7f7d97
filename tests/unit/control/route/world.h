/* SPDX-License-Identifier: BSD-2-Clause */
/* A world in virtual time for the engine's tests: POPs 1 .. n in full mesh, POP 1 is ours; true delays, clocks that are
 * wrong, outages. Everybody measures ten times a second. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/engine.h"

#define MAX_POPS 8
#define SECOND   1000000000ull
#define MS       1000000ull

struct world {
	struct route_engine *engine;
	struct route_policy policy;
	uint64_t now;
	int n;
	float delay[MAX_POPS + 1][MAX_POPS + 1]; /* ms, one way */
	float loss[MAX_POPS + 1][MAX_POPS + 1];
	bool dark[MAX_POPS + 1][MAX_POPS + 1];
	bool silent[MAX_POPS + 1]; /* its measurements do not reach us */
	int64_t clock[MAX_POPS + 1];
	uint32_t link[MAX_POPS + 1][MAX_POPS + 1];
	unsigned changes; /* of a primary */
	struct route_change last;
};

static inline void world_open(struct world *world, int n, float delay)
{
	*world = (struct world){.n = n, .now = 1000 * SECOND};
	cr_assert(route_engine_new(1, &world->engine) == 0);
	world->policy.n_classes = 1;
	route_class_default("latency", ROUTE_LATENCY, &world->policy.class[0]);
	cr_assert(route_set_policy(world->engine, &world->policy) == 0);
	for (int i = 1; i <= n; i++)
		cr_assert(route_set_pop(world->engine, (uint16_t)i, false) == 0);
	for (int i = 1; i <= n; i++)
		for (int j = 1; j <= n; j++) {
			struct route_link_key key = {.from = (uint16_t)i, .to = (uint16_t)j};
			struct route_link_config config = {.mtu = (uint16_t)(1500 + i * 10 + j)};
			world->delay[i][j] = delay;
			if (i != j)
				cr_assert(route_link_add(world->engine, key, &config, &world->link[i][j]) == 0);
		}
}

static inline void both(struct world *world, int a, int b, float delay)
{
	world->delay[a][b] = world->delay[b][a] = delay;
}

/* The two directions go dark, or come back, now. */
static inline void darken(struct world *world, int a, int b, bool dark)
{
	world->dark[a][b] = world->dark[b][a] = dark;
	route_link_state(world->engine, world->link[a][b], !dark, world->now);
	route_link_state(world->engine, world->link[b][a], !dark, world->now);
}

static inline void measure(struct world *world)
{
	for (int i = 1; i <= world->n; i++)
		for (int j = 1; j <= world->n; j++) {
			if (i == j || world->silent[i] || world->dark[i][j])
				continue;
			struct route_estimate estimate = {.at_ns = world->now, .loss = world->loss[i][j]};
			estimate.delay_ns =
			    (int64_t)((double)world->delay[i][j] * 1e6) + world->clock[j] - world->clock[i];
			estimate.rtt_ns = (int64_t)((double)(world->delay[i][j] + world->delay[j][i]) * 1e6);
			route_link_measured(world->engine, world->link[i][j], &estimate);
		}
}

static inline void run(struct world *world)
{
	const struct route_change *change;
	uint64_t next;
	int n = route_run(world->engine, world->now, &change, &next);
	cr_assert(n >= 0 && next > world->now);
	for (int i = 0; i < n; i++) {
		world->changes += change[i].reason != ROUTE_REASON_BACKUP;
		world->last = change[i];
	}
}

/* Time passes in ticks of 100 ms, as long as is said or until the primary to `to` crosses `relay` (0: is direct). Returns
 * how long that took, in ns. */
static inline uint64_t pass(struct world *world, uint64_t ns, uint16_t to, int relay)
{
	uint64_t start = world->now;
	while (world->now < start + ns) {
		world->now += 100 * MS;
		measure(world);
		run(world);
		const struct route_choice *choice = to ? route_choice(world->engine, to, 0) : NULL;
		if (choice && relay ? choice->primary.n_links > 1 && choice->primary.pop[0] == relay
		                    : choice && choice->primary.n_links == 1)
			break;
	}
	return world->now - start;
}

static inline void settle(struct world *world, uint64_t ns)
{
	pass(world, ns, 0, 0);
}

/* "1>2>3", from us. */
static inline const char *path_text(const struct route_path *path, char *text)
{
	char *at = text + sprintf(text, "1");
	for (unsigned i = 0; i < path->n_links; i++)
		at += sprintf(at, ">%u", path->pop[i]);
	return path->n_links ? text : "none";
}

static inline void expect_paths(struct world *world, uint16_t to, const char *primary, const char *backup)
{
	char text[2][64];
	const struct route_choice *choice = route_choice(world->engine, to, 0);
	cr_assert(choice, "no route to %u", to);
	const char *first = path_text(&choice->primary, text[0]), *second = path_text(&choice->backup, text[1]);
	cr_assert(!strcmp(first, primary), "primary %s, not %s", first, primary);
	cr_assert(!strcmp(second, backup), "backup %s, not %s", second, backup);
}
