/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/loop.h"
#include "dataplane/transaction.h"
#include "dataplane/worker_set.h"
#include "tools/pktgen/rings.h"
#include "wire/packet.h"

enum { SELF = 1, MTU = 1500, MBUFS = 8191, LEAST_FLOWS = 65536 };

struct device {
	struct dp_workers *set;
	struct dp_transactions *transactions;
	struct dp_loop loop[DEVICE_MAX_WORKERS];
};

/* ---- state ---- */

struct rows {
	struct dp_transactions *transactions;
	struct wire_ctl_error why;
	int error; /* of the first row that was refused */
};

static void put(struct rows *r, enum wire_ctl_object object, const void *row, size_t size)
{
	if (!r->error)
		r->error = dp_transaction_upsert(r->transactions, object, row, size, &r->why);
}

#define PUT(rows, OBJECT, type, ...)                                                                                   \
	put(rows, WIRE_OBJ_##OBJECT, &(struct wire_ctl_##type){__VA_ARGS__}, sizeof(struct wire_ctl_##type))

static struct wire_addr own_address(bool v6, uint8_t host)
{
	const uint8_t v4[4] = {198, 18, 0, host};
	const uint8_t v6_address[16] = {0x20, 0x01, 0x00, 0x02, [15] = host};
	return v6 ? wire_addr_from_v6(v6_address) : wire_addr_from_v4(v4);
}

static uint16_t mtu_for(uint16_t size)
{
	unsigned packet = size > sizeof(struct wire_ether) ? size - (unsigned)sizeof(struct wire_ether) : 0;
	return (uint16_t)RTE_MAX((unsigned)MTU, packet);
}

static void put_network(struct rows *r, uint16_t mtu)
{
	static const uint8_t any[4];
	PUT(r, SETTINGS, settings, .pop = SELF, .keepalive_interval_us = 1000000, .keepalive_dead = 3,
	    .tcp_syn_ms = 10000, .tcp_established_ms = 7200000, .tcp_closing_ms = 10000, .udp_ms = 60000);
	PUT(r, POP, pop, .pop = SELF, .name = "device");
	PUT(r, ADJACENCY, adjacency, .adjacency = 1, .mtu = mtu, .src = {2, 0, 0, 0, 0, 2}, .dst = {2, 0, 0, 0, 0, 1});
	PUT(r, ROUTE, route, .prefix = wire_addr_from_v4(any), .length = 96, .adjacency = 1);
	PUT(r, ROUTE, route, .length = 0, .adjacency = 1);
}

static void put_service(struct rows *r, const struct flow *flow)
{
	bool v6 = !wire_addr_is_v4(&flow->dst);
	PUT(r, VIP, vip, .address = flow->dst, .accelerator = 1);
	PUT(r, GROUP, group, .group = 1, .egress_pop = SELF);
	PUT(r, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = own_address(v6, 200), .port = flow->dst_port,
	    .weight = 128);
	for (uint32_t i = 0; i < 2; i++)
		PUT(r, LISTENER, listener, .listener = 1 + i, .accelerator = 1, .vip = flow->dst,
		    .protocol = i ? WIRE_PROTO_UDP : WIRE_PROTO_TCP, .port_lo = flow->dst_port,
		    .port_hi = flow->dst_port, .n_shares = 1, .share = {{.group = 1, .weight = 65536}});
	for (uint8_t i = 1; i <= WIRE_CTL_MAX_NATS; i++)
		PUT(r, NAT, nat, .address = own_address(v6, i), .port_lo = 1024, .port_hi = 65535);
}

/* Before the workers run. */
static int set_up_state(struct device *d, uint16_t mtu, const struct flow *flow)
{
	struct rows r = {.transactions = d->transactions};
	r.error = dp_transaction_begin(d->transactions, 1, true, &r.why);
	put_network(&r, mtu);
	put_service(&r, flow);
	if (!r.error)
		r.error = dp_transaction_commit(d->transactions, &r.why);
	if (r.error)
		fprintf(stderr, "kuafu-pktgen: the data plane refuses its state: %s\n", r.why.text);
	while (!r.error && !dp_transaction_settle(d->transactions))
		;
	return r.error;
}

/* ---- life ---- */

static int make(struct device *d, const struct device_config *config, uint16_t *ret_port)
{
	uint16_t mtu = mtu_for(config->size);
	uint32_t flows = config->flows < LEAST_FLOWS / 2 ? LEAST_FLOWS : 2 * config->flows;
	struct dp_workers_config workers = {.workers = config->workers,
	    .ports = 1,
	    .flows = flows,
	    .nat_flows = flows,
	    .mbufs = MBUFS,
	    .mtu = mtu,
	    .busy = true,
	    .epoch = 1};
	int err = dp_workers_create(&workers, &d->set);
	if (!err)
		err = dp_transactions_create(d->set, &d->transactions);
	if (!err)
		err = set_up_state(d, mtu, &config->flow);
	if (!err)
		err = rings_join(d->set, mtu, ret_port);
	for (uint16_t i = 0; !err && i < config->workers; i++) {
		d->loop[i] = (struct dp_loop){.set = d->set, .worker = i};
		err = rte_eal_remote_launch(dp_loop_run, &d->loop[i], i + 1u);
	}
	return err;
}

void device_stop(struct device *d)
{
	if (d->set)
		dp_loop_stop(d->set);
	rte_eal_mp_wait_lcore();
	if (d->set)
		rings_part(d->set);
	if (d->transactions)
		dp_transactions_destroy(d->transactions);
	if (d->set)
		dp_workers_destroy(d->set);
	free(d);
}

int device_start(const struct device_config *config, struct device **ret_device, uint16_t *ret_port)
{
	struct device *d = calloc(1, sizeof(*d));
	int err = d ? make(d, config, ret_port) : -ENOMEM;
	if (!err) {
		*ret_device = d;
		return 0;
	}
	fprintf(stderr, "kuafu-pktgen: the data plane does not start: %s\n", strerror(-err));
	if (d)
		device_stop(d);
	return err;
}

static uint64_t dropped_by(const struct device *d, uint16_t worker, unsigned reason)
{
	return __atomic_load_n(&d->set->slot[worker]->worker.stats->drop[reason], __ATOMIC_RELAXED);
}

static uint64_t dropped(const struct device *d, unsigned reason)
{
	uint64_t n = 0;
	for (uint16_t i = 0; i < d->set->n; i++)
		n += dropped_by(d, i, reason);
	return n;
}

/* What other workers could not give to the port's is the data plane's own loss. */
uint64_t device_left(const void *device)
{
	const struct device *d = device;
	return dropped_by(d, (uint16_t)dp_queue_owner(d->set, 0, 0), WIRE_DROP_TX_FULL);
}

void device_tell(const struct device *d)
{
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++) {
		uint64_t n = dropped(d, reason);
		if (n)
			fprintf(stderr, "data plane dropped %" PRIu64 ": %s\n", n, wire_drop_text(reason));
	}
}
