/* SPDX-License-Identifier: BSD-2-Clause */
/* Recorded delays: one square matrix or a sequence of them, reduced to the nodes that were drawn as POPs. Milliseconds;
 * row is source; NAN is "not measured". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MAX_NODES  1000u
#define SIM_MAX_SLICES 100000u

struct sim_matrix {
	uint32_t n;
	float *ms; /* [from * n + to] */
};

struct sim_trace {
	uint32_t n;
	uint32_t slices;
	float *ms; /* [(slice * n + from) * n + to] */
};

static inline float sim_at(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to)
{
	return trace->ms[((size_t)slice * trace->n + from) * trace->n + to];
}

/* Read a square, whitespace-separated matrix. Numbers are multiplied by `scale`; those equal to `missing` (before that),
 * and the diagonal, are NAN. Returns 0, or -errno with one line in why[] of `room` bytes that names file and line. */
int sim_matrix_read(
    const char *path, double scale, double missing, char *why, size_t room, struct sim_matrix *ret_matrix);
void sim_matrix_free(struct sim_matrix *matrix);

/* Draw `n` of `of` nodes, without repetition, in the order of their numbers; the same for the same seed. */
void sim_draw(uint32_t n, uint32_t of, uint64_t seed, uint32_t *ret_node);

/* Append the rows and columns of the drawn nodes. 0 or -ENOMEM. A trace's first slice sets its size. */
int sim_trace_append(struct sim_trace *trace, const struct sim_matrix *matrix, const uint32_t *node, uint32_t n);
void sim_trace_free(struct sim_trace *trace);
