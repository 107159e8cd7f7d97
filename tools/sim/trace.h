/* SPDX-License-Identifier: BSD-2-Clause */
/* Recorded delays, and losses if there are any: one square matrix or a sequence
 * of them, reduced to the nodes that were drawn as POPs. Milliseconds and
 * shares from 0 to 1; row is source; NAN is "not measured". */
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
	float *ms;      /* [(slice * n + from) * n + to] */
	float *loss;    /* likewise; NULL: none was recorded */
	float *cost;    /* likewise: what both cost the class that is judged; NULL: the
                  delay alone */
	uint16_t *node; /* [n]: its number in the matrices, from 0 */
};

static inline float sim_at(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to)
{
	return trace->ms[((size_t)slice * trace->n + from) * trace->n + to];
}

/* The same of both; what is judged by. */
static inline float sim_cost_at(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to)
{
	size_t at = ((size_t)slice * trace->n + from) * trace->n + to;
	return trace->cost ? trace->cost[at] : trace->ms[at];
}

/* Read a square, whitespace-separated matrix. Numbers are multiplied by
 * `scale`; those equal to `missing` (before that), and the diagonal, are NAN.
 * Returns 0, or -errno with one line in why[] of `room` bytes that names file
 * and line. */
int sim_matrix_read(
    const char *path, double scale, double missing, char *why, size_t room, struct sim_matrix *ret_matrix);
void sim_matrix_free(struct sim_matrix *matrix);

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014. */
static inline uint64_t sim_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Draw `n` of `of` nodes, without repetition, in the order of their numbers;
 * the same for the same seed. */
void sim_draw(uint32_t n, uint32_t of, uint64_t seed, uint32_t *ret_node);

/* Append the rows and columns of the drawn nodes, of delays and (NULL: none)
 * losses. 0 or -ENOMEM. A trace's first slice sets its size. */
int sim_trace_append(struct sim_trace *trace, const struct sim_matrix *matrix, const struct sim_matrix *loss,
    const uint32_t *node, uint32_t n);

/* Where loss was recorded, let a link cost its delay and what its loss costs at
 * this penalty per percent. 0 or -ENOMEM. */
int sim_trace_price(struct sim_trace *trace, float loss_penalty_ms);
void sim_trace_free(struct sim_trace *trace);
