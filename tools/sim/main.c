/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-sim: the route engine, unchanged, over a recorded matrix or trace. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sim/load.h"
#include "tools/sim/policy.h"
#include "tools/sim/replay.h"
#include "tools/sim/synthesize.h"

#define WHY_SIZE 512u

struct result {
	struct sim_score engine, plain;
	double relays_ms[SIM_MAX_RELAYS + 1]; /* mean of the best with at most so many
                                           relays; matrix only */
};

/* ---- running ---- */

static int relay_gains(const struct sim_trace *trace, float relay_cost, struct result *result)
{
	float *ms = calloc(trace->n, sizeof(*ms));
	int error = ms ? 0 : -ENOMEM;
	double pairs = (double)trace->n * (trace->n - 1);
	for (unsigned relays = 0; relays <= SIM_MAX_RELAYS; relays++)
		for (uint32_t from = 0; from < trace->n && !error; from++) {
			error = sim_best(trace, 0, from, relays, relay_cost, NULL, ms);
			for (uint32_t to = 0; to < trace->n; to++)
				result->relays_ms[relays] += to == from ? 0 : (double)ms[to] / pairs;
		}
	free(ms);
	return error;
}

static int run(const struct sim_options *options, const struct sim_trace *trace, const struct route_policy *policy,
    struct result *result)
{
	const struct route_class *class = &policy->class[0];
	int error = sim_replay_engine(trace, policy, &result->engine);
	if (!error && options->baseline)
		error = sim_replay_plain(trace, class, &result->plain);
	if (!error && options->matrix)
		error = relay_gains(trace, class->relay_penalty_ms, result);
	return error;
}

/* ---- printing ---- */

static double share(const struct sim_score *score, uint64_t part)
{
	return score->decisions ? (double)part / (double)score->decisions : 0;
}

static double mean(const struct sim_score *score, double sum)
{
	return score->decisions ? sum / (double)score->decisions : 0;
}

static void print_json_score(const char *name, const struct sim_score *score)
{
	printf("\"%s\": {\"captured\": %.4f, \"switches\": %.2f, \"within\": %.4f, "
	       "\"worse_than_direct\": %.4f, "
	       "\"mean_ms\": %.3f}, ",
	    name, sim_captured(score), sim_switch_rate(score), share(score, score->within),
	    share(score, score->worse_than_direct), mean(score, score->chosen_ms));
}

static void print_json(const struct sim_options *options, const struct result *result)
{
	const struct sim_score *engine = &result->engine;
	printf("{");
	print_json_score("engine", engine);
	if (options->baseline)
		print_json_score("baseline", &result->plain);
	if (options->matrix)
		printf("\"one_relay\": {\"mean_ms\": %.3f}, \"two_relays\": {\"mean_ms\": "
		       "%.3f}, ",
		    result->relays_ms[1], result->relays_ms[2]);
	printf("\"direct\": {\"mean_ms\": %.3f}, \"optimal\": {\"mean_ms\": %.3f}}\n", mean(engine, engine->direct_ms),
	    mean(engine, engine->optimal_ms));
}

static void print_row(const char *name, const struct sim_score *score)
{
	printf("%-10s %9.2f %9.1f%% %9.2f %8.1f%% %8.1f%%\n", name, mean(score, score->chosen_ms),
	    100 * sim_captured(score), sim_switch_rate(score), 100 * share(score, score->within),
	    100 * share(score, score->worse_than_direct));
}

static void print_table(const struct sim_options *options, const struct sim_trace *trace,
    const struct route_class *class, const struct result *result)
{
	const struct sim_score *engine = &result->engine;
	printf("%u POPs, %u slice%s, %g ms a relay\n\n", trace->n, trace->slices, trace->slices == 1 ? "" : "s",
	    (double)class->relay_penalty_ms);
	printf("%-10s %9s %10s %9s %9s %9s\n", "", "mean ms", "captured", "switches", "within", "worse");
	printf("%-10s %9.2f\n", "direct", mean(engine, engine->direct_ms));
	print_row("engine", engine);
	if (options->baseline)
		print_row("baseline", &result->plain);
	printf("%-10s %9.2f\n", "optimal", mean(engine, engine->optimal_ms));
	if (options->matrix)
		printf("\ngain of 1 relay: %.2f ms, of 2 relays: %.2f ms\n",
		    result->relays_ms[0] - result->relays_ms[1], result->relays_ms[0] - result->relays_ms[2]);
	printf("\ncaptured: of the possible gain; switches: per pair and 100 slices; "
	       "within: max(5%%, 5 ms) of the "
	       "optimum;\n"
	       "worse: than direct\n");
	if (trace->loss)
		printf("ms: the delay, and what the loss costs class %s\n", class->name);
}

/* Reads, runs and prints. Returns 0, or -errno with one line in why[]. */
static int judge(const struct sim_options *options, char *why)
{
	struct sim_trace trace = {0};
	struct result result = {0};
	struct route_policy *policy = calloc(1, sizeof(*policy));
	int error = policy ? sim_load(options, why, WHY_SIZE, &trace) : -ENOMEM;
	if (!error)
		error = sim_policy(options, &trace, why, WHY_SIZE, policy);
	if (!error)
		error = sim_trace_price(&trace, policy->class[0].loss_penalty_ms);
	if (!error)
		error = run(options, &trace, policy, &result);
	if (error && !why[0])
		snprintf(why, WHY_SIZE, "%s", strerror(-error));
	else if (!error && options->json)
		print_json(options, &result);
	else if (!error)
		print_table(options, &trace, &policy->class[0], &result);
	sim_trace_free(&trace);
	free(policy);
	return error;
}

int main(int argc, char **argv)
{
	struct sim_options options;
	char why[WHY_SIZE] = "", help[4096];
	int error = sim_options_parse(argc, argv, why, sizeof(why), &options);
	if (error) {
		fprintf(stderr, "kuafu-sim: %s\n", why);
		return 2;
	}
	if (options.help) {
		sim_options_help(help, sizeof(help));
		fputs(help, stdout);
		return 0;
	}
	error = options.synthesize ? sim_synthesize(&options, why, sizeof(why)) : judge(&options, why);
	if (error)
		fprintf(stderr, "kuafu-sim: %s\n", why);
	return error ? 1 : 0;
}
