/* SPDX-License-Identifier: BSD-2-Clause */
/* POPs and links as the engine keeps them: POPs by a dense index, links by id. Internal to control/route. */
#pragma once

#include <stddef.h>

#include "control/route/damping.h"
#include "control/route/engine.h"
#include "control/route/forecast.h"

#define ROUTE_NO_POP UINT16_MAX /* index of none */

struct route_link {
	bool used;
	bool measured;
	bool called_down;
	uint16_t from; /* index */
	uint16_t to;   /* index */
	struct route_link_key key;
	struct route_link_config config;
	struct route_estimate estimate;
	struct route_history history;
	struct route_flap flap;
	uint64_t changed_ns;
	uint32_t reverse; /* id or 0 */
	uint32_t next;    /* in its bucket of the hash; in the list of free ids */
};

struct route_pop {
	bool used;
	bool leaving; /* its routes are still to be taken back */
	bool drained;
	uint16_t id;
	uint64_t reported_ns;                /* its latest estimate of a link; 0: none has come */
	float arrival[ROUTE_FORECAST_STEPS]; /* the chance that another will have come by each step */
};

#define ROUTE_LINK_BUCKETS 16384u

struct route_graph {
	uint16_t n; /* indexes in use are below it */
	struct route_pop pop[ROUTE_MAX_POPS];
	uint16_t index[UINT16_MAX + 1]; /* of a POP id, or ROUTE_NO_POP */
	struct route_link *link;        /* [0] is unused: ids start at 1 */
	uint32_t n_links;               /* ids are below it */
	uint32_t capacity;
	uint32_t free;
	uint32_t bucket[ROUTE_LINK_BUCKETS];
	struct route_forecast forecast;
	uint64_t stale_ns; /* the age from which measurements make nobody move */
};

void route_graph_init(struct route_graph *graph);
void route_graph_free(struct route_graph *graph);

/* *ret_index is the POP's. -ENOSPC. */
int route_graph_add_pop(struct route_graph *graph, uint16_t id, uint16_t *ret_index);
int route_graph_add_link(struct route_graph *graph, struct route_link_key key, uint32_t *ret_link);
void route_graph_remove_link(struct route_graph *graph, uint32_t link);
uint32_t route_graph_find(const struct route_graph *graph, struct route_link_key key);

/* Measured, and neither direction called down. */
bool route_link_usable(const struct route_graph *graph, const struct route_link *link);
bool route_link_stale(const struct route_graph *graph, const struct route_link *link, uint64_t now_ns);
/* Damped in either direction. */
bool route_link_damped(const struct route_graph *graph, const struct route_link *link, uint64_t now_ns);

/* Terms of a link's cost, the relay's excepted; clock as below. */
void route_link_price(const struct route_graph *graph, const struct route_class *class, const struct route_link *link,
    const double *clock, float term[ROUTE_TERMS]);

/* The difference of each POP's clock to that of `origin` (an index), ns, as far as a link's two directions tell if delay
 * were the same in both. Any such set of numbers cancels in the comparison of two paths with the same ends; this one
 * makes costs small enough for a float and a direct path cost half its round trip. clock holds graph->n numbers. */
void route_graph_clocks(const struct route_graph *graph, uint16_t origin, double *clock);
