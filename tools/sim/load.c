/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/sim/replay.h"

#define TRACE_POPS 16u

static int draw(
    const struct sim_options *options, uint32_t n, uint32_t **ret_node, uint32_t *ret_pops, char *why, size_t room)
{
	uint32_t pops = options->pops ? options->pops : options->trace && n > TRACE_POPS ? TRACE_POPS : n;
	if (pops > n) {
		snprintf(why, room, "--pops %u: there are only %u nodes", pops, n);
		return -EINVAL;
	}
	uint32_t *node = calloc(pops, sizeof(*node));
	if (!node)
		return -ENOMEM;
	sim_draw(pops, n, options->seed, node);
	*ret_node = node;
	*ret_pops = pops;
	return 0;
}

/* A file of the trace, or the one matrix. */
static void name_of(const struct sim_options *options, const char *place, uint32_t slice, char *ret_path, size_t room)
{
	if (options->trace)
		snprintf(ret_path, room, "%s/%u", place, slice);
	else
		snprintf(ret_path, room, "%s", place);
}

/* Delays and losses of one slice. n 0: it is the first. */
static int read_slice(const struct sim_options *options, uint32_t slice, uint32_t n, char *why, size_t room,
    struct sim_matrix *delay, struct sim_matrix *loss)
{
	char path[512];
	name_of(options, options->trace ? options->trace : options->matrix, slice, path, sizeof(path));
	int error = sim_matrix_read(path, options->scale, options->missing, why, room, delay);
	if (!error && n && delay->n != n) {
		snprintf(why, room, "%s: %u nodes, but the first slice has %u", path, delay->n, n);
		error = -EINVAL;
	}
	if (error || !options->loss)
		return error;
	name_of(options, options->loss, slice, path, sizeof(path));
	error = sim_matrix_read(path, 1, -1, why, room, loss);
	if (!error && loss->n != delay->n) {
		snprintf(why, room, "%s: %u nodes, but %u in the delays", path, loss->n, delay->n);
		error = -EINVAL;
	}
	for (size_t i = 0; !error && i < (size_t)loss->n * loss->n; i++)
		if (loss->ms[i] > 1) {
			snprintf(why, room, "%s: %g: a loss is a share from 0 to 1", path, (double)loss->ms[i]);
			error = -EINVAL;
		}
	return error;
}

static bool is_last(const struct sim_options *options, uint32_t slice)
{
	char path[512];
	if (!options->trace)
		return true;
	name_of(options, options->trace, slice + 1, path, sizeof(path));
	return access(path, F_OK) != 0;
}

int sim_load(const struct sim_options *options, char *why, size_t room, struct sim_trace *ret_trace)
{
	uint32_t *node = NULL, pops = 0, n = 0;
	int error = 0;
	*ret_trace = (struct sim_trace){0};
	for (uint32_t slice = 1; slice <= SIM_MAX_SLICES && !error; slice++) {
		struct sim_matrix delay = {0}, loss = {0};
		error = read_slice(options, slice, n, why, room, &delay, &loss);
		n = delay.n;
		if (!error && !node)
			error = draw(options, n, &node, &pops, why, room);
		if (!error)
			error = sim_trace_append(ret_trace, &delay, options->loss ? &loss : NULL, node, pops);
		sim_matrix_free(&delay);
		sim_matrix_free(&loss);
		if (is_last(options, slice))
			break;
	}
	free(node);
	if (!error && options->trace && ret_trace->slices < SIM_WARM_UP + 2) {
		snprintf(why, room, "%s: %u slices; at least %u are needed", options->trace, ret_trace->slices,
		    SIM_WARM_UP + 2);
		error = -EINVAL;
	}
	if (error == -ENOMEM)
		snprintf(why, room, "out of memory");
	return error;
}
