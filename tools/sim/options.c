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

static bool take_synthesize(struct sim_options *options, const char *value)
{
	options->synthesize = value;
	return true;
}

static bool take_loss(struct sim_options *options, const char *value)
{
	options->loss = value;
	return true;
}

static bool take_policy(struct sim_options *options, const char *value)
{
	options->policy = value;
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
	options->class = value;
	return *value != 0;
}

static bool take_slices(struct sim_options *options, const char *value)
{
	double found;
	if (!number(value, 1, SIM_MAX_SLICES, "", &found) || found != (double)(uint32_t)found)
		return false;
	options->slices = (uint32_t)found;
	return true;
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
    {"--matrix", "FILE",
        "judge one square matrix: the gain of 1 and of 2 relays, and what the "
        "engine makes of it",
        take_matrix},
    {"--trace", "DIR", "decide at each of the files DIR/1, DIR/2, … and be judged at the next", take_trace},
    {"--synthesize", "DIR",
        "write a trace there, of --pops nodes: daily swing, detours, outages, "
        "asymmetry",
        take_synthesize},
    {"--slices", "N", "how many to synthesize, an hour each (default: 120)", take_slices},
    {"--loss", "PATH",
        "shares lost, 0 to 1: a matrix, or a directory of them; written by "
        "--synthesize",
        take_loss},
    {"--unit", "s|ms", "of the numbers in the files (default: ms)", take_unit},
    {"--missing", "NUMBER", "that means: not measured (default: 0)", take_missing},
    {"--pops", "N", "nodes to draw as POPs (default: all of a matrix, 16 of a trace)", take_pops},
    {"--seed", "N", "of the draw (default: 1)", take_seed},
    {"--relay-cost", "MS",
        "what each relay costs (default: the class's, 1ms unless a policy says "
        "otherwise)",
        take_relay_cost},
    {"--class", "CLASS",
        "latency, loss or cost, or one of the policy's: what decides (default: "
        "latency)",
        take_class},
    {"--policy", "FILE",
        "YAML policies whose classes and rules apply; a POP's name is its row, "
        "from 1",
        take_policy},
    {"--baseline", NULL,
        "run the plain rule beside the engine: last sample, move if better by as "
        "much",
        take_baseline},
    {"--json", NULL, "print one JSON object", take_json},
    {"--help", NULL, "print this", take_help},
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

int sim_options_parse(int argc, char **argv, char *why, size_t room, struct sim_options *ret_options)
{
	struct sim_options options = {.scale = 1, .seed = 1, .relay_cost_ms = -1, .class = "latency", .slices = 120};
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
	if (!options.help && !!options.matrix + !!options.trace + !!options.synthesize != 1) {
		snprintf(why, room, "give one of --matrix FILE, --trace DIR and --synthesize DIR");
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
