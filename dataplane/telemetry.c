/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_telemetry.h>

#include "dataplane/worker_set.h"

static const struct dp_workers *shown; /* rte_telemetry's callbacks have no argument of ours */

/* A name and its value; rte_telemetry takes letters, digits, '_' and '/' in a name. */
static void add(struct rte_tel_data *reply, const char *name, const char *suffix, uint64_t value)
{
	char text[RTE_TEL_MAX_STRING_LEN];
	snprintf(text, sizeof(text), "%s%s", name, suffix);
	for (char *c = text; *c != '\0'; c++)
		if (*c == '-')
			*c = '_';
	rte_tel_data_add_dict_u64(reply, text, value);
}

static int counters(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	(void)command;
	(void)parameters;
	rte_tel_data_start_dict(reply);
	for (unsigned c = 0; c < WIRE_COUNTER_COUNT; c++) {
		uint64_t sum = 0;
		for (uint16_t id = 0; id < shown->n; id++)
			sum += shown->stats.worker[id].counter[c];
		add(reply, wire_counter_name(c), "", sum);
	}
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
		uint64_t packets = 0, bytes = 0;
		for (uint16_t id = 0; id < shown->n; id++) {
			packets += shown->stats.worker[id].journey[j].packets;
			bytes += shown->stats.worker[id].journey[j].bytes;
		}
		add(reply, wire_journey_name(j), "_packets", packets);
		add(reply, wire_journey_name(j), "_bytes", bytes);
	}
	return 0;
}

/* The worker that `parameters` names, alone in its line; NULL: there is none. */
static const struct wire_stats_worker *worker_of(const char *parameters)
{
	char *end = NULL;
	if (parameters == NULL || parameters[0] < '0' || parameters[0] > '9')
		return NULL;
	unsigned long id = strtoul(parameters, &end, 10);
	return *end == '\0' && id < shown->n ? &shown->stats.worker[id] : NULL;
}

static int worker(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	(void)command;
	const struct wire_stats_worker *w = worker_of(parameters);
	if (w == NULL)
		return -EINVAL;
	rte_tel_data_start_dict(reply);
	for (unsigned c = 0; c < WIRE_COUNTER_COUNT; c++)
		add(reply, wire_counter_name(c), "", w->counter[c]);
	for (unsigned j = 0; j < WIRE_JOURNEY_COUNT; j++) {
		add(reply, wire_journey_name(j), "_packets", w->journey[j].packets);
		add(reply, wire_journey_name(j), "_bytes", w->journey[j].bytes);
	}
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
		add(reply, "drop_", wire_drop_name(reason), w->drop[reason]);
	add(reply, "flows", "", w->flows);
	add(reply, "flow_capacity", "", w->flow_capacity);
	add(reply, "nat_flows", "", w->nat_flows);
	add(reply, "nat_capacity", "", w->nat_capacity);
	add(reply, "heartbeat_ns", "", w->heartbeat_ns);
	return 0;
}

/* What worker() adds beside the three lists. */
#define WORKER_MORE 5
_Static_assert(WIRE_COUNTER_COUNT + 2 * WIRE_JOURNEY_COUNT + WIRE_DROP_COUNT + WORKER_MORE <= RTE_TEL_MAX_DICT_ENTRIES,
    "a worker fits into one answer");

static int drops(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	(void)command;
	(void)parameters;
	rte_tel_data_start_dict(reply);
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++) {
		uint64_t sum = 0;
		for (uint16_t id = 0; id < shown->n; id++)
			sum += shown->stats.worker[id].drop[reason];
		add(reply, wire_drop_name(reason), "", sum);
	}
	return 0;
}

static int state(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	(void)command;
	(void)parameters;
	uint64_t flows = 0, nat_flows = 0, open_ports = 0;
	for (uint16_t id = 0; id < shown->n; id++) {
		flows += shown->stats.worker[id].flows;
		nat_flows += shown->stats.worker[id].nat_flows;
	}
	rte_tel_data_start_dict(reply);
	rte_tel_data_add_dict_u64(reply, "generation", shown->stats.head->generation);
	rte_tel_data_add_dict_u64(reply, "routes", shown->stats.head->routes);
	rte_tel_data_add_dict_u64(reply, "workers", shown->n);
	rte_tel_data_add_dict_u64(reply, "flows", flows);
	rte_tel_data_add_dict_u64(reply, "nat_flows", nat_flows);
	for (uint16_t port = 0; port < shown->n_ports; port++)
		open_ports += atomic_load(&shown->port[port].up);
	add(reply, "ports", "", shown->n_ports);
	add(reply, "ports_open", "", open_ports);
	return 0;
}

int dp_telemetry_start(const struct dp_workers *set)
{
	static const struct {
		const char *path;
		telemetry_cb answer;
		const char *help;
	} commands[] = {
	    {"/kuafu/counters", counters, "Counters and journeys, summed over workers. No parameters"},
	    {"/kuafu/drops", drops, "Packets dropped, by reason. No parameters"},
	    {"/kuafu/worker", worker, "Counters, journeys, drops and flows of one worker. Parameter: its number"},
	    {"/kuafu/state", state, "Generation, flows and ports. No parameters"},
	};
	shown = set;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int error = rte_telemetry_register_cmd(commands[i].path, commands[i].answer, commands[i].help);
		if (error != 0)
			return error;
	}
	return 0;
}
