/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/accuracy.h"

#include <stdlib.h>
#include <string.h>

static uint32_t fitting(uint64_t ns)
{
	return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

void probe_accuracy_add(struct probe_accuracy *a, uint64_t at_ns, uint64_t rtt_ns, uint64_t early_ns, uint64_t late_ns)
{
	uint32_t i = (uint32_t)(a->added++ % PROBE_WINDOW);
	a->row[i].at_ns = at_ns;
	a->row[i].rtt_ns = fitting(rtt_ns);
	a->row[i].extra_ns = fitting(early_ns + late_ns);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Nearest rank, as in estimator.c, of n > 0 round trips, over the shortest one. */
static struct probe_error error_of(uint64_t *rtt, uint32_t n, uint64_t shortest)
{
	qsort(rtt, n, sizeof(rtt[0]), compare_u64);
	return (struct probe_error){
	    .p50_ns = rtt[(n * 50u + 99u) / 100u - 1u] - shortest,
	    .p99_ns = rtt[(n * 99u + 99u) / 100u - 1u] - shortest,
	    .max_ns = rtt[n - 1] - shortest,
	};
}

void probe_accuracy_get(const struct probe_accuracy *a, uint64_t from_ns, struct probe_accuracy_estimate *ret)
{
	uint64_t driver[PROBE_WINDOW], process[PROBE_WINDOW], shortest = UINT64_MAX;
	uint32_t n = 0, kept = a->added < PROBE_WINDOW ? (uint32_t)a->added : PROBE_WINDOW;
	for (uint32_t i = 0; i < kept; i++) {
		if (a->row[i].at_ns < from_ns)
			continue;
		driver[n] = a->row[i].rtt_ns;
		process[n] = driver[n] + a->row[i].extra_ns;
		shortest = driver[n] < shortest ? driver[n] : shortest;
		n++;
	}
	*ret = (struct probe_accuracy_estimate){.samples = n};
	if (n == 0)
		return;
	ret->min_rtt_ns = shortest;
	ret->driver = error_of(driver, n, shortest);
	ret->process = error_of(process, n, shortest);
}
