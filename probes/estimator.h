/* SPDX-License-Identifier: BSD-2-Clause */
/* What a link is like, from the stamps of its STAMP probes. Pure: no clock, no I/O; all memory is in the struct.
 *
 * Times: `now` and `arrival` are CLOCK_MONOTONIC ns of this machine; t1..t4 wall-clock ns of the POP that took them.
 * A one-way delay is the difference of two machines' clocks: true up to an offset that is constant while neither clock
 * is stepped, and may be negative. forward + back is always the true round trip.
 *
 * Invariant: the window holds the last PROBE_WINDOW probes, each at index sequence % PROBE_WINDOW; every figure of
 * struct probe_estimate but the smoothed ones and the counters is a function of the window alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PROBE_WINDOW         512u          /* probes; 25.6 s at 20 Hz */
#define PROBE_SETTLE_NS      1000000000ull /* unanswered so long, a probe is lost, until its reply comes after all */
#define PROBE_OUTAGE_NS      1000000000ull /* down for so long is an outage, which is no loss; less is a burst of loss */
#define PROBE_SILENT         3u            /* intervals: nothing heard at all */
#define PROBE_UNANSWERED     8u            /* intervals: the other end is heard, but no reply comes */
#define PROBE_UP_REPLIES     3u            /* replies in a row that bring a link up */
#define PROBE_CLOCK_STEP_NS  5000000ll     /* smaller steps are taken for a change of the path */
#define PROBE_CLOCK_AGREEING 3u            /* samples that must agree on a step */

enum probe_cause {
	PROBE_CAUSE_NONE = 0,
	PROBE_CAUSE_NEW,        /* down: nothing has been answered yet */
	PROBE_CAUSE_SILENT,     /* down: neither probes nor replies for PROBE_SILENT intervals */
	PROBE_CAUSE_UNANSWERED, /* down: probes come, replies do not, for PROBE_UNANSWERED intervals */
	PROBE_CAUSE_ANSWERED,   /* up */
};

/* "new", "silent", "unanswered", "answered". */
const char *probe_cause_name(enum probe_cause cause);

struct probe_direction {
	int64_t delay_ns;     /* smoothed (1/8 of each new sample), with the clocks' offset in it */
	int64_t min_delay_ns; /* of the window */
	uint64_t jitter_ns;   /* RFC 3550, 6.4.1 */
	double loss;          /* 0..1, of the window's settled probes, but for those of an outage that is over */
	uint64_t reordered;   /* counters: since the link was added */
	uint64_t duplicates;
};

struct probe_estimate {
	bool up;
	enum probe_cause cause;
	uint64_t since_ns;      /* monotonic: when `up` last changed */
	uint64_t last_reply_ns; /* monotonic, 0: never */
	uint64_t last_heard_ns; /* monotonic, probe or reply, 0: never */
	uint32_t samples;       /* answered probes in the window; with 0 the figures below are 0 */
	uint64_t rtt_ns;        /* smoothed (1/8); the reflector's own time is taken off */
	uint64_t min_rtt_ns;    /* of the window, as the quantiles are */
	uint64_t p50_rtt_ns;
	uint64_t p95_rtt_ns;
	uint64_t p99_rtt_ns;
	double loss;                    /* round trip, 0..1 */
	uint32_t one_way_samples;       /* of the window, since the last clock step; with 0 the delays are 0 */
	struct probe_direction forward; /* us to them */
	struct probe_direction back;    /* them to us */
	uint64_t sent;                  /* counters: since the link was added */
	uint64_t replies;
	uint64_t ignored; /* replies that match no probe of ours */
	uint64_t clock_steps;
};

struct probe_reply {
	uint32_t sequence;           /* ours */
	uint32_t reflector_sequence; /* its count */
	uint64_t t1, t2, t3, t4;
	uint64_t arrival_ns;
};

/* What one accepted reply says. */
struct probe_sample {
	uint64_t rtt_ns;
	int64_t forward_ns;
	int64_t back_ns;
	uint64_t at_ns; /* monotonic arrival */
};

/* One probe of the window. */
struct probe_record {
	uint64_t sent_ns;
	uint64_t t1;
	int64_t forward_ns;
	uint32_t rtt_ns; /* at most 4.29 s: a longer one is no reply */
	uint32_t sequence;
	uint32_t first_count; /* the reflector's, of the first reply that came */
	uint32_t last_count;  /* and of its last copy of this probe */
	uint16_t copies;      /* further arrivals of this probe at the reflector */
	uint8_t state;        /* private to estimator.c */
	uint8_t reserved;
};

struct probe_estimator {
	uint64_t interval_ns;
	bool up;
	enum probe_cause cause;
	uint64_t since_ns, last_tick_ns;
	uint64_t last_reply_ns, last_heard_ns; /* 0: never */
	uint64_t silence_from_ns;              /* silence before this does not count */
	uint32_t good;                         /* replies in a row */

	uint32_t next; /* sequence of the next probe */
	bool any_reply;
	uint32_t last_sequence;              /* of the last accepted reply */
	uint32_t highest, highest_reflector; /* of all replies */
	uint32_t count_from;                 /* from this sequence on the reflector's counts belong together */
	uint64_t sent, replies, ignored, reordered_forward, reordered_back, duplicates_forward, duplicates_back;

	int64_t smooth_rtt_ns;
	bool any_one_way;
	uint32_t clock_from; /* from this sequence on one-way delays belong together */
	uint32_t step_agreeing;
	int64_t step_ns; /* what the agreeing samples agree on */
	int64_t last_forward_ns, last_back_ns, smooth_forward_ns, smooth_back_ns;
	int64_t jitter_forward_16, jitter_back_16; /* ns * 16 */
	uint64_t clock_steps;

	struct probe_record window[PROBE_WINDOW];
};

void probe_estimator_init(struct probe_estimator *e, uint64_t interval_ns, uint64_t now_ns);

/* A probe leaves. t1: wall clock, not later than the T1 that replies will bring. Returns its sequence number, which counts from 0. */
uint32_t probe_estimator_sent(struct probe_estimator *e, uint64_t t1, uint64_t now_ns);

/* A reply came. Returns true and fills *ret_sample if it answers a probe of the window for the first time; copies, and
 * replies that cannot be (stamps out of order, unknown sequence), are counted and false. */
bool probe_estimator_reply(struct probe_estimator *e, const struct probe_reply *r, struct probe_sample *ret_sample);

/* The accepted reply to `sequence` left the reflector late_ns after its T3: that time was no part of the way. Exact for
 * the last reply given; of an older one only the window is corrected. False: nothing there to correct. */
bool probe_estimator_left_later(struct probe_estimator *e, uint32_t sequence, uint64_t late_ns);

/* When the probe left by our clock reading; 0: it is not in the window. */
uint64_t probe_estimator_sent_at(const struct probe_estimator *e, uint32_t sequence);

/* The other end's own probe arrived. Older than what is known: nothing changes. */
void probe_estimator_heard(struct probe_estimator *e, uint64_t at_ns);

/* Decides up or down. Returns true when that changed; e->up, e->cause and e->since_ns tell. Call it after all replies
 * that arrived before now_ns were given, at least once an interval: after a longer pause (our process stood still, so
 * nothing was sent) silence counts from now on. */
bool probe_estimator_tick(struct probe_estimator *e, uint64_t now_ns);

/* When silence would take the link down if nothing comes; UINT64_MAX while it is down. */
uint64_t probe_estimator_deadline(const struct probe_estimator *e);

/* Our own clock was stepped: one-way delays start again, probes under way are given up without counting as lost. */
void probe_estimator_own_clock_stepped(struct probe_estimator *e);

void probe_estimator_get(const struct probe_estimator *e, uint64_t now_ns, struct probe_estimate *ret);
