/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/rings.h"

#include <errno.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/port.h"
#include "dataplane/worker_set.h"

enum { LINES = 1024, RING_SIZE = 4096 };

static int start(struct dp_workers *set, uint16_t ethdev)
{
	struct rte_eth_conf conf = {0};
	int err = rte_eth_dev_configure(ethdev, 1, 1, &conf);
	if (!err)
		err = rte_eth_rx_queue_setup(ethdev, 0, LINES, SOCKET_ID_ANY, NULL, dp_workers_pool(set));
	if (!err)
		err = rte_eth_tx_queue_setup(ethdev, 0, LINES, SOCKET_ID_ANY, NULL);
	return err ? err : rte_eth_dev_start(ethdev);
}

/* Any worker may send. */
int rings_join(struct dp_workers *set, uint16_t mtu, uint16_t *ret_port)
{
	const struct dp_port_config port = {.name = "generator",
	    .driver = DP_DRIVER_RING,
	    .interface = "",
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = 1,
	    .mtu = mtu};
	struct rte_ring *in = rte_ring_create("pktgen-in", RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	struct rte_ring *out = rte_ring_create("pktgen-out", RING_SIZE, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!in || !out)
		return -ENOMEM;
	int ours = rte_eth_from_rings("device", &in, 1, &out, 1, 0);
	int theirs = rte_eth_from_rings("generator", &out, 1, &in, 1, 0);
	if (ours < 0 || theirs < 0)
		return -ENODEV;
	int err = dp_port_describe(set, 0, &port);
	if (!err)
		err = start(set, (uint16_t)ours);
	if (err)
		return err;
	set->port[0].ethdev[0] = (uint16_t)ours;
	set->port[0].max_frame = dp_frame_max(mtu);
	atomic_store(&set->port[0].up, true);
	*ret_port = (uint16_t)theirs;
	return 0;
}

void rings_part(struct dp_workers *set)
{
	if (!atomic_exchange(&set->port[0].up, false))
		return;
	rte_eth_dev_stop(set->port[0].ethdev[0]);
	rte_eth_dev_close(set->port[0].ethdev[0]);
}
