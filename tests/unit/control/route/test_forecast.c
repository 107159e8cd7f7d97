/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/forecast.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/unit/control/route/world.h"

static double uniform(void)
{
	return (double)rand() / RAND_MAX;
}

/* Links whose delays come back to 100 ms with this persistence from report to report, as many as asked. */
static void live(struct route_forecast *forecast, double persistence, unsigned reports)
{
	for (unsigned link = 0; link < 40; link++) {
		struct route_history history = {0};
		struct route_estimate was = {0}, is = {.rtt_ns = 200 * MS};
		double away = 0;
		for (unsigned i = 0; i < reports; i++) {
			away = persistence * away + 60 * (uniform() - 0.5);
			is.delay_ns = (int64_t)((100 + away) * 1e6);
			route_forecast_report(forecast, &history, i ? &was : NULL, &is);
			was = is;
		}
	}
}

Test(forecast, learns_how_much_of_a_distance_is_left_after_a_report)
{
	for (unsigned tenth = 0; tenth <= 9; tenth += 3) {
		struct route_forecast forecast = {0};
		srand(tenth);
		live(&forecast, tenth / 10.0, 2000);
		float got = route_forecast_persistence(&forecast);
		cr_assert(fabs((double)got - tenth / 10.0) < 0.08, "%u tenths: %f", tenth, (double)got);
	}
}

Test(forecast, believes_the_last_sample_until_shown_better)
{
	struct route_forecast forecast = {0};
	cr_assert_eq(route_forecast_persistence(&forecast), 1);
	srand(3);
	live(&forecast, 0, 4);
	cr_assert(route_forecast_persistence(&forecast) > 0.9f, "a few reports are no evidence");
}

Test(forecast, a_delay_goes_back_to_its_mean_by_what_does_not_persist)
{
	struct route_history history = {.mean_ns = 100e6, .reports = 64};
	struct route_estimate high = {.delay_ns = 300 * MS}, low = {.delay_ns = 40 * MS};
	float down = route_forecast_drift_ms(0.5f, &history, &high);
	float up = route_forecast_drift_ms(0.5f, &history, &low);
	cr_assert(down < -85 && down > -100 && up > 25 && up < 30, "%f and %f", (double)down, (double)up);
	history.reports = 1;
	cr_assert(route_forecast_drift_ms(0.5f, &history, &high) > -20, "one report makes no mean");
}

Test(forecast, knows_when_the_next_report_is_due)
{
	struct route_forecast forecast = {0};
	float chance[ROUTE_FORECAST_STEPS];
	route_forecast_arrival(&forecast, 5 * SECOND, chance);
	cr_assert(chance[0] == 0 && chance[1] == 0, "nothing is known of intervals");
	for (unsigned i = 0; i < 100; i++)
		route_forecast_interval(&forecast, (4 + i % 2 * 2) * SECOND); /* 4 s and 6 s */
	route_forecast_arrival(&forecast, 1 * SECOND, chance);                /* by 2.75 s and by 4.5 s */
	cr_assert(chance[0] == 0 && fabsf(chance[1] - 0.5f) < 0.01f, "%f", (double)chance[1]);
	route_forecast_arrival(&forecast, 3 * SECOND, chance); /* by 4.75 s and by 6.5 s */
	cr_assert(fabsf(chance[0] - 0.5f) < 0.01f && chance[1] == 1);
	route_forecast_arrival(&forecast, 7 * SECOND, chance);
	cr_assert(chance[0] == 1 && chance[1] == 1, "overdue");
}

Test(forecast, exposes_a_relay_to_what_its_delays_change_by_unless_they_persist)
{
	struct route_forecast forecast = {0};
	struct route_history history = {0};
	struct route_estimate low = {.delay_ns = 80000000, .rtt_ns = 200000000}, high = low, wild = low;
	high.delay_ns = 120000000;
	wild.delay_ns = 5000000000;
	cr_assert(route_forecast_exposure_ms(&forecast, 0) == 0, "nothing has changed yet");
	for (unsigned i = 0; i < 100; i++)
		route_forecast_report(&forecast, &history, i % 2 ? &low : &high, i % 2 ? &high : &low);
	cr_assert(fabsf(route_forecast_exposure_ms(&forecast, 0) - 10) < 0.1f, "a quarter of 40 ms");
	cr_assert(fabsf(route_forecast_exposure_ms(&forecast, 0.5f) - 5) < 0.1f);
	cr_assert(route_forecast_exposure_ms(&forecast, 1) == 0);
	route_forecast_report(&forecast, &history, &low, &wild);
	cr_assert(route_forecast_exposure_ms(&forecast, 0) < 11, "one wild number counts as one RTT");
}

Test(forecast, wild_numbers_do_not_decide)
{
	struct route_forecast forecast = {0};
	srand(5);
	live(&forecast, 0.9, 500);
	float before = route_forecast_persistence(&forecast);
	struct route_history history = {0};
	struct route_estimate was = {.rtt_ns = 1}, is = {.rtt_ns = 1};
	for (unsigned i = 0; i < 10; i++) {
		is.delay_ns = i % 2 ? INT64_MIN / 4 : INT64_MAX / 4;
		route_forecast_report(&forecast, &history, i ? &was : NULL, &is);
		was = is;
	}
	float after = route_forecast_persistence(&forecast);
	cr_assert(isfinite(after) && after <= 1 && after >= 0 && fabsf(after - before) < 0.35f, "%f, %f",
	    (double)before, (double)after);
}

/* ---- in the engine ---- */

static struct world world;

static void finish(void)
{
	route_engine_free(world.engine);
}

/* The delay by the relay is new with every report, that of the direct link stays: chasing each dip would change the
 * path some hundred times. */
Test(forecast, a_dip_that_will_not_last_moves_nobody, .fini = finish)
{
	world_open(&world, 3, 100);
	srand(11);
	for (unsigned i = 0; i < 400; i++) {
		float delay = i % 7 == 0 ? 20 : 90;
		both(&world, 1, 2, 10);
		both(&world, 2, 3, delay);
		world.now += SECOND;
		measure(&world);
		for (unsigned moment = 0; moment < 9; moment++) {
			run(&world);
			world.now += SECOND / 10;
		}
		if (i == 200)
			world.changes = 0;
	}
	cr_assert(world.changes <= 2, "%u changes", world.changes);
}
