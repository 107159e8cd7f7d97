/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-sim: the route engine, unchanged, over a recorded matrix or trace. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/route/engine.h"
#include "tools/sim/options.h"
#include "tools/sim/replay.h"

#define TRACE_POPS 16u
#define WHY_SIZE   512u

struct result {
	struct sim_score engine, plain;
	double relays_ms[SIM_MAX_RELAYS + 1]; /* mean of the best with at most so many relays; matrix only */
};

/* ---- reading ---- */

static int draw(const struct sim_options *options, uint32_t n, uint32_t **ret_node, uint32_t *ret_pops, char *why)
{
	uint32_t pops = options->pops ? options->pops : options->trace && n > TRACE_POPS ? TRACE_POPS : n;
	if (pops > n) {
		snprintf(why, WHY_SIZE, "--pops %u: there are only %u nodes", pops, n);
		return -EINVAL;
	}
	uint32_t *node = calloc(pops, sizeof(*node));
	if (!node) {
		snprintf(why, WHY_SIZE, "out of memory");
		return -ENOMEM;
	}
	sim_draw(pops, n, options->seed, node);
	*ret_node = node;
	*ret_pops = pops;
	return 0;
}

static int read_slices(const struct sim_options *options, struct sim_trace *trace, char *why)
{
	uint32_t *node = NULL, pops = 0, n = 0;
	int error = 0;
	for (uint32_t slice = 1; slice <= SIM_MAX_SLICES && !error; slice++) {
		char path[WHY_SIZE / 2];
		struct sim_matrix matrix;
		snprintf(path, sizeof(path), "%s/%u", options->trace ? options->trace : "", slice);
		if (options->trace && slice > 1 && access(path, F_OK))
			break;
		error = sim_matrix_read(
		    options->trace ? path : options->matrix, options->scale, options->missing, why, WHY_SIZE, &matrix);
		if (error)
			break;
		if (!node) {
			n = matrix.n;
			error = draw(options, n, &node, &pops, why);
		} else if (matrix.n != n) {
			snprintf(why, WHY_SIZE, "%s: %u nodes, but the first slice has %u", path, matrix.n, n);
			error = -EINVAL;
		}
		if (!error && (error = sim_trace_append(trace, &matrix, node, pops)))
			snprintf(why, WHY_SIZE, "out of memory");
		sim_matrix_free(&matrix);
		if (options->matrix)
			break;
	}
	free(node);
	if (!error && options->trace && trace->slices < SIM_WARM_UP + 2) {
		snprintf(why, WHY_SIZE, "%s: %u slices; at least %u are needed", options->trace, trace->slices,
		    SIM_WARM_UP + 2);
		error = -EINVAL;
	}
	return error;
}

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

static int run(const struct sim_options *options, const struct sim_trace *trace, struct result *result)
{
	struct route_class class;
	route_class_default("sim", options->objective, &class);
	class.relay_penalty_ms = options->relay_cost_ms;
	int error = sim_replay_engine(trace, &class, &result->engine);
	if (!error && options->baseline)
		error = sim_replay_plain(trace, &class, &result->plain);
	if (!error && options->matrix)
		error = relay_gains(trace, class.relay_penalty_ms, result);
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
	printf("\"%s\": {\"captured\": %.4f, \"switches\": %.2f, \"within\": %.4f, \"worse_than_direct\": %.4f, "
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
		printf("\"one_relay\": {\"mean_ms\": %.3f}, \"two_relays\": {\"mean_ms\": %.3f}, ",
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

static void print_table(const struct sim_options *options, const struct sim_trace *trace, const struct result *result)
{
	const struct sim_score *engine = &result->engine;
	printf("%u POPs, %u slice%s, %g ms a relay\n\n", trace->n, trace->slices, trace->slices == 1 ? "" : "s",
	    (double)options->relay_cost_ms);
	printf("%-10s %9s %10s %9s %9s %9s\n", "", "mean ms", "captured", "switches", "within", "worse");
	printf("%-10s %9.2f\n", "direct", mean(engine, engine->direct_ms));
	print_row("engine", engine);
	if (options->baseline)
		print_row("baseline", &result->plain);
	printf("%-10s %9.2f\n", "optimal", mean(engine, engine->optimal_ms));
	if (options->matrix)
		printf("\ngain of 1 relay: %.2f ms, of 2 relays: %.2f ms\n",
		    result->relays_ms[0] - result->relays_ms[1], result->relays_ms[0] - result->relays_ms[2]);
	printf("\ncaptured: of the possible gain; switches: per pair and 100 slices; within: max(5%%, 5 ms) of the "
	       "optimum;\n"
	       "worse: than direct\n");
}

int main(int argc, char **argv)
{
	struct sim_options options;
	struct sim_trace trace = {0};
	struct result result = {0};
	char why[WHY_SIZE] = "", help[2048];
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
	error = read_slices(&options, &trace, why);
	if (!error && (error = run(&options, &trace, &result)))
		snprintf(why, sizeof(why), "%s", strerror(-error));
	if (error)
		fprintf(stderr, "kuafu-sim: %s\n", why);
	else if (options.json)
		print_json(&options, &result);
	else
		print_table(&options, &trace, &result);
	sim_trace_free(&trace);
	return error ? 1 : 0;
}
