/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/last_mile.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct wire_stats_last_mile *x = a, *y = b;
	if (x->side != y->side)
		return (int)x->side - (int)y->side;
	int prefix = memcmp(&x->prefix, &y->prefix, sizeof(x->prefix));
	return prefix ? prefix : (int)x->length - (int)y->length;
}

/* A copy; false: unused, or it changed its key meanwhile. */
static bool read_row(const struct wire_stats_last_mile *row, struct wire_stats_last_mile *ret_row)
{
	uint8_t side = __atomic_load_n(&row->side, __ATOMIC_ACQUIRE);
	if (side != WIRE_SIDE_CLIENT && side != WIRE_SIDE_ENDPOINT)
		return false;
	*ret_row = *row;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ret_row->handshakes && __atomic_load_n(&row->side, __ATOMIC_RELAXED) == side &&
	       compare(row, ret_row) == 0;
}

static void add(struct wire_stats_last_mile *sum, const struct wire_stats_last_mile *row)
{
	uint64_t both = (uint64_t)sum->handshakes + row->handshakes;
	sum->smooth_us =
	    (uint32_t)(((uint64_t)sum->smooth_us * sum->handshakes + (uint64_t)row->smooth_us * row->handshakes) /
	               both);
	sum->handshakes = both > UINT32_MAX ? UINT32_MAX : (uint32_t)both;
	sum->at_seconds = row->at_seconds > sum->at_seconds ? row->at_seconds : sum->at_seconds;
	for (unsigned i = 0; i < WIRE_STATS_LAST_MILE_RTTS; i++)
		sum->rtt[i] += row->rtt[i];
}

static double quantile_ms(const struct wire_stats_last_mile *row, double q)
{
	uint64_t all = 0, seen = 0;
	unsigned i = 0;
	for (unsigned k = 0; k < WIRE_STATS_LAST_MILE_RTTS; k++)
		all += row->rtt[k];
	for (; i + 1 < WIRE_STATS_LAST_MILE_RTTS; i++) {
		seen += row->rtt[i];
		if ((double)seen >= q * (double)all)
			break;
	}
	return pow(2, (i + 1) / 2.0);
}

static void show(const struct wire_stats_last_mile *sum, ctl_last_mile_emit *emit, void *to)
{
	struct ctl_last_mile row = {*sum, quantile_ms(sum, 0.5), quantile_ms(sum, 0.95)};
	emit(to, &row);
}

int ctl_last_mile_list(const struct ctl_counters *counters, ctl_last_mile_emit *emit, void *to)
{
	size_t all = (size_t)counters->workers * counters->last_mile_rows, n = 0;
	struct wire_stats_last_mile *row = calloc(all + 1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < all; i++)
		n += read_row(&counters->last_mile[i], &row[n]);
	qsort(row, n, sizeof(*row), compare);
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && compare(&row[i], &row[next]) == 0; next++)
			add(&row[i], &row[next]);
		show(&row[i], emit, to);
	}
	free(row);
	return 0;
}
