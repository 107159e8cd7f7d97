/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "control/route/engine.h"

#define SLICE_NS 3600000000000ull /* the engine's clocks and waits are short against it */

/* The moments of a slice at which the engine is asked: as the numbers come,
 * when a better path has been better for long enough, and when a path has been
 * worse than direct for long enough. */
static const uint64_t moment_ns[] = {0, ROUTE_SETTLE_NS + 1, ROUTE_WORSE_THAN_DIRECT_NS + 2};
#define MOMENTS (sizeof(moment_ns) / sizeof(moment_ns[0]))

/* ---- judging ---- */

struct judge {
	const struct sim_trace *trace;
	float relay_cost;
	unsigned max_relays;
	float *optimal;
};

static uint32_t judged_slice(const struct sim_trace *trace, uint32_t decided)
{
	return trace->slices == 1 ? 0 : decided + 1;
}

static bool is_judged(const struct sim_trace *trace, uint32_t slice)
{
	return trace->slices == 1 || (slice >= SIM_WARM_UP && slice + 1 < trace->slices);
}

/* Judge what was decided at `slice` for all destinations of `from`; before[] is
 * what was in use until then. */
static int judge(const struct judge *judge, uint32_t slice, uint32_t from, const struct sim_path *path,
    const struct sim_path *before, struct sim_score *score)
{
	const struct sim_trace *trace = judge->trace;
	uint32_t then = judged_slice(trace, slice);
	int error = sim_best(trace, then, from, judge->max_relays, judge->relay_cost, NULL, judge->optimal);
	for (uint32_t to = 0; to < trace->n && !error; to++) {
		if (to == from)
			continue;
		float optimal = judge->optimal[to], direct = sim_link_ms(trace, then, from, to);
		float chosen = sim_path_ms(trace, then, from, to, &path[to], judge->relay_cost);
		score->decisions++;
		score->switches += slice && !sim_path_same(&path[to], &before[to]);
		score->within += chosen <= optimal + fmaxf(0.05f * optimal, 5);
		score->worse_than_direct += chosen > direct;
		score->chosen_ms += (double)chosen;
		score->direct_ms += (double)direct;
		score->optimal_ms += (double)optimal;
	}
	return error;
}

double sim_captured(const struct sim_score *score)
{
	double possible = score->direct_ms - score->optimal_ms;
	return possible > 0 ? (score->direct_ms - score->chosen_ms) / possible : 1;
}

double sim_switch_rate(const struct sim_score *score)
{
	return score->decisions ? 100.0 * (double)score->switches / (double)score->decisions : 0;
}

/* ---- deciding ---- */

/* What decides for one source: fill path[] for a slice. */
struct decider {
	int (*begin)(struct decider *decider, uint32_t from);
	int (*decide)(struct decider *decider, uint32_t slice, struct sim_path *path);
	void (*end)(struct decider *decider);
	const struct sim_trace *trace;
	const struct route_policy *policy; /* of the engine */
	const struct route_class *class;   /* its first class */
	uint32_t from;
	struct route_engine *engine;
	uint32_t *link;
	struct sim_path *best;
	float *ms;
	uint64_t *reported_ns; /* by source: when its row last was another than before */
};

static int replay(struct decider *decider, struct sim_score *score)
{
	const struct sim_trace *trace = decider->trace;
	struct sim_path *path = calloc(trace->n, sizeof(*path)), *before = calloc(trace->n, sizeof(*before));
	struct judge judges = {.trace = trace,
	    .relay_cost = decider->class->relay_penalty_ms,
	    .max_relays = decider->class->max_relays,
	    .optimal = calloc(trace->n, sizeof(float))};
	int error = path && before && judges.optimal ? 0 : -ENOMEM;
	for (uint32_t from = 0; from < trace->n && !error; from++) {
		decider->from = from;
		error = decider->begin(decider, from);
		for (uint32_t slice = 0; slice < trace->slices && !error; slice++) {
			for (uint32_t to = 0; to < trace->n; to++)
				before[to] = path[to];
			error = decider->decide(decider, slice, path);
			if (!error && is_judged(trace, slice))
				error = judge(&judges, slice, from, path, before, score);
		}
		decider->end(decider);
	}
	free(path);
	free(before);
	free(judges.optimal);
	return error;
}

/* ---- the engine; POP ids are node numbers and one ---- */

static int engine_begin(struct decider *decider, uint32_t from)
{
	uint32_t n = decider->trace->n;
	decider->link = calloc((size_t)n * n, sizeof(*decider->link));
	decider->reported_ns = calloc(n, sizeof(*decider->reported_ns));
	int error =
	    decider->link && decider->reported_ns ? route_engine_new((uint16_t)(from + 1), &decider->engine) : -ENOMEM;
	if (!error) {
		error = route_set_policy(decider->engine, decider->policy);
		route_set_stale(decider->engine, UINT64_MAX);
	}
	for (uint32_t i = 0; i < n && !error; i++)
		error = route_set_pop(decider->engine, (uint16_t)(i + 1), false);
	for (uint32_t i = 0; i < n && !error; i++)
		for (uint32_t j = 0; j < n && !error; j++) {
			/* Numbers that make no link the reverse of another: each direction was
       * measured by itself. */
			struct route_link_key key = {.from = (uint16_t)(i + 1), .to = (uint16_t)(j + 1), .remote = 1};
			static const struct route_link_config config = {.mtu = 1500};
			if (i != j)
				error =
				    route_link_add(decider->engine, key, &config, &decider->link[(size_t)i * n + j]);
		}
	return error;
}

static float loss_of(const struct sim_trace *trace, uint32_t slice, uint32_t from, uint32_t to)
{
	float loss = trace->loss ? trace->loss[((size_t)slice * trace->n + from) * trace->n + to] : 0;
	return isnan(loss) ? 0 : loss;
}

/* A trace repeats a source's row until there is another: the same numbers once
 * more are no new report. */
static bool is_repeated(const struct sim_trace *trace, uint32_t slice, uint32_t from)
{
	for (uint32_t to = 0; to < trace->n && slice > 0; to++) {
		float was = sim_at(trace, slice - 1, from, to), is = sim_at(trace, slice, from, to);
		if ((!isnan(is) && is != was) || loss_of(trace, slice - 1, from, to) != loss_of(trace, slice, from, to))
			return false;
	}
	return slice > 0;
}

static void engine_measure(struct decider *decider, uint32_t slice, uint64_t now_ns)
{
	uint32_t n = decider->trace->n;
	for (uint32_t i = 0; i < n; i++)
		if (!is_repeated(decider->trace, slice, i))
			decider->reported_ns[i] = now_ns;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < n; j++) {
			float ms = sim_at(decider->trace, slice, i, j);
			uint32_t link = decider->link[(size_t)i * n + j];
			if (i == j)
				continue;
			route_link_state(decider->engine, link, !isnan(ms), now_ns);
			struct route_estimate estimate = {.delay_ns = (int64_t)((double)ms * 1e6),
			    .rtt_ns = (int64_t)((double)sim_cost_at(decider->trace, slice, i, j) * 1e6),
			    .loss = loss_of(decider->trace, slice, i, j),
			    .at_ns = decider->reported_ns[i]};
			if (!isnan(ms))
				route_link_measured(decider->engine, link, &estimate);
		}
}

static int engine_decide(struct decider *decider, uint32_t slice, struct sim_path *path)
{
	engine_measure(decider, slice, (slice + 1) * SLICE_NS);
	for (size_t i = 0; i < MOMENTS; i++) {
		const struct route_change *changes;
		uint64_t next, now_ns = (slice + 1) * SLICE_NS + moment_ns[i];
		int n = route_run(decider->engine, now_ns, &changes, &next);
		if (n < 0)
			return n;
	}
	for (uint32_t to = 0; to < decider->trace->n; to++) {
		const struct route_choice *choice = route_choice(decider->engine, (uint16_t)(to + 1), 0);
		path[to] = (struct sim_path){0}; /* without a path: as direct as can be */
		for (unsigned i = 0; choice && i + 1u < choice->primary.n_links; i++)
			path[to].relay[path[to].n_relays++] = (uint16_t)(choice->primary.pop[i] - 1);
	}
	return 0;
}

static void engine_end(struct decider *decider)
{
	route_engine_free(decider->engine);
	free(decider->link);
	free(decider->reported_ns);
	decider->engine = NULL;
	decider->link = NULL;
	decider->reported_ns = NULL;
}

int sim_replay_engine(const struct sim_trace *trace, const struct route_policy *policy, struct sim_score *score)
{
	struct decider decider = {.begin = engine_begin,
	    .decide = engine_decide,
	    .end = engine_end,
	    .trace = trace,
	    .policy = policy,
	    .class = &policy->class[0]};
	return replay(&decider, score);
}

/* ---- the plain rule ---- */

static int plain_begin(struct decider *decider, uint32_t from)
{
	(void)from;
	decider->best = calloc(decider->trace->n, sizeof(*decider->best));
	decider->ms = calloc(decider->trace->n, sizeof(*decider->ms));
	return decider->best && decider->ms ? 0 : -ENOMEM;
}

static int plain_decide(struct decider *decider, uint32_t slice, struct sim_path *path)
{
	const struct sim_trace *trace = decider->trace;
	const struct route_class *class = decider->class;
	float relay_cost = class->relay_penalty_ms;
	int error = sim_best(trace, slice, decider->from, class->max_relays, relay_cost, decider->best, decider->ms);
	for (uint32_t to = 0; to < trace->n && !error; to++) {
		float now = sim_path_ms(trace, slice, decider->from, to, &path[to], relay_cost);
		float gain = now - decider->ms[to];
		if (!slice || (gain >= class->better_by * now && gain >= class->and_by_ms))
			path[to] = decider->best[to];
	}
	return error;
}

static void plain_end(struct decider *decider)
{
	free(decider->best);
	free(decider->ms);
	decider->best = NULL;
	decider->ms = NULL;
}

int sim_replay_plain(const struct sim_trace *trace, const struct route_class *class, struct sim_score *score)
{
	struct decider decider = {
	    .begin = plain_begin, .decide = plain_decide, .end = plain_end, .trace = trace, .class = class};
	return replay(&decider, score);
}
