/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/estimator.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_SLACK 64 /* reordering and duplication that is not yet taken for a reflector that started again */

/* A process says when it sends; T1 is written when the packet leaves, which a busy machine puts off. NTP's format rounds
 * down by up to a nanosecond. */
#define MAX_STAMP_DELAY_NS 1000000000u
#define TIME_ROUNDING_NS   1u

enum record_state {
	RECORD_EMPTY = 0,
	RECORD_SENT,
	RECORD_REPLIED,
	RECORD_ROUND_TRIP, /* replied, but its one-way delays were taken with a clock that may have been stepped */
	RECORD_GIVEN_UP,   /* neither answered nor lost */
};

const char *probe_cause_name(enum probe_cause cause)
{
	static const char *const names[] = {"none", "new", "silent", "unanswered", "answered"};
	return (unsigned)cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "unknown";
}

/* Sequence numbers wrap: a is older than b by less than half of their range. */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool answered(const struct probe_record *r)
{
	return r->state == RECORD_REPLIED || r->state == RECORD_ROUND_TRIP;
}

/* Number of probes in the window; the oldest has sequence next - that. */
static uint32_t window_size(const struct probe_estimator *e)
{
	return e->sent < PROBE_WINDOW ? (uint32_t)e->sent : PROBE_WINDOW;
}

static bool in_window(const struct probe_estimator *e, uint32_t sequence)
{
	uint32_t age = e->next - sequence;
	return age >= 1 && age <= window_size(e);
}

static struct probe_record *record_of(struct probe_estimator *e, uint32_t sequence)
{
	return in_window(e, sequence) ? &e->window[sequence % PROBE_WINDOW] : NULL;
}

uint64_t probe_estimator_sent_at(const struct probe_estimator *e, uint32_t sequence)
{
	return in_window(e, sequence) ? e->window[sequence % PROBE_WINDOW].sent_ns : 0;
}

void probe_estimator_init(struct probe_estimator *e, uint64_t interval_ns, uint64_t now_ns)
{
	memset(e, 0, sizeof(*e));
	e->interval_ns = interval_ns;
	e->cause = PROBE_CAUSE_NEW;
	e->since_ns = e->last_tick_ns = e->silence_from_ns = now_ns;
}

uint32_t probe_estimator_sent(struct probe_estimator *e, uint64_t t1, uint64_t now_ns)
{
	e->window[e->next % PROBE_WINDOW] =
	    (struct probe_record){.sent_ns = now_ns, .t1 = t1, .sequence = e->next, .state = RECORD_SENT};
	e->sent++;
	return e->next++;
}

/* Smallest one-way delays of the window under the present clocks. False: there is no such sample. */
static bool smallest_delays(
    const struct probe_estimator *e, int64_t *ret_forward, int64_t *ret_back, uint32_t *ret_samples)
{
	int64_t forward = INT64_MAX, back = INT64_MAX;
	uint32_t samples = 0;
	for (uint32_t age = window_size(e); age > 0; age--) {
		const struct probe_record *r = &e->window[(e->next - age) % PROBE_WINDOW];
		if (r->state != RECORD_REPLIED || before(r->sequence, e->clock_from))
			continue;
		samples++;
		if (r->forward_ns < forward)
			forward = r->forward_ns;
		if ((int64_t)r->rtt_ns - r->forward_ns < back)
			back = (int64_t)r->rtt_ns - r->forward_ns;
	}
	if (samples == 0)
		return false;
	*ret_forward = forward;
	*ret_back = back;
	*ret_samples = samples;
	return true;
}

/* A step of d moves one direction's delay by d and the other's by -d. Queues only add: a delay far below the smallest
 * known, the sum of both not being smaller than it can be, is a step and not a better path. Returns d, or 0. */
static int64_t suspected_step(const struct probe_estimator *e, int64_t forward, int64_t back)
{
	int64_t least_forward, least_back;
	uint32_t samples;
	if (llabs(forward - e->smooth_forward_ns) < PROBE_CLOCK_STEP_NS &&
	    llabs(back - e->smooth_back_ns) < PROBE_CLOCK_STEP_NS)
		return 0;
	if (!smallest_delays(e, &least_forward, &least_back, &samples))
		return 0;
	int64_t more_forward = forward - least_forward, more_back = back - least_back;
	if (more_forward + more_back < -PROBE_CLOCK_STEP_NS / 2)
		return 0;
	if (more_back < -PROBE_CLOCK_STEP_NS)
		return -more_back;
	return more_forward < -PROBE_CLOCK_STEP_NS ? more_forward : 0;
}

static void restart_one_way(struct probe_estimator *e, uint32_t sequence)
{
	e->clock_from = sequence;
	e->any_one_way = false;
	e->step_agreeing = 0;
	e->clock_steps++;
}

/* Returns false while a clock step is suspected and this sample must wait for others that agree. */
static bool clocks_agree(struct probe_estimator *e, uint32_t sequence, int64_t forward, int64_t back)
{
	int64_t step = e->any_one_way ? suspected_step(e, forward, back) : 0;
	if (step == 0) {
		e->step_agreeing = 0;
		return true;
	}
	bool agrees = e->step_agreeing > 0 && llabs(step - e->step_ns) < PROBE_CLOCK_STEP_NS;
	e->step_agreeing = agrees ? e->step_agreeing + 1 : 1;
	e->step_ns = step;
	if (e->step_agreeing < PROBE_CLOCK_AGREEING)
		return false;
	restart_one_way(e, sequence);
	return true;
}

/* RFC 3550, A.8: J += |D| - ((J + 8) >> 4), J being 16 times the jitter. */
static void add_jitter(int64_t *jitter_16, int64_t difference)
{
	*jitter_16 += llabs(difference) - ((*jitter_16 + 8) >> 4);
}

static void add_one_way(struct probe_estimator *e, int64_t forward, int64_t back)
{
	if (!e->any_one_way) {
		e->smooth_forward_ns = forward;
		e->smooth_back_ns = back;
	} else {
		e->smooth_forward_ns += (forward - e->smooth_forward_ns) / 8;
		e->smooth_back_ns += (back - e->smooth_back_ns) / 8;
		add_jitter(&e->jitter_forward_16, forward - e->last_forward_ns);
		add_jitter(&e->jitter_back_16, back - e->last_back_ns);
	}
	e->last_forward_ns = forward;
	e->last_back_ns = back;
	e->any_one_way = true;
}

/* The reflector counted from the start again, or somebody else's probes into our session. */
static bool counts_broke(const struct probe_estimator *e, uint32_t sequence, uint32_t reflector_sequence)
{
	if (!e->any_reply)
		return true;
	if (!before(e->highest, sequence))
		return false;
	int64_t sent = (int32_t)(sequence - e->highest), counted = (int32_t)(reflector_sequence - e->highest_reflector);
	return reflector_sequence == 0 || counted < -COUNT_SLACK || counted > sent + COUNT_SLACK;
}

static void add_order(struct probe_estimator *e, uint32_t sequence, uint32_t reflector_sequence)
{
	if (counts_broke(e, sequence, reflector_sequence)) {
		e->count_from = sequence;
		e->highest_reflector = reflector_sequence;
	} else if (before(reflector_sequence, e->highest_reflector)) {
		e->reordered_back++; /* the reflector sent it before one that we have */
	} else if (before(sequence, e->highest)) {
		e->reordered_forward++; /* the reflector got it after one that we sent later */
	}
	if (!e->any_reply || before(e->highest, sequence))
		e->highest = sequence;
	if (before(e->highest_reflector, reflector_sequence))
		e->highest_reflector = reflector_sequence;
	e->any_reply = true;
}

static void add_copy(struct probe_estimator *e, struct probe_record *record, const struct probe_reply *r)
{
	if (!before(record->last_count, r->reflector_sequence)) {
		e->duplicates_back++;
		return;
	}
	record->last_count = r->reflector_sequence;
	e->duplicates_forward++;
	if (record->copies < UINT16_MAX)
		record->copies++;
	if (before(e->highest_reflector, r->reflector_sequence))
		e->highest_reflector = r->reflector_sequence;
}

static bool plausible(const struct probe_record *record, const struct probe_reply *r)
{
	if (!record || record->state == RECORD_EMPTY || record->state == RECORD_GIVEN_UP)
		return false;
	/* Whoever has not seen the probe does not know when it was sent. */
	if (r->t1 + TIME_ROUNDING_NS < record->t1 || r->t1 > record->t1 + MAX_STAMP_DELAY_NS)
		return false;
	if (r->t4 < r->t1 || r->t3 < r->t2 || r->arrival_ns < record->sent_ns)
		return false;
	return r->t4 - r->t1 >= r->t3 - r->t2 && r->t4 - r->t1 - (r->t3 - r->t2) <= UINT32_MAX;
}

/* Down, only replies without a pause between them and to probes not yet given for lost bring the link up. */
static void add_liveness(struct probe_estimator *e, const struct probe_record *record, uint64_t arrival)
{
	if (arrival > e->last_reply_ns && arrival - e->last_reply_ns > PROBE_SILENT * e->interval_ns)
		e->good = 0;
	if (arrival - record->sent_ns < PROBE_SETTLE_NS)
		e->good++;
	e->last_reply_ns = later(e->last_reply_ns, arrival);
	probe_estimator_heard(e, arrival);
}

bool probe_estimator_reply(struct probe_estimator *e, const struct probe_reply *r, struct probe_sample *ret_sample)
{
	struct probe_record *record = record_of(e, r->sequence);
	if (!plausible(record, r)) {
		e->ignored++;
		return false;
	}
	if (answered(record)) {
		add_copy(e, record, r);
		return false;
	}
	uint64_t rtt = r->t4 - r->t1 - (r->t3 - r->t2);
	int64_t forward = (int64_t)(r->t2 - r->t1), back = (int64_t)(r->t4 - r->t3);
	e->smooth_rtt_ns = e->replies ? e->smooth_rtt_ns + ((int64_t)rtt - e->smooth_rtt_ns) / 8 : (int64_t)rtt;
	e->replies++;
	add_order(e, r->sequence, r->reflector_sequence);
	add_liveness(e, record, r->arrival_ns);
	bool one_way = clocks_agree(e, r->sequence, forward, back);
	record->state = one_way ? RECORD_REPLIED : RECORD_ROUND_TRIP;
	e->last_sequence = r->sequence;
	record->forward_ns = forward;
	record->rtt_ns = (uint32_t)rtt;
	record->first_count = record->last_count = r->reflector_sequence;
	if (one_way)
		add_one_way(e, forward, back);
	*ret_sample =
	    (struct probe_sample){.rtt_ns = rtt, .forward_ns = forward, .back_ns = back, .at_ns = r->arrival_ns};
	return true;
}

bool probe_estimator_left_later(struct probe_estimator *e, uint32_t sequence, uint64_t late_ns)
{
	struct probe_record *record = record_of(e, sequence);
	if (!record || !answered(record) || late_ns > record->rtt_ns)
		return false;
	int64_t late = (int64_t)late_ns;
	record->rtt_ns -= (uint32_t)late_ns;
	if (sequence != e->last_sequence)
		return true;
	e->smooth_rtt_ns -= e->replies > 1 ? late / 8 : late;
	if (record->state == RECORD_REPLIED) {
		e->smooth_back_ns -= late / 8;
		e->last_back_ns -= late;
	}
	return true;
}

void probe_estimator_heard(struct probe_estimator *e, uint64_t at_ns)
{
	e->last_heard_ns = later(e->last_heard_ns, at_ns);
}

/* The link comes up. What an outage swallowed is told by `up`, not by loss: or a link that has healed would look bad for
 * a whole window, and nobody would return to it. */
static void forgive_outage(struct probe_estimator *e)
{
	uint32_t newer = e->next - e->highest - 1; /* still under way */
	for (uint32_t age = newer + 1; age <= window_size(e); age++) {
		struct probe_record *r = &e->window[(e->next - age) % PROBE_WINDOW];
		if (answered(r) && r->sent_ns < e->since_ns)
			break;
		if (answered(r))
			e->count_from = r->sequence;
		else if (r->state == RECORD_SENT)
			r->state = RECORD_GIVEN_UP;
	}
}

static void become(struct probe_estimator *e, bool up, enum probe_cause cause, uint64_t now_ns)
{
	if (up && now_ns - e->since_ns >= PROBE_OUTAGE_NS)
		forgive_outage(e);
	e->up = up;
	e->cause = cause;
	e->since_ns = now_ns;
	e->good = 0;
	/* A link that comes up has its full time again before it can be called unanswered. */
	if (up)
		e->silence_from_ns = now_ns;
}

static uint64_t silent_at(const struct probe_estimator *e)
{
	return later(e->last_heard_ns, e->silence_from_ns) + PROBE_SILENT * e->interval_ns;
}

static uint64_t unanswered_at(const struct probe_estimator *e)
{
	return later(e->last_reply_ns, e->silence_from_ns) + PROBE_UNANSWERED * e->interval_ns;
}

bool probe_estimator_tick(struct probe_estimator *e, uint64_t now_ns)
{
	if (now_ns > e->last_tick_ns && now_ns - e->last_tick_ns > 2 * e->interval_ns)
		e->silence_from_ns = now_ns;
	e->last_tick_ns = now_ns;
	if (!e->up) {
		bool fresh = e->last_reply_ns + PROBE_SILENT * e->interval_ns > now_ns;
		if (e->good < PROBE_UP_REPLIES || !fresh)
			return false;
		become(e, true, PROBE_CAUSE_ANSWERED, now_ns);
		return true;
	}
	if (now_ns >= silent_at(e))
		become(e, false, PROBE_CAUSE_SILENT, now_ns);
	else if (now_ns >= unanswered_at(e))
		become(e, false, PROBE_CAUSE_UNANSWERED, now_ns);
	return !e->up;
}

uint64_t probe_estimator_deadline(const struct probe_estimator *e)
{
	if (!e->up)
		return UINT64_MAX;
	uint64_t silent = silent_at(e), unanswered = unanswered_at(e);
	return silent < unanswered ? silent : unanswered;
}

void probe_estimator_own_clock_stepped(struct probe_estimator *e)
{
	for (uint32_t i = 0; i < PROBE_WINDOW; i++)
		if (e->window[i].state == RECORD_SENT)
			e->window[i].state = RECORD_GIVEN_UP;
	restart_one_way(e, e->next);
	e->count_from = e->next;
}

/* What became of the window's settled probes. */
struct tally {
	uint32_t settled, replied;
	bool any; /* an answered probe whose count is comparable: first and last of those follow */
	uint32_t first_count, last_count;
	uint32_t between; /* probes after the first answered one, up to the last one */
	uint32_t missing; /* of those: unanswered */
	uint32_t copies;  /* arrivals at the reflector beyond one a probe, from the first one up to before the last */
	uint32_t last_copies;
	uint32_t trailing; /* unanswered probes after the last answered one */
};

static void tally_direction(struct tally *t, const struct probe_record *r)
{
	if (!answered(r)) {
		t->trailing += t->any;
		return;
	}
	if (!t->any) {
		t->first_count = r->first_count;
		t->any = true;
	} else {
		t->between += t->trailing + 1;
		t->missing += t->trailing;
		t->copies += t->last_copies;
	}
	t->last_copies = r->copies;
	t->last_count = r->first_count;
	t->trailing = 0;
}

static struct tally tally_window(const struct probe_estimator *e, uint64_t now_ns)
{
	struct tally t = {0};
	for (uint32_t age = window_size(e); age > 0; age--) {
		const struct probe_record *r = &e->window[(e->next - age) % PROBE_WINDOW];
		if (r->state == RECORD_GIVEN_UP || r->sent_ns + PROBE_SETTLE_NS > now_ns)
			continue;
		t.settled++;
		t.replied += answered(r);
		if (!before(r->sequence, e->count_from))
			tally_direction(&t, r);
	}
	return t;
}

/* Between two answered probes the reflector's count says how many arrived there. Behind the last one nobody knows which
 * direction lost what is missing: it counts in both. */
static void get_loss(const struct tally *t, struct probe_estimate *ret)
{
	if (t->settled == 0)
		return;
	ret->loss = 1.0 - (double)t->replied / t->settled;
	if (!t->any) {
		ret->forward.loss = ret->back.loss = ret->loss;
		return;
	}
	int64_t arrived = (int64_t)(int32_t)(t->last_count - t->first_count) - t->copies;
	int64_t lost_forward = (int64_t)t->between - arrived;
	if (lost_forward < 0)
		lost_forward = 0;
	if (lost_forward > t->missing)
		lost_forward = t->missing;
	int64_t lost_back = (int64_t)t->missing - lost_forward;
	double sent = 1.0 + t->between + t->trailing;
	ret->forward.loss = (double)(lost_forward + t->trailing) / sent;
	ret->back.loss = (double)(lost_back + t->trailing) / (sent - (double)lost_forward);
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void get_quantiles(const struct probe_estimator *e, struct probe_estimate *ret)
{
	uint32_t rtt[PROBE_WINDOW], n = 0;
	for (uint32_t age = window_size(e); age > 0; age--) {
		const struct probe_record *r = &e->window[(e->next - age) % PROBE_WINDOW];
		if (answered(r))
			rtt[n++] = r->rtt_ns;
	}
	ret->samples = n;
	if (n == 0)
		return;
	qsort(rtt, n, sizeof(rtt[0]), compare_u32);
	/* Nearest rank: the smallest value that at least p percent of the samples do not exceed. */
	ret->min_rtt_ns = rtt[0];
	ret->p50_rtt_ns = rtt[(n * 50u + 99u) / 100u - 1u];
	ret->p95_rtt_ns = rtt[(n * 95u + 99u) / 100u - 1u];
	ret->p99_rtt_ns = rtt[(n * 99u + 99u) / 100u - 1u];
	ret->rtt_ns = (uint64_t)e->smooth_rtt_ns;
}

void probe_estimator_get(const struct probe_estimator *e, uint64_t now_ns, struct probe_estimate *ret)
{
	*ret = (struct probe_estimate){
	    .up = e->up,
	    .cause = e->cause,
	    .since_ns = e->since_ns,
	    .last_reply_ns = e->last_reply_ns,
	    .last_heard_ns = e->last_heard_ns,
	    .sent = e->sent,
	    .replies = e->replies,
	    .ignored = e->ignored,
	    .clock_steps = e->clock_steps,
	    .forward = {.reordered = e->reordered_forward, .duplicates = e->duplicates_forward},
	    .back = {.reordered = e->reordered_back, .duplicates = e->duplicates_back},
	};
	get_quantiles(e, ret);
	struct tally t = tally_window(e, now_ns);
	get_loss(&t, ret);
	if (!e->any_one_way ||
	    !smallest_delays(e, &ret->forward.min_delay_ns, &ret->back.min_delay_ns, &ret->one_way_samples))
		return;
	ret->forward.delay_ns = e->smooth_forward_ns;
	ret->back.delay_ns = e->smooth_back_ns;
	ret->forward.jitter_ns = (uint64_t)(e->jitter_forward_16 >> 4);
	ret->back.jitter_ns = (uint64_t)(e->jitter_back_16 >> 4);
}
