/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/impair.h"

#define NS_PER_S 1000000000ull

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static double uniform(uint64_t *state)
{
	return (double)(next_random(state) >> 11) * 0x1p-53;
}

static bool chance(struct wanem_line *line, double probability)
{
	return probability > 0 && uniform(&line->random) < probability;
}

void wanem_line_init(struct wanem_line *line, uint64_t seed)
{
	*line = (struct wanem_line){
	    .set = {.queue_bytes = WANEM_DEFAULT_QUEUE_BYTES, .reorder_gap_ns = WANEM_DEFAULT_REORDER_GAP},
	    .random = seed,
	};
}

void wanem_line_configure(struct wanem_line *line, const struct wanem_impairment *set)
{
	line->set = *set;
	line->last_due = 0;
	if (set->rate_bps == 0)
		line->free_at = 0;
}

/* Passes the rate limiter: false when its queue is full, else ret_sent is when the last bit has left. */
static bool queue_for_rate(struct wanem_line *line, uint64_t now, uint32_t length, uint64_t *ret_sent)
{
	uint64_t rate = line->set.rate_bps;
	if (rate == 0) {
		*ret_sent = now;
		return true;
	}
	uint64_t start = line->free_at > now ? line->free_at : now;
	double waiting = (double)(start - now) * (double)rate / (8.0 * (double)NS_PER_S);
	if (waiting + length > (double)line->set.queue_bytes)
		return false;
	line->free_at = start + (uint64_t)((double)length * 8.0 * (double)NS_PER_S / (double)rate);
	*ret_sent = line->free_at;
	return true;
}

/* When a packet that left the limiter at `sent` arrives. */
static uint64_t due_of(struct wanem_line *line, uint64_t sent)
{
	const struct wanem_impairment *set = &line->set;
	uint64_t due = sent + set->delay_ns;
	if (set->jitter_ns)
		due += (uint64_t)((double)set->jitter_ns * uniform(&line->random));
	if (chance(line, set->reorder)) {
		line->count[WANEM_REORDERED]++;
		return due + set->reorder_gap_ns;
	}
	if (due < line->last_due)
		due = line->last_due;
	line->last_due = due;
	return due;
}

unsigned wanem_line_offer(struct wanem_line *line, uint64_t now, uint32_t length, uint64_t ret_due[2])
{
	uint64_t sent;
	if (line->set.dark) {
		line->count[WANEM_DARK]++;
		return 0;
	}
	if (chance(line, line->set.loss)) {
		line->count[WANEM_LOST]++;
		return 0;
	}
	if (!queue_for_rate(line, now, length, &sent)) {
		line->count[WANEM_QUEUE_FULL]++;
		return 0;
	}
	line->count[WANEM_SENT]++;
	ret_due[0] = due_of(line, sent);
	if (!chance(line, line->set.duplicate))
		return 1;
	line->count[WANEM_DUPLICATED]++;
	ret_due[1] = ret_due[0];
	return 2;
}
