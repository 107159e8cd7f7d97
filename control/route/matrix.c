/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory and the rows of a matrix, and which of its entries have changed; what is found in it is in search.c. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/search.h"

static int allocate(struct route_matrix *matrix, size_t n)
{
	matrix->cost = malloc(n * n * sizeof(*matrix->cost));
	matrix->link = malloc(n * n * sizeof(*matrix->link));
	matrix->second_cost = malloc(n * sizeof(*matrix->second_cost));
	matrix->second_link = malloc(n * sizeof(*matrix->second_link));
	matrix->relays = malloc(n * sizeof(*matrix->relays));
	matrix->half = malloc(n * ROUTE_SEARCH_HALVES * sizeof(*matrix->half));
	matrix->beside_cost = malloc(n * sizeof(*matrix->beside_cost));
	matrix->beside_link = malloc(n * sizeof(*matrix->beside_link));
	if (!matrix->cost || !matrix->link || !matrix->second_cost || !matrix->second_link || !matrix->relays ||
	    !matrix->half || !matrix->beside_cost || !matrix->beside_link)
		return -ENOMEM;
	matrix->capacity = (uint32_t)n;
	return 0;
}

int route_matrix_reset(struct route_matrix *matrix, uint16_t n, uint16_t self)
{
	if (n > matrix->capacity) {
		route_matrix_free(matrix);
		if (allocate(matrix, n)) {
			route_matrix_free(matrix);
			return -ENOMEM;
		}
	}
	matrix->n = n;
	matrix->self = self;
	matrix->all = true;
	for (uint16_t i = 0; i < n; i++) {
		route_matrix_begin_row(matrix, i);
		route_matrix_end_row(matrix, i);
		matrix->relays[i] = i != self;
	}
	return 0;
}

void route_matrix_free(struct route_matrix *matrix)
{
	free(matrix->cost);
	free(matrix->link);
	free(matrix->second_cost);
	free(matrix->second_link);
	free(matrix->relays);
	free(matrix->half);
	free(matrix->beside_cost);
	free(matrix->beside_link);
	*matrix = (struct route_matrix){0};
}

void route_matrix_begin_row(struct route_matrix *matrix, uint16_t from)
{
	matrix->all = matrix->all || from == matrix->self;
	matrix->row_cost = matrix->all ? matrix->cost + (size_t)from * matrix->n : matrix->beside_cost;
	matrix->row_link = matrix->all ? matrix->link + (size_t)from * matrix->n : matrix->beside_link;
	for (uint16_t i = 0; i < matrix->n; i++)
		matrix->row_cost[i] = INFINITY;
	memset(matrix->row_link, 0, matrix->n * sizeof(*matrix->row_link));
	if (from != matrix->self)
		return;
	memcpy(matrix->second_cost, matrix->row_cost, matrix->n * sizeof(*matrix->second_cost));
	memset(matrix->second_link, 0, matrix->n * sizeof(*matrix->second_link));
}

/* Notes where the row differs from what it was. One of our own makes all paths others. */
static void note_changes(struct route_matrix *matrix, uint16_t from)
{
	const float *cost = matrix->cost + (size_t)from * matrix->n;
	const uint32_t *link = matrix->link + (size_t)from * matrix->n;
	for (uint16_t to = 0; to < matrix->n && !matrix->all; to++) {
		if (cost[to] == matrix->row_cost[to] && link[to] == matrix->row_link[to])
			continue;
		if (matrix->n_changed == ROUTE_SEARCH_FEW)
			matrix->all = true;
		else
			matrix->changed[matrix->n_changed++] = (struct route_entry){from, to};
	}
}

void route_matrix_end_row(struct route_matrix *matrix, uint16_t from)
{
	size_t row = (size_t)from * matrix->n;
	if (matrix->row_cost != matrix->beside_cost)
		return;
	note_changes(matrix, from);
	memcpy(matrix->cost + row, matrix->row_cost, matrix->n * sizeof(*matrix->cost));
	memcpy(matrix->link + row, matrix->row_link, matrix->n * sizeof(*matrix->link));
}

void route_matrix_settled(struct route_matrix *matrix)
{
	matrix->all = false;
	matrix->n_changed = matrix->n_stirred = 0;
}
