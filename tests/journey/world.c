/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/journey/world.h"

#include <stdio.h>
#include <string.h>

#include <rte_eal.h>

#include "dataplane/auth.h"
#include "dataplane/burst.h"
#include "lb/hash.h"
#include "tests/journey/check.h"
#include "tests/journey/rows.h"
#include "wire/bytes.h"

#define KEPT 256u

struct site {
	struct dp_workers *set;
	struct lb_snapshot *snapshot;
	struct dp_state state[2]; /* the one in use and the next */
	unsigned in_use;
	uint32_t sequence; /* of the overlay packets that the test itself makes */
	int64_t clock_offset_ns;
	uint32_t epoch;
};

static struct {
	unsigned workers;
	uint16_t mtu;
	enum underlay underlay;
	uint64_t now_ns;
	struct site site[POPS + 1];
	bool dark[POPS + 1][POPS + 1];
	struct packet recorded[POPS + 1][POPS + 1][4]; /* request, reply, notice of the sender, of others */
	struct {
		enum pop pop;
		struct packet packet;
	} kept[KEPT];
	unsigned n_kept, next_kept;
} world;

static uint32_t fib_root[1u << DP_FIB_ROOT_BITS];
static struct dp_adjacency adjacency[3]; /* unused, the router, nowhere */

static void begin_eal(void)
{
	static bool begun;
	char *argv[] = {"journey", "--no-huge", "-m", "128", "--no-pci", "--no-shconf", "--no-telemetry",
	    "--log-level=3", "--lcores=0", NULL};
	if (!begun)
		CHECK(rte_eal_init(9, argv) >= 0, "EAL");
	begun = true;
}

static void expand(const uint8_t secret[16], uint8_t ret_annex[LB_KEY_ANNEX])
{
	struct dp_auth_key key;
	dp_auth_expand(&key, secret);
	memcpy(ret_annex, &key, sizeof(key));
}

/* ---- states ---- */

static struct lb_change *open_change;

static void begin_change(struct site *site)
{
	CHECK(lb_change_begin(site->snapshot, false, expand, &open_change) == 0, "begin");
	lb_change_at(open_change, world.now_ns);
}

static uint64_t wall_ns(const struct site *site)
{
	return world.now_ns + (uint64_t)site->clock_offset_ns;
}

static void tick(const struct site *site)
{
	for (unsigned id = 0; id < world.workers; id++)
		dp_workers_tick(dp_workers_get(site->set, (uint16_t)id), world.now_ns, wall_ns(site));
}

/* The snapshot before the last is put: no worker runs, so nobody reads it. */
static void commit_change(struct site *site)
{
	struct wire_ctl_error why = {0};
	struct lb_snapshot *old = site->snapshot;
	uint64_t generation = site->state[site->in_use].generation + 1;
	int result = lb_change_commit(open_change, generation, &site->snapshot, &why);
	CHECK(result == 0, "commit: %s", why.text);
	lb_change_free(open_change);
	site->in_use ^= 1;
	site->state[site->in_use] = (struct dp_state){.snapshot = site->snapshot,
	    .fib = {.v4 = fib_root, .v6 = fib_root},
	    .adjacency = adjacency,
	    .n_adjacencies = 3,
	    .generation = generation};
	dp_workers_set_state(site->set, &site->state[site->in_use]);
	tick(site);
	lb_snapshot_put(old);
}

void change(enum pop pop, enum wire_ctl_object object, const void *row, size_t size, bool gone)
{
	struct wire_ctl_error why = {0};
	begin_change(&world.site[pop]);
	int result = gone ? lb_change_delete(open_change, object, row, size, &why)
	                  : lb_change_upsert(open_change, object, row, size, &why);
	CHECK(result == 0, "object %d: %s", object, why.text);
	commit_change(&world.site[pop]);
}

static void make_workers(struct site *site)
{
	struct dp_workers_config config = {.workers = (uint16_t)world.workers,
	    .ports = 1,
	    .flows = 1024,
	    .nat_flows = 1024,
	    .mbufs = 2047,
	    .mtu = world.mtu,
	    .epoch = site->epoch};
	CHECK(dp_workers_create(&config, &site->set) == 0, "workers");
}

void restart(enum pop pop, uint32_t epoch)
{
	struct site *site = &world.site[pop];
	dp_workers_destroy(site->set);
	site->epoch = epoch;
	make_workers(site);
	dp_workers_set_state(site->set, &site->state[site->in_use]);
	tick(site);
}

void set_port_mtu(uint16_t mtu)
{
	adjacency[1].mtu = mtu;
}

void lead_nowhere(uint8_t first, uint8_t second)
{
	fib_root[(uint32_t)first << 8 | second] = 17u << 23 | 2; /* prefix of length 16, adjacency 2 */
}

void set_clock(enum pop pop, int64_t offset_ns)
{
	world.site[pop].clock_offset_ns = offset_ns;
}

enum underlay world_underlay(void)
{
	return world.underlay;
}

static void begin(enum underlay underlay, unsigned workers, uint16_t mtu)
{
	begin_eal();
	memset(&world, 0, sizeof(world));
	world.underlay = underlay;
	world.workers = workers;
	world.mtu = mtu;
	world.now_ns = UINT64_C(1700000000) * 1000000000u;
	for (uint32_t i = 0; i < 1u << DP_FIB_ROOT_BITS; i++)
		fib_root[i] = 1u << 23 | 1; /* prefix of length 0, adjacency 1 */
	adjacency[1] = (struct dp_adjacency){.mtu = mtu, .resolved = true};
	adjacency[2] = (struct dp_adjacency){.mtu = UINT16_MAX, .nowhere = true};
	memcpy(adjacency[1].ether.dst, "\x02\x00\x00\x00\x00\xfe", 6);
	memcpy(adjacency[1].ether.src, "\x02\x00\x00\x00\x00\x01", 6);
	for (unsigned pop = 1; pop <= POPS; pop++) {
		make_workers(&world.site[pop]);
		begin_change(&world.site[pop]);
		put_everything(open_change, pop);
		commit_change(&world.site[pop]);
	}
	carry(); /* the first keepalives and notices */
}

void world_begin(unsigned workers)
{
	world_begin_over(UNDER_V4, workers);
}

uint16_t world_mtu(void)
{
	return world.mtu;
}

void world_begin_over(enum underlay underlay, unsigned workers)
{
	begin(underlay, workers, 1500);
}

void world_begin_wide(enum underlay underlay, uint16_t mtu)
{
	begin(underlay, 1, mtu);
}

void world_end(void)
{
	for (unsigned pop = 1; pop <= POPS; pop++) {
		dp_workers_destroy(world.site[pop].set);
		lb_snapshot_put(world.site[pop].snapshot);
	}
}

struct dp_worker *worker(enum pop pop, unsigned id)
{
	return dp_workers_get(world.site[pop].set, (uint16_t)id);
}

uint64_t drops(enum pop pop, enum wire_drop reason)
{
	uint64_t sum = 0;
	for (unsigned id = 0; id < world.workers; id++)
		sum += worker(pop, id)->stats->drop[reason];
	return sum;
}

uint64_t all_drops(enum pop pop)
{
	uint64_t sum = 0;
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
		sum += drops(pop, reason);
	return sum;
}

uint64_t counter(enum pop pop, enum wire_counter c)
{
	uint64_t sum = 0;
	for (unsigned id = 0; id < world.workers; id++)
		sum += worker(pop, id)->stats->counter[c];
	return sum;
}

uint64_t journeys(enum pop pop, enum wire_journey journey)
{
	uint64_t sum = 0;
	for (unsigned id = 0; id < world.workers; id++)
		sum += worker(pop, id)->stats->journey[journey].packets;
	return sum;
}

/* ---- packets in and out ---- */

static void take_handed_over(enum pop pop)
{
	unsigned n;
	do {
		n = 0;
		for (unsigned id = 0; id < world.workers; id++)
			n += dp_workers_receive_handed_over(worker(pop, id), world.now_ns, wall_ns(&world.site[pop]));
	} while (n);
}

static struct rte_mbuf *buffer_of(enum pop pop, const uint8_t *frame, uint16_t length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_workers_pool(world.site[pop].set));
	CHECK(m, "out of buffers: something leaks");
	uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, length);
	CHECK(at, "frame of %u bytes", length);
	if (length)
		memcpy(at, frame, length);
	return m;
}

void receive_frame(enum pop pop, unsigned id, const uint8_t *frame, uint16_t length)
{
	struct rte_mbuf *m = buffer_of(pop, frame, length);
	dp_workers_receive(worker(pop, id), &m, 1, 0, world.now_ns, wall_ns(&world.site[pop]));
	take_handed_over(pop);
}

static uint16_t frame_of(const struct packet *p, uint8_t *frame)
{
	memset(frame, 0, 14);
	wire_put_be16(frame + 12, is_v6(p) ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4);
	memcpy(frame + 14, p->bytes, p->length);
	return (uint16_t)(14 + p->length);
}

void receive_burst(enum pop pop, unsigned n, const struct packet *p)
{
	struct rte_mbuf *m[DP_BURST];
	CHECK(n <= DP_BURST, "%u packets", n);
	for (unsigned i = 0; i < n; i++) {
		uint8_t frame[14 + MAX_PACKET];
		m[i] = buffer_of(pop, frame, frame_of(&p[i], frame));
	}
	dp_workers_receive(worker(pop, 0), m, (uint16_t)n, 0, world.now_ns, wall_ns(&world.site[pop]));
	take_handed_over(pop);
}

void receive_at(enum pop pop, unsigned id, struct packet p)
{
	uint8_t frame[14 + MAX_PACKET];
	receive_frame(pop, id, frame, frame_of(&p, frame));
}

void receive(enum pop pop, struct packet p)
{
	receive_at(pop, 0, p);
}

static bool take_sent(enum pop pop, struct packet *ret_packet)
{
	struct rte_mbuf *m = dp_workers_sent(world.site[pop].set, 0);
	if (!m)
		return false;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	CHECK(memcmp(frame, "\x02\x00\x00\x00\x00\xfe\x02\x00\x00\x00\x00\x01", 12) == 0, "link-layer header");
	CHECK(wire_be16(frame + 12) == (frame[14] >> 4 == 6 ? 0x86dd : 0x0800), "ethertype");
	ret_packet->length = (uint16_t)(rte_pktmbuf_pkt_len(m) - 14);
	CHECK(ret_packet->length <= MAX_PACKET, "%u bytes", ret_packet->length);
	memcpy(ret_packet->bytes, frame + 14, ret_packet->length);
	rte_pktmbuf_free(m);
	return true;
}

/* Keepalives and notices go their way between tests' packets. */
static bool is_control(const struct packet *p)
{
	unsigned udp = is_v6(p) ? 40 : 20;
	return p->length > udp + 16 && protocol_of(p) == WIRE_PROTO_UDP && wire_be16(p->bytes + udp + 2) == 6081 &&
	       p->bytes[udp + 9] & 0x80;
}

struct packet sent(enum pop pop)
{
	struct packet p = {.length = 0};
	do {
		CHECK(take_sent(pop, &p), "POP %u sent nothing; drops: %lu", pop, all_drops(pop));
	} while (is_control(&p));
	return p;
}

void expect_nothing_sent(enum pop pop)
{
	struct packet p = {.length = 0};
	while (take_sent(pop, &p))
		CHECK(is_control(&p), "a packet of %u bytes was sent", p.length);
}

/* The POP to whose address it goes, or 0. */
static unsigned pop_at(struct wire_addr address)
{
	for (unsigned pop = 1; pop <= POPS; pop++) {
		uint8_t v4[4] = {10, (uint8_t)pop, 0, 2};
		uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)pop, [15] = 2};
		struct wire_addr four = wire_addr_from_v4(v4), six = wire_addr_from_v6(v6);
		if (wire_addr_equal(&address, &four) || wire_addr_equal(&address, &six))
			return pop;
	}
	return 0;
}

static void keep(enum pop pop, const struct packet *p)
{
	if (world.next_kept == world.n_kept)
		world.next_kept = world.n_kept = 0;
	CHECK(world.n_kept < KEPT, "too many packets are kept");
	world.kept[world.n_kept].pop = pop;
	world.kept[world.n_kept++].packet = *p;
}

static unsigned kind_of(const struct packet *p)
{
	const uint8_t *option = p->bytes + (is_v6(p) ? 56 : 36);
	bool keepalive = option[2] == WIRE_OPT_KEEPALIVE;
	if (!keepalive)
		return wire_be16(option + 4) == pop_at(source_of(p)) ? 2 : 3;
	return option[4] == WIRE_KEEPALIVE_REPLY;
}

struct packet recorded(enum pop from, enum pop to, uint8_t type)
{
	struct packet p = world.recorded[from][to][type == RECORDED_REPLY ? 1 : type == WIRE_OPT_LINKSTATE ? 2 : 0];
	CHECK(p.length != 0, "nothing recorded");
	return p;
}

void carry(void)
{
	bool moved;
	do {
		moved = false;
		for (unsigned pop = 1; pop <= POPS; pop++) {
			struct packet p = {.length = 0};
			while (take_sent(pop, &p)) {
				unsigned to = pop_at(destination_of(&p));
				moved = true;
				if (to && is_control(&p))
					world.recorded[pop][to][kind_of(&p)] = p;
				if (!to)
					keep(pop, &p);
				else if (!world.dark[pop][to])
					receive(to, p);
			}
		}
	} while (moved);
}

struct packet delivered(enum pop *ret_pop)
{
	CHECK(world.next_kept < world.n_kept, "nothing left the overlay; drops: %lu %lu %lu", all_drops(SGP1),
	    all_drops(DXB1), all_drops(FRA1));
	if (ret_pop)
		*ret_pop = world.kept[world.next_kept].pop;
	return world.kept[world.next_kept++].packet;
}

bool was_delivered(struct packet *ret_packet)
{
	if (world.next_kept == world.n_kept)
		return false;
	*ret_packet = world.kept[world.next_kept++].packet;
	return true;
}

void expect_nothing_delivered(void)
{
	CHECK(world.next_kept == world.n_kept, "a packet left the overlay");
}

void forget_delivered(void)
{
	world.n_kept = world.next_kept = 0;
}

void cut(enum pop from, enum pop to, bool dark)
{
	world.dark[from][to] = dark;
}

void pass_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		world.now_ns += 1000000;
		for (unsigned pop = 1; pop <= POPS; pop++)
			tick(&world.site[pop]);
		carry();
	}
}

uint64_t world_now_ns(void)
{
	return world.now_ns;
}

uint32_t world_time_us(void)
{
	return (uint32_t)(world.now_ns / 1000);
}

bool event(enum pop pop, enum dp_event_type type, struct dp_event *ret_event)
{
	while (dp_workers_event(world.site[pop].set, 0, ret_event) == 0)
		if (ret_event->type == type)
			return true;
	return false;
}

/* ---- overlay packets ---- */

uint16_t overlay_port_of(const struct packet *flow)
{
	struct packet p = *flow;
	struct lb_flow_key key = {.client = source_of(flow),
	    .vip = destination_of(flow),
	    .client_port = wire_be16(l4_of(&p)),
	    .vip_port = wire_be16(l4_of(&p) + 2),
	    .protocol = protocol_of(flow)};
	return (uint16_t)(0xc000 | lb_hash14(lb_flow_hash(&key)));
}

struct overlay overlay_along(const struct packet *flow, enum pop from, unsigned hops, const enum pop *hop)
{
	struct overlay o = {.vni = 7, .count = (uint8_t)hops, .left = (uint8_t)(hops - 1), .key_id = 1};
	o.from = link_address(from, hop[0]);
	o.to = link_address(hop[0], from);
	o.source_port = overlay_port_of(flow);
	for (unsigned i = 0; i < hops; i++) {
		o.hop[i].pop = (uint16_t)hop[i];
		o.hop[i].local = (uint8_t)(10 + (i ? hop[i - 1] : from));
		o.hop[i].remote = (uint8_t)(10 + hop[i]);
	}
	o.ingress = (uint16_t)from;
	o.egress = (uint16_t)hop[hops - 1];
	o.endpoint = 100;
	o.group = 5;
	o.sequence = ++world.site[from].sequence;
	o.time_us = world_time_us();
	o.epoch = world.site[from].epoch;
	memcpy(o.secret, secret_of(from, hop[0]), 16);
	return o;
}
