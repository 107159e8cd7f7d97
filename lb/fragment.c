/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/fragment.h"

#include <errno.h>
#include <string.h>

#include "lb/index.h"
#include "lb/state.h"

struct span {
	uint16_t begin;
	uint16_t end;
};

struct datagram {
	struct lb_flow_key key;
	uint32_t begun; /* lb_tick() */
	uint32_t serial;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t end; /* of the last fragment; 0: has not come */
	bool used;
	bool known; /* the first fragment has come */
	bool bad;
	uint8_t n_spans;
	uint8_t n_held;
	struct span span[LB_FRAGMENT_SPANS]; /* that came: in order, with gaps between */
	void *held[LB_FRAGMENT_HELD];
};

/* Memory: this header, the buckets, the datagrams. */
struct lb_fragment_table {
	uint32_t capacity;
	uint32_t buckets;
	uint32_t newest; /* number of the datagram that began last; the next one takes the place after it */
	uint32_t cursor; /* of the sweep */
	uint32_t serial;
	uint32_t held;
	uint32_t held_max;
	uint32_t reserved[9];
};

_Static_assert(sizeof(struct lb_fragment_table) == 64, "buckets start on a cache line");

static struct lb_index index_of(const struct lb_fragment_table *t)
{
	struct lb_bucket *first = (struct lb_bucket *)(t + 1);
	return (struct lb_index){.bucket = first,
	    .mask = t->buckets - 1,
	    .stride = sizeof(struct datagram),
	    .entries = (uint8_t *)(first + t->buckets)};
}

static struct datagram *datagram_of(const struct lb_index *x, uint32_t number)
{
	return lb_index_entry(x, number);
}

size_t lb_fragment_table_size(uint32_t datagrams)
{
	if (datagrams < 2 || datagrams > LB_FRAGMENT_MAX)
		return 0;
	return sizeof(struct lb_fragment_table) + lb_index_buckets(datagrams) * sizeof(struct lb_bucket) +
	       (size_t)datagrams * sizeof(struct datagram);
}

int lb_fragment_table_init(
    void *memory, size_t size, uint32_t datagrams, uint32_t held_max, struct lb_fragment_table **ret_table)
{
	size_t need = lb_fragment_table_size(datagrams);
	if (!need || size < need || (uintptr_t)memory % 64)
		return -EINVAL;
	struct lb_fragment_table *t = memory;
	memset(t, 0, need);
	t->capacity = datagrams;
	t->buckets = lb_index_buckets(datagrams);
	t->held_max = held_max;
	*ret_table = t;
	return 0;
}

static bool is_over(const struct datagram *d, uint64_t now_ns)
{
	return lb_tick_age(lb_tick(now_ns), d->begun) >= lb_ticks_of_ms(LB_FRAGMENT_LIFE_MS);
}

/* Gives the packets that it holds to packet[*n ...). */
static void let_go(struct lb_fragment_table *t, struct datagram *d, void *packet[], unsigned *n)
{
	for (unsigned k = 0; k < d->n_held; k++)
		packet[(*n)++] = d->held[k];
	t->held -= d->n_held;
	d->n_held = 0;
}

static void forget(const struct lb_index *x, struct datagram *d)
{
	lb_index_remove(x, (uint32_t)(d - datagram_of(x, 1)) + 1, lb_flow_hash(&d->key));
	d->used = false;
}

/* The datagram's place, made in that of the oldest if it is new. NULL: its buckets are full. */
static struct datagram *find(struct lb_fragment_table *t, const struct lb_flow_key *key, uint64_t hash, uint64_t now_ns,
    struct lb_fragment_result *ret)
{
	struct lb_index x = index_of(t);
	uint32_t number = lb_index_find(&x, key, hash);
	struct datagram *d = number ? datagram_of(&x, number) : NULL;
	if (d && !is_over(d, now_ns))
		return d;
	if (d) {
		let_go(t, d, ret->forgotten, &ret->n_forgotten);
		forget(&x, d);
	}
	number = t->newest % t->capacity + 1;
	d = datagram_of(&x, number);
	if (d->used) {
		let_go(t, d, ret->forgotten, &ret->n_forgotten);
		forget(&x, d);
	}
	if (!lb_index_add(&x, number, hash))
		return NULL;
	t->newest = number;
	*d = (struct datagram){.key = *key, .begun = lb_tick(now_ns), .serial = ++t->serial, .used = true};
	return d;
}

/* Whether the fragment may stand among what has come: 0; -EEXIST: it repeats that; -EBADMSG: it contradicts it. */
static int compare(const struct datagram *d, const struct lb_fragment *f)
{
	bool aligned = f->last || (f->end - f->begin) % 8 == 0;
	if (f->begin >= f->end || f->end > UINT16_MAX || !aligned)
		return -EBADMSG;
	uint32_t highest = d->n_spans ? d->span[d->n_spans - 1].end : 0;
	for (unsigned k = 0; k < d->n_spans; k++) {
		const struct span *s = &d->span[k];
		if (f->begin >= s->end || f->end <= s->begin)
			continue;
		return f->begin >= s->begin && f->end <= s->end ? -EEXIST : -EBADMSG;
	}
	if (f->last ? d->end || f->end < highest : d->end && f->end > d->end)
		return -EBADMSG;
	return 0;
}

/* false: too many gaps. */
static bool add_span(struct datagram *d, uint16_t begin, uint16_t end)
{
	unsigned at = 0;
	while (at < d->n_spans && d->span[at].end < begin)
		at++;
	bool joins = at < d->n_spans && d->span[at].end == begin;
	if (joins) {
		d->span[at].end = end;
		if (at + 1 < d->n_spans && d->span[at + 1].begin == end) {
			d->span[at].end = d->span[at + 1].end;
			memmove(&d->span[at + 1], &d->span[at + 2], (d->n_spans - at - 2u) * sizeof(d->span[0]));
			d->n_spans--;
		}
		return true;
	}
	if (at < d->n_spans && d->span[at].begin == end) {
		d->span[at].begin = begin;
		return true;
	}
	if (d->n_spans == LB_FRAGMENT_SPANS)
		return false;
	memmove(&d->span[at + 1], &d->span[at], (d->n_spans - at) * sizeof(d->span[0]));
	d->span[at] = (struct span){begin, end};
	d->n_spans++;
	return true;
}

static bool hold(struct lb_fragment_table *t, struct datagram *d, void *packet)
{
	if (d->n_held == LB_FRAGMENT_HELD || t->held >= t->held_max)
		return false;
	d->held[d->n_held++] = packet;
	t->held++;
	return true;
}

static void pass(
    struct lb_fragment_table *t, struct datagram *d, const struct lb_fragment *f, struct lb_fragment_result *ret)
{
	if (f->begin == 0) {
		d->known = true;
		d->src_port = f->src_port;
		d->dst_port = f->dst_port;
		let_go(t, d, ret->released, &ret->n_released);
	}
	ret->verdict = LB_FRAGMENT_PASS;
	ret->src_port = d->src_port;
	ret->dst_port = d->dst_port;
	ret->serial = d->serial;
}

void lb_fragment_take(struct lb_fragment_table *t, const struct lb_flow_key *key, uint64_t hash,
    const struct lb_fragment *f, uint64_t now_ns, struct lb_fragment_result *ret)
{
	ret->verdict = LB_FRAGMENT_DROP;
	ret->n_released = ret->n_forgotten = 0;
	struct datagram *d = find(t, key, hash, now_ns, ret);
	if (!d || d->bad)
		return;
	int what = compare(d, f);
	if (what == -EEXIST)
		return;
	bool waits = !d->known && f->begin != 0;
	if (what == 0 && waits && !hold(t, d, f->packet))
		return; /* as if it had been lost: the datagram may come again */
	if (what == 0 && !add_span(d, (uint16_t)f->begin, (uint16_t)f->end)) {
		what = -EBADMSG;
		if (waits) {
			d->n_held--;
			t->held--;
		}
	}
	if (what != 0) {
		d->bad = true;
		let_go(t, d, ret->forgotten, &ret->n_forgotten);
		return;
	}
	if (f->last)
		d->end = (uint16_t)f->end;
	if (waits)
		ret->verdict = LB_FRAGMENT_HOLD;
	else
		pass(t, d, f, ret);
}

unsigned lb_fragment_sweep(struct lb_fragment_table *t, uint64_t now_ns, uint32_t n, void *ret_packet[LB_FRAGMENT_HELD])
{
	struct lb_index x = index_of(t);
	unsigned packets = 0;
	if (t->held == 0)
		return 0;
	for (; n && packets == 0; n--) {
		t->cursor = t->cursor % t->capacity + 1;
		struct datagram *d = datagram_of(&x, t->cursor);
		if (d->used && d->n_held && is_over(d, now_ns)) {
			let_go(t, d, ret_packet, &packets);
			forget(&x, d);
		}
	}
	return packets;
}

uint32_t lb_fragment_held(const struct lb_fragment_table *t)
{
	return t->held;
}
