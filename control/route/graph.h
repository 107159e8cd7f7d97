/* SPDX-License-Identifier: BSD-2-Clause */
/* POPs and links as the engine keeps them: POPs by a dense index, links by id. Internal to control/route. */
#pragma once

#include <stddef.h>

#include "control/route/cost.h"
#include "control/route/damping.h"
#include "control/route/engine.h"
#include "control/route/forecast.h"

#define ROUTE_NO_POP UINT16_MAX /* index of none */

/* What pricing reads comes first. */
struct route_link {
	bool used;
	bool measured;
	bool called_down;
	bool reverse_down; /* the other direction is called down */
	uint16_t from;     /* index */
	uint16_t to;       /* index */
	float money;       /* config.money */
	float doubt_ms;    /* see route_graph_doubt() */
	struct route_estimate estimate;
	struct route_history history;
	struct route_flap flap; /* the same for both directions: they flap together */
	struct route_link_key key;
	struct route_link_config config;
	uint32_t reverse; /* id or 0 */
	uint32_t next;    /* in its bucket of the hash; in the list of free ids */
};

/* What is seldom asked of a link, kept apart: all links are read each time that everything is priced. */
struct route_link_more {
	struct route_evidence evidence; /* at_ns 0: none has come */
	uint64_t disagreed_ns;          /* since when its two ends disagree; 0: they do not */
	uint64_t changed_ns;            /* last change of state */
};

struct route_pop {
	bool used;
	bool leaving; /* its routes are still to be taken back */
	bool drained;
	bool changed; /* something about the links that leave it is not what it was when they were priced */
	uint16_t id;
	char region[ROUTE_NAME_SIZE]; /* empty: unknown */
	uint32_t n_out;               /* links that leave it */
	uint32_t out_capacity;
	uint32_t *out;                       /* their ids */
	uint64_t reported_ns;                /* its latest estimate of a link; 0: none has come */
	float arrival[ROUTE_FORECAST_STEPS]; /* the chance that another will have come by each step */
};

struct route_graph {
	uint16_t n; /* indexes in use are below it */
	struct route_pop pop[ROUTE_MAX_POPS];
	uint16_t index[UINT16_MAX + 1]; /* of a POP id, or ROUTE_NO_POP */
	struct route_link *link;        /* [0] is unused: ids start at 1 */
	struct route_link_more *more;   /* of the same ids */
	uint32_t n_links;               /* ids are below it */
	uint32_t capacity;
	uint32_t free;
	uint32_t *bucket; /* as many as links have room, a power of two */
	struct route_forecast forecast;
	bool remeasured;   /* a delay is another than when the clocks were looked at */
	float persistence; /* the forecast's, when the last run began */
	float exposure_ms; /* likewise */
	uint64_t stale_ns; /* the age from which measurements make nobody move */
};

void route_graph_init(struct route_graph *graph);
void route_graph_free(struct route_graph *graph);

/* *ret_index is the POP's. -ENOSPC. */
int route_graph_add_pop(struct route_graph *graph, uint16_t id, uint16_t *ret_index);
int route_graph_add_link(struct route_graph *graph, struct route_link_key key, uint32_t *ret_link);
void route_graph_remove_link(struct route_graph *graph, uint32_t link);
uint32_t route_graph_find(const struct route_graph *graph, struct route_link_key key);

/* Steps a link, and so its reverse, up or down; a step down of a link whose reverse is up adds to their flap penalty. */
void route_graph_call(struct route_graph *graph, uint32_t link, bool up, uint64_t now_ns);

/* A link is believed only as far as its two ends agree. There and back takes what both directions take together, whatever
 * the clocks, and both ends measure it: what the two delays fall short of the longer of the two round trips, one of the
 * ends must have left out, and both directions cost that much more: if it is more than noise, and has been for
 * ROUTE_DOUBT_NS, for while a clock is set the two ends report at different times. */
void route_graph_doubt(struct route_graph *graph, uint32_t link);

/* Measured, and neither direction called down. */
static inline bool route_link_usable(const struct route_link *link)
{
	return link->used && link->measured && !link->called_down && !link->reverse_down;
}

static inline bool route_link_stale(const struct route_graph *graph, const struct route_link *link, uint64_t now_ns)
{
	return now_ns > link->estimate.at_ns && now_ns - link->estimate.at_ns > graph->stale_ns;
}

static inline bool route_link_damped(const struct route_link *link, uint64_t now_ns)
{
	return link->flap.damped && route_flap_damped(&link->flap, now_ns);
}

/* How much the delay of a link will have changed if a report comes, ms. */
static inline float route_link_drift_ms(const struct route_graph *graph, const struct route_link *link)
{
	return route_forecast_drift_ms(graph->persistence, &link->history, &link->estimate);
}

/* Terms of a link's cost, the relay's excepted. clock_ns: how much later it is at its far end. arrival: the mean chance of
 * a report from its near end. */
static inline void route_link_price(const struct route_graph *graph, const struct route_class *class,
    const struct route_link *link, double clock_ns, float arrival, float term[ROUTE_TERMS])
{
	route_link_terms(class, link->money, &link->estimate, clock_ns, term);
	term[ROUTE_TERM_DELAY] += link->doubt_ms;
	term[ROUTE_TERM_DRIFT] = arrival == 0 ? 0 : arrival * route_link_drift_ms(graph, link);
}

/* The chance that a POP has reported again, on the average of the forecast's steps. */
static inline float route_pop_arrival(const struct route_pop *pop)
{
	float sum = 0;
	for (unsigned step = 0; step < ROUTE_FORECAST_STEPS; step++)
		sum += pop->arrival[step];
	return sum / ROUTE_FORECAST_STEPS;
}

/* The difference of each POP's clock to that of `origin` (an index), ns, as far as a link's two directions tell if delay
 * were the same in both. Any such set of numbers cancels in the comparison of two paths with the same ends; this one
 * makes costs small enough for a float and a direct path cost half its round trip. clock holds graph->n numbers. */
void route_graph_clocks(const struct route_graph *graph, uint16_t origin, double *clock);
