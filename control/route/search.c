/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int route_matrix_reset(struct route_matrix *matrix, uint16_t n, uint16_t self)
{
	if (n > matrix->capacity) {
		route_matrix_free(matrix);
		size_t size = n;
		matrix->cost = malloc(size * size * sizeof(*matrix->cost));
		matrix->link = malloc(size * size * sizeof(*matrix->link));
		matrix->second_cost = malloc(size * sizeof(*matrix->second_cost));
		matrix->second_link = malloc(size * sizeof(*matrix->second_link));
		matrix->relays = malloc(size * sizeof(*matrix->relays));
		matrix->half = malloc(size * ROUTE_SEARCH_HALVES * sizeof(*matrix->half));
		if (!matrix->cost || !matrix->link || !matrix->second_cost || !matrix->second_link || !matrix->relays ||
		    !matrix->half) {
			route_matrix_free(matrix);
			return -ENOMEM;
		}
		matrix->capacity = n;
	}
	matrix->n = n;
	matrix->self = self;
	for (size_t i = 0; i < (size_t)n * n; i++) {
		matrix->cost[i] = INFINITY;
		matrix->link[i] = 0;
	}
	for (uint16_t i = 0; i < n; i++) {
		matrix->second_cost[i] = INFINITY;
		matrix->second_link[i] = 0;
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
	*matrix = (struct route_matrix){0};
}

void route_matrix_offer(struct route_matrix *matrix, uint16_t from, uint16_t to, uint32_t link, float cost)
{
	size_t at = (size_t)from * matrix->n + to;
	if (cost < matrix->cost[at]) {
		if (from == matrix->self) {
			matrix->second_cost[to] = matrix->cost[at];
			matrix->second_link[to] = matrix->link[at];
		}
		matrix->cost[at] = cost;
		matrix->link[at] = link;
	} else if (from == matrix->self && cost < matrix->second_cost[to]) {
		matrix->second_cost[to] = cost;
		matrix->second_link[to] = link;
	}
}

static void insert_half(struct route_half *half, float cost, uint16_t relay)
{
	unsigned at = ROUTE_SEARCH_HALVES - 1;
	for (; at > 0 && half[at - 1].cost > cost; at--)
		half[at] = half[at - 1];
	half[at] = (struct route_half){.cost = cost, .relay = relay};
}

static void find_halves(struct route_matrix *matrix)
{
	uint16_t n = matrix->n, self = matrix->self;
	const float *first = matrix->cost + (size_t)self * n;
	for (size_t i = 0; i < (size_t)n * ROUTE_SEARCH_HALVES; i++)
		matrix->half[i] = (struct route_half){.cost = INFINITY, .relay = ROUTE_NO_POP};
	for (uint16_t i = 0; i < n; i++) {
		if (!matrix->relays[i] || isinf(first[i]))
			continue;
		const float *row = matrix->cost + (size_t)i * n;
		float so_far = first[i] + matrix->relay_penalty;
		struct route_half *half = matrix->half;
		for (uint16_t k = 0; k < n; k++, half += ROUTE_SEARCH_HALVES) {
			float cost = so_far + row[k];
			if (cost < half[ROUTE_SEARCH_HALVES - 1].cost && k != self)
				insert_half(half, cost, i);
		}
	}
}

static bool avoided(const struct route_disjoint *avoid, uint16_t relay)
{
	for (unsigned i = 0; i < avoid->n; i++)
		if (avoid->relay[i] == relay)
			return true;
	return false;
}

/* The cheapest half to k whose relay is neither `to` nor avoided; cost INFINITY if there is none. */
static struct route_half pick_half(
    const struct route_matrix *matrix, uint16_t k, uint16_t to, const struct route_disjoint *avoid)
{
	const struct route_half *half = matrix->half + (size_t)k * ROUTE_SEARCH_HALVES;
	for (unsigned i = 0; i < ROUTE_SEARCH_HALVES; i++)
		if (half[i].relay != to && !avoided(avoid, half[i].relay))
			return half[i];
	return (struct route_half){.cost = INFINITY};
}

static void find_direct(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found)
{
	size_t row = (size_t)matrix->self * matrix->n;
	for (uint16_t to = 0; to < matrix->n; to++) {
		bool second = avoid[to].direct && avoid[to].direct_link == matrix->link[row + to];
		found[to] = (struct route_found){
		    .cost = second ? matrix->second_cost[to] : matrix->cost[row + to], .second = second};
		if (to == matrix->self)
			found[to].cost = INFINITY;
	}
}

/* Paths whose last relay is k, to all destinations. */
static void find_through(
    const struct route_matrix *matrix, uint16_t k, const struct route_disjoint *avoid, struct route_found *found)
{
	uint16_t n = matrix->n, self = matrix->self;
	const float *row = matrix->cost + (size_t)k * n;
	float one = matrix->cost[(size_t)self * n + k] + matrix->relay_penalty;
	float two = matrix->half[(size_t)k * ROUTE_SEARCH_HALVES].cost + matrix->relay_penalty;
	if (matrix->max_relays < 2)
		two = INFINITY;
	float least = one < two ? one : two;
	for (uint16_t to = 0; to < n; to++) {
		/* Most destinations end here: not even the best half would do. */
		if (!(least + row[to] < found[to].cost) || to == k || to == self || avoided(&avoid[to], k))
			continue;
		if (one + row[to] < found[to].cost)
			found[to] = (struct route_found){.cost = one + row[to], .n_relays = 1, .relay = {k}};
		if (!(two + row[to] < found[to].cost))
			continue;
		struct route_half half = pick_half(matrix, k, to, &avoid[to]);
		float cost = half.cost + matrix->relay_penalty + row[to];
		if (cost < found[to].cost)
			found[to] = (struct route_found){.cost = cost, .n_relays = 2, .relay = {half.relay, k}};
	}
}

void route_search_disjoint(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found)
{
	find_direct(matrix, avoid, found);
	if (!matrix->max_relays)
		return;
	for (uint16_t k = 0; k < matrix->n; k++)
		if (matrix->relays[k])
			find_through(matrix, k, avoid, found);
}

void route_search_best(struct route_matrix *matrix, struct route_found *found)
{
	static const struct route_disjoint nothing[ROUTE_MAX_POPS];
	find_halves(matrix);
	route_search_disjoint(matrix, nothing, found);
}
