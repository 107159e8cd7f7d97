/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/fragment.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS    1000000ull
#define UNITS 8192u /* of 8 bytes in a datagram */

static struct lb_fragment_table *table_of(uint32_t datagrams, uint32_t held_max)
{
	size_t size = lb_fragment_table_size(datagrams);
	struct lb_fragment_table *table = NULL;
	cr_assert(
	    lb_fragment_table_init(aligned_alloc(64, (size + 63) / 64 * 64), size, datagrams, held_max, &table) == 0);
	return table;
}

static struct lb_flow_key key_of(uint32_t n)
{
	struct wire_addr src = wire_addr_from_v4((uint8_t[4]){192, 0, 2, (uint8_t)(n >> 16)});
	struct wire_addr dst = wire_addr_from_v4((uint8_t[4]){203, 0, 113, 10});
	return lb_fragment_key(&src, &dst, n & 0xffff, 17);
}

static struct lb_fragment_result take(
    struct lb_fragment_table *t, uint32_t n, uint32_t begin, uint32_t end, bool last, uintptr_t packet, uint64_t now)
{
	struct lb_flow_key key = key_of(n);
	struct lb_fragment f = {.begin = begin,
	    .end = end,
	    .last = last,
	    .src_port = (uint16_t)n,
	    .dst_port = 53,
	    .packet = (void *)packet};
	struct lb_fragment_result r;
	lb_fragment_take(t, &key, lb_flow_hash(&key), &f, now, &r);
	return r;
}

Test(fragment, later_ones_go_where_the_first_goes)
{
	struct lb_fragment_table *t = table_of(64, 64);
	cr_assert(take(t, 5, 0, 1480, false, 1, 0).verdict == LB_FRAGMENT_PASS);
	struct lb_fragment_result r = take(t, 5, 1480, 2960, false, 2, 0);
	cr_assert(r.verdict == LB_FRAGMENT_PASS && r.src_port == 5 && r.dst_port == 53);
	r = take(t, 5, 2960, 3001, true, 3, 0);
	cr_assert(r.verdict == LB_FRAGMENT_PASS && r.src_port == 5);
	free(t);
}

Test(fragment, those_before_the_first_wait_for_it)
{
	struct lb_fragment_table *t = table_of(64, 64);
	cr_assert(take(t, 5, 2960, 3001, true, 3, 0).verdict == LB_FRAGMENT_HOLD);
	cr_assert(take(t, 5, 1480, 2960, false, 2, 0).verdict == LB_FRAGMENT_HOLD);
	cr_assert(lb_fragment_held(t) == 2);
	struct lb_fragment_result r = take(t, 5, 0, 1480, false, 1, 0);
	cr_assert(r.verdict == LB_FRAGMENT_PASS && r.n_released == 2);
	cr_assert(r.released[0] == (void *)3 && r.released[1] == (void *)2 && lb_fragment_held(t) == 0);
	free(t);
}

Test(fragment, an_overlap_ends_the_datagram_and_a_repetition_does_not)
{
	struct lb_fragment_table *t = table_of(64, 64);
	cr_assert(take(t, 5, 0, 80, false, 1, 0).verdict == LB_FRAGMENT_PASS);
	cr_assert(take(t, 5, 0, 80, false, 1, 0).verdict == LB_FRAGMENT_DROP);
	cr_assert(take(t, 5, 8, 16, false, 1, 0).verdict == LB_FRAGMENT_DROP);
	cr_assert(take(t, 5, 80, 160, false, 1, 0).verdict == LB_FRAGMENT_PASS);
	cr_assert(take(t, 5, 152, 240, false, 1, 0).verdict == LB_FRAGMENT_DROP);
	cr_assert(take(t, 5, 240, 300, true, 1, 0).verdict == LB_FRAGMENT_DROP, "poisoned");
	cr_assert(take(t, 6, 240, 300, true, 7, 0).verdict == LB_FRAGMENT_HOLD);
	struct lb_fragment_result r = take(t, 6, 296, 320, false, 1, 0);
	cr_assert(r.verdict == LB_FRAGMENT_DROP && r.n_forgotten == 1 && r.forgotten[0] == (void *)7);
	free(t);
}

Test(fragment, lengths_that_no_sender_makes_end_the_datagram)
{
	static const struct {
		uint32_t begin, end;
		bool last;
	} wrong[] = {{0, 81, false}, {80, 80, true}, {80, 72, false}, {65528, 65536, true}, {65528, 65540, true}};
	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct lb_fragment_table *t = table_of(64, 64);
		cr_assert(take(t, 1, wrong[i].begin, wrong[i].end, wrong[i].last, 1, 0).verdict == LB_FRAGMENT_DROP);
		cr_assert(take(t, 1, 800, 880, true, 1, 0).verdict == LB_FRAGMENT_DROP);
		free(t);
	}
}

Test(fragment, a_datagram_has_one_end)
{
	struct lb_fragment_table *t = table_of(64, 64);
	take(t, 1, 0, 80, false, 1, 0);
	cr_assert(take(t, 1, 160, 200, true, 1, 0).verdict == LB_FRAGMENT_PASS);
	cr_assert(take(t, 1, 240, 320, false, 1, 0).verdict == LB_FRAGMENT_DROP, "beyond it");
	take(t, 2, 0, 80, false, 1, 0);
	take(t, 2, 240, 320, false, 1, 0);
	cr_assert(take(t, 2, 160, 200, true, 1, 0).verdict == LB_FRAGMENT_DROP, "before what has come");
	free(t);
}

/* The bound of the header comment: exactly `datagrams` others. */
Test(fragment, a_flood_displaces_a_datagram_after_as_many_others_and_no_earlier)
{
	for (uint32_t others = 990; others <= 1000; others++) {
		struct lb_fragment_table *t = table_of(1000, 64);
		take(t, 1 << 20, 0, 80, false, 1, 0);
		for (uint32_t n = 0; n < others; n++)
			take(t, n, n % 2 ? 0 : 80, 160, true, 1, 0);
		enum lb_fragment_verdict verdict = take(t, 1 << 20, 80, 100, true, 1, 0).verdict;
		cr_assert((verdict == LB_FRAGMENT_PASS) == (others < 1000), "%u others", others);
		free(t);
	}
}

Test(fragment, what_is_held_is_bounded_and_given_back_when_its_time_is_over)
{
	struct lb_fragment_table *t = table_of(1000, 10);
	unsigned swept = 0;
	void *packet[LB_FRAGMENT_HELD];
	for (uint32_t n = 0; n < 100; n++) {
		enum lb_fragment_verdict verdict = take(t, n, 80, 160, true, 1 + n, 0).verdict;
		cr_assert(verdict == (n < 10 ? LB_FRAGMENT_HOLD : LB_FRAGMENT_DROP));
	}
	for (uint32_t n = 0; n < 20; n++)
		cr_assert(take(t, 500, 80 + 160 * n, 160 + 160 * n, false, 1, 0).verdict == LB_FRAGMENT_DROP);
	cr_assert(lb_fragment_sweep(t, (LB_FRAGMENT_LIFE_MS - 10) * MS, 1000, packet) == 0);
	for (unsigned k = 0; k < 20; k++)
		swept += lb_fragment_sweep(t, (LB_FRAGMENT_LIFE_MS + 10) * MS, 1000, packet);
	cr_assert(swept == 10 && lb_fragment_held(t) == 0);
	cr_assert(take(t, 1, 0, 80, false, 1, (LB_FRAGMENT_LIFE_MS + 20) * MS).n_released == 0);
	free(t);
}

/* ---- against a naive model: a bit per 8 bytes, packets in a list ---- */

struct naive {
	uint32_t id;
	uint64_t begun;
	bool known, bad;
	uint32_t end; /* units; 0: not yet */
	bool came[UNITS];
	unsigned n_held;
	uintptr_t held[LB_FRAGMENT_HELD];
};

static unsigned gaps(const struct naive *d)
{
	unsigned spans = 0;
	for (uint32_t u = 0; u < UNITS; u++)
		spans += d->came[u] && (u == 0 || !d->came[u - 1]);
	return spans;
}

/* Units [begin, end). */
static enum lb_fragment_verdict naive_take(struct naive *d, uint32_t begin, uint32_t end, bool last, uintptr_t packet)
{
	uint32_t there = 0, highest = 0;
	for (uint32_t u = 0; u < UNITS; u++) {
		there += u >= begin && u < end && d->came[u];
		highest = d->came[u] ? u + 1 : highest;
	}
	if (d->bad || there == end - begin)
		return LB_FRAGMENT_DROP;
	bool wrong = there || (last ? d->end || end < highest : d->end && end > d->end);
	bool waits = !d->known && begin;
	if (!wrong && waits && d->n_held == LB_FRAGMENT_HELD)
		return LB_FRAGMENT_DROP;
	if (!wrong) {
		memset(&d->came[begin], true, end - begin);
		wrong = gaps(d) > LB_FRAGMENT_SPANS;
	}
	d->bad = wrong;
	if (wrong)
		return LB_FRAGMENT_DROP;
	d->end = last ? end : d->end;
	d->known |= begin == 0;
	if (!waits)
		return LB_FRAGMENT_PASS;
	d->held[d->n_held++] = packet;
	return LB_FRAGMENT_HOLD;
}

static void check_packets(struct naive *d, const struct lb_fragment_result *r)
{
	unsigned n = d->bad ? r->n_forgotten : r->n_released;
	void *const *packet = d->bad ? r->forgotten : r->released;
	bool all = d->bad || (r->verdict == LB_FRAGMENT_PASS && d->n_held);
	cr_assert(n == (all ? d->n_held : 0), "%u packets, not %u", n, d->n_held);
	for (unsigned k = 0; k < n; k++)
		cr_assert(packet[k] == (void *)d->held[k]);
	if (all)
		d->n_held = 0;
}

Test(fragment, behaves_as_a_naive_model_whatever_comes)
{
	enum { ids = 40 };
	static struct naive model[ids];
	struct lb_fragment_table *t = table_of(64, 10000); /* none is displaced */
	uint64_t now = 0;
	srand(11);
	for (uint32_t n = 0; n < ids; n++)
		model[n].id = n;
	for (uintptr_t packet = 1; packet < 60000; packet++) {
		struct naive *d = &model[(unsigned)rand() % ids];
		uint32_t begin = (uint32_t)rand() % 40, end = begin + 1 + (uint32_t)rand() % 4;
		bool last = rand() % 12 == 0;
		if (rand() % 60 == 0) { /* their time is over, and all that was held comes back */
			unsigned held = 0, back = 0;
			void *gone[LB_FRAGMENT_HELD];
			now += (LB_FRAGMENT_LIFE_MS + 5) * MS;
			for (uint32_t n = 0; n < ids; n++)
				held += model[n].n_held;
			for (uint32_t n = 0; n < 2 * ids; n++)
				back += lb_fragment_sweep(t, now, 64, gone);
			cr_assert(back == held && lb_fragment_held(t) == 0, "%u of %u", back, held);
			memset(model, 0, sizeof(model));
			for (uint32_t n = 0; n < ids; n++)
				model[n].id = n;
		}
		enum lb_fragment_verdict expected = naive_take(d, begin, end, last, packet);
		struct lb_fragment_result r = take(t, d->id, begin * 8, end * 8, last, packet, now);
		cr_assert(r.verdict == expected, "packet %lu: %d, not %d", packet, r.verdict, expected);
		check_packets(d, &r);
	}
	free(t);
}
