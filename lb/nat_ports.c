/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/nat_ports.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TICK_MASK (LB_NAT_PORT_FREE - 1)

void lb_nat_pool_init(struct lb_nat_pool *pool, const struct lb_nat_config *config)
{
	*pool = (struct lb_nat_pool){.worker = config->worker,
	    .workers = config->workers,
	    .lanes = (uint16_t)lb_nat_lanes(config->worker, config->workers),
	    .quarantine = (uint32_t)((config->quarantine_ns + (1u << 20) - 1) >> 20) & (TICK_MASK >> 1),
	    .random = config->seed};
	memset(pool->lane_place, 0xff, sizeof(pool->lane_place));
	for (unsigned lane = config->worker; lane < WIRE_OVERLAY_LANES; lane += config->workers)
		pool->lane_place[lane] = (uint8_t)(lane / config->workers);
}

static struct lb_nat_port *row_of(
    const struct lb_nat_pool *pool, struct lb_nat_port *ports, unsigned slot, unsigned protocol)
{
	return ports + (size_t)(slot * LB_NAT_PROTOCOLS + protocol) * lb_nat_places(pool->lanes);
}

static uint16_t place_of(const struct lb_nat_pool *pool, uint16_t port)
{
	unsigned lane = pool->lane_place[port % WIRE_OVERLAY_LANES];
	return (uint16_t)(port / WIRE_OVERLAY_LANES * pool->lanes + lane);
}

static uint16_t port_at(const struct lb_nat_pool *pool, uint32_t place)
{
	return (
	    uint16_t)(place / pool->lanes * WIRE_OVERLAY_LANES + pool->worker + place % pool->lanes * pool->workers);
}

static void append(struct lb_nat_queue *q, struct lb_nat_port *row, uint16_t place, uint32_t since)
{
	row[place] = (struct lb_nat_port){.word = LB_NAT_PORT_FREE | (since & TICK_MASK)};
	if (q->count++)
		row[q->tail].next = place;
	else
		q->head = place;
	q->tail = place;
}

static uint16_t take_head(struct lb_nat_queue *q, const struct lb_nat_port *row)
{
	uint16_t place = q->head;
	q->head = row[place].next;
	q->count--;
	return place;
}

/* Keeps those of the queue that are still in range, in their order, and forgets the others. */
static void filter_queue(
    const struct lb_nat_pool *pool, const struct lb_nat_slot *slot, struct lb_nat_queue *q, struct lb_nat_port *row)
{
	struct lb_nat_queue kept = {0};
	while (q->count) {
		uint16_t place = take_head(q, row);
		uint32_t since = row[place].word;
		row[place].word = 0;
		if (lb_nat_in_pool(slot, port_at(pool, place)))
			append(&kept, row, place, since);
	}
	*q = kept;
}

/* splitmix64 (Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Appends the places that are absent and in range, in an order that the seed gives: from a random place on by a random
 * step that has no divisor in common with their number, so that each comes once. `since` lets them be taken at once. */
static void append_absent(struct lb_nat_pool *pool, const struct lb_nat_slot *slot, struct lb_nat_queue *q,
    struct lb_nat_port *row, uint32_t since)
{
	uint32_t places = lb_nat_places(pool->lanes);
	uint32_t place = (uint32_t)(next_random(&pool->random) % places);
	uint32_t step = 1 + (uint32_t)(next_random(&pool->random) % (places - 1));
	while (common_divisor(places, step) != 1)
		step = step % (places - 1) + 1;
	for (uint32_t i = 0; i < places; i++, place = (place + step) % places)
		if (!row[place].word && lb_nat_in_pool(slot, port_at(pool, place)))
			append(q, row, (uint16_t)place, since);
}

static struct lb_nat_slot *slot_of(struct lb_nat_slot slot[], const struct wire_addr *address)
{
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		if (wire_addr_equal(&slot[s].address, address))
			return &slot[s];
	return NULL;
}

static bool is_right(const struct lb_nat_range range[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (wire_addr_is_unset(&range[i].address) || !range[i].port_lo || range[i].port_lo > range[i].port_hi)
			return false;
		for (unsigned j = 0; j < i; j++)
			if (wire_addr_equal(&range[i].address, &range[j].address))
				return false;
	}
	return n <= LB_NAT_MAX_ADDRESSES;
}

/* The slots as they will be, queues aside: addresses that left keep theirs while flows hold ports, new ones get a free one. */
static int plan_slots(struct lb_nat_slot slot[], const struct lb_nat_range range[], unsigned n)
{
	static const struct wire_addr unset;
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		slot[s].port_lo = 0;
	for (unsigned i = 0; i < n; i++) {
		struct lb_nat_slot *known = slot_of(slot, &range[i].address);
		if (known) {
			known->port_lo = range[i].port_lo;
			known->port_hi = range[i].port_hi;
		}
	}
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		if (!slot[s].port_lo && !slot[s].in_use)
			slot[s] = (struct lb_nat_slot){0};
	for (unsigned i = 0; i < n; i++) {
		if (slot_of(slot, &range[i].address))
			continue;
		struct lb_nat_slot *fresh = slot_of(slot, &unset);
		if (!fresh)
			return -ENOSPC;
		*fresh = (struct lb_nat_slot){
		    .address = range[i].address, .port_lo = range[i].port_lo, .port_hi = range[i].port_hi};
	}
	return 0;
}

static void renew_queues(
    struct lb_nat_pool *pool, struct lb_nat_port *ports, unsigned s, const struct lb_nat_slot *planned, uint32_t tick)
{
	static const struct lb_nat_slot nothing;
	struct lb_nat_slot *now = &pool->slot[s];
	bool same = wire_addr_equal(&now->address, &planned->address);
	if (same && now->port_lo == planned->port_lo && now->port_hi == planned->port_hi)
		return;
	for (unsigned p = 0; p < LB_NAT_PROTOCOLS; p++) {
		struct lb_nat_port *row = row_of(pool, ports, s, p);
		filter_queue(pool, same ? planned : &nothing, &now->confirmed[p], row);
		filter_queue(pool, same ? planned : &nothing, &now->unconfirmed[p], row);
		append_absent(pool, planned, &now->confirmed[p], row, tick - pool->quarantine);
	}
	now->address = planned->address;
	now->port_lo = planned->port_lo;
	now->port_hi = planned->port_hi;
	now->in_use = planned->in_use;
}

int lb_nat_pool_set(
    struct lb_nat_pool *pool, struct lb_nat_port *ports, const struct lb_nat_range range[], unsigned n, uint32_t tick)
{
	if (!is_right(range, n))
		return -EINVAL;
	struct lb_nat_slot planned[LB_NAT_SLOTS];
	memcpy(planned, pool->slot, sizeof(planned));
	int error = plan_slots(planned, range, n);
	if (error)
		return error;
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		renew_queues(pool, ports, s, &planned[s], tick);
	return 0;
}

static bool rested(const struct lb_nat_queue *q, const struct lb_nat_port *row, uint32_t tick, uint32_t least)
{
	return q->count && ((tick - row[q->head].word) & TICK_MASK) >= least;
}

/* The queue whose head may be taken now, or NULL. */
static struct lb_nat_queue *queue_ready(const struct lb_nat_pool *pool, struct lb_nat_slot *slot,
    const struct lb_nat_port *row, unsigned p, uint32_t tick, bool early)
{
	static const uint32_t least_ms[LB_NAT_PROTOCOLS] = {0, LB_NAT_UDP_REST_MS};
	uint32_t least = lb_ticks_of_ms(least_ms[p]);
	if (!early || least > pool->quarantine)
		least = pool->quarantine;
	if (rested(&slot->confirmed[p], row, tick, pool->quarantine))
		return &slot->confirmed[p];
	return rested(&slot->unconfirmed[p], row, tick, least) ? &slot->unconfirmed[p] : NULL;
}

static bool take(struct lb_nat_pool *pool, struct lb_nat_port *ports, unsigned p, bool v4, uint32_t flow, uint32_t tick,
    bool early, struct lb_nat_port_name *ret_port)
{
	for (unsigned i = 1; i <= LB_NAT_SLOTS; i++) {
		unsigned s = (pool->turn + i) % LB_NAT_SLOTS;
		struct lb_nat_slot *slot = &pool->slot[s];
		struct lb_nat_port *row = row_of(pool, ports, s, p);
		struct lb_nat_queue *q = queue_ready(pool, slot, row, p, tick, early);
		if (!q || wire_addr_is_v4(&slot->address) != v4)
			continue;
		uint16_t place = take_head(q, row);
		row[place].word = flow;
		slot->in_use++;
		pool->turn = (uint16_t)s;
		*ret_port = (struct lb_nat_port_name){slot->address, port_at(pool, place), (uint8_t)s};
		return true;
	}
	return false;
}

int lb_nat_pool_take(struct lb_nat_pool *pool, struct lb_nat_port *ports, uint8_t protocol, bool v4, uint32_t flow,
    uint32_t tick, struct lb_nat_port_name *ret_port)
{
	unsigned p = lb_nat_protocol(protocol);
	bool taken = take(pool, ports, p, v4, flow, tick, false, ret_port) ||
	             take(pool, ports, p, v4, flow, tick, true, ret_port);
	return taken ? 0 : -EADDRNOTAVAIL;
}

void lb_nat_pool_free(struct lb_nat_pool *pool, struct lb_nat_port *ports, unsigned s, uint8_t protocol, uint16_t port,
    bool confirmed, uint32_t tick)
{
	unsigned p = lb_nat_protocol(protocol);
	struct lb_nat_slot *slot = &pool->slot[s];
	struct lb_nat_port *row = row_of(pool, ports, s, p);
	uint16_t place = place_of(pool, port);
	assert(slot->in_use && lb_nat_port_flow(&row[place]));
	slot->in_use--;
	row[place].word = 0;
	if (lb_nat_in_pool(slot, port))
		append(confirmed ? &slot->confirmed[p] : &slot->unconfirmed[p], row, place, tick);
}

bool lb_nat_pool_adopt(struct lb_nat_pool *pool, struct lb_nat_port *ports, struct lb_nat_flow *flow, uint32_t number)
{
	static const struct wire_addr unset;
	uint16_t port = flow->nat_port;
	if (!port || pool->lane_place[port % WIRE_OVERLAY_LANES] == 0xff || wire_addr_is_unset(&flow->nat_address))
		return false;
	struct lb_nat_slot *slot = slot_of(pool->slot, &flow->nat_address);
	if (!slot)
		slot = slot_of(pool->slot, &unset);
	if (!slot)
		return false;
	unsigned s = (unsigned)(slot - pool->slot);
	struct lb_nat_port *row = row_of(pool, ports, s, lb_nat_protocol(flow->key.protocol));
	uint16_t place = place_of(pool, port);
	if (row[place].word)
		return false;
	row[place].word = number;
	slot->address = flow->nat_address;
	slot->in_use++;
	flow->slot = (uint8_t)s;
	return true;
}

int lb_nat_pool_address(const struct lb_nat_pool *pool, bool v4, struct lb_nat_port_name *ret_address)
{
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++) {
		const struct lb_nat_slot *slot = &pool->slot[s];
		if (!slot->port_lo || wire_addr_is_v4(&slot->address) != v4)
			continue;
		*ret_address = (struct lb_nat_port_name){.address = slot->address, .slot = LB_NAT_NO_SLOT};
		return 0;
	}
	return -EADDRNOTAVAIL;
}

uint32_t lb_nat_pool_count(const struct lb_nat_pool *pool, uint8_t protocol)
{
	unsigned p = lb_nat_protocol(protocol);
	uint32_t count = 0;
	for (unsigned s = 0; s < LB_NAT_SLOTS; s++)
		count += pool->slot[s].confirmed[p].count + pool->slot[s].unconfirmed[p].count;
	return count;
}
