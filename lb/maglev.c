/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/maglev.h"

#include <errno.h>
#include <string.h>

#include "lb/hash.h"

/* Primes just below the powers of two, each about twice the one before, so that a table is at most 200 slots an
 * endpoint; the last is the paper's small table (section 5.3). */
static const uint32_t sizes[] = {127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, LB_MAGLEV_MAX};

#define SLOTS_PER_CANDIDATE 100u

/* A candidate's walk through the slots: the paper's permutation, offset + j * skip mod m, one step at a time. */
struct walk {
	uint32_t at;
	uint32_t skip;
	uint32_t credit; /* grows by the weight at each turn; a slot costs the largest weight. Light ones start apart */
	uint32_t index;
};

struct deal {
	uint16_t *slots;
	uint32_t m;
	struct walk *walk; /* sorted by name */
	uint32_t n;
	uint32_t turn;     /* whose it is: dealing goes on there after slots were taken back, so shares stay level */
	uint32_t heaviest; /* weight that takes a slot at every turn */
};

uint32_t lb_maglev_slots(uint32_t n)
{
	size_t i = 0;
	while (i + 1 < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] < (uint64_t)n * SLOTS_PER_CANDIDATE)
		i++;
	return sizes[i];
}

size_t lb_maglev_scratch_size(uint32_t n)
{
	return n * sizeof(struct walk);
}

/* Shell sort of indexes by name: no recursion, no allocation; lists are short or sorted already. */
static void sort_by_name(struct walk *walk, uint32_t n, const struct lb_candidate *c)
{
	uint32_t gap = 1;
	while (gap < n / 3)
		gap = gap * 3 + 1;
	for (; gap; gap /= 3)
		for (uint32_t i = gap; i < n; i++) {
			struct walk moving = walk[i];
			uint32_t j = i;
			for (; j >= gap && c[walk[j - gap].index].name > c[moving.index].name; j -= gap)
				walk[j] = walk[j - gap];
			walk[j] = moving;
		}
}

static void start_walks(struct deal *d, const struct lb_candidate *c)
{
	for (uint32_t i = 0; i < d->n; i++)
		d->walk[i].index = i;
	sort_by_name(d->walk, d->n, c);
	for (uint32_t i = 0; i < d->n; i++) {
		uint64_t name = c[d->walk[i].index].name;
		d->walk[i].at = (uint32_t)(lb_hash_words(name, 0, 0) % d->m);
		d->walk[i].skip = (uint32_t)(lb_hash_words(name, 1, 0) % (d->m - 1)) + 1;
		d->walk[i].credit = (uint32_t)(lb_hash_words(name, 2, 0) % d->heaviest);
	}
}

static bool may_own(const struct lb_candidate *c, bool only_usable)
{
	return c->weight && (c->usable || !only_usable);
}

/* The next slot of the walk that nobody owns; there is one. */
static uint32_t next_free(struct walk *w, const struct deal *d)
{
	for (;;) {
		uint32_t slot = w->at;
		w->at += w->skip;
		if (w->at >= d->m)
			w->at -= d->m;
		if (d->slots[slot] == LB_MAGLEV_NONE)
			return slot;
	}
}

/* Candidates take turns, each taking the next free slot of its walk as often as its weight allows, until `left` slots
 * are owned. */
static void deal_slots(struct deal *d, const struct lb_candidate *c, uint32_t left, bool only_usable)
{
	for (; left; d->turn = d->turn + 1 < d->n ? d->turn + 1 : 0) {
		struct walk *w = &d->walk[d->turn];
		if (!may_own(&c[w->index], only_usable))
			continue;
		w->credit += c[w->index].weight;
		if (w->credit < d->heaviest)
			continue;
		w->credit -= d->heaviest;
		d->slots[next_free(w, d)] = (uint16_t)w->index;
		left--;
	}
}

static uint32_t heaviest_of(const struct lb_candidate *c, uint32_t n, bool only_usable)
{
	uint32_t heaviest = 0;
	for (uint32_t i = 0; i < n; i++)
		if (may_own(&c[i], only_usable) && c[i].weight > heaviest)
			heaviest = c[i].weight;
	return heaviest;
}

/* Takes the slots of unusable candidates back. Returns how many. */
static uint32_t take_back(struct deal *d, const struct lb_candidate *c)
{
	uint32_t taken = 0;
	for (uint32_t s = 0; s < d->m; s++)
		if (!c[d->slots[s]].usable) {
			d->slots[s] = LB_MAGLEV_NONE;
			taken++;
		}
	return taken;
}

int lb_maglev_build(uint16_t *slots, uint32_t m, const struct lb_candidate *c, uint32_t n, void *scratch)
{
	if (m < 2 || m > LB_MAGLEV_MAX || n > m || n > LB_MAGLEV_CANDIDATES)
		return -EINVAL;
	uint32_t heaviest_usable = heaviest_of(c, n, true);
	if (!heaviest_usable)
		return -ENOENT;
	struct deal d = {.slots = slots, .m = m, .walk = scratch, .n = n, .heaviest = heaviest_of(c, n, false)};
	start_walks(&d, c);
	memset(slots, 0xff, m * sizeof(*slots));
	deal_slots(&d, c, m, false);
	uint32_t left = take_back(&d, c);
	d.heaviest = heaviest_usable;
	for (uint32_t i = 0; i < n; i++)
		d.walk[i].credit %= heaviest_usable;
	deal_slots(&d, c, left, true);
	return 0;
}
