/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/damping.h"

#include <math.h>

float route_flap_figure(const struct route_flap *flap, uint64_t now_ns)
{
	if (now_ns <= flap->at_ns)
		return flap->figure;
	return flap->figure * exp2f(-(float)(now_ns - flap->at_ns) / (float)ROUTE_FLAP_HALF_LIFE_NS);
}

bool route_flap_damped(const struct route_flap *flap, uint64_t now_ns)
{
	return flap->damped && route_flap_figure(flap, now_ns) >= ROUTE_FLAP_REUSE;
}

void route_flap_add(struct route_flap *flap, uint64_t now_ns)
{
	bool damped = route_flap_damped(flap, now_ns);
	float figure = fminf(route_flap_figure(flap, now_ns) + ROUTE_FLAP_PENALTY, ROUTE_FLAP_CEILING);
	*flap = (struct route_flap){.figure = figure, .damped = damped || figure >= ROUTE_FLAP_CUTOFF, .at_ns = now_ns};
}

uint64_t route_flap_reuse_ns(const struct route_flap *flap, uint64_t now_ns)
{
	float figure = route_flap_figure(flap, now_ns);
	if (!route_flap_damped(flap, now_ns))
		return now_ns;
	/* One more millisecond than exact: the figure is a float. */
	return now_ns + (uint64_t)(log2f(figure / ROUTE_FLAP_REUSE) * (float)ROUTE_FLAP_HALF_LIFE_NS) + 1000000;
}
