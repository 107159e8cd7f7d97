/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/cost.h"
#include "control/route/state.h"

/* Clocks that moved by less are not worth pricing everything anew: they cancel anyway, and a float has room. */
#define CLOCK_SLACK_NS    100e6
/* A chance of a report, and what is left after it, move what is forecast by so much of it without pricing anew. */
#define ARRIVAL_SLACK     0.001f
#define PERSISTENCE_SLACK 0.001f
#define EXPOSURE_SLACK_MS 0.1f

static bool is_calm(const struct route_engine *engine, const struct route_link *link)
{
	return !route_link_stale(&engine->graph, link, engine->now_ns) && !route_link_damped(link, engine->now_ns);
}

static int grow_row(struct route_row *row, uint32_t n)
{
	if (n <= row->capacity)
		return 0;
	void *larger = realloc(row->link, n * sizeof(row->link[0]));
	if (!larger)
		return -ENOMEM;
	row->link = larger;
	row->capacity = n;
	return 0;
}

/* Reads the links of a row once, for all classes. */
static int gather_row(struct route_engine *engine, uint16_t from)
{
	const struct route_graph *graph = &engine->graph;
	const struct route_pop *pop = &graph->pop[from];
	struct route_row *row = &engine->priced.row;
	float arrival = route_pop_arrival(pop);
	static const struct route_class plain; /* no penalty: the delay and the drift alone */
	int error = grow_row(row, pop->n_out);
	if (error)
		return error;
	row->from = from;
	row->n = 0;
	for (uint32_t i = 0; i < pop->n_out; i++) {
		const struct route_link *link = &graph->link[pop->out[i]];
		float term[ROUTE_TERMS];
		if (!route_link_usable(link))
			continue;
		double clock_ns = engine->priced.clock[link->to] - engine->priced.clock[from];
		route_link_price(graph, &plain, link, clock_ns, arrival, term);
		row->link[row->n].factors = (struct route_factors){
		    .delay = term[ROUTE_TERM_DELAY] + term[ROUTE_TERM_DRIFT],
		    .loss = route_loss_term(link->estimate.loss, 1),
		    .jitter = (float)link->estimate.jitter_ns * 1e-6f,
		    .money = link->money,
		    .load = route_load_term(link->estimate.load, 1),
		};
		row->link[row->n].id = pop->out[i];
		row->link[row->n].to = link->to;
		row->link[row->n++].calm = is_calm(engine, link);
	}
	return 0;
}

/* The gathered row, into the calm matrix or that of all. */
static void price_row(const struct route_engine *engine, const struct route_view *view, struct route_matrix *matrix)
{
	const struct route_row *row = &engine->priced.row;
	bool calm_only = matrix == &view->calm;
	route_matrix_begin_row(matrix, row->from);
	for (uint32_t i = 0; i < row->n; i++) {
		uint32_t id = row->link[i].id;
		if ((calm_only && !row->link[i].calm) ||
		    (view->rule && route_rule_avoids_link(view->rule, &engine->graph.link[id])))
			continue;
		float cost =
		    route_factors_sum(view->class, &row->link[i].factors) -
		    route_rule_bonus_ms(&engine->graph, view->rule, &engine->graph.link[id], row->from != engine->self);
		route_matrix_offer(matrix, row->from, row->link[i].to, id, cost);
	}
	route_matrix_end_row(matrix, row->from);
}

static void set_relays(const struct route_engine *engine, const struct route_view *view, struct route_matrix *matrix)
{
	float penalty = view->class->relay_penalty_ms + engine->priced.exposure_ms;
	bool other = matrix->relay_penalty != penalty || matrix->max_relays != view->class->max_relays;
	matrix->relay_penalty = penalty;
	matrix->max_relays = view->class->max_relays;
	for (uint16_t i = 0; i < engine->graph.n; i++) {
		bool relays = engine->priced.relays[i] && !route_rule_avoids_pop(&engine->graph, view->rule, i);
		other = other || relays != matrix->relays[i];
		matrix->relays[i] = relays;
	}
	matrix->all = matrix->all || other;
}

static int fill(struct route_engine *engine, struct route_view *view, struct route_matrix *matrix)
{
	int error = route_matrix_reset(matrix, engine->graph.n, engine->self);
	if (error)
		return error;
	set_relays(engine, view, matrix);
	for (uint16_t from = 0; from < engine->graph.n && !error; from++) {
		error = gather_row(engine, from);
		if (!error)
			price_row(engine, view, matrix);
	}
	return error;
}

struct limit {
	const struct route_graph *graph;
	const struct route_rule *rule;
};

static bool is_within(const void *arg, const uint32_t *link, uint8_t n)
{
	const struct limit *limit = arg;
	struct route_path path;
	route_path_of_links(limit->graph, link, n, &path);
	return !route_path_is_beyond(limit->graph, limit->rule, &path);
}

void route_view_search(const struct route_engine *engine, const struct route_view *view,
    const struct route_matrix *matrix, const struct route_disjoint *avoid, struct route_found *found)
{
	struct limit limit = {&engine->graph, view->rule};
	if (view->rule && view->rule->limits)
		route_search_within(matrix, avoid, is_within, &limit, found);
	else
		route_search_anew(matrix, avoid, found);
}

int route_view_open(struct route_engine *engine, struct route_view *view, const struct route_class *class,
    const struct route_rule *rule)
{
	view->class = class;
	view->rule = rule;
	view->has_any = false;
	int error = fill(engine, view, &view->calm);
	if (error)
		return error;
	route_search_halves(&view->calm);
	route_view_search(engine, view, &view->calm, NULL, view->calm_best);
	return 0;
}

int route_view_need_any(struct route_engine *engine, struct route_view *view)
{
	uint32_t restless = 0;
	for (uint16_t i = 0; i < engine->graph.n; i++)
		restless += engine->priced.restless[i];
	if (view->has_any)
		return 0;
	view->any = restless ? &view->restless : &view->calm;
	view->any_best = restless ? view->restless_best : view->calm_best;
	int error = restless ? fill(engine, view, &view->restless) : 0;
	if (restless && !error) {
		route_search_halves(&view->restless);
		route_view_search(engine, view, &view->restless, NULL, view->restless_best);
	}
	view->has_any = !error;
	return error;
}

void route_view_free(struct route_view *view)
{
	route_matrix_free(&view->calm);
	route_matrix_free(&view->restless);
}

void route_priced_free(struct route_priced *priced)
{
	free(priced->row.link);
}

/* ---- what has changed ---- */

static bool clocks_moved(const struct route_engine *engine)
{
	for (uint16_t i = 0; i < engine->graph.n; i++)
		if (fabs(engine->clock[i] - engine->priced.clock[i]) > CLOCK_SLACK_NS)
			return true;
	return false;
}

/* How many links of the gathered row are restless, and until when all this holds. */
static void inspect_row(struct route_engine *engine)
{
	const struct route_graph *graph = &engine->graph;
	const struct route_row *row = &engine->priced.row;
	uint32_t restless = 0;
	uint64_t until = UINT64_MAX, oldest = UINT64_MAX;
	for (uint32_t i = 0; i < row->n; i++) {
		const struct route_link *link = &graph->link[row->link[i].id];
		restless += !row->link[i].calm;
		if (route_link_damped(link, engine->now_ns)) {
			uint64_t reuse = route_flap_reuse_ns(&link->flap, engine->now_ns);
			until = reuse < until ? reuse : until;
		}
		if (row->link[i].calm && link->estimate.at_ns < oldest)
			oldest = link->estimate.at_ns;
	}
	if (oldest != UINT64_MAX && graph->stale_ns < UINT64_MAX / 2 && oldest + graph->stale_ns + 1 < until)
		until = oldest + graph->stale_ns + 1;
	engine->priced.restless[row->from] = restless;
	engine->priced.until_ns[row->from] = until;
	engine->priced.arrival[row->from] = route_pop_arrival(&graph->pop[row->from]);
}

static bool row_changed(const struct route_engine *engine, uint16_t i)
{
	const struct route_pop *pop = &engine->graph.pop[i];
	return pop->changed || engine->now_ns >= engine->priced.until_ns[i] ||
	       fabsf(route_pop_arrival(pop) - engine->priced.arrival[i]) > ARRIVAL_SLACK;
}

/* Whether anything about who may relay has changed. */
static bool update_relays(struct route_engine *engine)
{
	bool changed = false;
	for (uint16_t i = 0; i < engine->graph.n; i++) {
		const struct route_pop *pop = &engine->graph.pop[i];
		bool relays = i != engine->self && pop->used && !pop->drained;
		changed = changed || relays != engine->priced.relays[i];
		engine->priced.relays[i] = relays;
	}
	return changed;
}

/* One row of the common views. */
static int update_row(struct route_engine *engine, uint16_t from)
{
	int error = gather_row(engine, from);
	if (error)
		return error;
	inspect_row(engine);
	for (uint32_t c = 0; c < engine->policy.n_classes; c++)
		price_row(engine, &engine->common[c], &engine->common[c].calm);
	engine->graph.pop[from].changed = false;
	engine->priced.anew[from] = true;
	return 0;
}

/* The best paths of all classes. */
static void search(struct route_engine *engine)
{
	for (uint32_t c = 0; c < engine->policy.n_classes; c++) {
		struct route_view *view = &engine->common[c];
		view->has_any = false;
		set_relays(engine, view, &view->calm);
		route_search_halves(&view->calm);
		memset(view->best_moved, 0, sizeof(view->best_moved));
		route_search(&view->calm, NULL, view->calm_best, view->best_moved);
	}
}

int route_view_update(struct route_engine *engine, uint64_t *ret_next_ns)
{
	struct route_priced *priced = &engine->priced;
	uint16_t n = engine->graph.n;
	bool all = priced->all || priced->n != n || clocks_moved(engine);
	bool rows = all || fabsf(engine->graph.persistence - priced->persistence) > PERSISTENCE_SLACK;
	bool exposed = fabsf(engine->graph.exposure_ms - priced->exposure_ms) > EXPOSURE_SLACK_MS;
	bool relays = update_relays(engine);
	int error = 0;
	priced->everything = rows || exposed || relays;
	priced->all = true; /* until it is done */
	priced->n = n;
	memset(priced->anew, 0, sizeof(priced->anew));
	for (uint32_t c = 0; c < engine->policy.n_classes && all && !error; c++) {
		engine->common[c].class = &engine->policy.class[c];
		error = route_matrix_reset(&engine->common[c].calm, n, engine->self);
	}
	if (all)
		memcpy(priced->clock, engine->clock, sizeof(priced->clock));
	if (rows)
		priced->persistence = engine->graph.persistence;
	if (priced->everything)
		priced->exposure_ms = engine->graph.exposure_ms;
	for (uint16_t i = 0; i < n && !error; i++) {
		error = rows || row_changed(engine, i) ? update_row(engine, i) : 0;
		*ret_next_ns = priced->until_ns[i] < *ret_next_ns ? priced->until_ns[i] : *ret_next_ns;
	}
	if (!error)
		search(engine);
	priced->all = error != 0;
	return error;
}

void route_view_settled(struct route_engine *engine)
{
	for (uint32_t c = 0; c < engine->policy.n_classes; c++)
		route_matrix_settled(&engine->common[c].calm);
}
