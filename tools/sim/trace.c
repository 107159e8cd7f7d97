/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/trace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/cost.h"

static int complain(char *why, size_t room, const char *path, unsigned line, const char *what)
{
	snprintf(why, room, "%s:%u: %s", path, line, what);
	return -EINVAL;
}

/* The numbers of one line; at most `max`. Returns how many, or -EINVAL. */
static int numbers_of(const char *text, double scale, double missing, float *number, uint32_t max)
{
	uint32_t n = 0;
	for (const char *at = text;;) {
		at += strspn(at, " \t\r\n");
		if (!*at)
			return (int)n;
		char *end;
		double value = strtod(at, &end);
		if (end == at || n == max || isnan(value) || value < 0)
			return -EINVAL;
		number[n++] = value == missing ? NAN : (float)(value * scale);
		at = end;
	}
}

static int read_rows(
    FILE *file, const char *path, double scale, double missing, char *why, size_t room, struct sim_matrix *matrix)
{
	char *text = NULL;
	size_t size = 0;
	int error = 0;
	uint32_t row = 0;
	unsigned line = 0;
	float *number = malloc(SIM_MAX_NODES * sizeof(*number));
	while (number && !error && getline(&text, &size, file) >= 0) {
		int n = numbers_of(text, scale, missing, number, SIM_MAX_NODES);
		line++;
		if (!n)
			continue;
		if (n < 0)
			error = complain(why, room, path, line, "not a row of at most 1000 numbers that are 0 or more");
		else if (row && (uint32_t)n != matrix->n)
			error = complain(why, room, path, line, "row is not as long as the first one");
		else if (row && row == matrix->n)
			error = complain(why, room, path, line, "more rows than columns: the matrix must be square");
		else if (!row && !(matrix->ms = malloc((size_t)n * (size_t)n * sizeof(float))))
			error = -ENOMEM;
		if (error)
			break;
		matrix->n = (uint32_t)n;
		memcpy(matrix->ms + (size_t)row * matrix->n, number, (size_t)n * sizeof(*number));
		matrix->ms[(size_t)row * matrix->n + row] = NAN;
		row++;
	}
	if (!error && !number)
		error = -ENOMEM;
	if (!error && (row < 2 || row != matrix->n))
		error = complain(why, room, path, line, "fewer rows than columns: the matrix must be square");
	free(text);
	free(number);
	return error;
}

int sim_matrix_read(
    const char *path, double scale, double missing, char *why, size_t room, struct sim_matrix *ret_matrix)
{
	FILE *file = fopen(path, "r");
	if (!file) {
		int error = -errno;
		snprintf(why, room, "%s: %s", path, strerror(-error));
		return error;
	}
	struct sim_matrix matrix = {0};
	int error = read_rows(file, path, scale, missing, why, room, &matrix);
	fclose(file);
	if (error == -ENOMEM)
		snprintf(why, room, "%s: out of memory", path);
	if (error)
		sim_matrix_free(&matrix);
	else
		*ret_matrix = matrix;
	return error;
}

void sim_matrix_free(struct sim_matrix *matrix)
{
	free(matrix->ms);
	*matrix = (struct sim_matrix){0};
}

/* Selection sampling: Knuth, TAOCP volume 2, 3.4.2, algorithm S. */
void sim_draw(uint32_t n, uint32_t of, uint64_t seed, uint32_t *ret_node)
{
	uint64_t state = seed;
	uint32_t drawn = 0;
	for (uint32_t node = 0; node < of && drawn < n; node++)
		if (sim_random(&state) % (of - node) < n - drawn)
			ret_node[drawn++] = node;
}

/* Rows and columns of the nodes, at the end of *values. */
static int append(float **values, uint32_t slices, const struct sim_matrix *matrix, const uint32_t *node, uint32_t n)
{
	size_t slice = (size_t)n * n;
	float *more = slice ? realloc(*values, (slices + 1) * slice * sizeof(*more)) : NULL;
	if (!more)
		return -ENOMEM;
	*values = more;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < n; j++)
			more[slices * slice + (size_t)i * n + j] = matrix->ms[(size_t)node[i] * matrix->n + node[j]];
	return 0;
}

int sim_trace_append(struct sim_trace *trace, const struct sim_matrix *matrix, const struct sim_matrix *loss,
    const uint32_t *node, uint32_t n)
{
	if (!trace->node && !(trace->node = calloc(n, sizeof(*trace->node))))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		trace->node[i] = (uint16_t)node[i];
	if (append(&trace->ms, trace->slices, matrix, node, n) ||
	    (loss && append(&trace->loss, trace->slices, loss, node, n)))
		return -ENOMEM;
	trace->n = n;
	trace->slices++;
	return 0;
}

int sim_trace_price(struct sim_trace *trace, float loss_penalty_ms)
{
	size_t n = (size_t)trace->slices * trace->n * trace->n;
	if (!trace->loss)
		return 0;
	trace->cost = malloc(n * sizeof(*trace->cost));
	if (!trace->cost)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		float loss = isnan(trace->loss[i]) ? 0 : trace->loss[i];
		trace->cost[i] = trace->ms[i] + route_loss_term(loss, loss_penalty_ms);
	}
	return 0;
}

void sim_trace_free(struct sim_trace *trace)
{
	free(trace->ms);
	free(trace->loss);
	free(trace->cost);
	free(trace->node);
	*trace = (struct sim_trace){0};
}
