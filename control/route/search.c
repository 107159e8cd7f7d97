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
	for (uint16_t i = 0; i < n; i++) {
		route_matrix_clear_row(matrix, i);
		matrix->relays[i] = i != self;
	}
	return 0;
}

void route_matrix_clear_row(struct route_matrix *matrix, uint16_t from)
{
	size_t row = (size_t)from * matrix->n;
	for (uint16_t i = 0; i < matrix->n; i++) {
		matrix->cost[row + i] = INFINITY;
		matrix->link[row + i] = 0;
	}
	for (uint16_t i = 0; i < matrix->n && from == matrix->self; i++) {
		matrix->second_cost[i] = INFINITY;
		matrix->second_link[i] = 0;
	}
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

static void insert_half(struct route_half *half, float cost, uint16_t relay)
{
	unsigned at = ROUTE_SEARCH_HALVES - 1;
	for (; at > 0 && half[at - 1].cost > cost; at--)
		half[at] = half[at - 1];
	half[at] = (struct route_half){.cost = cost, .relay = relay};
}

/* Rows are looked at in blocks: hardly any number in one is good enough to be looked at by itself, and that is told of a
 * whole block at once. */
#define BLOCK 32u

/* Whether so_far + row[i] is below bound[i] for any i in the block that begins at `first`; n is the rows' length. */
static bool any_below(const float *row, const float *bound, float so_far, unsigned first, unsigned n)
{
	unsigned below = 0;
	if (first + BLOCK <= n)
		for (unsigned i = first; i < first + BLOCK; i++)
			below |= so_far + row[i] < bound[i];
	else
		for (unsigned i = first; i < n; i++)
			below |= so_far + row[i] < bound[i];
	return below;
}

static unsigned end_of_block(unsigned first, unsigned n)
{
	return first + BLOCK < n ? first + BLOCK : n;
}

static void find_halves(struct route_matrix *matrix)
{
	uint16_t n = matrix->n, self = matrix->self;
	const float *first = matrix->cost + (size_t)self * n;
	for (size_t i = 0; i < (size_t)n * ROUTE_SEARCH_HALVES; i++)
		matrix->half[i] = (struct route_half){.cost = INFINITY, .relay = ROUTE_NO_POP};
	float worst[ROUTE_MAX_POPS]; /* of the halves that are kept */
	for (uint16_t k = 0; k < n; k++)
		worst[k] = k == self ? -INFINITY : INFINITY;
	for (uint16_t i = 0; i < n; i++) {
		if (!matrix->relays[i] || isinf(first[i]))
			continue;
		const float *row = matrix->cost + (size_t)i * n;
		float so_far = first[i] + matrix->relay_penalty;
		for (unsigned block = 0; block < n; block += BLOCK) {
			if (!any_below(row, worst, so_far, block, n))
				continue;
			for (unsigned k = block; k < end_of_block(block, n); k++) {
				struct route_half *half = matrix->half + (size_t)k * ROUTE_SEARCH_HALVES;
				if (!(so_far + row[k] < worst[k]))
					continue;
				insert_half(half, so_far + row[k], i);
				worst[k] = half[ROUTE_SEARCH_HALVES - 1].cost;
			}
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

/* The paths to `to` whose last relay is k: by k alone for `one`, or behind the best half that may be used. */
static void offer_through(const struct route_matrix *matrix, uint16_t k, uint16_t to, float one, float two,
    const struct route_disjoint *avoid, struct route_found *found)
{
	float last = matrix->cost[(size_t)k * matrix->n + to];
	if (to == k || to == matrix->self || avoided(avoid, k))
		return;
	if (one + last < found->cost)
		*found = (struct route_found){.cost = one + last, .n_relays = 1, .relay = {k}};
	if (!(two + last < found->cost)) /* not even the best half would do */
		return;
	struct route_half half = pick_half(matrix, k, to, avoid);
	float cost = half.cost + matrix->relay_penalty + last;
	if (cost < found->cost)
		*found = (struct route_found){.cost = cost, .n_relays = 2, .relay = {half.relay, k}};
}

/* Paths whose last relay is k, to all destinations; bound[] is found[]'s costs. */
static void find_through(const struct route_matrix *matrix, uint16_t k, const struct route_disjoint *avoid,
    struct route_found *found, float *bound)
{
	uint16_t n = matrix->n;
	const float *row = matrix->cost + (size_t)k * n;
	float one = matrix->cost[(size_t)matrix->self * n + k] + matrix->relay_penalty;
	float two = matrix->half[(size_t)k * ROUTE_SEARCH_HALVES].cost + matrix->relay_penalty;
	if (matrix->max_relays < 2)
		two = INFINITY;
	float least = one < two ? one : two;
	if (isinf(least))
		return;
	for (unsigned block = 0; block < n; block += BLOCK) {
		if (!any_below(row, bound, least, block, n))
			continue;
		for (unsigned to = block; to < end_of_block(block, n); to++) {
			if (!(least + row[to] < bound[to]))
				continue;
			offer_through(matrix, k, (uint16_t)to, one, two, &avoid[to], &found[to]);
			bound[to] = found[to].cost;
		}
	}
}

void route_search_disjoint(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found)
{
	float bound[ROUTE_MAX_POPS];
	find_direct(matrix, avoid, found);
	for (uint16_t to = 0; to < matrix->n; to++)
		bound[to] = to == matrix->self ? -INFINITY : found[to].cost;
	if (!matrix->max_relays)
		return;
	for (uint16_t k = 0; k < matrix->n; k++)
		if (matrix->relays[k])
			find_through(matrix, k, avoid, found, bound);
}

void route_search_best(struct route_matrix *matrix, struct route_found *found)
{
	static const struct route_disjoint nothing[ROUTE_MAX_POPS];
	find_halves(matrix);
	route_search_disjoint(matrix, nothing, found);
}
