/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sim/trace.h"

static bool take_matrix(struct sim_options *options, const char *value)
{
	options->matrix = value;
	return true;
}

static bool take_trace(struct sim_options *options, const char *value)
{
	options->trace = value;
	return true;
}

static bool take_unit(struct sim_options *options, const char *value)
{
	options->scale = !strcmp(value, "s") ? 1000 : 1;
	return !strcmp(value, "s") || !strcmp(value, "ms");
}

static bool number(const char *value, double low, double high, const char *suffix, double *ret_number)
{
	char *end;
	double found = strtod(value, &end);
	if (end == value || (*end && strcmp(end, suffix) != 0) || !(found >= low && found <= high))
		return false;
	*ret_number = found;
	return true;
}

static bool take_missing(struct sim_options *options, const char *value)
{
	return number(value, 0, 1e9, "", &options->missing);
}

static bool take_pops(struct sim_options *options, const char *value)
{
	double found;
	if (!number(value, 2, SIM_MAX_NODES, "", &found) || found != (double)(uint32_t)found)
		return false;
	options->pops = (uint32_t)found;
	return true;
}

static bool take_seed(struct sim_options *options, const char *value)
{
	char *end;
	options->seed = strtoull(value, &end, 0);
	return *value >= '0' && *value <= '9' && !*end;
}

static bool take_relay_cost(struct sim_options *options, const char *value)
{
	double found;
	if (!number(value, 0, 1000, "ms", &found))
		return false;
	options->relay_cost_ms = (float)found;
	return true;
}

static bool take_class(struct sim_options *options, const char *value)
{
	static const char *const names[] = {[ROUTE_LATENCY] = "latency", [ROUTE_LOSS] = "loss", [ROUTE_COST] = "cost"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i])) {
			options->objective = (enum route_objective)i;
			return true;
		}
	return false;
}

static bool take_baseline(struct sim_options *options, const char *value)
{
	(void)value;
	return options->baseline = true;
}

static bool take_json(struct sim_options *options, const char *value)
{
	(void)value;
	return options->json = true;
}

static bool take_help(struct sim_options *options, const char *value)
{
	(void)value;
	return options->help = true;
}

static const struct {
	const char *name;
	const char *value; /* NULL: none */
	const char *text;
	bool (*take)(struct sim_options *options, const char *value);
} table[] = {
    {"--matrix", "FILE", "judge one square matrix: the gain of 1 and of 2 relays, and what the engine makes of it",
        take_matrix},
    {"--trace", "DIR", "decide at each of the files DIR/1, DIR/2, … and be judged at the next", take_trace},
    {"--unit", "s|ms", "of the numbers in the files (default: ms)", take_unit},
    {"--missing", "NUMBER", "that means: not measured (default: 0)", take_missing},
    {"--pops", "N", "nodes to draw as POPs (default: all of a matrix, 16 of a trace)", take_pops},
    {"--seed", "N", "of the draw (default: 1)", take_seed},
    {"--relay-cost", "MS", "what each relay costs (default: 1ms)", take_relay_cost},
    {"--class", "CLASS", "latency, loss or cost: whose thresholds decide (default: latency)", take_class},
    {"--baseline", NULL, "run the plain rule beside the engine: last sample, move if better by as much", take_baseline},
    {"--json", NULL, "print one JSON object", take_json},
    {"--help", NULL, "print this", take_help},
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

int sim_options_parse(int argc, char **argv, char *why, size_t room, struct sim_options *ret_options)
{
	struct sim_options options = {.scale = 1, .seed = 1, .relay_cost_ms = 1, .objective = ROUTE_LATENCY};
	for (int i = 1; i < argc; i++) {
		size_t at = 0;
		while (at < OPTIONS && strcmp(argv[i], table[at].name) != 0)
			at++;
		if (at == OPTIONS) {
			snprintf(why, room, "%s: no such option; --help lists them", argv[i]);
			return -EINVAL;
		}
		const char *value = table[at].value ? argv[++i] : "";
		if (!value || !table[at].take(&options, value)) {
			snprintf(why, room, "%s %s: should be %s, %s", table[at].name, value ? value : "",
			    table[at].value, table[at].text);
			return -EINVAL;
		}
	}
	if (!options.help && !options.matrix == !options.trace) {
		snprintf(why, room, "give either --matrix FILE or --trace DIR");
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}

void sim_options_help(char *text, size_t room)
{
	int used = snprintf(text, room, "kuafu-sim: the route engine over recorded delays\n\n");
	for (size_t i = 0; i < OPTIONS && used >= 0 && (size_t)used < room; i++) {
		char name[40];
		snprintf(name, sizeof(name), "%s %s", table[i].name, table[i].value ? table[i].value : "");
		used += snprintf(text + used, room - (size_t)used, "  %-20s %s\n", name, table[i].text);
	}
}
