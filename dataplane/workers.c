/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/workers.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "dataplane/clock.h"
#include "dataplane/links.h"
#include "dataplane/oam.h"
#include "dataplane/way.h"
#include "dataplane/fragment.h"
#include "dataplane/worker_set.h"
#include "lb/fragment.h"
#include "lb/change.h"

#define POOL_CACHE 256u                                               /* mbufs per thread: 8 bursts */
#define MBUF_ROOM  (RTE_MBUF_DEFAULT_BUF_SIZE + RTE_PKTMBUF_HEADROOM) /* the overlay's headers grow at the front */
#define LINE       RTE_CACHE_LINE_SIZE

/* A packet of the largest port is in one buffer, whatever headers and tags it has and gets. */
static uint16_t mbuf_room(uint16_t mtu)
{
	size_t frame = sizeof(struct wire_ether) + DP_VLAN_TAGS * sizeof(struct wire_vlan) + mtu;
	return (uint16_t)RTE_MAX(MBUF_ROOM, RTE_PKTMBUF_HEADROOM + WIRE_OVERLAY_HEADROOM + frame);
}

/* DPDK's names are the process's, and a test has several sets in one process. */
static unsigned serial(void)
{
	static _Atomic unsigned made;
	return atomic_fetch_add(&made, 1);
}

static int make_ring(
    const char *what, unsigned id, unsigned size, unsigned element, unsigned flags, struct rte_ring **ret)
{
	char name[RTE_RING_NAMESIZE];
	snprintf(name, sizeof(name), "kuafu-%s-%u-%u", what, id, serial());
	struct rte_ring *ring = element == sizeof(void *)
	                            ? rte_ring_create(name, size, SOCKET_ID_ANY, flags)
	                            : rte_ring_create_elem(name, element, size, SOCKET_ID_ANY, flags);
	if (ring == NULL)
		return -rte_errno;
	*ret = ring;
	return 0;
}

static int make_fragments(struct dp_worker *w)
{
	size_t size = lb_fragment_table_size(DP_FRAGMENT_DATAGRAMS);
	void *memory = rte_zmalloc("kuafu-fragments", size, LINE);
	if (memory == NULL)
		return -ENOMEM;
	return lb_fragment_table_init(memory, size, DP_FRAGMENT_DATAGRAMS, DP_FRAGMENT_HELD, &w->fragments);
}

static int make_slot(struct dp_workers *set, uint16_t id)
{
	struct dp_slot *slot = rte_zmalloc("kuafu-worker", sizeof(*slot), LINE);
	if (slot == NULL)
		return -ENOMEM;
	set->slot[id] = slot;
	slot->worker = (struct dp_worker){
	    .id = id,
	    .n_workers = set->n,
	    .n_ports = set->n_ports,
	    .stats = &set->stats.worker[id],
	    .traffic = &set->stats.traffic[id * WIRE_STATS_TRAFFIC_ROWS],
	    .last_mile = &set->stats.last_mile[id * WIRE_STATS_LAST_MILE_ROWS],
	    .pool = set->pool,
	    .set = set,
	    .state = &set->empty,
	    .snapshot = set->empty.snapshot,
	};
	for (unsigned lane = 0; lane < WIRE_OVERLAY_LANES; lane++) {
		slot->worker.lane_owner[lane] = (uint8_t)(lane % set->n);
		slot->worker.lane_place[lane] = (uint8_t)(lane / set->n);
	}
	slot->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int error = slot->wake_fd < 0 ? -errno : 0;
	atomic_store(&slot->offered, set->tables);
	dp_loop_take_tables(slot);
	if (error == 0)
		error = make_ring("handed", id, DP_HANDED_SIZE, sizeof(void *), RING_F_SC_DEQ, &slot->handed_over);
	if (error == 0)
		error = make_ring("events", id, DP_EVENTS_SIZE, sizeof(struct dp_event), RING_F_SP_ENQ | RING_F_SC_DEQ,
		    &slot->events);
	if (error == 0 && id == 0)
		error = make_ring("states", id, DP_STATES_SIZE, sizeof(struct dp_event), RING_F_SP_ENQ | RING_F_SC_DEQ,
		    &slot->states);
	if (error == 0)
		error = make_ring("commands", id, DP_COMMANDS_SIZE, sizeof(struct dp_command),
		    RING_F_SP_ENQ | RING_F_SC_DEQ, &slot->commands);
	if (error == 0)
		error = dp_overlay_state_create(set->n, &slot->worker.overlay);
	if (error == 0)
		error = dp_ways_create(&slot->worker.ways);
	if (error == 0)
		error = make_fragments(&slot->worker);
	if (error == 0 && id == 0)
		error = dp_oam_create(&slot->worker.oam);
	return error;
}

static void free_mbufs(struct rte_ring *ring)
{
	struct rte_mbuf *m = NULL;
	while (ring != NULL && rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void free_slot(struct dp_slot *slot)
{
	if (slot == NULL)
		return;
	for (uint16_t port = 0; port < slot->worker.n_ports; port++)
		rte_pktmbuf_free_bulk(slot->worker.tx[port].pkt, slot->worker.tx[port].n);
	free_mbufs(slot->handed_over);
	rte_ring_free(slot->states);
	rte_ring_free(slot->events);
	rte_ring_free(slot->commands);
	dp_overlay_state_destroy(slot->worker.overlay);
	dp_ways_destroy(slot->worker.ways);
	dp_oam_destroy(slot->worker.oam);
	rte_free(slot->worker.fragments);
	if (slot->wake_fd >= 0)
		close(slot->wake_fd);
	rte_free(slot);
}

/* Until a driver is bound, what is sent and punted on a port is collected. */
static int make_port(struct dp_workers *set, uint16_t id)
{
	struct dp_port *p = &set->port[id];
	p->punt = DP_NO_ETHDEV;
	p->queues = 1;
	atomic_init(&p->max_frame, UINT32_MAX);
	snprintf(p->name, sizeof(p->name), "%u", id);
	for (unsigned queue = 0; queue < DP_MAX_QUEUES; queue++) {
		p->ethdev[queue] = DP_NO_ETHDEV;
		p->fd[queue] = -1;
	}
	int error = make_ring("sent", id, DP_SENT_SIZE, sizeof(void *), RING_F_SC_DEQ, &p->sent);
	if (error == 0)
		error = make_ring("punted", id, DP_SENT_SIZE, sizeof(void *), RING_F_SC_DEQ, &p->punted);
	return error;
}

static void free_port(struct dp_port *p)
{
	free_mbufs(p->sent);
	free_mbufs(p->punted);
	for (unsigned queue = 0; queue < DP_MAX_QUEUES; queue++)
		free_mbufs(p->given[queue]);
}

static int make_qsbr(struct dp_workers *set)
{
	size_t size = rte_rcu_qsbr_get_memsize(set->n);
	set->qsbr = rte_zmalloc("kuafu-qsbr", size, RTE_CACHE_LINE_SIZE);
	if (set->qsbr == NULL)
		return -ENOMEM;
	return rte_rcu_qsbr_init(set->qsbr, set->n) == 0 ? 0 : -rte_errno;
}

/* A snapshot with nothing in it and a FIB that finds nothing. */
static int make_empty_state(struct dp_workers *set)
{
	static const uint32_t no_routes[1u << DP_FIB_ROOT_BITS];
	struct lb_change *change = NULL;
	struct lb_snapshot *snapshot = NULL;
	struct wire_ctl_error why = {0};
	int error = lb_change_begin(NULL, true, NULL, &change);
	if (error != 0)
		return error;
	error = lb_change_commit(change, 0, &snapshot, &why);
	lb_change_free(change);
	if (error != 0)
		return error;
	set->empty = (struct dp_state){.snapshot = snapshot, .fib = {.v4 = no_routes, .v6 = no_routes}};
	atomic_store(&set->state, &set->empty);
	return 0;
}

static int make_all(struct dp_workers *set)
{
	const struct dp_workers_config *c = &set->config;
	int error = dp_stats_create(set->n, dp_clock_ns(CLOCK_REALTIME), &set->stats);
	if (error != 0)
		return error;
	set->main_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (set->main_fd < 0)
		return -errno;
	unsigned cache = c->mbufs > 8 * POOL_CACHE ? POOL_CACHE : 0;
	char name[RTE_MEMPOOL_NAMESIZE];
	snprintf(name, sizeof(name), "kuafu-mbufs-%u", serial());
	set->pool = rte_pktmbuf_pool_create(name, c->mbufs, cache, 0, mbuf_room(c->mtu), SOCKET_ID_ANY);
	if (set->pool == NULL)
		return -rte_errno;
	error = make_qsbr(set);
	if (error == 0)
		error = dp_tables_create(c, &set->tables);
	if (error == 0)
		error = make_empty_state(set);
	for (uint16_t port = 0; port < set->n_ports && error == 0; port++)
		error = make_port(set, port);
	for (uint16_t id = 0; id < set->n && error == 0; id++)
		error = make_slot(set, id);
	return error;
}

int dp_workers_create(const struct dp_workers_config *config, struct dp_workers **ret_set)
{
	if (config->workers == 0 || config->workers > DP_MAX_WORKERS || config->ports > DP_MAX_PORTS)
		return -EINVAL;
	struct dp_workers *set = rte_zmalloc("kuafu-workers", sizeof(*set), LINE);
	if (set == NULL)
		return -ENOMEM;
	set->config = *config;
	set->n = config->workers;
	set->n_ports = config->ports;
	set->shared.clock_offset_ns = config->clock_offset_ns;
	set->shared.epoch = config->epoch;
	set->stats.fd = -1;
	set->main_fd = -1;
	bool random = getrandom(&set->shared.secret, sizeof(set->shared.secret), 0) == sizeof(set->shared.secret);
	int error = random ? make_all(set) : -EIO;
	if (error != 0) {
		dp_workers_destroy(set);
		return error;
	}
	*ret_set = set;
	return 0;
}

void dp_workers_destroy(struct dp_workers *set)
{
	if (set == NULL)
		return;
	for (uint16_t id = 0; id < set->n; id++)
		free_slot(set->slot[id]);
	for (uint16_t port = 0; port < set->n_ports; port++)
		free_port(&set->port[port]);
	dp_tables_destroy(set->tables);
	lb_snapshot_put((struct lb_snapshot *)set->empty.snapshot);
	rte_free(set->qsbr);
	rte_mempool_free(set->pool);
	if (set->main_fd >= 0)
		close(set->main_fd);
	if (set->stats.fd >= 0)
		dp_stats_destroy(&set->stats);
	rte_free(set);
}

struct dp_tables *dp_workers_exchange_tables(struct dp_workers *set, struct dp_tables *tables)
{
	struct dp_tables *before = set->tables;
	set->tables = tables;
	for (uint16_t id = 0; id < set->n; id++) {
		atomic_store(&set->slot[id]->offered, tables);
		dp_wake(set->slot[id]);
	}
	return before;
}

bool dp_workers_have_tables(const struct dp_workers *set)
{
	for (uint16_t id = 0; id < set->n; id++)
		if (atomic_load(&set->slot[id]->in_use) != set->tables)
			return false;
	return true;
}

struct dp_worker *dp_workers_get(struct dp_workers *set, uint16_t id)
{
	return &set->slot[id]->worker;
}

struct rte_mempool *dp_workers_pool(struct dp_workers *set)
{
	return set->pool;
}

int dp_next_event(struct dp_slot *slot, struct dp_event *ret_event)
{
	if (slot->states != NULL && rte_ring_sc_dequeue_elem(slot->states, ret_event, sizeof(*ret_event)) == 0)
		return 0;
	return rte_ring_sc_dequeue_elem(slot->events, ret_event, sizeof(*ret_event));
}

bool dp_event_waits(const struct dp_slot *slot)
{
	return (slot->states != NULL && !rte_ring_empty(slot->states)) || !rte_ring_empty(slot->events);
}

/* ---- for tests ---- */

struct rte_mbuf *dp_workers_sent(struct dp_workers *set, uint16_t port)
{
	struct rte_mbuf *m = NULL;
	return rte_ring_dequeue(set->port[port].sent, (void **)&m) == 0 ? m : NULL;
}

struct rte_mbuf *dp_workers_punted(struct dp_workers *set, uint16_t port)
{
	struct rte_mbuf *m = NULL;
	return rte_ring_dequeue(set->port[port].punted, (void **)&m) == 0 ? m : NULL;
}

int dp_workers_event(struct dp_workers *set, uint16_t id, struct dp_event *ret_event)
{
	return dp_next_event(set->slot[id], ret_event);
}

int dp_workers_command(struct dp_workers *set, uint16_t id, struct dp_command *ret_command)
{
	return rte_ring_sc_dequeue_elem(set->slot[id]->commands, ret_command, sizeof(*ret_command));
}

void dp_workers_set_state(struct dp_workers *set, const struct dp_state *state)
{
	atomic_store_explicit(&set->state, state, memory_order_release);
}
