/* SPDX-License-Identifier: BSD-2-Clause */
/* The search by rows against naive enumeration, on random matrices: sparse and full, with clocks that are wrong. */
#include "control/route/search.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 12

static struct route_matrix matrix;

static float at(uint16_t from, uint16_t to)
{
	return matrix.cost[from * N + to];
}

static bool usable(uint16_t relay, uint16_t to, const struct route_disjoint *avoid)
{
	for (unsigned i = 0; i < avoid->n; i++)
		if (avoid->relay[i] == relay)
			return false;
	return relay != to && matrix.relays[relay];
}

static float naive(uint16_t to, const struct route_disjoint *avoid)
{
	float best = avoid->direct ? matrix.second_cost[to] : at(matrix.self, to);
	for (uint16_t i = 0; i < N && matrix.max_relays >= 1; i++) {
		if (!usable(i, to, avoid))
			continue;
		best = fminf(best, at(matrix.self, i) + matrix.relay_penalty + at(i, to));
		for (uint16_t k = 0; k < N && matrix.max_relays >= 2; k++)
			if (k != i && usable(k, to, avoid))
				best =
				    fminf(best, at(matrix.self, i) + at(i, k) + at(k, to) + 2 * matrix.relay_penalty);
	}
	return best;
}

static void random_matrix(void)
{
	float clock[N];
	cr_assert(route_matrix_reset(&matrix, N, (uint16_t)(rand() % N)) == 0);
	matrix.relay_penalty = (float)(rand() % 3);
	matrix.max_relays = (uint8_t)(rand() % 3);
	int density = 1 + rand() % 10;
	uint32_t link = 1;
	for (uint16_t i = 0; i < N; i++) {
		clock[i] = (float)(rand() % 1000 - 500);
		matrix.relays[i] = i != matrix.self && rand() % 8;
	}
	for (uint16_t i = 0; i < N; i++) {
		route_matrix_begin_row(&matrix, i);
		for (uint16_t j = 0; j < N; j++)
			for (int parallel = 0; parallel < 2 && i != j; parallel++)
				if (rand() % 10 < density)
					route_matrix_offer(
					    &matrix, i, j, link++, (float)(1 + rand() % 300) + clock[j] - clock[i]);
		route_matrix_end_row(&matrix, i);
	}
}

/* The sum along what was found, and that it obeys what was asked. */
static float walk(uint16_t to, const struct route_found *found, const struct route_disjoint *avoid)
{
	float sum = 0;
	uint16_t from = matrix.self;
	cr_assert(found->n_relays <= matrix.max_relays);
	for (unsigned i = 0; i < found->n_relays; i++) {
		cr_assert(usable(found->relay[i], to, avoid) && found->relay[i] != matrix.self);
		cr_assert(i == 0 || found->relay[i] != found->relay[0]);
		sum += at(from, found->relay[i]) + matrix.relay_penalty;
		from = found->relay[i];
	}
	return sum + (found->second ? matrix.second_cost[to] : at(from, to));
}

Test(search, finds_the_cheapest_path_and_the_cheapest_disjoint_backup_on_random_graphs)
{
	srand(3);
	for (int round = 0; round < 20000; round++) {
		struct route_found best[N], backup[N];
		struct route_disjoint avoid[N] = {0};
		static const struct route_disjoint nothing;
		random_matrix();
		route_search_halves(&matrix);
		route_search_anew(&matrix, NULL, best);
		for (uint16_t to = 0; to < N; to++) {
			if (to == matrix.self)
				continue;
			float expected = naive(to, &nothing);
			cr_assert(isinf(expected) ? isinf(best[to].cost) : fabsf(best[to].cost - expected) < 0.01f,
			    "round %d, to %u: %f, not %f", round, to, (double)best[to].cost, (double)expected);
			if (isinf(expected))
				continue;
			cr_assert(fabsf(walk(to, &best[to], &nothing) - expected) < 0.01f);
			avoid[to].direct = !best[to].n_relays;
			avoid[to].direct_link = matrix.link[matrix.self * N + to];
			memcpy(avoid[to].relay, best[to].relay, sizeof(best[to].relay));
			avoid[to].n = best[to].n_relays;
			if (rand() % 4 == 0) /* a pin may be longer */
				avoid[to].relay[avoid[to].n++] = (uint16_t)(rand() % N);
		}
		route_search_anew(&matrix, avoid, backup);
		for (uint16_t to = 0; to < N; to++) {
			if (to == matrix.self || isinf(best[to].cost))
				continue;
			float expected = naive(to, &avoid[to]);
			cr_assert(isinf(expected) ? isinf(backup[to].cost) : fabsf(backup[to].cost - expected) < 0.01f);
			if (!isinf(expected))
				cr_assert(fabsf(walk(to, &backup[to], &avoid[to]) - expected) < 0.01f);
		}
	}
	route_matrix_free(&matrix);
}

/* Writes a row as it is, but for a few of its links. */
static void change_row(uint16_t from)
{
	float cost[N];
	uint32_t link[N];
	memcpy(cost, matrix.cost + from * N, sizeof(cost));
	memcpy(link, matrix.link + from * N, sizeof(link));
	for (int i = rand() % 3; i >= 0; i--) {
		int to = rand() % N;
		cost[to] = rand() % 4 ? (float)(rand() % 3000) / 10 : INFINITY;
		link[to] = isinf(cost[to]) ? 0 : 1;
	}
	route_matrix_begin_row(&matrix, from);
	for (uint16_t to = 0; to < N; to++)
		if (to != from && link[to])
			route_matrix_offer(&matrix, from, to, link[to], cost[to]);
	route_matrix_end_row(&matrix, from);
}

Test(search, keeps_what_it_has_found_up_to_date)
{
	static struct route_found kept[N], kept_backup[N], fresh[N];
	struct route_disjoint avoid[N] = {0};
	bool moved[N] = {0};
	unsigned updates = 0;
	srand(6);
	for (int round = 0; round < 20000; round++) {
		if (round % 50 == 0)
			random_matrix();
		for (int i = rand() % 3; i >= 0 && round % 50; i--)
			change_row((uint16_t)(rand() % N));
		updates += !matrix.all;
		route_search_halves(&matrix);
		route_search(&matrix, NULL, kept, moved);
		memset(moved, 0, sizeof(moved));
		if (rand() % 4 == 0) { /* another primary */
			uint16_t to = (uint16_t)(rand() % N);
			avoid[to] = (struct route_disjoint){.n = 1, .relay = {(uint16_t)(rand() % N)}};
			moved[to] = true;
		}
		route_search(&matrix, avoid, kept_backup, moved);
		route_matrix_settled(&matrix);
		route_search_anew(&matrix, NULL, fresh);
		for (uint16_t to = 0; to < N; to++)
			cr_assert(kept[to].cost == fresh[to].cost || fabsf(kept[to].cost - fresh[to].cost) < 0.001f,
			    "round %d to %u: %f, not %f", round, to, (double)kept[to].cost, (double)fresh[to].cost);
		route_search_anew(&matrix, avoid, fresh);
		for (uint16_t to = 0; to < N; to++)
			cr_assert(kept_backup[to].cost == fresh[to].cost ||
			              fabsf(kept_backup[to].cost - fresh[to].cost) < 0.001f,
			    "round %d, backup to %u", round, to);
	}
	cr_assert(updates > 5000, "only %u", updates);
	route_matrix_free(&matrix);
}
