/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/search.h"

#include <math.h>
#include <string.h>

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

/* ---- halves ---- */

static void find_all_halves(struct route_matrix *matrix)
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

static void find_halves_to(struct route_matrix *matrix, uint16_t k)
{
	uint16_t n = matrix->n;
	const float *first = matrix->cost + (size_t)matrix->self * n;
	struct route_half *half = matrix->half + (size_t)k * ROUTE_SEARCH_HALVES;
	for (unsigned i = 0; i < ROUTE_SEARCH_HALVES; i++)
		half[i] = (struct route_half){.cost = INFINITY, .relay = ROUTE_NO_POP};
	for (uint16_t i = 0; i < n; i++) {
		float cost = first[i] + matrix->relay_penalty + matrix->cost[(size_t)i * n + k];
		if (matrix->relays[i] && cost < half[ROUTE_SEARCH_HALVES - 1].cost)
			insert_half(half, cost, i);
	}
}

/* The link from `relay` to k is another. A half that was kept and has become worse makes room for one that nobody
 * remembers. */
static void renew_halves(struct route_matrix *matrix, uint16_t relay, uint16_t k)
{
	struct route_half *half = matrix->half + (size_t)k * ROUTE_SEARCH_HALVES;
	size_t n = matrix->n;
	float cost = INFINITY;
	bool kept = false;
	if (k == matrix->self)
		return;
	if (matrix->relays[relay])
		cost = matrix->cost[matrix->self * n + relay] + matrix->relay_penalty + matrix->cost[relay * n + k];
	for (unsigned i = 0; i < ROUTE_SEARCH_HALVES; i++)
		kept = kept || half[i].relay == relay;
	if (!kept && !(cost < half[ROUTE_SEARCH_HALVES - 1].cost))
		return;
	if (kept)
		find_halves_to(matrix, k);
	else
		insert_half(half, cost, relay);
	for (unsigned i = 0; i < matrix->n_stirred; i++)
		if (matrix->stirred[i] == k)
			return;
	matrix->stirred[matrix->n_stirred++] = k; /* one for each entry at most */
}

void route_search_halves(struct route_matrix *matrix)
{
	matrix->n_stirred = 0;
	if (matrix->all)
		find_all_halves(matrix);
	for (unsigned i = 0; i < matrix->n_changed && !matrix->all; i++)
		renew_halves(matrix, matrix->changed[i].from, matrix->changed[i].to);
}

/* ---- paths ---- */

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

static struct route_found find_direct(
    const struct route_matrix *matrix, uint16_t to, const struct route_disjoint *avoid)
{
	size_t at = (size_t)matrix->self * matrix->n + to;
	bool second = avoid->direct && avoid->direct_link == matrix->link[at];
	float cost = second ? matrix->second_cost[to] : matrix->cost[at];
	return (struct route_found){.cost = to == matrix->self ? INFINITY : cost, .second = second};
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

/* What it costs to have come through k, one relay or at least two. */
static void costs_through(const struct route_matrix *matrix, uint16_t k, float *ret_one, float *ret_two)
{
	*ret_one = matrix->cost[(size_t)matrix->self * matrix->n + k] + matrix->relay_penalty;
	*ret_two = matrix->max_relays < 2 ? INFINITY
	                                  : matrix->half[(size_t)k * ROUTE_SEARCH_HALVES].cost + matrix->relay_penalty;
}

static bool may_relay(const struct route_matrix *matrix, uint16_t k)
{
	return matrix->max_relays && matrix->relays[k];
}

/* Paths whose last relay is k, to all destinations; bound[] is found[]'s costs. */
static void find_through(const struct route_matrix *matrix, uint16_t k, const struct route_disjoint *avoid,
    struct route_found *found, float *bound)
{
	uint16_t n = matrix->n;
	const float *row = matrix->cost + (size_t)k * n;
	float one, two;
	costs_through(matrix, k, &one, &two);
	float least = one < two ? one : two;
	if (isinf(least) || !may_relay(matrix, k))
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

static const struct route_disjoint nothing[ROUTE_MAX_POPS]; /* to avoid */

void route_search_anew(const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found)
{
	float bound[ROUTE_MAX_POPS];
	avoid = avoid ? avoid : nothing;
	for (uint16_t to = 0; to < matrix->n; to++) {
		found[to] = find_direct(matrix, to, &avoid[to]);
		bound[to] = to == matrix->self ? -INFINITY : found[to].cost;
	}
	for (uint16_t k = 0; k < matrix->n; k++)
		find_through(matrix, k, avoid, found, bound);
}

/* ---- paths within limits ---- */

struct within {
	const struct route_matrix *matrix;
	route_search_allows *allows;
	const void *arg;
	uint16_t to;
	const struct route_disjoint *avoid;
	struct route_found *found;
};

static void try_direct(const struct within *w)
{
	const struct route_matrix *matrix = w->matrix;
	size_t at = (size_t)matrix->self * matrix->n + w->to;
	const float cost[] = {matrix->cost[at], matrix->second_cost[w->to]};
	const uint32_t link[] = {matrix->link[at], matrix->second_link[w->to]};
	for (unsigned i = 0; i < 2 && isinf(w->found->cost); i++)
		if (!isinf(cost[i]) && !(w->avoid->direct && w->avoid->direct_link == link[i]) &&
		    w->allows(w->arg, &link[i], 1))
			*w->found = (struct route_found){.cost = cost[i], .second = i == 1};
}

/* The relays in order of travel; `cost` is the path's. */
static void try_relays(const struct within *w, const uint16_t *relay, uint8_t n, float cost)
{
	const struct route_matrix *matrix = w->matrix;
	uint32_t link[ROUTE_MAX_LINKS];
	uint16_t at = matrix->self;
	if (!(cost < w->found->cost))
		return;
	for (unsigned i = 0; i < n; at = relay[i++]) {
		if (relay[i] == w->to || !may_relay(matrix, relay[i]) || avoided(w->avoid, relay[i]))
			return;
		link[i] = matrix->link[(size_t)at * matrix->n + relay[i]];
	}
	link[n] = matrix->link[(size_t)at * matrix->n + w->to];
	if (!w->allows(w->arg, link, (uint8_t)(n + 1)))
		return;
	*w->found = (struct route_found){.cost = cost, .n_relays = n};
	memcpy(w->found->relay, relay, n * sizeof(*relay));
}

static void try_through(const struct within *w, uint16_t k)
{
	const struct route_matrix *matrix = w->matrix;
	size_t n = matrix->n;
	float one, two, last = matrix->cost[k * n + w->to];
	costs_through(matrix, k, &one, &two);
	try_relays(w, &k, 1, one + last);
	for (uint16_t i = 0; i < n && two + last < w->found->cost; i++)
		if (i != k)
			try_relays(w, (uint16_t[]){i, k}, 2,
			    matrix->cost[matrix->self * n + i] + matrix->cost[i * n + k] + 2 * matrix->relay_penalty +
			        last);
}

void route_search_within(const struct route_matrix *matrix, const struct route_disjoint *avoid,
    route_search_allows *allows, const void *arg, struct route_found *found)
{
	avoid = avoid ? avoid : nothing;
	for (uint16_t to = 0; to < matrix->n; to++) {
		struct within w = {matrix, allows, arg, to, &avoid[to], &found[to]};
		found[to] = (struct route_found){.cost = INFINITY};
		if (to == matrix->self)
			continue;
		try_direct(&w);
		for (uint16_t k = 0; k < matrix->n; k++)
			if (may_relay(matrix, k))
				try_through(&w, k);
	}
}

/* ---- paths that are kept ---- */

static void find_one(
    const struct route_matrix *matrix, uint16_t to, const struct route_disjoint *avoid, struct route_found *found)
{
	*found = find_direct(matrix, to, avoid);
	for (uint16_t k = 0; k < matrix->n; k++) {
		float one, two;
		if (!may_relay(matrix, k))
			continue;
		costs_through(matrix, k, &one, &two);
		offer_through(matrix, k, to, one, two, avoid, found);
	}
}

/* Whether k is the last relay. */
static bool ends_through(const struct route_found *found, uint16_t k)
{
	return found->n_relays && found->relay[found->n_relays - 1] == k;
}

/* again[]: destinations whose path led over something that has changed. */
static void note_again(const struct route_matrix *matrix, const struct route_found *found, bool *again)
{
	for (unsigned i = 0; i < matrix->n_changed; i++)
		if (ends_through(&found[matrix->changed[i].to], matrix->changed[i].from))
			again[matrix->changed[i].to] = true;
	for (unsigned i = 0; i < matrix->n_stirred; i++)
		for (uint16_t to = 0; to < matrix->n; to++)
			if (found[to].n_relays == 2 && found[to].relay[1] == matrix->stirred[i])
				again[to] = true;
}

static void search_few(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found, bool *again)
{
	float bound[ROUTE_MAX_POPS], one, two;
	again[matrix->self] = false;
	note_again(matrix, found, again);
	for (uint16_t to = 0; to < matrix->n; to++) {
		if (again[to])
			find_one(matrix, to, &avoid[to], &found[to]);
		bound[to] = again[to] || to == matrix->self ? -INFINITY : found[to].cost;
	}
	for (unsigned i = 0; i < matrix->n_changed; i++) {
		uint16_t from = matrix->changed[i].from, to = matrix->changed[i].to;
		if (again[to] || to == matrix->self || !may_relay(matrix, from))
			continue;
		costs_through(matrix, from, &one, &two);
		offer_through(matrix, from, to, one, two, &avoid[to], &found[to]);
		bound[to] = found[to].cost;
	}
	for (unsigned i = 0; i < matrix->n_stirred; i++)
		find_through(matrix, matrix->stirred[i], avoid, found, bound);
}

static bool same_found(const struct route_found *a, const struct route_found *b)
{
	return a->cost == b->cost && a->n_relays == b->n_relays && a->second == b->second &&
	       !memcmp(a->relay, b->relay, a->n_relays * sizeof(a->relay[0]));
}

void route_search(
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found, bool *moved)
{
	struct route_found was[ROUTE_MAX_POPS];
	memcpy(was, found, matrix->n * sizeof(*was));
	if (matrix->all)
		route_search_anew(matrix, avoid, found);
	else
		search_few(matrix, avoid ? avoid : nothing, found, moved);
	for (uint16_t to = 0; to < matrix->n; to++)
		moved[to] = matrix->all || !same_found(&was[to], &found[to]);
}
