/* SPDX-License-Identifier: BSD-2-Clause */
/* A DPDK port to send on and receive from, named as DRIVER:ARGUMENT:
 *
 *   af_xdp:IFACE   tap:IFACE   memif:SOCKET[,role=server|client]   pcap:TX_FILE   null   ring   pci:ADDRESS */
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#define PORT_MAX        2u
#define PORT_ARGS_SIZE  256u
#define PORT_POOL_MBUFS 16383u /* 2^n - 1 is what a mempool uses best; enough for full rings both ways */

struct port {
	uint16_t id;
	struct rte_mempool *pool;
	char name[64];
	uint32_t speed; /* Mbit/s, as the driver says; 0: it does not */
};

/* Writes the EAL arguments ("--vdev", "net_…") that make port number `index` of `spec` into args[2].
 * Returns how many (0 .. 2), or -EINVAL with a line in *ret_error. */
int port_eal_args(const char *spec, unsigned index, char args[2][PORT_ARGS_SIZE], const char **ret_error);

/* Opens port `id` after rte_eal_init with one queue each way, its buffers large enough for frames of `size` bytes, and
 * starts it. 0 or -errno. */
int port_open(uint16_t id, uint16_t size, struct port *ret_port);

void port_close(struct port *port);
