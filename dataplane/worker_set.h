/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of struct dp_workers, for the files of the shell: worker.c, workers.c, loop.c, idle.c, port.c, flows.c. The
 * journeys need none of it.
 *
 * Who transmits: a worker that owns a transmit queue of a port sends there itself; the others give their packets to the
 * owner of queue (id % queues) by the ring `given`, so that no queue has two users and none needs a lock. */
#pragma once

#include <poll.h>

#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/frame.h"
#include "dataplane/stats.h"
#include "dataplane/tables.h"
#include "dataplane/workers.h"
#include "dataplane/xdp_fds.h"
#include "lb/nat.h"

#define DP_MAX_QUEUES    16u   /* of a port */
#define DP_HANDED_SIZE   1024u /* packets that wait for a worker: 16 bursts of its neighbours */
#define DP_GIVEN_SIZE    1024u
#define DP_EVENTS_SIZE   1024u
#define DP_STATES_SIZE   1024u /* links and paths whose state changes before the main thread looks */
#define DP_COMMANDS_SIZE 64u
#define DP_SENT_SIZE     1024u /* packets that a test may leave unread */
#define DP_NO_ETHDEV     UINT16_MAX

struct dp_port {
	char name[WIRE_CTL_NAME_SIZE];
	_Atomic bool up;                       /* false: nobody may call the driver */
	uint16_t ethdev[DP_MAX_QUEUES];        /* that each queue is of; DP_NO_ETHDEV: collected */
	bool apart;                            /* each queue is the only one of its ethdev */
	unsigned interface_index;              /* af_xdp: of the interface that it was opened on, else 0 */
	uint16_t punt;                         /* ethdev of its TAP, or DP_NO_ETHDEV */
	uint16_t queues;                       /* of each direction */
	uint16_t mtu;                          /* that it is told; 0: what it has */
	_Atomic uint32_t max_frame;            /* bytes of the largest frame that may come in */
	struct dp_vlan vlan;                   /* of all its frames */
	struct rte_ring *given[DP_MAX_QUEUES]; /* to be sent there by the queue's owner */
	struct rte_ring *punted;               /* to be written to the TAP by the owner of queue 0; or a test's */
	struct rte_ring *sent;                 /* collected, while there is no ethdev */
	struct dp_xdp_fds xdp;                 /* what its driver opened */
	int fd[DP_MAX_QUEUES];                 /* becomes readable when a packet waits; -1: the queue must be polled */
};

/* The rows of a FLOWS query, sent a slice at a time. */
struct dp_flows_walk {
	bool active;
	bool egress; /* which table */
	uint32_t query;
	uint32_t next; /* place in the table */
	uint32_t rows;
	struct wire_ctl_filter filter;
};

struct dp_slot {
	struct dp_worker worker;
	struct rte_ring *handed_over; /* from all other workers */
	struct rte_ring *states;      /* worker 0's: struct dp_event of links and paths, to main, before all others */
	struct rte_ring *events;      /* struct dp_event, to main: all the rest */
	struct rte_ring *commands;    /* struct dp_command, from main */
	struct dp_flows_walk walk;
	uint64_t generation;    /* of worker.state; the state itself may be gone between two passes */
	int64_t wall_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, read again at each tick */
	struct lb_nat_range pool[LB_NAT_MAX_ADDRESSES]; /* that `nat` was last told */
	unsigned n_pool;
	uint64_t next_tick_ns;
	uint64_t last_packet_ns;
	int wake_fd; /* eventfd */
	_Atomic bool asleep;
	_Atomic(struct dp_tables *) offered;   /* whose are to be the worker's, from its next pass on */
	_Atomic(struct dp_tables *) in_use;    /* whose are */
	_Atomic(_Atomic uint64_t *) heartbeat; /* of the BPF array, or NULL */
} __rte_cache_aligned;

struct dp_workers {
	struct dp_workers_config config;
	uint16_t n;
	uint16_t n_ports;
	_Atomic bool stop;
	_Atomic(const struct dp_state *) state;
	struct dp_state empty;
	struct rte_rcu_qsbr *qsbr;
	struct rte_mempool *pool; /* a buffer holds the largest frame of any port, and the headers that it may get */
	struct dp_stats stats;
	struct dp_tables *tables; /* those that workers are offered */
	struct dp_shared shared;
	int main_fd; /* eventfd: an event waits for the main thread */
	_Atomic bool main_waits;
	struct dp_port port[DP_MAX_PORTS];
	struct dp_slot *slot[DP_MAX_WORKERS];
};

/* The worker that uses queue `queue` of port number `port`, both ways. */
static inline uint16_t dp_queue_owner(const struct dp_workers *set, uint16_t port, uint16_t queue)
{
	return (uint16_t)((port + queue) % set->n);
}

/* The number of a queue at its device. */
static inline uint16_t dp_queue_there(const struct dp_port *p, uint16_t queue)
{
	return p->apart ? 0 : queue;
}

/* The queue by which a worker sends on a port: its own, if it has one there. */
static inline uint16_t dp_queue_of(const struct dp_workers *set, uint16_t port, uint16_t worker)
{
	return (uint16_t)((worker + set->n - port % set->n) % set->n % set->port[port].queues);
}

static inline struct dp_slot *dp_slot_of(struct dp_worker *w)
{
	return (struct dp_slot *)w; /* its first member */
}

/* ---- loop.c ---- */

/* Takes the current state and sets the clocks, as before every burst. */
void dp_loop_begin(struct dp_worker *w, uint64_t now_ns, uint64_t wall_ns);

/* The tables that are offered become the worker's. */
void dp_loop_take_tables(struct dp_slot *slot);

/* Sends what the burst left in the buffers, and wakes whom it handed packets to. */
void dp_loop_end(struct dp_worker *w);

/* ---- workers.c ---- */

/* Offers other tables to the workers, who take them at their next pass. Returns those before, which are the caller's to
 * destroy when dp_workers_have_tables(). For the main thread, while there is no state, so that no flow is lost. */
struct dp_tables *dp_workers_exchange_tables(struct dp_workers *set, struct dp_tables *tables);
bool dp_workers_have_tables(const struct dp_workers *set);

/* The next event of a worker: states of links and paths first. Returns 0, or -ENOENT. For the main thread. */
int dp_next_event(struct dp_slot *slot, struct dp_event *ret_event);
bool dp_event_waits(const struct dp_slot *slot);

/* ---- idle.c ---- */

/* Until a packet may be there, or something is due, or somebody wakes us: after a pass that found nothing. */
void dp_idle(struct dp_slot *slot);

/* Wake the main thread if it waits: something is in a ring for it. */
void dp_wake_main(struct dp_workers *set);

/* Wake a worker if it sleeps. */
void dp_wake(struct dp_slot *slot);

/* ---- port.c ---- */

/* The TAP kf-<port name>, by which port `number`, whose device is `ethdev`, exchanges packets with the kernel. Before the
 * port is up. 0 or -errno with ret_why (DP_PORT_WHY_SIZE bytes). */
int dp_port_open_tap(struct dp_workers *set, uint16_t number, uint16_t ethdev, char *ret_why);

/* ---- flows.c ---- */

#define DP_FLOWS_SLICE      256u /* places looked at in a pass without packets: some microseconds */
#define DP_FLOWS_BUSY_SLICE 32u  /* in one with packets: as many as a burst has */

void dp_flows_start(struct dp_slot *slot, uint32_t query, const struct wire_ctl_filter *filter);
/* The next slice of the walk, if there is one. busy: the pass had packets. */
void dp_flows_step(struct dp_slot *slot, bool busy);
