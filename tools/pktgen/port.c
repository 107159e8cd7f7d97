/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

enum { RX_RING = 1024, TX_RING = 1024, POOL_CACHE = 256 };

/* One row a driver: its name in a spec, and how its argument becomes a vdev. %u is the index, %s the argument. */
static const struct driver {
	const char *name;
	const char *vdev;
	bool needs_argument;
} drivers[] = {
    {"af_xdp", "net_af_xdp%u,iface=%s", true},
    {"tap", "net_tap%u,iface=%s", true},
    {"memif", "net_memif%u,socket-abstract=no,socket=%s", true},
    {"pcap", "net_pcap%u,tx_pcap=%s", true},
    {"null", "net_null%u%s", false},
    {"ring", "net_ring%u%s", false},
};

int port_eal_args(const char *spec, unsigned index, char args[2][PORT_ARGS_SIZE], const char **ret_error)
{
	size_t name_length = strcspn(spec, ":");
	const char *argument = spec[name_length] ? spec + name_length + 1 : "";
	if (name_length == 3 && !strncmp(spec, "pci", 3)) {
		*ret_error = "this driver needs an argument: pci:ADDRESS";
		int n = snprintf(args[1], PORT_ARGS_SIZE, "%s", argument);
		snprintf(args[0], PORT_ARGS_SIZE, "--allow");
		return n > 0 && (size_t)n < PORT_ARGS_SIZE ? 2 : -EINVAL;
	}
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		const struct driver *d = &drivers[i];
		if (strlen(d->name) != name_length || strncmp(d->name, spec, name_length) != 0)
			continue;
		if (d->needs_argument != (*argument != 0)) {
			*ret_error = d->needs_argument ? "this driver needs an argument: DRIVER:ARGUMENT"
			                               : "this driver takes no argument";
			return -EINVAL;
		}
		snprintf(args[0], PORT_ARGS_SIZE, "--vdev");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int n = snprintf(args[1], PORT_ARGS_SIZE, d->vdev, index, argument);
#pragma GCC diagnostic pop
		if (n < 0 || (size_t)n >= PORT_ARGS_SIZE) {
			*ret_error = "argument too long";
			return -EINVAL;
		}
		return 2;
	}
	*ret_error = "no such driver: af_xdp, tap, memif, pcap, null, ring and pci are known";
	return -EINVAL;
}

static int start(struct port *port)
{
	struct rte_eth_conf conf = {0};
	int err = rte_eth_dev_configure(port->id, 1, 1, &conf);
	if (err)
		return err;
	uint16_t rx = RX_RING, tx = TX_RING;
	err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
	if (err)
		return err;
	err = rte_eth_rx_queue_setup(port->id, 0, rx, SOCKET_ID_ANY, NULL, port->pool);
	if (err)
		return err;
	err = rte_eth_tx_queue_setup(port->id, 0, tx, SOCKET_ID_ANY, NULL);
	if (err)
		return err;
	err = rte_eth_dev_start(port->id);
	if (err)
		return err;
	rte_eth_promiscuous_enable(port->id); /* a port that cannot is promiscuous already */
	return 0;
}

int port_open(uint16_t id, uint16_t size, struct port *ret_port)
{
	uint16_t room = (uint16_t)RTE_MAX(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + size);
	struct port port = {.id = id};
	char pool_name[RTE_MEMPOOL_NAMESIZE];
	rte_eth_dev_get_name_by_port(id, port.name);
	snprintf(pool_name, sizeof(pool_name), "pktgen%u", id);
	port.pool = rte_pktmbuf_pool_create(pool_name, PORT_POOL_MBUFS, POOL_CACHE, 0, room, SOCKET_ID_ANY);
	if (!port.pool)
		return -rte_errno;
	int err = start(&port);
	if (err) {
		rte_eth_dev_close(id);
		rte_mempool_free(port.pool);
		return err;
	}
	struct rte_eth_link link;
	if (!rte_eth_link_get_nowait(id, &link) && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		port.speed = link.link_speed;
	*ret_port = port;
	return 0;
}

void port_close(struct port *port)
{
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
	rte_mempool_free(port->pool);
}
