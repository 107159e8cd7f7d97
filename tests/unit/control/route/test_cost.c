/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/cost.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct route_class class = {
    .loss_penalty_ms = 20, .jitter_penalty = 2, .money_penalty_ms = 50, .load_penalty_ms = 10};

Test(cost, is_the_sum_of_delay_loss_jitter_money_and_load)
{
	struct route_link_config config = {.money = 0.5f};
	struct route_estimate estimate = {.delay_ns = 40000000, .jitter_ns = 3000000, .loss = 0.01f, .load = 2.0f / 3};
	float term[ROUTE_TERMS];
	route_link_terms(&class, config.money, &estimate, 0, term);
	cr_assert(fabsf(term[ROUTE_TERM_DELAY] - 40) < 1e-4f);
	cr_assert(fabsf(term[ROUTE_TERM_LOSS] - 20) < 1e-4f, "one percent costs the penalty");
	cr_assert(fabsf(term[ROUTE_TERM_JITTER] - 6) < 1e-4f);
	cr_assert(fabsf(term[ROUTE_TERM_MONEY] - 25) < 1e-4f);
	cr_assert(fabsf(term[ROUTE_TERM_LOAD] - 10) < 1e-3f, "two thirds full costs the penalty");
	cr_assert(fabsf(route_terms_sum(term) - 101) < 1e-2f);
}

Test(cost, of_a_delay_seen_through_wrong_clocks_is_that_seen_through_right_ones)
{
	/* A clock an hour ahead: in a float of milliseconds the difference would be gone. */
	double offset = 3600e9;
	struct route_estimate estimate = {.delay_ns = 40123456 + (int64_t)offset};
	float term[ROUTE_TERMS];
	route_link_terms(&class, 0, &estimate, offset, term);
	cr_assert(fabsf(term[ROUTE_TERM_DELAY] - 40.123456f) < 1e-5f);
}

Test(cost, of_load_grows_and_stays_finite)
{
	float last = -1;
	for (int percent = 0; percent < 99; percent++) {
		float now = route_load_term((float)percent / 100, 10);
		cr_assert(now > last);
		last = now;
	}
	cr_assert(isfinite(route_load_term(1, 10)) && isfinite(route_load_term(5, 10)));
	cr_assert(route_load_term(-1, 10) == 0);
}
