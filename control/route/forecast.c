/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/forecast.h"

#include <math.h>

/* Reports that a mean remembers, and those that it needs before the persistence is learned from it. */
#define MEAN_MEMORY 64u
#define MEAN_MIN    3u

/* Evidence, in squared distances of a whole RTT, that a persistence of 1 weighs before anything was seen; what is
 * beyond the bound is halved, so that the persistence can change. */
#define PRIOR_SQUARE 10.0
#define MAX_SQUARE   10000.0
#define MAX_DISTANCE 2.0 /* RTTs: one wild number must not decide */

void route_forecast_interval(struct route_forecast *forecast, uint64_t ns)
{
	forecast->interval_ns[forecast->at] = ns;
	forecast->at = (forecast->at + 1) % ROUTE_FORECAST_INTERVALS;
	if (forecast->n < ROUTE_FORECAST_INTERVALS)
		forecast->n++;
}

static uint64_t mean_interval(const struct route_forecast *forecast)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < forecast->n; i++)
		sum += forecast->interval_ns[i] / forecast->n;
	return sum;
}

static double distance(const struct route_history *history, const struct route_estimate *e, double rtt_ns)
{
	double d = ((double)e->delay_ns - history->mean_ns) / rtt_ns;
	return fmin(fmax(d, -MAX_DISTANCE), MAX_DISTANCE);
}

static void learn_persistence(struct route_forecast *forecast, const struct route_history *history,
    const struct route_estimate *was, const struct route_estimate *is)
{
	double rtt_ns = fmax((double)is->rtt_ns, 1e6);
	double before = distance(history, was, rtt_ns), after = distance(history, is, rtt_ns);
	forecast->cross += before * after;
	forecast->square += before * before;
	if (forecast->square > MAX_SQUARE) {
		forecast->square /= 2;
		forecast->cross /= 2;
	}
}

static void learn_change(
    struct route_forecast *forecast, const struct route_estimate *was, const struct route_estimate *is)
{
	double change = fmin(fabs((double)is->delay_ns - (double)was->delay_ns), fmax((double)was->rtt_ns, 0));
	if (forecast->changes < ROUTE_FORECAST_CHANGES)
		forecast->changes++;
	forecast->change_ns += (change - forecast->change_ns) / forecast->changes;
}

void route_forecast_report(struct route_forecast *forecast, struct route_history *history,
    const struct route_estimate *was, const struct route_estimate *is)
{
	if (was && history->reports >= MEAN_MIN)
		learn_persistence(forecast, history, was, is);
	if (was)
		learn_change(forecast, was, is);
	if (history->reports < MEAN_MEMORY)
		history->reports++;
	history->mean_ns += ((double)is->delay_ns - history->mean_ns) / history->reports;
}

float route_forecast_persistence(const struct route_forecast *forecast)
{
	double share = (forecast->cross + PRIOR_SQUARE) / (forecast->square + PRIOR_SQUARE);
	return (float)fmin(fmax(share, 0), 1);
}

float route_forecast_exposure_ms(const struct route_forecast *forecast, float persistence)
{
	return (float)(forecast->change_ns * 1e-6 * ROUTE_FORECAST_EXPOSURE) * (1 - persistence);
}

void route_forecast_arrival(
    const struct route_forecast *forecast, uint64_t age_ns, float ret_chance[ROUTE_FORECAST_STEPS])
{
	double reach = (double)mean_interval(forecast) * ROUTE_FORECAST_REACH;
	for (unsigned step = 0; step < ROUTE_FORECAST_STEPS; step++) {
		uint64_t until = age_ns + (uint64_t)(reach * (step + 1) / ROUTE_FORECAST_STEPS);
		uint32_t longer = 0, ended = 0;
		for (uint32_t i = 0; i < forecast->n; i++) {
			longer += forecast->interval_ns[i] > age_ns;
			ended += forecast->interval_ns[i] > age_ns && forecast->interval_ns[i] <= until;
		}
		/* One that is later than any before is due at any moment. */
		ret_chance[step] = longer ? (float)ended / (float)longer : (forecast->n ? 1 : 0);
	}
}
