/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/parts/view.h"

static struct ctl_parts parts;
static struct route_policy policy = {.n_classes = 2, .class = {{.name = "latency"}, {.name = "loss"}}};
static struct ctl_daemon d = {.parts = &parts, .policy = &policy, .config = {.name = "a", .id = 1}};
static unsigned n;
static float cost[128];

static void enter(const char *name, const char *json)
{
	struct ctl_mistakes m = {0};
	bool changed;
	cr_assert(ctl_cluster_register(&d.cluster, name, json, strlen(json), &m, &changed) == 0);
}

static void begin(void)
{
	enter("a", "{\"id\":1,\"region\":\"r\"}");
	enter("b", "{\"id\":2,\"region\":\"r\"}");
	enter("c", "{\"id\":3,\"region\":\"r\"}");
}

static void end(void)
{
	ctl_history_free(&d);
	ctl_cluster_free(&d.cluster);
}

TestSuite(history, .init = begin, .fini = end);

static void take(void *to, const void *row)
{
	const struct ctl_api_past *past = row;
	(void)to;
	cr_assert(n < 128 && past->at_ns && past->why);
	cost[n++] = past->primary ? (float)past->primary->cost_ns / 1e6f : -1;
}

static void note(uint16_t to, uint8_t class, float cost_ms)
{
	struct route_change change = {.to = to,
	    .class = class,
	    .reason = ROUTE_REASON_BETTER,
	    .primary = {.n_links = 1, .pop = {to}, .cost = cost_ms}};
	ctl_history_note(&d, &change);
}

static int ask(const char *from, const char *to, const char *class)
{
	char error[CTL_API_ERROR_SIZE];
	n = 0;
	return ctl_view_history(&d, from, to, class, take, NULL, error);
}

Test(history, tells_the_last_changes_of_a_route_first_and_never_more_than_it_keeps)
{
	cr_assert(ask("a", "b", NULL) == 0 && n == 0);
	for (unsigned i = 0; i < 1000; i++)
		note(2, i % 2, (float)i);
	note(3, 0, 7);
	cr_assert(ask("a", "b", NULL) == 0 && n == 64 && cost[0] == 999 && cost[63] == 936);
	cr_assert(ask("a", "b", "latency") == 0 && n == 32 && cost[0] == 998);
	cr_assert(ask("a", "c", NULL) == 0 && n == 1 && cost[0] == 7);
	cr_assert(ask("b", "a", NULL) == -EINVAL && ask("a", "x", NULL) == -ENOENT);
}

Test(history, of_a_lost_path_and_of_backups)
{
	struct route_change lost = {.to = 2, .reason = ROUTE_REASON_LOST},
	                    backup = {.to = 2, .reason = ROUTE_REASON_BACKUP};
	ctl_history_note(&d, &lost);
	ctl_history_note(&d, &backup);
	cr_assert(ask("a", "b", NULL) == 0 && n == 1 && cost[0] == -1);
}

static unsigned reasons, changes;

static void count(void *to, const void *row)
{
	const struct ctl_api_count *c = row;
	(void)to;
	changes += (unsigned)c->value;
	reasons++;
	cr_assert_eq(c->value, strcmp(c->name, "better") == 0 ? 1000u : strcmp(c->name, "backup") == 0, "%s", c->name);
}

Test(history, counts_all_changes_by_reason_also_those_that_it_does_not_keep)
{
	struct route_change backup = {.to = 2, .reason = ROUTE_REASON_BACKUP};
	for (unsigned i = 0; i < 1000; i++)
		note(2, i % 2, (float)i);
	ctl_history_note(&d, &backup);
	ctl_view_route_changes(&d, count, NULL);
	cr_assert(reasons == ROUTE_REASON_COUNT && changes == 1001);
}

Test(history, of_pops_that_are_gone_makes_room)
{
	note(2, 0, 1);
	cr_assert(ctl_cluster_remove(&d.cluster, "b"));
	note(3, 0, 1);
	cr_assert(parts.n_history == 1);
}
