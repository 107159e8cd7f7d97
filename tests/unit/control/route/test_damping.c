/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/damping.h"

#include <criterion/criterion.h>
#include <math.h>

#define SECOND 1000000000ull

Test(damping, spares_one_outage_and_a_second_one_later)
{
	struct route_flap flap = {0};
	route_flap_add(&flap, 100 * SECOND);
	cr_assert_not(route_flap_damped(&flap, 100 * SECOND));
	route_flap_add(&flap, 110 * SECOND);
	cr_assert_not(route_flap_damped(&flap, 110 * SECOND));
}

Test(damping, holds_a_link_that_flaps_until_its_figure_has_decayed)
{
	struct route_flap flap = {0};
	for (uint64_t i = 0; i < 4; i++)
		route_flap_add(&flap, (100 + 2 * i) * SECOND);
	uint64_t now = 106 * SECOND, reuse = route_flap_reuse_ns(&flap, now);
	cr_assert(route_flap_damped(&flap, now));
	cr_assert(route_flap_damped(&flap, reuse - SECOND / 10));
	cr_assert_not(route_flap_damped(&flap, reuse));
	cr_assert(reuse - now > 20 * SECOND && reuse - now < 60 * SECOND);
}

Test(damping, figure_halves_every_half_life)
{
	struct route_flap flap = {0};
	route_flap_add(&flap, SECOND);
	cr_assert(fabsf(route_flap_figure(&flap, SECOND + ROUTE_FLAP_HALF_LIFE_NS) - ROUTE_FLAP_PENALTY / 2) < 0.1f);
	cr_assert(route_flap_figure(&flap, 0) == ROUTE_FLAP_PENALTY, "a clock that went back changes nothing");
}

Test(damping, never_lasts_longer_than_four_half_lives)
{
	struct route_flap flap = {0};
	for (uint64_t i = 0; i < 1000; i++)
		route_flap_add(&flap, i * SECOND / 10);
	cr_assert(route_flap_reuse_ns(&flap, 100 * SECOND) <= 100 * SECOND + 4 * ROUTE_FLAP_HALF_LIFE_NS + SECOND);
}
