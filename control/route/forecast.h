/* SPDX-License-Identifier: BSD-2-Clause */
/* What a link's delay will be when the next report of it has come. Pure; no unit of time but what it has seen.
 *
 * A POP reports the delays of its links from time to time: every second in a cluster, every few hours in a recorded
 * trace. Until the next report the last one is the best there is; then the delay is another, and how far it will have
 * gone back to its mean, a link's past tells. Two things are learned from all reports together:
 *
 *   interval      how long it is from one report of a POP to its next: the last ROUTE_FORECAST_INTERVALS of them
 *   persistence   which share of a delay's distance from its mean is left in the next report, by least squares (the
 *                 first autocorrelation; Box and Jenkins, Time Series Analysis, 2.1). 1 until shown to be less
 *   change        by how much a delay differs from one report to the next, on the average
 *
 * So delays that move slowly against their reports are taken as they are, and ones that jump from report to report
 * are not chased. Where they jump, two things more are asked of a path, both in proportion to what does not persist.
 * Each relay costs an exposure: the best of many paths is one whose links happen to be low, the more so the more links
 * it has (the winner's curse), and each relay is one more POP whose next report may end that. And a better path must be
 * better by more, for each change of path is likely to be followed by another. */
#pragma once

#include "control/route/types.h"

#define ROUTE_FORECAST_INTERVALS 64u
/* A forecast looks ahead seven tenths of a mean interval, and half way there; a relay's exposure is so much of the
 * mean change, and the asked improvement grows by so much, where nothing persists. All found on recorded traces
 * (kuafu-sim, 60 draws of 16 POPs) to cost the fewest changes of path for what is gained. */
#define ROUTE_FORECAST_STEPS     2u
#define ROUTE_FORECAST_REACH     0.7
#define ROUTE_FORECAST_EXPOSURE  0.25
#define ROUTE_FORECAST_CAUTION   0.6f

/* Reports of all links together that the mean change remembers. */
#define ROUTE_FORECAST_CHANGES 100000u

/* Reports after which a mean is half believed. */
#define ROUTE_FORECAST_HALF_BELIEVED 5u

/* Of one link. */
struct route_history {
	double mean_ns; /* of its delay over its reports */
	uint32_t reports;
};

/* Of all. */
struct route_forecast {
	uint64_t interval_ns[ROUTE_FORECAST_INTERVALS];
	uint32_t n;   /* intervals known */
	uint32_t at;  /* the next to be replaced */
	double cross; /* sums over reports, each distance from the mean as a share of the RTT */
	double square;
	double change_ns; /* mean change from one report to the next, none counted as more than the RTT before */
	uint32_t changes; /* that it is of, at most ROUTE_FORECAST_CHANGES */
};

/* A POP that is not us has reported, `ns` after its last time. */
void route_forecast_interval(struct route_forecast *forecast, uint64_t ns);

/* A report of a link: `was` is the one before, NULL if there was none. */
void route_forecast_report(struct route_forecast *forecast, struct route_history *history,
    const struct route_estimate *was, const struct route_estimate *is);

/* 0 .. 1. */
float route_forecast_persistence(const struct route_forecast *forecast);

/* What each relay costs beside its penalty, ms. */
float route_forecast_exposure_ms(const struct route_forecast *forecast, float persistence);

/* The chance that a POP whose last report is `age_ns` old has reported again by each step. 0 while no interval is
 * known. */
void route_forecast_arrival(
    const struct route_forecast *forecast, uint64_t age_ns, float ret_chance[ROUTE_FORECAST_STEPS]);

/* How much the delay will have changed if a report comes, ms. */
static inline float route_forecast_drift_ms(
    float persistence, const struct route_history *history, const struct route_estimate *estimate)
{
	float believed = (float)history->reports / (float)(history->reports + ROUTE_FORECAST_HALF_BELIEVED);
	float away_ms = (float)((history->mean_ns - (double)estimate->delay_ns) * 1e-6);
	return (1 - persistence) * believed * away_ms;
}
