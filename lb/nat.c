/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/nat.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/index.h"
#include "lb/nat_ports.h"
#include "wire/control.h"

#define MAGIC   0x6e61746bu /* "natk" */
#define VERSION 5u

/* Memory: this header, the buckets, the flows, the ports (lb/nat_ports.h). */
struct lb_nat_table {
	uint32_t magic;
	uint32_t version;
	uint32_t capacity;
	uint32_t new_max;
	uint32_t count;
	uint32_t unconfirmed; /* of `count` */
	uint32_t top;         /* flows 1..top have been used at least once */
	uint32_t free;        /* number of the first free one of these, 0: none; the next stands in its `group` */
	uint32_t cursor;      /* of the sweep */
	uint32_t buckets;
	uint32_t oldest; /* ends of the list of the unconfirmed, in the order in which they began */
	uint32_t newest;
	uint32_t reserved[4];
	_Alignas(64) struct lb_nat_pool pool;
};

_Static_assert(sizeof(struct lb_nat_table) % 64 == 0, "buckets start on a cache line");

static struct lb_index index_of(const struct lb_nat_table *t)
{
	struct lb_bucket *first = (struct lb_bucket *)((uintptr_t)t + sizeof(*t));
	return (struct lb_index){.bucket = first,
	    .mask = t->buckets - 1,
	    .stride = sizeof(struct lb_nat_flow),
	    .entries = (uint8_t *)(first + t->buckets)};
}

static struct lb_nat_flow *flow_of(const struct lb_index *x, uint32_t number)
{
	return lb_index_entry(x, number);
}

static struct lb_nat_port *ports_of(const struct lb_nat_table *t)
{
	struct lb_index x = index_of(t);
	return (struct lb_nat_port *)(x.entries + (size_t)t->capacity * sizeof(struct lb_nat_flow));
}

static size_t table_size(uint32_t flows, uint32_t worker, uint32_t workers)
{
	return sizeof(struct lb_nat_table) + lb_index_buckets(flows) * sizeof(struct lb_bucket) +
	       (size_t)flows * sizeof(struct lb_nat_flow) + lb_nat_pool_ports_size(worker, workers);
}

static bool config_is_right(const struct lb_nat_config *c)
{
	return c->flows >= LB_FLOW_MIN && c->flows <= LB_FLOW_MAX && c->new_max <= c->flows && c->workers &&
	       c->workers <= LB_NAT_MAX_WORKERS && c->worker < c->workers;
}

size_t lb_nat_table_size(const struct lb_nat_config *config)
{
	return config_is_right(config) ? table_size(config->flows, config->worker, config->workers) : 0;
}

/* The header of an empty table. */
static void start(struct lb_nat_table *t, const struct lb_nat_config *config)
{
	*t = (struct lb_nat_table){.magic = MAGIC,
	    .version = VERSION,
	    .capacity = config->flows,
	    .new_max = config->new_max,
	    .buckets = lb_index_buckets(config->flows)};
	lb_nat_pool_init(&t->pool, config);
}

int lb_nat_table_init(void *memory, size_t size, const struct lb_nat_config *config, struct lb_nat_table **ret_table)
{
	size_t need = lb_nat_table_size(config);
	if (!need || size < need || (uintptr_t)memory % 64)
		return -EINVAL;
	struct lb_nat_table *t = memory;
	memset(t, 0, need);
	start(t, config);
	*ret_table = t;
	return 0;
}

int lb_nat_set_pool(struct lb_nat_table *table, const struct lb_nat_range range[], unsigned n, uint64_t now_ns)
{
	return lb_nat_pool_set(&table->pool, ports_of(table), range, n, lb_tick(now_ns));
}

uint64_t lb_nat_lookup_bulk(const struct lb_nat_table *table, const struct lb_flow_key *const key[],
    const uint64_t hash[], unsigned n, struct lb_nat_flow *ret_flow[])
{
	assert(n <= LB_BURST);
	struct lb_index x = index_of(table);
	uint32_t number[LB_BURST];
	uint64_t hits = lb_index_find_bulk(&x, key, hash, n, number);
	for (unsigned i = 0; i < n; i++) {
		ret_flow[i] = number[i] ? flow_of(&x, number[i]) : NULL;
		if (ret_flow[i])
			__builtin_prefetch(&ret_flow[i]->nat_address);
	}
	return hits;
}

struct lb_nat_flow *lb_nat_lookup(const struct lb_nat_table *table, const struct lb_flow_key *key, uint64_t hash)
{
	struct lb_index x = index_of(table);
	uint32_t number = lb_index_find(&x, key, hash);
	return number ? flow_of(&x, number) : NULL;
}

static bool is_reply_of(const struct lb_nat_flow *f, const struct lb_flow_key *reply)
{
	return f->endpoint_port == reply->client_port && wire_addr_equal(&f->endpoint_address, &reply->client) &&
	       f->nat_port == reply->vip_port && wire_addr_equal(&f->nat_address, &reply->vip);
}

uint64_t lb_nat_reverse_bulk(const struct lb_nat_table *table, const struct lb_flow_key *const reply[], unsigned n,
    struct lb_nat_flow *ret_flow[])
{
	assert(n <= LB_BURST);
	struct lb_index x = index_of(table);
	const struct lb_nat_port *ports = ports_of(table);
	const struct lb_nat_port *port[LB_BURST];
	uint64_t hits = 0;
	for (unsigned i = 0; i < n; i++) {
		port[i] = lb_nat_pool_port(&table->pool, ports, &reply[i]->vip, reply[i]->protocol, reply[i]->vip_port);
		if (port[i])
			__builtin_prefetch(port[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t number = port[i] ? lb_nat_port_flow(port[i]) : 0;
		ret_flow[i] = number ? flow_of(&x, number) : NULL;
		if (ret_flow[i]) {
			__builtin_prefetch(ret_flow[i]);
			__builtin_prefetch(&ret_flow[i]->nat_address);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (ret_flow[i] && !is_reply_of(ret_flow[i], reply[i]))
			ret_flow[i] = NULL;
		hits |= (uint64_t)(ret_flow[i] != NULL) << i;
	}
	return hits;
}

struct lb_nat_flow *lb_nat_reverse(const struct lb_nat_table *table, const struct lb_flow_key *reply)
{
	struct lb_nat_flow *flow;
	lb_nat_reverse_bulk(table, &reply, 1, &flow);
	return flow;
}

static uint32_t take_free(struct lb_nat_table *t, const struct lb_index *x)
{
	uint32_t number = t->free;
	if (number)
		t->free = flow_of(x, number)->group;
	else if (t->top < t->capacity)
		number = ++t->top;
	return number;
}

static void give_back(struct lb_nat_table *t, const struct lb_index *x, uint32_t number)
{
	struct lb_nat_flow *f = flow_of(x, number);
	memset(f, 0, sizeof(*f));
	f->group = t->free;
	t->free = number;
}

static struct lb_nat_flow new_flow(const struct lb_flow_key *key, uint64_t hash, const struct lb_nat_target *target,
    const struct lb_nat_port_name *port, uint32_t tick)
{
	return (struct lb_nat_flow){.key = *key,
	    .endpoint_address = target->address,
	    .endpoint_port = target->port,
	    .nat_port = port->port,
	    .endpoint = target->endpoint,
	    .nat_address = port->address,
	    .group = target->group,
	    .last_seen = tick,
	    .ingress_pop = target->ingress_pop,
	    .class = target->class,
	    .state = LB_FLOW_NEW,
	    .flags = target->mode == WIRE_MODE_TUNNEL ? LB_FLOW_ONE_WAY : 0,
	    .hash14 = lb_hash14(hash),
	    .mode = target->mode,
	    .encap = target->encap,
	    .client_ip = target->client_ip,
	    .vni = {target->vni[0], target->vni[1], target->vni[2]},
	    .slot = port->slot};
}

/* ---- the unconfirmed ---- */

static void join(struct lb_nat_table *t, const struct lb_index *x, uint32_t number)
{
	flow_of(x, number)->older = t->newest;
	if (t->newest)
		flow_of(x, t->newest)->newer = number;
	else
		t->oldest = number;
	t->newest = number;
	t->unconfirmed++;
}

static void leave(struct lb_nat_table *t, const struct lb_index *x, struct lb_nat_flow *f)
{
	if (f->older)
		flow_of(x, f->older)->newer = f->newer;
	else
		t->oldest = f->newer;
	if (f->newer)
		flow_of(x, f->newer)->older = f->older;
	else
		t->newest = f->older;
	f->older = f->newer = 0;
	t->unconfirmed--;
}

static void forget(struct lb_nat_table *t, const struct lb_index *x, struct lb_nat_flow *f, uint32_t tick)
{
	uint32_t number = (uint32_t)(f - flow_of(x, 1)) + 1;
	bool confirmed = f->flags & LB_FLOW_CONFIRMED;
	lb_index_remove(x, number, lb_flow_hash(&f->key));
	if (f->slot != LB_NAT_NO_SLOT)
		lb_nat_pool_free(&t->pool, ports_of(t), f->slot, f->key.protocol, f->nat_port, confirmed, tick);
	if (!confirmed)
		leave(t, x, f);
	t->count--;
	give_back(t, x, number);
}

/* Of the list looked at, from the old end, before a new flow is refused: only those may not go that a packet of this very
 * tick has met, or whose port would not help. */
#define DISPLACE_REACH 32u

static bool has_port_for(const struct lb_nat_table *t, const struct lb_nat_flow *f, uint8_t protocol, bool v4)
{
	return f->slot != LB_NAT_NO_SLOT && f->key.protocol == protocol && wire_addr_is_v4(&f->nat_address) == v4 &&
	       lb_nat_in_pool(&t->pool.slot[f->slot], f->nat_port);
}

/* Forgets the oldest that may go; with a port, one that has a port of that protocol and family in the pool. */
static bool displace(
    struct lb_nat_table *t, const struct lb_index *x, uint32_t tick, const struct lb_flow_key *port_for, bool v4)
{
	uint32_t number = t->oldest;
	for (unsigned i = 0; number && i < DISPLACE_REACH; i++) {
		struct lb_nat_flow *f = flow_of(x, number);
		number = f->newer;
		if (f->last_seen == tick)
			continue;
		if (port_for && !has_port_for(t, f, port_for->protocol, v4))
			continue;
		forget(t, x, f, tick);
		return true;
	}
	return false;
}

static int take_port(struct lb_nat_table *t, const struct lb_index *x, const struct lb_flow_key *key, bool v4,
    uint32_t number, uint32_t tick, struct lb_nat_port_name *ret_port)
{
	int error = lb_nat_pool_take(&t->pool, ports_of(t), key->protocol, v4, number, tick, ret_port);
	if (error && key->protocol == WIRE_PROTO_TCP && displace(t, x, tick, key, v4))
		error = lb_nat_pool_take(&t->pool, ports_of(t), key->protocol, v4, number, tick, ret_port);
	return error;
}

/* A flow with a port, entered in both directions. */
static int make_flow(struct lb_nat_table *t, const struct lb_index *x, const struct lb_flow_key *key, uint64_t hash,
    const struct lb_nat_target *target, uint32_t tick, uint32_t *ret_number)
{
	if ((t->unconfirmed >= t->new_max || t->count == t->capacity) && !displace(t, x, tick, NULL, false))
		return -ENOSPC;
	uint32_t number = take_free(t, x);
	if (!number)
		return -ENOSPC;
	if (!lb_index_add(x, number, hash)) {
		give_back(t, x, number);
		return -ENOSPC;
	}
	struct lb_nat_port_name port;
	bool v4 = wire_addr_is_v4(&target->address);
	int error = target->mode == WIRE_MODE_TUNNEL ? lb_nat_pool_address(&t->pool, v4, &port)
	                                             : take_port(t, x, key, v4, number, tick, &port);
	if (error) {
		lb_index_remove(x, number, hash);
		give_back(t, x, number);
		return error;
	}
	*flow_of(x, number) = new_flow(key, hash, target, &port, tick);
	join(t, x, number);
	t->count++;
	*ret_number = number;
	return 0;
}

int lb_nat_insert(struct lb_nat_table *table, const struct lb_flow_key *key, uint64_t hash,
    const struct lb_nat_target *target, uint64_t now_ns, struct lb_nat_flow **ret_flow, bool *ret_made)
{
	if (key->protocol != WIRE_PROTO_TCP && key->protocol != WIRE_PROTO_UDP)
		return -EINVAL;
	struct lb_index x = index_of(table);
	uint32_t number = lb_index_find(&x, key, hash);
	bool made = !number;
	int error = made ? make_flow(table, &x, key, hash, target, lb_tick(now_ns), &number) : 0;
	if (error)
		return error;
	*ret_flow = flow_of(&x, number);
	*ret_made = made;
	return 0;
}

void lb_nat_touch(struct lb_nat_table *table, struct lb_nat_flow *flow, const struct lb_segment *segment,
    bool from_client, uint64_t now_ns)
{
	bool confirmed = flow->flags & LB_FLOW_CONFIRMED;
	struct lb_progress p = {.state = flow->state, .flags = flow->flags, .expected = flow->expected};
	lb_flow_advance(&p, flow->key.protocol, segment, from_client);
	flow->state = p.state;
	flow->flags = p.flags;
	flow->expected = p.expected;
	bool first = flow->last_seen != lb_tick(now_ns);
	flow->last_seen = lb_tick(now_ns);
	bool renew = p.flags & LB_FLOW_ONE_WAY && p.state == LB_FLOW_ESTABLISHED && first;
	if (!renew && (confirmed || !(p.flags & LB_FLOW_CONFIRMED)))
		return;
	struct lb_index x = index_of(table);
	leave(table, &x, flow);
	if (renew)
		join(table, &x, (uint32_t)(flow - flow_of(&x, 1)) + 1);
}

int lb_nat_tunnel_address(const struct lb_nat_table *table, bool v4, struct wire_addr *ret_address)
{
	struct lb_nat_port_name name;
	int error = lb_nat_pool_address(&table->pool, v4, &name);
	if (!error)
		*ret_address = name.address;
	return error;
}

void lb_nat_remove(struct lb_nat_table *table, struct lb_nat_flow *flow, uint64_t now_ns)
{
	struct lb_index x = index_of(table);
	forget(table, &x, flow, lb_tick(now_ns));
}

unsigned lb_nat_sweep(struct lb_nat_table *table, const struct lb_timeouts *timeouts, uint64_t now_ns, uint32_t n)
{
	struct lb_index x = index_of(table);
	uint32_t tick = lb_tick(now_ns);
	unsigned expired = 0;
	if (n > table->top)
		n = table->top;
	for (; n; n--) {
		table->cursor = table->cursor < table->top ? table->cursor + 1 : 1;
		struct lb_nat_flow *f = flow_of(&x, table->cursor);
		if (f->state == LB_FLOW_FREE)
			continue;
		if (lb_tick_age(tick, f->last_seen) < lb_timeout_ticks(timeouts, f->key.protocol, f->state))
			continue;
		forget(table, &x, f, tick);
		expired++;
	}
	return expired;
}

struct lb_nat_flow *lb_nat_at(const struct lb_nat_table *table, uint32_t index)
{
	struct lb_index x = index_of(table);
	struct lb_nat_flow *f = index < table->top ? flow_of(&x, index + 1) : NULL;
	return f && f->state != LB_FLOW_FREE ? f : NULL;
}

uint32_t lb_nat_capacity(const struct lb_nat_table *table)
{
	return table->capacity;
}

uint32_t lb_nat_count(const struct lb_nat_table *table)
{
	return table->count;
}

uint32_t lb_nat_free_ports(const struct lb_nat_table *table, uint8_t protocol)
{
	return lb_nat_pool_count(&table->pool, protocol);
}

/* ---- a successor ---- */

static bool is_whole(const struct lb_nat_flow *f)
{
	bool protocol = f->key.protocol == WIRE_PROTO_TCP || f->key.protocol == WIRE_PROTO_UDP;
	bool reserved = f->key.reserved[0] || f->key.reserved[1] || f->key.reserved[2];
	bool one_way = f->mode == WIRE_MODE_TUNNEL && f->flags & LB_FLOW_ONE_WAY && f->slot == LB_NAT_NO_SLOT;
	bool both_ways = f->mode == WIRE_MODE_NAT && !(f->flags & LB_FLOW_ONE_WAY);
	bool may_tell = both_ways && f->key.protocol == WIRE_PROTO_TCP;
	bool client_ip = f->client_ip == WIRE_CLIENT_IP_NONE || (may_tell && f->client_ip <= WIRE_CLIENT_IP_PROXY_V2);
	return f->state > LB_FLOW_FREE && f->state < LB_FLOW_STATES && protocol && !reserved &&
	       (one_way || both_ways) && client_ip;
}

/* Enters the flow at a place, unless it is not whole, or its key or port is another's. */
static bool keep(struct lb_nat_table *t, const struct lb_index *x, uint32_t number, uint32_t tick)
{
	struct lb_nat_flow *f = flow_of(x, number);
	uint64_t hash = lb_flow_hash(&f->key);
	if (!is_whole(f) || lb_index_find(x, &f->key, hash) || !lb_index_add(x, number, hash))
		return false;
	if (f->mode == WIRE_MODE_NAT && !lb_nat_pool_adopt(&t->pool, ports_of(t), f, number)) {
		lb_index_remove(x, number, hash);
		return false;
	}
	if ((int32_t)(tick - f->last_seen) < 0)
		f->last_seen = tick;
	f->older = f->newer = 0;
	t->count++;
	return true;
}

struct by_age {
	const struct lb_index *x;
	uint32_t tick;
};

static int longest_unseen_first(const void *a, const void *b, void *arg)
{
	const struct by_age *by = arg;
	uint32_t one = lb_tick_age(by->tick, flow_of(by->x, *(const uint32_t *)a)->last_seen);
	uint32_t two = lb_tick_age(by->tick, flow_of(by->x, *(const uint32_t *)b)->last_seen);
	return one == two ? 0 : one > two ? -1 : 1;
}

/* Keeps the flows that are whole and clears the others. unconfirmed[capacity]: room for their numbers. */
static void keep_all(struct lb_nat_table *t, const struct lb_index *x, uint32_t tick, uint32_t unconfirmed[])
{
	uint32_t n = 0;
	for (uint32_t number = 1; number <= t->capacity; number++) {
		struct lb_nat_flow *f = flow_of(x, number);
		if (f->state == LB_FLOW_FREE)
			continue;
		if (!keep(t, x, number, tick)) {
			memset(f, 0, sizeof(*f));
			continue;
		}
		t->top = number;
		if (!(f->flags & LB_FLOW_CONFIRMED))
			unconfirmed[n++] = number;
	}
	for (uint32_t number = t->top; number; number--)
		if (flow_of(x, number)->state == LB_FLOW_FREE)
			give_back(t, x, number);
	qsort_r(unconfirmed, n, sizeof(*unconfirmed), longest_unseen_first, &(struct by_age){x, tick});
	for (uint32_t i = 0; i < n; i++)
		join(t, x, unconfirmed[i]);
}

int lb_nat_table_take_over(
    void *memory, size_t size, const struct lb_nat_config *config, uint64_t now_ns, struct lb_nat_table **ret_table)
{
	size_t need = lb_nat_table_size(config);
	struct lb_nat_table *t = memory;
	if (!need || size < need || (uintptr_t)memory % 64)
		return -EINVAL;
	if (t->magic != MAGIC || t->version != VERSION || t->capacity != config->flows ||
	    t->pool.worker != config->worker || t->pool.workers != config->workers)
		return -EINVAL;
	uint32_t *unconfirmed = malloc(config->flows * sizeof(*unconfirmed));
	if (!unconfirmed)
		return -ENOMEM;
	start(t, config);
	struct lb_index x = index_of(t);
	memset(x.bucket, 0, (size_t)t->buckets * sizeof(*x.bucket));
	memset(ports_of(t), 0, lb_nat_pool_ports_size(config->worker, config->workers));
	keep_all(t, &x, lb_tick(now_ns), unconfirmed);
	free(unconfirmed);
	*ret_table = t;
	return 0;
}
