/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/traffic.h"

#include <stdbool.h>
#include <string.h>

#define SMOOTHED 15u /* (2 - a) / a samples are in an average that takes a = 1/8 of each new one */

static bool goes_on(const struct probe_traffic_counts *before, const struct probe_traffic_counts *now)
{
	return now->packets >= before->packets && (before->packets == 0 || now->delay_base_us == before->delay_base_us);
}

void probe_traffic_read(struct probe_traffic *t, const struct probe_traffic_counts *counts, uint64_t now_ns)
{
	const struct probe_traffic_counts *last = t->n ? &t->reading[t->n - 1].counts : NULL;
	if (last && t->readings_out && counts->packets > last->packets)
		t->readings_out--;
	if (t->readings_out || (last && !goes_on(last, counts)))
		t->n = 0;
	if (t->n == PROBE_TRAFFIC_READINGS)
		memmove(t->reading, t->reading + 1, --t->n * sizeof(t->reading[0]));
	t->reading[t->n++] = (struct probe_traffic_reading){now_ns, *counts};
}

void probe_traffic_outage(struct probe_traffic *t)
{
	t->readings_out = PROBE_TRAFFIC_AFTER_OUTAGE;
	t->n = 0;
}

/* The last reading that is at least `ns` old, or the first of all. */
static const struct probe_traffic_counts *before(const struct probe_traffic *t, uint64_t now_ns, uint64_t ns)
{
	unsigned i = t->n - 1;
	while (i > 0 && now_ns - t->reading[i].at_ns < ns)
		i--;
	return &t->reading[i].counts;
}

static int64_t nearest(uint32_t delay_us, int64_t near_ns)
{
	int64_t near_us = near_ns / 1000;
	return (near_us + (int32_t)(delay_us - (uint32_t)near_us)) * 1000;
}

void probe_traffic_get(
    const struct probe_traffic *t, uint64_t now_ns, int64_t near_ns, struct probe_traffic_estimate *ret_estimate)
{
	*ret_estimate = (struct probe_traffic_estimate){.packets = 0};
	if (t->n == 0 || now_ns - t->reading[t->n - 1].at_ns > PROBE_TRAFFIC_STALE_NS)
		return;
	const struct probe_traffic_counts *now = &t->reading[t->n - 1].counts;
	const struct probe_traffic_counts *long_ago = before(t, now_ns, PROBE_TRAFFIC_LOSS_NS);
	const struct probe_traffic_counts *lately = before(t, now_ns, PROBE_TRAFFIC_DELAY_NS);
	ret_estimate->packets = now->packets - long_ago->packets;
	ret_estimate->lost = now->lost > long_ago->lost ? now->lost - long_ago->lost : 0;
	ret_estimate->delay_packets = now->packets - lately->packets;
	if (ret_estimate->delay_packets == 0)
		return;
	int64_t mean_us = (now->delay_us - lately->delay_us) / (int64_t)ret_estimate->delay_packets;
	ret_estimate->delay_ns = nearest(now->delay_base_us + (uint32_t)mean_us, near_ns);
}

double probe_traffic_loss(const struct probe_traffic_estimate *e)
{
	return e->packets ? (double)e->lost / (double)(e->packets + e->lost) : 0;
}

double probe_traffic_weigh_loss(const struct probe_traffic_estimate *e, double loss, uint32_t probes)
{
	double all = (double)probes + (double)e->packets + (double)e->lost;
	return e->packets ? (loss * probes + (double)e->lost) / all : loss;
}

int64_t probe_traffic_weigh_delay(const struct probe_traffic_estimate *e, int64_t delay_ns)
{
	double share = (double)e->delay_packets / (double)(e->delay_packets + SMOOTHED);
	return delay_ns + (int64_t)(share * (double)(e->delay_ns - delay_ns));
}
