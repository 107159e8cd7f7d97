/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine is told and asked; what it decides is in decide.c. */
#include "control/route/engine.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/policy.h"
#include "control/route/state.h"

#define REASON_NAME(symbol, name, text) name,
#define REASON_TEXT(symbol, name, text) text,

const char *route_reason_name(enum route_reason reason)
{
	static const char *const names[] = {ROUTE_REASONS(REASON_NAME)};
	return (unsigned)reason < ROUTE_REASON_COUNT ? names[reason] : "unknown";
}

const char *route_reason_text(enum route_reason reason)
{
	static const char *const texts[] = {ROUTE_REASONS(REASON_TEXT)};
	return (unsigned)reason < ROUTE_REASON_COUNT ? texts[reason] : "unknown";
}

int route_engine_new(uint16_t self, struct route_engine **ret_engine)
{
	struct route_engine *engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	route_graph_init(&engine->graph);
	if (route_set_pop(engine, self, false)) {
		route_engine_free(engine);
		return -ENOMEM;
	}
	engine->self = engine->graph.index[self];
	engine->priced.all = engine->upset = true;
	engine->expiry_ns = UINT64_MAX;
	*ret_engine = engine;
	return 0;
}

void route_engine_free(struct route_engine *engine)
{
	if (!engine)
		return;
	for (uint16_t i = 0; i < ROUTE_MAX_POPS; i++)
		free(engine->slot[i]);
	for (unsigned i = 0; i < ROUTE_MAX_CLASSES; i++)
		route_view_free(&engine->common[i]);
	route_view_free(&engine->ruled);
	route_view_free(&engine->apart);
	route_priced_free(&engine->priced);
	route_graph_free(&engine->graph);
	free(engine->change);
	free(engine);
}

void route_set_stale(struct route_engine *engine, uint64_t ns)
{
	engine->graph.stale_ns = ns;
}

int route_set_policy(struct route_engine *engine, const struct route_policy *policy)
{
	int error = route_policy_check(policy);
	if (error)
		return error;
	for (uint32_t c = 0; c < ROUTE_MAX_CLASSES; c++) {
		const struct route_class *was = &engine->policy.class[c], *is = &policy->class[c];
		bool same = c < policy->n_classes && c < engine->policy.n_classes && !strcmp(was->name, is->name) &&
		            !strcmp(was->accelerator, is->accelerator);
		for (uint16_t i = 0; i < engine->graph.n && !same; i++)
			if (engine->slot[i]) {
				engine->slot[i][c].choice = (struct route_choice){0};
				engine->slot[i][c].better_since = engine->slot[i][c].worse_since = 0;
			}
	}
	engine->policy = *policy;
	engine->priced.all = engine->upset = true;
	engine->expiry_ns = UINT64_MAX;
	return 0;
}

int route_set_pop(struct route_engine *engine, uint16_t pop, bool drained)
{
	uint16_t index;
	int error = route_graph_add_pop(&engine->graph, pop, &index);
	if (error)
		return error;
	if (!engine->slot[index])
		engine->slot[index] = calloc(ROUTE_MAX_CLASSES, sizeof(*engine->slot[index]));
	if (!engine->slot[index]) {
		engine->graph.pop[index].leaving = true;
		return -ENOMEM;
	}
	engine->upset =
	    engine->upset || engine->graph.pop[index].leaving || engine->graph.pop[index].drained != drained;
	engine->graph.pop[index].drained = drained;
	engine->graph.pop[index].leaving = false;
	return 0;
}

void route_set_region(struct route_engine *engine, uint16_t pop, const char *region)
{
	uint16_t index = engine->graph.index[pop];
	struct route_pop *where = index == ROUTE_NO_POP ? NULL : &engine->graph.pop[index];
	if (!where || !strncmp(where->region, region, sizeof(where->region) - 1))
		return;
	memset(where->region, 0, sizeof(where->region));
	strncpy(where->region, region, sizeof(where->region) - 1);
	engine->upset = true;
}

void route_remove_pop(struct route_engine *engine, uint16_t pop)
{
	uint16_t index = engine->graph.index[pop];
	if (index == ROUTE_NO_POP || index == engine->self)
		return;
	for (uint32_t id = 1; id < engine->graph.n_links; id++) {
		struct route_link *link = &engine->graph.link[id];
		if (link->used && (link->from == index || link->to == index))
			route_link_remove(engine, link->key);
	}
	engine->graph.pop[index].leaving = engine->upset = true;
}

int route_link_add(
    struct route_engine *engine, struct route_link_key key, const struct route_link_config *config, uint32_t *ret_link)
{
	uint32_t id;
	int error = route_graph_add_link(&engine->graph, key, &id);
	if (error)
		return error;
	engine->graph.link[id].config = *config;
	engine->graph.link[id].money = config->money;
	engine->graph.pop[engine->graph.link[id].from].changed = true;
	*ret_link = id;
	return 0;
}

static bool uses(const struct route_path *path, uint32_t link)
{
	for (unsigned i = 0; i < path->n_links; i++)
		if (path->link[i] == link)
			return true;
	return false;
}

void route_link_remove(struct route_engine *engine, struct route_link_key key)
{
	uint32_t id = route_graph_find(&engine->graph, key);
	if (!id)
		return;
	for (uint16_t i = 0; i < engine->graph.n; i++)
		for (uint32_t c = 0; c < engine->policy.n_classes && engine->slot[i]; c++) {
			struct route_slot *slot = &engine->slot[i][c];
			/* The id may be another link's at the next run: forget all that names it. */
			if (uses(&slot->choice.primary, id)) {
				slot->choice.primary.n_links = 0;
				slot->broken = true;
			}
			if (uses(&slot->choice.backup, id))
				slot->choice.backup.n_links = 0;
			if (uses(&slot->told_primary, id) || uses(&slot->told_backup, id))
				slot->told_primary.link[0] = 0;
		}
	engine->upset = true;
	route_graph_remove_link(&engine->graph, id);
}

uint32_t route_link_find(const struct route_engine *engine, struct route_link_key key)
{
	return route_graph_find(&engine->graph, key);
}

static struct route_link *link_of(const struct route_engine *engine, uint32_t id)
{
	return id && id < engine->graph.n_links && engine->graph.link[id].used ? &engine->graph.link[id] : NULL;
}

/* A measurement that is newer than the link's last. */
static void note_report(struct route_engine *engine, struct route_link *link, const struct route_estimate *estimate)
{
	struct route_forecast *forecast = &engine->graph.forecast;
	struct route_pop *pop = &engine->graph.pop[link->from];
	if (pop->reported_ns && estimate->at_ns > pop->reported_ns && link->from != engine->self)
		route_forecast_interval(forecast, estimate->at_ns - pop->reported_ns);
	if (estimate->at_ns > pop->reported_ns)
		pop->reported_ns = estimate->at_ns;
	route_forecast_report(forecast, &link->history, link->measured ? &link->estimate : NULL, estimate);
}

void route_link_measured(struct route_engine *engine, uint32_t id, const struct route_estimate *estimate)
{
	struct route_link *link = link_of(engine, id);
	if (!link || (link->measured && estimate->at_ns < link->estimate.at_ns))
		return;
	if (!link->measured)
		engine->graph.more[id].changed_ns = estimate->at_ns;
	if (!link->measured || estimate->at_ns > link->estimate.at_ns)
		note_report(engine, link, estimate);
	link->estimate = *estimate;
	link->measured = true;
	route_graph_doubt(&engine->graph, id);
	engine->graph.pop[link->from].changed = engine->graph.remeasured = true;
}

void route_link_evidence(struct route_engine *engine, uint32_t id, const struct route_evidence *evidence)
{
	struct route_link *link = link_of(engine, id);
	if (!link || evidence->at_ns < engine->graph.more[id].evidence.at_ns)
		return;
	engine->graph.more[id].evidence = *evidence;
	engine->graph.pop[link->from].changed = true;
}

void route_link_state(struct route_engine *engine, uint32_t id, bool up, uint64_t now_ns)
{
	struct route_link *link = link_of(engine, id);
	if (!link || link->called_down == !up)
		return;
	route_graph_call(&engine->graph, id, up, now_ns);
}

const struct route_choice *route_choice(const struct route_engine *engine, uint16_t to, uint8_t class)
{
	uint16_t index = engine->graph.index[to];
	if (index == ROUTE_NO_POP || class >= engine->policy.n_classes)
		return NULL;
	const struct route_choice *choice = &engine->slot[index][class].choice;
	return choice->primary.n_links ? choice : NULL;
}

float route_rtt_ms(const struct route_engine *engine, uint16_t to, uint8_t class)
{
	if (engine->graph.index[to] == engine->self)
		return 0;
	const struct route_choice *choice = route_choice(engine, to, class);
	return choice ? choice->primary.rtt_ms : INFINITY;
}

int route_link_info(const struct route_engine *engine, uint32_t id, uint64_t now_ns, struct route_link_info *ret_info)
{
	const struct route_link *link = link_of(engine, id);
	if (!link)
		return -ENOENT;
	*ret_info = (struct route_link_info){.key = link->key,
	    .config = link->config,
	    .estimate = link->estimate,
	    .measured = link->measured,
	    .up = route_link_usable(link),
	    .flap_figure = route_flap_figure(&link->flap, now_ns),
	    .damped = route_link_damped(link, now_ns),
	    .doubt_ms = link->doubt_ms,
	    .changed_ns = engine->graph.more[id].changed_ns};
	return 0;
}
