/* SPDX-License-Identifier: BSD-2-Clause */
/* The ports of `ports:` and their drivers, one table in port.c. The main thread opens and closes them while the workers
 * run: a worker looks at a port only while it is up.
 *
 * An af_xdp port is opened only when somebody (kuafud) has attached an XDP program to its interface, without one of
 * its own: so the program outlives this process. When the interface vanishes the port is closed, and opened again when
 * the interface is back with a program.
 *
 * The kernel has its share (ARP, STAMP, BGP, SSH) on the interface itself where XDP leaves it there (af_xdp) or we only
 * listen in (pcap). Of a device that it does not see (pci, memif) and of the near end of a wire whose far end it has
 * (tap) it gets its share over a TAP of our own, kf-NAME. A loop (ring), a file and nothing (null) have none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/frame.h"
#include "dataplane/workers.h"

enum dp_driver {
	DP_DRIVER_AF_XDP,
	DP_DRIVER_PCI,
	DP_DRIVER_MEMIF,
	DP_DRIVER_TAP,
	DP_DRIVER_PCAP,
	DP_DRIVER_RING,
	DP_DRIVER_NULL,
	DP_DRIVERS
};

/* Texts that the driver does not use are "". */
struct dp_port_config {
	const char *name;
	enum dp_driver driver;
	const char *interface; /* af_xdp, tap, pcap: the kernel's name */
	const char *device;    /* pci: address; memif: path of the socket */
	const char *rx_file;   /* pcap */
	const char *tx_file;   /* pcap */
	bool memif_server;
	uint16_t queues;
	uint16_t mtu; /* bytes of an IP packet; 0: what the device has */
	struct dp_vlan vlan;
};

/* What EAL must be told of a PCI port before it starts (-a). */
static inline bool dp_port_needs_pci(const struct dp_port_config *config)
{
	return config->driver == DP_DRIVER_PCI;
}

/* Say what port `number` is, before workers run. Returns 0; -EINVAL: more queues than DP_MAX_QUEUES; -errno. */
int dp_port_describe(struct dp_workers *set, uint16_t number, const struct dp_port_config *config);

#define DP_PORT_WHY_SIZE 200u

/* Open a port that is closed. 0; -EAGAIN: not yet, try again later; another -errno: it will never do. Unless 0, ret_why
 * holds one line. */
int dp_port_open(
    struct dp_workers *set, uint16_t number, const struct dp_port_config *config, char ret_why[DP_PORT_WHY_SIZE]);

bool dp_port_is_open(const struct dp_workers *set, uint16_t number);

/* Whether an open port's interface is still there. */
bool dp_port_is_alive(const struct dp_workers *set, uint16_t number, const struct dp_port_config *config);

/* Once in a while: takes the MTU that an open port's interface has now for the largest that may come in. */
void dp_port_follow_mtu(struct dp_workers *set, uint16_t number, const struct dp_port_config *config);

/* Workers that run have passed when it returns. */
void dp_port_close(struct dp_workers *set, uint16_t number);
