/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/flow.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lb/index.h"

#define MAGIC   0x776f6c66u /* "flow" */
#define VERSION 2u

/* Memory: this header, the buckets, the flows. */
struct lb_flow_table {
	uint32_t magic;
	uint32_t version;
	uint32_t capacity;
	uint32_t new_max;
	uint32_t count;
	uint32_t count_new;
	uint32_t top;    /* flows 1..top have been used at least once */
	uint32_t free;   /* number of the first free one of these, 0: none; the next stands in its `listener` */
	uint32_t cursor; /* of the sweep */
	uint32_t buckets;
	uint32_t hand; /* where the last search for a flow to displace ended */
	uint32_t reserved[5];
};

_Static_assert(sizeof(struct lb_flow_table) == 64, "buckets start on a cache line");

static struct lb_index index_of(const struct lb_flow_table *t)
{
	struct lb_bucket *first = (struct lb_bucket *)((uintptr_t)t + sizeof(*t));
	return (struct lb_index){.bucket = first,
	    .mask = t->buckets - 1,
	    .stride = sizeof(struct lb_flow),
	    .entries = (uint8_t *)(first + t->buckets)};
}

static struct lb_flow *flow_of(const struct lb_index *x, uint32_t number)
{
	return lb_index_entry(x, number);
}

size_t lb_flow_table_size(uint32_t flows)
{
	if (flows < LB_FLOW_MIN || flows > LB_FLOW_MAX)
		return 0;
	return sizeof(struct lb_flow_table) + lb_index_buckets(flows) * sizeof(struct lb_bucket) +
	       (size_t)flows * sizeof(struct lb_flow);
}

static struct lb_flow_table empty_table(uint32_t flows, uint32_t new_max)
{
	return (struct lb_flow_table){.magic = MAGIC,
	    .version = VERSION,
	    .capacity = flows,
	    .new_max = new_max,
	    .buckets = lb_index_buckets(flows)};
}

int lb_flow_table_init(void *memory, size_t size, uint32_t flows, uint32_t new_max, struct lb_flow_table **ret_table)
{
	size_t need = lb_flow_table_size(flows);
	if (!need || size < need || new_max > flows || (uintptr_t)memory % 64)
		return -EINVAL;
	struct lb_flow_table *t = memory;
	memset(t, 0, need);
	*t = empty_table(flows, new_max);
	*ret_table = t;
	return 0;
}

uint64_t lb_flow_lookup_bulk(const struct lb_flow_table *table, const struct lb_flow_key *const key[],
    const uint64_t hash[], unsigned n, struct lb_flow *ret_flow[])
{
	assert(n <= LB_BURST);
	struct lb_index x = index_of(table);
	uint32_t number[LB_BURST];
	uint64_t hits = lb_index_find_bulk(&x, key, hash, n, number);
	for (unsigned i = 0; i < n; i++)
		ret_flow[i] = number[i] ? flow_of(&x, number[i]) : NULL;
	return hits;
}

struct lb_flow *lb_flow_lookup(const struct lb_flow_table *table, const struct lb_flow_key *key, uint64_t hash)
{
	struct lb_index x = index_of(table);
	uint32_t number = lb_index_find(&x, key, hash);
	return number ? flow_of(&x, number) : NULL;
}

static uint32_t take_free(struct lb_flow_table *t, const struct lb_index *x)
{
	uint32_t number = t->free;
	if (number)
		t->free = flow_of(x, number)->expected;
	else if (t->top < t->capacity)
		number = ++t->top;
	return number;
}

static void give_back(struct lb_flow_table *t, const struct lb_index *x, uint32_t number)
{
	struct lb_flow *f = flow_of(x, number);
	memset(f, 0, sizeof(*f));
	f->expected = t->free;
	t->free = number;
}

static void forget(struct lb_flow_table *t, const struct lb_index *x, struct lb_flow *f)
{
	uint32_t number = (uint32_t)(f - flow_of(x, 1)) + 1;
	lb_index_remove(x, number, lb_flow_hash(&f->key));
	t->count--;
	t->count_new -= f->state == LB_FLOW_NEW;
	give_back(t, x, number);
}

/* Flows looked at beyond a new flow's own buckets, before it is refused: where a quarter of the flows may go, all but 1
 * in 10,000 searches find one, after four on average; a long run of established ones costs a refusal per 32. */
#define HAND_REACH 32u

/* Nobody has confirmed a one-way flow, whatever its state. */
static bool may_go(const struct lb_flow *f, uint32_t tick, bool only_new)
{
	bool confirmed = f->state == LB_FLOW_ESTABLISHED && !(f->flags & LB_FLOW_ONE_WAY);
	if (f->state == LB_FLOW_FREE || confirmed || f->last_seen == tick)
		return false;
	return f->state == LB_FLOW_NEW || !only_new;
}

/* Of the flows in both buckets of a hash the one longest unseen that may be displaced, or NULL. */
static struct lb_flow *displaceable(const struct lb_index *x, uint64_t hash, uint32_t tick, bool only_new)
{
	const struct lb_bucket *both[2] = {lb_index_first(x, hash), lb_index_second(x, hash)};
	struct lb_flow *oldest = NULL;
	for (unsigned i = 0; i < 2 * LB_BUCKET_PLACES; i++) {
		uint32_t number = both[i / LB_BUCKET_PLACES]->number[i % LB_BUCKET_PLACES];
		struct lb_flow *f = number ? flow_of(x, number) : NULL;
		if (!f || !may_go(f, tick, only_new))
			continue;
		if (!oldest || lb_tick_age(tick, f->last_seen) > lb_tick_age(tick, oldest->last_seen))
			oldest = f;
	}
	return oldest;
}

/* The next one that may be displaced, going round the table, or NULL if none is within reach. */
static struct lb_flow *next_displaceable(
    struct lb_flow_table *t, const struct lb_index *x, uint32_t tick, bool only_new)
{
	for (uint32_t i = 0; i < HAND_REACH && i < t->top; i++) {
		t->hand = t->hand < t->top ? t->hand + 1 : 1;
		struct lb_flow *f = flow_of(x, t->hand);
		if (may_go(f, tick, only_new))
			return f;
	}
	return NULL;
}

static bool displace(struct lb_flow_table *t, const struct lb_index *x, uint64_t hash, uint32_t tick, bool only_new)
{
	struct lb_flow *victim = displaceable(x, hash, tick, only_new);
	if (victim)
		forget(t, x, victim);
	return victim != NULL;
}

/* A free number, entered in the index; 0: there is no room. */
static uint32_t make_room(struct lb_flow_table *t, const struct lb_index *x, uint64_t hash, uint32_t tick)
{
	bool too_many_new = t->count_new >= t->new_max;
	if ((too_many_new || t->count == t->capacity) && !displace(t, x, hash, tick, too_many_new)) {
		struct lb_flow *victim = next_displaceable(t, x, tick, too_many_new);
		if (!victim)
			return 0;
		forget(t, x, victim);
	}
	uint32_t number = take_free(t, x);
	assert(number);
	if (lb_index_add(x, number, hash))
		return number;
	if (displace(t, x, hash, tick, false)) {
		bool added = lb_index_add(x, number, hash);
		assert(added);
		(void)added;
		return number;
	}
	give_back(t, x, number);
	return 0;
}

int lb_flow_insert(struct lb_flow_table *table, const struct lb_flow_key *key, uint64_t hash, uint64_t now_ns,
    struct lb_flow **ret_flow, bool *ret_made)
{
	struct lb_index x = index_of(table);
	uint32_t number = lb_index_find(&x, key, hash);
	bool made = !number;
	if (made) {
		number = make_room(table, &x, hash, lb_tick(now_ns));
		if (!number)
			return -ENOSPC;
		*flow_of(&x, number) =
		    (struct lb_flow){.key = *key, .state = LB_FLOW_NEW, .last_seen = lb_tick(now_ns)};
		table->count++;
		table->count_new++;
	}
	*ret_flow = flow_of(&x, number);
	*ret_made = made;
	return 0;
}

void lb_flow_touch(struct lb_flow_table *table, struct lb_flow *flow, const struct lb_segment *segment,
    bool from_client, uint64_t now_ns)
{
	uint8_t before = flow->state;
	struct lb_progress p = {.state = before, .flags = flow->flags, .expected = flow->expected};
	lb_flow_advance(&p, flow->key.protocol, segment, from_client);
	flow->state = p.state;
	flow->flags = p.flags;
	flow->expected = p.expected;
	flow->last_seen = lb_tick(now_ns);
	table->count_new -= before == LB_FLOW_NEW;
	table->count_new += flow->state == LB_FLOW_NEW;
}

void lb_flow_remove(struct lb_flow_table *table, struct lb_flow *flow)
{
	struct lb_index x = index_of(table);
	forget(table, &x, flow);
}

unsigned lb_flow_sweep(struct lb_flow_table *table, const struct lb_timeouts *timeouts, uint64_t now_ns, uint32_t n)
{
	struct lb_index x = index_of(table);
	uint32_t tick = lb_tick(now_ns);
	unsigned expired = 0;
	if (n > table->top)
		n = table->top;
	for (; n; n--) {
		table->cursor = table->cursor < table->top ? table->cursor + 1 : 1;
		struct lb_flow *f = flow_of(&x, table->cursor);
		if (f->state == LB_FLOW_FREE)
			continue;
		if (lb_tick_age(tick, f->last_seen) < lb_timeout_ticks(timeouts, f->key.protocol, f->state))
			continue;
		forget(table, &x, f);
		expired++;
	}
	return expired;
}

struct lb_flow *lb_flow_at(const struct lb_flow_table *table, uint32_t index)
{
	struct lb_index x = index_of(table);
	struct lb_flow *f = index < table->top ? flow_of(&x, index + 1) : NULL;
	return f && f->state != LB_FLOW_FREE ? f : NULL;
}

uint32_t lb_flow_capacity(const struct lb_flow_table *table)
{
	return table->capacity;
}

uint32_t lb_flow_count(const struct lb_flow_table *table)
{
	return table->count;
}

uint32_t lb_flow_count_new(const struct lb_flow_table *table)
{
	return table->count_new;
}

/* ---- a successor ---- */

static bool is_whole(const struct lb_flow *f)
{
	bool protocol = f->key.protocol == WIRE_PROTO_TCP || f->key.protocol == WIRE_PROTO_UDP;
	bool reserved = f->key.reserved[0] || f->key.reserved[1] || f->key.reserved[2];
	return f->state > LB_FLOW_FREE && f->state < LB_FLOW_STATES && protocol && !reserved;
}

/* Enters the flow at a place if it is whole and of no key that is there already. */
static bool keep(struct lb_flow_table *t, const struct lb_index *x, uint32_t number, uint32_t tick)
{
	struct lb_flow *f = flow_of(x, number);
	uint64_t hash = lb_flow_hash(&f->key);
	if (!is_whole(f) || lb_index_find(x, &f->key, hash) || !lb_index_add(x, number, hash))
		return false;
	if ((int32_t)(tick - f->last_seen) < 0)
		f->last_seen = tick;
	t->count++;
	t->count_new += f->state == LB_FLOW_NEW;
	return true;
}

int lb_flow_table_take_over(
    void *memory, size_t size, uint32_t flows, uint32_t new_max, uint64_t now_ns, struct lb_flow_table **ret_table)
{
	size_t need = lb_flow_table_size(flows);
	struct lb_flow_table *t = memory;
	if (!need || size < need || new_max > flows || (uintptr_t)memory % 64)
		return -EINVAL;
	if (t->magic != MAGIC || t->version != VERSION || t->capacity != flows)
		return -EINVAL;
	*t = empty_table(flows, new_max);
	struct lb_index x = index_of(t);
	memset(x.bucket, 0, (size_t)t->buckets * sizeof(*x.bucket));
	for (uint32_t number = 1; number <= flows; number++) {
		if (flow_of(&x, number)->state == LB_FLOW_FREE)
			continue;
		if (keep(t, &x, number, lb_tick(now_ns)))
			t->top = number;
		else
			memset(flow_of(&x, number), 0, sizeof(struct lb_flow));
	}
	for (uint32_t number = t->top; number; number--)
		if (flow_of(&x, number)->state == LB_FLOW_FREE)
			give_back(t, &x, number);
	*ret_table = t;
	return 0;
}
