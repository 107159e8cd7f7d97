/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "dataplane/interface.h"
#include "dataplane/worker_set.h"
#include "dataplane/xdp_attached.h"

#define RX_DESCRIPTORS 1024u
#define TX_DESCRIPTORS 1024u

/* ---- the drivers ---- */

struct driver {
	const char *name;
	const char *vdev; /* NULL: EAL has probed it by its address */
	/* The vdev's arguments; those of a driver whose queues are apart are about queue number `queue`. */
	void (*arguments)(const struct dp_port_config *c, uint16_t queue, char *text, size_t size);
	/* 0 if it can be opened now; -EAGAIN or another -errno with ret_why. May be NULL. */
	int (*check)(const struct dp_workers *set, const struct dp_port_config *c, char ret_why[DP_PORT_WHY_SIZE]);
	bool punts; /* what comes in is not the kernel's to see, so that it gets its share over a TAP */
	bool sized; /* its device is told an MTU; others take what they get, or have their interface's */
	bool retry; /* a queue that cannot be bound is held by a process that is about to end */
	bool apart; /* each queue is a device of its own */
};

/* A device for each queue, because the driver gives none but the first of an interface without combined channels, such as
 * veth. busy_budget=0: a poll of an empty veth costs no system call. A NIC keeps DPDK's preferred busy polling. */
static void af_xdp_arguments(const struct dp_port_config *c, uint16_t queue, char *text, size_t size)
{
	char device[64];
	snprintf(device, sizeof(device), "/sys/class/net/%.15s/device", c->interface);
	bool nic = access(device, F_OK) == 0;
	snprintf(
	    text, size, "iface=%s,start_queue=%u,queue_count=1%s", c->interface, queue, nic ? "" : ",busy_budget=0");
}

static int af_xdp_check(const struct dp_workers *set, const struct dp_port_config *c, char ret_why[DP_PORT_WHY_SIZE])
{
	(void)set;
	int attached = dp_xdp_attached(c->interface), permitted = dp_xdp_permitted();
	uint32_t queues = dp_interface_queues(c->interface);
	if (queues > 0 && queues < c->queues) {
		snprintf(ret_why, DP_PORT_WHY_SIZE, "%u queues wanted, but %s has %u", c->queues, c->interface, queues);
		return -ERANGE;
	}
	if (attached == 1 && permitted == 0)
		return 0;
	if (attached >= 0 && permitted != 0)
		snprintf(ret_why, DP_PORT_WHY_SIZE,
		    "eBPF or AF_XDP is refused to this process: %s; it takes CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW, "
		    "other drivers do without",
		    strerror(-permitted));
	else if (attached == 0)
		snprintf(ret_why, DP_PORT_WHY_SIZE, "no XDP program on %s yet; kuafud attaches it", c->interface);
	else if (attached == -ENODEV)
		snprintf(ret_why, DP_PORT_WHY_SIZE, "there is no interface %s", c->interface);
	else
		snprintf(ret_why, DP_PORT_WHY_SIZE, "cannot ask for the XDP program of %s: %s", c->interface,
		    strerror(-attached));
	return -EAGAIN;
}

/* A file is read once, so there must be a state by which to judge its packets. */
static int pcap_check(const struct dp_workers *set, const struct dp_port_config *c, char ret_why[DP_PORT_WHY_SIZE])
{
	if (c->rx_file[0] == '\0' || atomic_load(&set->state)->generation != 0)
		return 0;
	snprintf(
	    ret_why, DP_PORT_WHY_SIZE, "%.100s is read when kuafud has told what to do with its packets", c->rx_file);
	return -EAGAIN;
}

static void memif_arguments(const struct dp_port_config *c, uint16_t queue, char *text, size_t size)
{
	(void)queue;
	snprintf(text, size, "role=%s,socket-abstract=no,socket=%s", c->memif_server ? "server" : "client", c->device);
}

static void tap_arguments(const struct dp_port_config *c, uint16_t queue, char *text, size_t size)
{
	(void)queue;
	snprintf(text, size, "iface=%s", c->interface);
}

static void pcap_arguments(const struct dp_port_config *c, uint16_t queue, char *text, size_t size)
{
	(void)queue;
	if (c->interface[0] != '\0')
		snprintf(text, size, "iface=%s", c->interface);
	else
		snprintf(text, size, "%s%s%stx_pcap=%s", c->rx_file[0] != '\0' ? "rx_pcap=" : "", c->rx_file,
		    c->rx_file[0] != '\0' ? "," : "", c->tx_file);
}

static void no_arguments(const struct dp_port_config *c, uint16_t queue, char *text, size_t size)
{
	(void)c;
	(void)queue;
	if (size > 0)
		text[0] = '\0';
}

static const struct driver drivers[DP_DRIVERS] = {
    [DP_DRIVER_AF_XDP] = {"af_xdp", "net_af_xdp", af_xdp_arguments, af_xdp_check, .retry = true, .apart = true},
    [DP_DRIVER_PCI] = {"pci", NULL, no_arguments, NULL, .punts = true, .sized = true},
    [DP_DRIVER_MEMIF] = {"memif", "net_memif", memif_arguments, NULL, .punts = true},
    [DP_DRIVER_TAP] = {"tap", "net_tap", tap_arguments, NULL, .punts = true},
    [DP_DRIVER_PCAP] = {"pcap", "net_pcap", pcap_arguments, pcap_check},
    [DP_DRIVER_RING] = {"ring", "net_ring", no_arguments, NULL},
    [DP_DRIVER_NULL] = {"null", "net_null", no_arguments, NULL},
};

/* ---- opening ---- */

/* One of the devices of a port, with the port's queues from `first` on. */
struct device {
	uint16_t ethdev;
	uint16_t first, queues;
};

static int set_up_queues(struct dp_workers *set, struct dp_port *p, const struct device *d)
{
	struct dp_xdp_fds before, after, fresh;
	uint16_t rx = RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
	int error = rte_eth_dev_adjust_nb_rx_tx_desc(d->ethdev, &rx, &tx);
	for (uint16_t queue = 0; queue < d->queues && error == 0; queue++) {
		dp_xdp_fds_list(&before);
		error = rte_eth_rx_queue_setup(d->ethdev, queue, rx, SOCKET_ID_ANY, NULL, set->pool);
		if (error == 0)
			error = rte_eth_tx_queue_setup(d->ethdev, queue, tx, SOCKET_ID_ANY, NULL);
		dp_xdp_fds_list(&after);
		dp_xdp_fds_since(&before, &after, &fresh);
		p->fd[d->first + queue] = dp_xdp_fds_socket(&fresh);
	}
	return error;
}

static int set_mtu(uint16_t ethdev, uint16_t mtu, char ret_why[DP_PORT_WHY_SIZE])
{
	int error = mtu == 0 ? 0 : rte_eth_dev_set_mtu(ethdev, mtu);
	if (error != 0)
		snprintf(ret_why, DP_PORT_WHY_SIZE, "the device takes no MTU of %u: %s", mtu, strerror(-error));
	return error;
}

static int start(
    struct dp_workers *set, struct dp_port *p, const struct device *d, uint16_t mtu, char ret_why[DP_PORT_WHY_SIZE])
{
	struct rte_eth_dev_info info = {0};
	struct rte_eth_conf conf = {0};
	int error = rte_eth_dev_info_get(d->ethdev, &info);
	if (error == 0 && (info.max_rx_queues < d->queues || info.max_tx_queues < d->queues)) {
		snprintf(ret_why, DP_PORT_WHY_SIZE, "%u queues wanted, but the device has %u to receive and %u to send",
		    d->queues, info.max_rx_queues, info.max_tx_queues);
		return -ERANGE;
	}
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM; /* dataplane/frame.h */
	if (error == 0)
		error = rte_eth_dev_configure(d->ethdev, d->queues, d->queues, &conf);
	if (error == 0 && set_mtu(d->ethdev, mtu, ret_why) != 0)
		return -ERANGE;
	if (error == 0)
		error = set_up_queues(set, p, d);
	if (error == 0)
		error = rte_eth_dev_start(d->ethdev);
	if (error != 0)
		snprintf(ret_why, DP_PORT_WHY_SIZE, "a queue cannot be set up: %s", strerror(-error));
	return error;
}

static void vdev_name(const struct driver *driver, uint16_t number, uint16_t queue, char name[RTE_ETH_NAME_MAX_LEN])
{
	snprintf(name, RTE_ETH_NAME_MAX_LEN, driver->apart ? "%s%u-%u" : "%s%u", driver->vdev, number, queue);
}

static int probe(const struct driver *driver, uint16_t number, const struct dp_port_config *config, uint16_t queue,
    uint16_t *ret_ethdev, char ret_why[DP_PORT_WHY_SIZE])
{
	char name[RTE_ETH_NAME_MAX_LEN], arguments[1024];
	if (driver->vdev == NULL) {
		snprintf(name, sizeof(name), "%s", config->device);
	} else {
		vdev_name(driver, number, queue, name);
		driver->arguments(config, queue, arguments, sizeof(arguments));
		int error = rte_eal_hotplug_add("vdev", name, arguments);
		if (error != 0) {
			snprintf(ret_why, DP_PORT_WHY_SIZE, "driver %s refuses '%.100s': %s", driver->name, arguments,
			    strerror(-error));
			return error;
		}
	}
	if (rte_eth_dev_get_port_by_name(name, ret_ethdev) == 0)
		return 0;
	snprintf(ret_why, DP_PORT_WHY_SIZE, "no driver of DPDK has taken device %s", name);
	return -ENODEV;
}

static void unprobe(uint16_t ethdev)
{
	struct rte_eth_dev_info info;
	if (rte_eth_dev_info_get(ethdev, &info) != 0)
		return;
	char name[RTE_ETH_NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%s", rte_dev_name(info.device));
	bool is_vdev = strncmp(name, "net_", 4) == 0;
	(void)rte_eth_dev_stop(ethdev);
	(void)rte_eth_dev_close(ethdev);
	if (is_vdev)
		(void)rte_eal_hotplug_remove("vdev", name);
}

/* Where there is an interface, its MTU is the truth, whatever DPDK's driver says. */
static uint32_t max_frame(const struct dp_port_config *c, uint16_t ethdev)
{
	uint16_t device_mtu = 0;
	if (c->mtu)
		return dp_frame_max(c->mtu);
	uint32_t mtu = c->interface[0] != '\0' ? dp_interface_mtu(c->interface) : 0;
	if (mtu == 0 && rte_eth_dev_get_mtu(ethdev, &device_mtu) == 0)
		mtu = device_mtu;
	return mtu ? dp_frame_max(mtu) : UINT32_MAX;
}

/* One queue each way, used by the owner of the port's queue 0; the MAC address is the port's, so that the kernel's ARP
 * speaks for it. */
static int start_tap(struct dp_workers *set, uint16_t tap, uint16_t ethdev)
{
	struct rte_ether_addr mac;
	struct rte_eth_conf conf = {0};
	int error = rte_eth_macaddr_get(ethdev, &mac);
	if (error == 0)
		error = rte_eth_dev_configure(tap, 1, 1, &conf);
	if (error == 0)
		error = rte_eth_rx_queue_setup(tap, 0, RX_DESCRIPTORS, SOCKET_ID_ANY, NULL, set->pool);
	if (error == 0)
		error = rte_eth_tx_queue_setup(tap, 0, TX_DESCRIPTORS, SOCKET_ID_ANY, NULL);
	if (error == 0)
		error = rte_eth_dev_start(tap);
	if (error == 0 && rte_is_valid_assigned_ether_addr(&mac)) /* a virtual device may have none */
		error = rte_eth_dev_default_mac_addr_set(tap, &mac);
	return error;
}

int dp_port_open_tap(struct dp_workers *set, uint16_t number, uint16_t ethdev, char *ret_why)
{
	struct dp_port *p = &set->port[number];
	char name[RTE_ETH_NAME_MAX_LEN], interface[IF_NAMESIZE], arguments[64], ring[RTE_RING_NAMESIZE];
	uint16_t tap = DP_NO_ETHDEV;
	snprintf(name, sizeof(name), "net_tap_punt%u", number);
	snprintf(interface, sizeof(interface), "kf-%.12s", p->name);
	snprintf(arguments, sizeof(arguments), "iface=%s", interface);
	snprintf(ring, sizeof(ring), "kuafu-punted-%u", number);
	int error = rte_eal_hotplug_add("vdev", name, arguments);
	if (error == 0)
		error = rte_eth_dev_get_port_by_name(name, &tap);
	if (error == 0)
		error = start_tap(set, tap, ethdev);
	if (error == 0 && p->mtu) /* DPDK's driver of TAPs lets none be wider than Ethernet's 1500 */
		error = dp_interface_set_mtu(interface, p->mtu);
	if (error == 0 && p->punted == NULL) {
		p->punted = rte_ring_create(ring, DP_GIVEN_SIZE, SOCKET_ID_ANY, RING_F_SC_DEQ);
		error = p->punted == NULL ? -ENOMEM : 0;
	}
	if (error != 0) {
		snprintf(ret_why, DP_PORT_WHY_SIZE, "no TAP %s towards the kernel: %s", interface, strerror(-error));
		if (tap != DP_NO_ETHDEV)
			unprobe(tap);
		return error;
	}
	p->punt = tap;
	return 0;
}

static void close_devices(struct dp_port *p)
{
	for (uint16_t queue = 0; queue < DP_MAX_QUEUES; queue++) {
		if (p->ethdev[queue] != DP_NO_ETHDEV && (queue == 0 || p->apart))
			unprobe(p->ethdev[queue]);
		p->ethdev[queue] = DP_NO_ETHDEV;
		p->fd[queue] = -1;
	}
}

static int open_device(struct dp_workers *set, uint16_t number, const struct dp_port_config *config, struct device d,
    char ret_why[DP_PORT_WHY_SIZE])
{
	const struct driver *driver = &drivers[config->driver];
	struct dp_port *p = &set->port[number];
	int error = probe(driver, number, config, d.first, &d.ethdev, ret_why);
	if (error != 0)
		return error;
	for (uint16_t queue = 0; queue < d.queues; queue++)
		p->ethdev[d.first + queue] = d.ethdev;
	return start(set, p, &d, driver->sized ? config->mtu : 0, ret_why);
}

static int open_devices(
    struct dp_workers *set, uint16_t number, const struct dp_port_config *config, char ret_why[DP_PORT_WHY_SIZE])
{
	const struct driver *driver = &drivers[config->driver];
	struct dp_port *p = &set->port[number];
	uint16_t each = driver->apart ? 1 : p->queues;
	int error = 0;
	p->apart = driver->apart;
	for (uint16_t first = 0; first < p->queues && error == 0; first = (uint16_t)(first + each))
		error = open_device(set, number, config, (struct device){.first = first, .queues = each}, ret_why);
	if (error == 0 && driver->punts)
		error = dp_port_open_tap(set, number, p->ethdev[0], ret_why);
	if (error == 0)
		return 0;
	close_devices(p);
	return driver->retry && error != -ERANGE ? -EAGAIN : error;
}

int dp_port_open(
    struct dp_workers *set, uint16_t number, const struct dp_port_config *config, char ret_why[DP_PORT_WHY_SIZE])
{
	const struct driver *driver = &drivers[config->driver];
	struct dp_port *p = &set->port[number];
	struct dp_xdp_fds before, after;
	int error = driver->check != NULL ? driver->check(set, config, ret_why) : 0;
	if (error != 0)
		return error;
	dp_xdp_fds_list(&before);
	error = open_devices(set, number, config, ret_why);
	dp_xdp_fds_list(&after);
	dp_xdp_fds_since(&before, &after, &p->xdp);
	if (error != 0) {
		(void)dp_xdp_fds_close(&p->xdp);
		return error;
	}
	atomic_store_explicit(&p->max_frame, max_frame(config, p->ethdev[0]), memory_order_relaxed);
	p->interface_index = config->driver == DP_DRIVER_AF_XDP ? if_nametoindex(config->interface) : 0;
	atomic_store_explicit(&p->up, true, memory_order_release);
	return 0;
}

bool dp_port_is_open(const struct dp_workers *set, uint16_t number)
{
	return atomic_load(&set->port[number].up);
}

bool dp_port_is_alive(const struct dp_workers *set, uint16_t number, const struct dp_port_config *config)
{
	unsigned index = set->port[number].interface_index;
	return index == 0 || if_nametoindex(config->interface) == index;
}

void dp_port_follow_mtu(struct dp_workers *set, uint16_t number, const struct dp_port_config *config)
{
	struct dp_port *p = &set->port[number];
	uint32_t mtu = config->mtu == 0 && config->interface[0] != '\0' ? dp_interface_mtu(config->interface) : 0;
	if (mtu != 0 && dp_port_is_open(set, number))
		atomic_store_explicit(&p->max_frame, dp_frame_max(mtu), memory_order_relaxed);
}

void dp_port_close(struct dp_workers *set, uint16_t number)
{
	struct dp_port *p = &set->port[number];
	if (!atomic_load(&p->up))
		return;
	atomic_store(&p->up, false);
	rte_rcu_qsbr_synchronize(set->qsbr, RTE_QSBR_THRID_INVALID);
	close_devices(p);
	if (p->punt != DP_NO_ETHDEV)
		unprobe(p->punt);
	p->punt = DP_NO_ETHDEV;
	(void)dp_xdp_fds_close(&p->xdp);
}

int dp_port_describe(struct dp_workers *set, uint16_t number, const struct dp_port_config *config)
{
	struct dp_port *p = &set->port[number];
	if (config->queues == 0 || config->queues > DP_MAX_QUEUES)
		return -EINVAL;
	snprintf(p->name, sizeof(p->name), "%s", config->name);
	p->queues = config->queues;
	p->mtu = config->mtu;
	p->vlan = config->vlan;
	rte_ring_free(p->sent);
	rte_ring_free(p->punted);
	p->sent = NULL;
	p->punted = NULL;
	for (uint16_t queue = 0; queue < p->queues; queue++) {
		char name[RTE_RING_NAMESIZE];
		snprintf(name, sizeof(name), "kuafu-given-%u-%u", number, queue);
		p->given[queue] = rte_ring_create(name, DP_GIVEN_SIZE, SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (p->given[queue] == NULL)
			return -ENOMEM;
	}
	return 0;
}
