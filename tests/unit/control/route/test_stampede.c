/* SPDX-License-Identifier: BSD-2-Clause */
/* Sixty-four POPs decide at once, each for itself, over links whose delay grows with what the others send. Every POP
 * reports once a second what was a second ago; direct paths across the ocean are slow, and those by one of the few POPs
 * on the way are fast as long as not everybody takes them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "control/route/engine.h"

#define POPS     64u
#define HUBS     4u /* the POPs on the way: the first ones */
#define SECOND   UINT64_C(1000000000)
#define CAPACITY 170.0f /* of what a hub can relay, in flows between two POPs */

static struct route_engine *engine[POPS];
static uint32_t link_of[POPS][POPS]; /* the same in all engines: they were told alike */
static float base_ms[POPS][POPS];
static float hub_load[POPS]; /* as it was a second ago */
static uint16_t via[POPS][POPS];
static uint64_t now = 1000 * SECOND;

static bool is_east(unsigned pop)
{
	return pop % 2;
}

/* An ocean between odd and even POPs, and hubs near to all. */
static void lay_out(void)
{
	srand(11);
	for (unsigned i = 0; i < POPS; i++)
		for (unsigned j = i; j < POPS; j++) {
			bool hub = i < HUBS || j < HUBS;
			float ms = hub ? 30 : is_east(i) != is_east(j) ? 140 : 40;
			base_ms[i][j] = base_ms[j][i] = ms + (float)(rand() % 1000) / 100;
		}
}

static void begin(float load_penalty_ms)
{
	static struct route_policy policy = {.n_classes = 1};
	static const struct route_link_config config = {.mtu = 1500};
	lay_out();
	route_class_default("latency", ROUTE_LATENCY, &policy.class[0]);
	policy.class[0].load_penalty_ms = load_penalty_ms;
	for (unsigned e = 0; e < POPS; e++) {
		cr_assert(route_engine_new((uint16_t)(e + 1), &engine[e]) == 0);
		cr_assert(route_set_policy(engine[e], &policy) == 0);
		for (unsigned i = 0; i < POPS; i++)
			cr_assert(route_set_pop(engine[e], (uint16_t)(i + 1), false) == 0);
		for (unsigned i = 0; i < POPS; i++)
			for (unsigned j = 0; j < POPS; j++)
				if (i != j)
					route_link_add(engine[e],
					    (struct route_link_key){.from = (uint16_t)(i + 1), .to = (uint16_t)(j + 1)},
					    &config, &link_of[i][j]);
	}
}

static void end(void)
{
	for (unsigned e = 0; e < POPS; e++)
		route_engine_free(engine[e]);
}

TestSuite(stampede, .fini = end, .timeout = 300);

/* Queues as of M/M/1: a millisecond of service. */
static float queue_ms(float load)
{
	float bounded = fminf(load, 0.98f);
	return bounded / (1 - bounded);
}

/* What POP i says of its links: of those that cannot have changed not every time. */
static void report(unsigned i, bool all)
{
	for (unsigned j = 0; j < POPS; j++) {
		if (i == j || (!all && i >= HUBS && j >= HUBS))
			continue;
		float ms = base_ms[i][j] + queue_ms(hub_load[j]), back = base_ms[i][j] + queue_ms(hub_load[i]);
		struct route_estimate estimate = {.delay_ns = (int64_t)((double)ms * 1e6),
		    .rtt_ns = (int64_t)((double)(ms + back) * 1e6),
		    .load = fminf(hub_load[j], 1),
		    .at_ns = now};
		for (unsigned e = 0; e < POPS; e++)
			route_link_measured(engine[e], link_of[i][j], &estimate);
	}
}

/* Every POP decides five times a second. Returns how many paths changed. */
static unsigned decide(void)
{
	unsigned changed = 0;
	for (unsigned fifth = 0; fifth < 5; fifth++) {
		now += SECOND / 5;
		for (unsigned e = 0; e < POPS; e++) {
			const struct route_change *change;
			uint64_t next;
			int n = route_run(engine[e], now, &change, &next);
			cr_assert(n >= 0);
			for (int c = 0; c < n; c++) {
				changed += change[c].reason != ROUTE_REASON_BACKUP;
				via[e][change[c].to - 1] = change[c].primary.n_links > 1 ? change[c].primary.pop[0] : 0;
			}
		}
	}
	return changed;
}

static void carry(void)
{
	float flows[POPS] = {0};
	for (unsigned i = 0; i < POPS; i++)
		for (unsigned j = 0; j < POPS; j++)
			if (i != j && via[i][j])
				flows[via[i][j] - 1]++;
	for (unsigned i = 0; i < POPS; i++)
		hub_load[i] = flows[i] / CAPACITY;
}

/* One second of all. */
static unsigned live(unsigned second)
{
	for (unsigned i = 0; i < POPS; i++)
		report(i, second % 10 == 0);
	unsigned changed = decide();
	carry();
	return changed;
}

Test(stampede, of_many_pops_to_one_relay_does_not_happen_and_all_settle)
{
	unsigned late = 0;
	float highest = 0;
	begin(10);
	for (unsigned second = 0; second < 330; second++) {
		unsigned changed = live(second);
		if (second < 270)
			continue;
		late += changed;
		for (unsigned i = 0; i < POPS; i++)
			highest = fmaxf(highest, hub_load[i]);
	}
	cr_assert(late <= POPS * (POPS - 1) / 100, "%u changes in the last minute", late);
	cr_assert(highest < 0.95f, "a relay has a load of %f", (double)highest);
	cr_assert(hub_load[0] > 0.3f, "the relays are of use");
}
