/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/route/engine.h"
#include "tools/sim/load.h"
#include "tools/sim/policy.h"
#include "tools/sim/replay.h"
#include "tools/sim/synthesize.h"

static struct sim_trace trace;
static struct sim_score score;
static struct route_policy policy = {.n_classes = 1};
static struct route_class *const class = &policy.class[0];

/* n nodes; every number is `ms` until it is set. */
static void given(uint32_t n, uint32_t slices, float ms)
{
	trace = (struct sim_trace){.n = n, .slices = slices, .ms = malloc((size_t)slices * n * n * sizeof(float))};
	for (size_t i = 0; i < (size_t)slices * n * n; i++)
		trace.ms[i] = ms;
	route_class_default("latency", ROUTE_LATENCY, class);
}

static void set(uint32_t slice, uint32_t from, uint32_t to, float ms)
{
	trace.ms[((size_t)slice * trace.n + from) * trace.n + to] = ms;
}

static void finish(void)
{
	sim_trace_free(&trace);
}

TestSuite(sim, .fini = finish);

static const char *file_of(const char *text)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/kuafu-test-sim-%d", (int)getpid());
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
	return path;
}

Test(sim, reads_a_matrix_with_units_and_missing_numbers)
{
	struct sim_matrix matrix;
	char why[200];
	const char *path = file_of("0\t0.5 0\n0.25 0 1e-1\n\n1 2 3\n");
	cr_assert(sim_matrix_read(path, 1000, 0, why, sizeof(why), &matrix) == 0);
	cr_assert(matrix.n == 3 && matrix.ms[1] == 500 && matrix.ms[5] == 100 && matrix.ms[6] == 1000);
	cr_assert(isnan(matrix.ms[2]) && isnan(matrix.ms[8]), "0 is missing, and so is every diagonal");
	sim_matrix_free(&matrix);
	unlink(path);
}

Test(sim, names_file_and_line_of_a_matrix_that_is_none)
{
	static const struct {
		const char *text, *line;
	} wrong[] = {{"1 2\n3\n", ":2:"}, {"1 2\n3 4\n5 6\n", ":3:"}, {"1 2 3\n4 5 6\n", ":2:"}, {"1 x\n", ":1:"},
	    {"1 -2\n3 4\n", ":1:"}, {"", ":0:"}, {"7\n", ":1:"}, {"nan 1\n1 1\n", ":1:"}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sim_matrix matrix = {0};
		char why[200];
		const char *path = file_of(wrong[i].text);
		cr_assert(sim_matrix_read(path, 1, 0, why, sizeof(why), &matrix) == -EINVAL, "%s", wrong[i].text);
		cr_assert(strstr(why, path) && strstr(why, wrong[i].line), "%s", why);
		cr_assert(!matrix.ms);
		unlink(path);
	}
}

Test(sim, draws_the_same_nodes_for_the_same_seed_and_each_about_as_often)
{
	unsigned drawn[20] = {0};
	for (uint64_t seed = 0; seed < 10000; seed++) {
		uint32_t a[5], b[5];
		sim_draw(5, 20, seed, a);
		sim_draw(5, 20, seed, b);
		cr_assert(!memcmp(a, b, sizeof(a)));
		for (int i = 0; i < 5; i++) {
			cr_assert(a[i] < 20 && (!i || a[i] > a[i - 1]));
			drawn[a[i]]++;
		}
	}
	for (int i = 0; i < 20; i++)
		cr_assert(drawn[i] > 2300 && drawn[i] < 2700, "node %d: %u of 2500", i, drawn[i]);
}

Test(sim, best_path_is_that_of_naive_enumeration)
{
	srand(8);
	given(7, 1, 0);
	for (int round = 0; round < 2000; round++) {
		struct sim_path path[7];
		float ms[7];
		for (int i = 0; i < 49; i++)
			trace.ms[i] = rand() % 10 ? (float)(1 + rand() % 300) : NAN;
		cr_assert(sim_best(&trace, 0, 0, 2, 1, path, ms) == 0);
		for (uint16_t to = 1; to < 7; to++) {
			float best = sim_link_ms(&trace, 0, 0, to);
			for (uint16_t i = 1; i < 7; i++)
				for (uint16_t k = 1; k < 7; k++) {
					struct sim_path one = {1, {i}}, two = {2, {i, k}};
					if (i == to || k == to)
						continue;
					best = fminf(best, sim_path_ms(&trace, 0, 0, to, i == k ? &one : &two, 1));
				}
			cr_assert(fabsf(best - ms[to]) < 0.01f);
			cr_assert(fabsf(sim_path_ms(&trace, 0, 0, to, &path[to], 1) - ms[to]) < 0.01f);
		}
	}
}

Test(sim, engine_finds_the_optimum_of_a_static_matrix)
{
	srand(9);
	given(12, 1, 0);
	for (int i = 0; i < 144; i++)
		trace.ms[i] = (float)(1 + rand() % 300);
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0);
	cr_assert(score.decisions == 132 && score.within == 132 && score.worse_than_direct == 0 && score.switches == 0);
	cr_assert(fabs(sim_captured(&score) - 1) < 1e-6 && score.optimal_ms < score.direct_ms);
}

Test(sim, decides_on_one_slice_and_is_judged_on_the_next)
{
	given(3, 40, 50);
	for (uint32_t slice = 0; slice < 40; slice++)
		set(slice, 0, 2, slice == 30 ? 10 : 200); /* good for one slice: too late when it is seen */
	struct sim_score plain = {0};
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0 && sim_replay_plain(&trace, class, &plain) == 0);
	cr_assert(score.decisions == 19 * 6, "slices 20 to 38, six pairs");
	cr_assert(score.switches == 2 && plain.switches == 2, "there and back");
	/* 17 slices by the relay for 101, slice 29 judged at 30, slice 30 direct for
   * 200 */
	double pair = 18 * 101 + 200;
	cr_assert(fabs(score.chosen_ms - (pair + 19 * 5 * 50)) < 0.1 && fabs(plain.chosen_ms - score.chosen_ms) < 0.1);
	cr_assert(fabs(score.direct_ms - (18 * 200 + 10 + 19 * 5 * 50)) < 0.1);
	cr_assert(fabs(score.optimal_ms - (18 * 101 + 10 + 19 * 5 * 50)) < 0.1);
}

Test(sim, leaves_a_path_that_is_not_measured_any_more)
{
	given(4, 40, 50);
	for (uint32_t slice = 0; slice < 40; slice++) {
		set(slice, 0, 1, 200);
		set(slice, 2, 1, slice < 25 ? 20 : NAN);
	}
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0);
	/* 0 to 1 by 2 for 71 up to slice 23; slice 24 is judged at 25: 1051; then by
   * 3 for 101. 2 to 1 likewise. */
	double far = 4 * 71 + 1051 + 14 * 101, near = 4 * 20 + 1000 + 14 * 101;
	cr_assert(fabs(score.chosen_ms - (far + near + 10 * 19 * 50)) < 0.1, "%f", score.chosen_ms);
	cr_assert(score.switches == 2);
}

Test(sim, loss_costs_what_the_class_says)
{
	given(3, 40, 50);
	trace.loss = calloc(40 * 9, sizeof(float));
	for (uint32_t slice = 0; slice < 40; slice++)
		trace.loss[slice * 9 + 2] = 0.1f; /* from 0 to 2: 20 ms a percent, and a ninth more */
	cr_assert(sim_trace_price(&trace, class->loss_penalty_ms) == 0);
	cr_assert(fabsf(sim_cost_at(&trace, 5, 0, 2) - 270) < 0.1f && sim_cost_at(&trace, 5, 2, 0) == 50);
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0);
	cr_assert(
	    fabs(score.chosen_ms - 19 * (101 + 5 * 50)) < 0.1, "%f: by 1, where nothing is lost", score.chosen_ms);
	cr_assert(fabs(score.direct_ms - 19 * (270 + 5 * 50)) < 1);
}

static struct sim_options options_of(const char *line)
{
	static char words[1024];
	char *argv[32] = {(char *)"kuafu-sim"}, why[200] = "";
	int argc = 1;
	struct sim_options options;
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word && argc < 31; word = strtok(NULL, " "))
		argv[argc++] = word;
	cr_assert(sim_options_parse(argc, argv, why, sizeof(why), &options) == 0, "%s", why);
	return options;
}

static void load(const struct sim_options *options)
{
	char why[512] = "";
	cr_assert(sim_load(options, why, sizeof(why), &trace) == 0, "%s", why);
	cr_assert(sim_policy(options, &trace, why, sizeof(why), &policy) == 0, "%s", why);
	cr_assert(sim_trace_price(&trace, class->loss_penalty_ms) == 0);
}

static void remove_slices(const char *directory)
{
	char path[128];
	for (unsigned i = 1; i <= 60; i++) {
		snprintf(path, sizeof(path), "%s/%u", directory, i);
		unlink(path);
	}
	rmdir(directory);
}

/* A made-up trace with its losses, in a directory of its own. */
static void given_a_synthesized_trace(char *ret_directory)
{
	char line[256], why[200] = "";
	strcpy(ret_directory, "/tmp/kuafu-sim-XXXXXX");
	cr_assert(mkdtemp(ret_directory));
	snprintf(line, sizeof(line), "--synthesize %s/d --loss %s/l --slices 60 --pops 20 --seed 7", ret_directory,
	    ret_directory);
	struct sim_options options = options_of(line);
	cr_assert(sim_synthesize(&options, why, sizeof(why)) == 0, "%s", why);
}

Test(sim, what_is_synthesized_is_like_an_internet_and_the_engine_gains_in_it)
{
	char directory[64], line[256], part[80];
	struct sim_score plain = {0};
	given_a_synthesized_trace(directory);
	snprintf(line, sizeof(line),
	    "--trace %s/d --loss %s/l --pops 16 --seed 3 --relay-cost 1ms "
	    "--class loss",
	    directory, directory);
	struct sim_options options = options_of(line);
	load(&options);
	cr_assert(trace.n == 16 && trace.slices == 60 && trace.loss);
	unsigned missing = 0, asymmetric = 0, detours = 0, pairs = 0;
	for (uint32_t i = 0; i < 16; i++)
		for (uint32_t j = 0; j < 16; j++)
			for (uint32_t slice = 0; slice < 60 && i != j; slice++) {
				float there = sim_at(&trace, slice, i, j), back = sim_at(&trace, slice, j, i);
				pairs++;
				missing += isnan(there);
				asymmetric += fabsf(there - back) > 0.1f * there;
				for (uint32_t k = 0; k < 16; k++)
					if (k != i && k != j &&
					    sim_at(&trace, slice, i, k) + sim_at(&trace, slice, k, j) < 0.9f * there) {
						detours++;
						break;
					}
			}
	cr_assert(missing > pairs / 500 && missing < pairs / 20, "%u of %u", missing, pairs);
	cr_assert(asymmetric > pairs / 3 && detours > pairs / 20 && detours < pairs / 2, "%u, %u", asymmetric, detours);
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0 && sim_replay_plain(&trace, class, &plain) == 0);
	cr_assert(sim_captured(&score) > 0.8 && sim_captured(&score) >= sim_captured(&plain), "%f, %f",
	    sim_captured(&score), sim_captured(&plain));
	cr_assert(
	    2 * score.worse_than_direct < score.decisions / 10 && score.worse_than_direct < plain.worse_than_direct,
	    "%u, %u", (unsigned)score.worse_than_direct, (unsigned)plain.worse_than_direct);
	snprintf(part, sizeof(part), "%s/d", directory);
	remove_slices(part);
	snprintf(part, sizeof(part), "%s/l", directory);
	remove_slices(part);
	rmdir(directory);
}

Test(sim, follows_the_rules_of_a_policy_by_the_rows_of_the_matrix)
{
	char line[256], file[] = "/tmp/kuafu-sim-policy-XXXXXX", why[512];
	FILE *out = fdopen(mkstemp(file), "w");
	fputs("{kind: policy, name: p, classes: {slow: {objective: latency, "
	      "max-relays: 1, relay-penalty: 3ms}},\n"
	      " rules: [{match: {from: '1', to: '3'}, avoid: {pops: ['2']}}, {pin: "
	      "['4', '1', '9']}]}\n",
	    out);
	fclose(out);
	const char *matrix = file_of("0 10 90 40\n10 0 10 90\n90 10 0 40\n40 90 40 0\n");
	snprintf(line, sizeof(line), "--matrix %s --policy %s --class slow", matrix, file);
	struct sim_options options = options_of(line);
	load(&options);
	cr_assert(policy.n_rules == 1 && class->max_relays == 1 && class->relay_penalty_ms == 3, "9 is not there");
	cr_assert(sim_replay_engine(&trace, &policy, &score) == 0);
	cr_assert(
	    fabs(score.chosen_ms - (10 * 4 + 40 * 4 + 83 + 23 + 53 * 2)) < 0.1, "%f: 1 to 3 by 4", score.chosen_ms);
	options.class = "other";
	cr_assert(sim_policy(&options, &trace, why, sizeof(why), &policy) == -EINVAL && strstr(why, "--class other"));
	options.policy = matrix;
	cr_assert(sim_policy(&options, &trace, why, sizeof(why), &policy) == -EINVAL && strstr(why, ":1"), "%s", why);
	unlink(matrix);
	unlink(file);
}

/* A recorded trace, if there is one: KUAFU_SIM_TRACE names its directory, of
 * seconds with 0 for what is missing. */
Test(sim, captures_what_the_plain_rule_does_with_a_tenth_fewer_switches)
{
	const char *directory = getenv("KUAFU_SIM_TRACE");
	if (!directory || access(directory, R_OK))
		cr_skip_test("KUAFU_SIM_TRACE names no directory");
	for (unsigned seed = 1; seed <= 3; seed++) {
		struct sim_score plain = {0};
		char line[256];
		snprintf(
		    line, sizeof(line), "--trace %s --unit s --pops 16 --seed %u --relay-cost 1ms", directory, seed);
		struct sim_options options = options_of(line);
		score = (struct sim_score){0};
		load(&options);
		cr_assert(sim_replay_engine(&trace, &policy, &score) == 0);
		cr_assert(sim_replay_plain(&trace, class, &plain) == 0);
		cr_assert(sim_captured(&score) >= sim_captured(&plain), "seed %u: %f", seed, sim_captured(&score));
		cr_assert(10 * score.switches <= 9 * plain.switches, "seed %u: %f", seed, sim_switch_rate(&score));
		sim_trace_free(&trace);
	}
}

Test(sim, refuses_options_that_make_no_sense)
{
	static const char *const wrong[][4] = {{"x"}, {"x", "--matrix"}, {"x", "--matrix", "a", "--trace"},
	    {"x", "--unit", "h"}, {"x", "--pops", "1"}, {"x", "--seed", "-1"}, {"x", "--relay-cost", "1s"},
	    {"x", "--wrong"}, {"x", "--class", ""}, {"x", "--pops", "2.5"}, {"x", "--slices", "0"},
	    {"x", "--baseline"}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *argv[5] = {NULL}, why[200] = "";
		int argc = 0;
		struct sim_options options;
		while (argc < 4 && wrong[i][argc]) {
			argv[argc] = (char *)wrong[i][argc];
			argc++;
		}
		cr_assert(sim_options_parse(argc, argv, why, sizeof(why), &options) == -EINVAL && why[0], "row %zu", i);
	}
}

Test(sim, manual_lists_every_option)
{
	char help[4096], name[40], manual[16384];
	FILE *file = fopen(MANUAL, "r");
	cr_assert(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = 0;
	fclose(file);
	sim_options_help(help, sizeof(help));
	int options = 0;
	for (const char *at = help; (at = strstr(at, "  --")); at += 4, options++) {
		snprintf(name, sizeof(name), ".It Fl -%.*s", (int)strcspn(at + 4, " "), at + 4);
		cr_assert(strstr(manual, name), "%s is not in the manual", name);
	}
	cr_assert(options > 8);
}
