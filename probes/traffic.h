/* SPDX-License-Identifier: BSD-2-Clause */
/* What a link is like for the packets that cross it, from the counters that the receiving data plane keeps of them
 * (wire/stats.h): every packet is counted, and its TELEMETRY tells when it left. No probe is needed for that. Pure.
 *
 * Loss is that of the last PROBE_TRAFFIC_LOSS_NS, as the probes' is; the delay is the mean of the last
 * PROBE_TRAFFIC_DELAY_NS. Like the probes' one-way delays it has the two clocks' offset in it. */
#pragma once

#include <stdint.h>

#define PROBE_TRAFFIC_LOSS_NS      26000000000ull
#define PROBE_TRAFFIC_DELAY_NS     3000000000ull
#define PROBE_TRAFFIC_STALE_NS     3000000000ull /* without a reading for so long, nothing is known */
#define PROBE_TRAFFIC_READINGS     32u
#define PROBE_TRAFFIC_AFTER_OUTAGE 3u

/* As they stood at one moment. They only grow, but `lost`, which shrinks by what comes late. */
struct probe_traffic_counts {
	uint64_t packets;       /* that came */
	uint64_t lost;          /* sequences between them that have not come */
	int64_t delay_us;       /* sum over the packets, each less the base */
	uint32_t delay_base_us; /* modulo 2^32 */
};

struct probe_traffic {
	unsigned n;
	unsigned readings_out; /* that still have to do with an outage */
	struct probe_traffic_reading {
		uint64_t at_ns; /* CLOCK_MONOTONIC */
		struct probe_traffic_counts counts;
	} reading[PROBE_TRAFFIC_READINGS]; /* in order of time */
};

/* With packets 0 nothing is known of the loss, with delay_packets 0 nothing of the delay. */
struct probe_traffic_estimate {
	uint64_t packets;
	uint64_t lost;
	uint64_t delay_packets;
	int64_t delay_ns;
};

/* One more reading, about one a second. Counters that fall, or another base, are those of another data plane: what was
 * before them is forgotten. */
void probe_traffic_read(struct probe_traffic *t, const struct probe_traffic_counts *counts, uint64_t now_ns);

/* The link is down. What is lost meanwhile is none of the link's loss, and is counted only when the first packets come
 * after it, however late that is: so what is known begins anew once readings have had new packets
 * PROBE_TRAFFIC_AFTER_OUTAGE times. */
void probe_traffic_outage(struct probe_traffic *t);

/* near_ns: the probes' one-way delay; of the delays that agree modulo 2^32 us, the one nearest to it is meant. */
void probe_traffic_get(
    const struct probe_traffic *t, uint64_t now_ns, int64_t near_ns, struct probe_traffic_estimate *ret_estimate);

/* 0..1; 0 if nothing is known. */
double probe_traffic_loss(const struct probe_traffic_estimate *e);

/* Both together, by weight of evidence. loss: of `probes` probes; each of them, and each packet, counts alike. */
double probe_traffic_weigh_loss(const struct probe_traffic_estimate *e, double loss, uint32_t probes);
/* delay_ns: smoothed, as struct probe_direction has it: that is worth some 15 probes. */
int64_t probe_traffic_weigh_delay(const struct probe_traffic_estimate *e, int64_t delay_ns);
