/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/rate.h"

#include <stdlib.h>
#include <string.h>

static const double MOST = 1e9; /* packets per second: beyond any port */

bool rate_parse(const char *text, struct rate *ret)
{
	char *end;
	double value = strtod(text, &end);
	struct rate rate = {.is_share = !strcmp(end, "%")};
	if (rate.is_share)
		value /= 100;
	else if (!strcmp(end, "k"))
		value *= 1e3;
	else if (!strcmp(end, "M"))
		value *= 1e6;
	else if (*end)
		return false;
	/* No share of 0: 0 stands for no limit. */
	if (end == text || !(value >= 0 && value <= (rate.is_share ? 1 : MOST)) || (rate.is_share && value <= 0))
		return false;
	rate.value = value;
	*ret = rate;
	return true;
}

double rate_of(const struct rate *rate, double speed, double mean_size)
{
	return rate->is_share ? rate->value * speed * 1e6 / (8 * (mean_size + RATE_WIRE_OVERHEAD)) : rate->value;
}
