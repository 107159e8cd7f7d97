/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/wire.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/wanem/xdp_pass.h"
#include "wire/bytes.h"

#define RING_SLOTS  4096u       /* 0.2 s at 20,000 packets/s */
#define BLOCK_SIZE  (64u << 10) /* a multiple of every slot size */
#define SLOT_ROOM   256u        /* for the header of a slot and the Ethernet header */
#define MAX_SLOT    BLOCK_SIZE
#define SEND_BUFFER (16 << 20) /* bytes; a veth takes frames at once, so this is never reached */

static int set_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) ? -errno : 0;
}

static int request(int fd, unsigned long code, struct ifreq *ifr)
{
	return ioctl(fd, code, ifr) ? -errno : 0;
}

/* Best effort: what a driver does not know cannot be on. */
static void turn_offloads_off(int fd, const char *name)
{
	static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct ethtool_value value = {.cmd = commands[i], .data = 0};
		struct ifreq ifr = {.ifr_data = (void *)&value};
		strcpy(ifr.ifr_name, name);
		(void)request(fd, SIOCETHTOOL, &ifr);
	}
}

static int describe(int fd, struct wanem_port *port)
{
	struct ifreq mac = {0}, mtu = {0};
	strcpy(mac.ifr_name, port->name);
	strcpy(mtu.ifr_name, port->name);
	int error = request(fd, SIOCGIFHWADDR, &mac);
	if (!error)
		error = request(fd, SIOCGIFMTU, &mtu);
	if (error)
		return error;
	memcpy(port->mac, mac.ifr_hwaddr.sa_data, 6);
	port->mtu = (uint16_t)(mtu.ifr_mtu > UINT16_MAX ? UINT16_MAX : mtu.ifr_mtu);
	return 0;
}

static int map_ring(struct wanem_wire *wire, uint16_t mtu)
{
	wire->slot_size = 2048;
	while (wire->slot_size < mtu + SLOT_ROOM && wire->slot_size < MAX_SLOT)
		wire->slot_size *= 2;
	wire->slots = RING_SLOTS;
	size_t size = (size_t)wire->slots * wire->slot_size;
	struct tpacket_req req = {
	    .tp_block_size = BLOCK_SIZE,
	    .tp_block_nr = (unsigned)(size / BLOCK_SIZE),
	    .tp_frame_size = wire->slot_size,
	    .tp_frame_nr = wire->slots,
	};
	if (setsockopt(wire->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -errno;
	void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, wire->fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	wire->ring = ring;
	return 0;
}

static int set_up(struct wanem_wire *wire, struct wanem_port *port)
{
	int send_buffer = SEND_BUFFER;
	int error = describe(wire->fd, port);
	if (!error)
		error = set_option(wire->fd, PACKET_VERSION, TPACKET_V2);
	if (!error)
		error = set_option(wire->fd, PACKET_IGNORE_OUTGOING, 1);
	if (!error)
		error = set_option(wire->fd, PACKET_QDISC_BYPASS, 1);
	if (!error)
		error = map_ring(wire, port->mtu);
	if (error)
		return error;
	(void)setsockopt(wire->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof(send_buffer));
	int ifindex = (int)if_nametoindex(port->name);
	if (wanem_xdp_pass_attach(ifindex, &wire->xdp_link) != 0)
		wire->xdp_link = -1;
	turn_offloads_off(wire->fd, port->name); /* after attaching, which turns GRO on */
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	wire_put_be16(&address.sll_protocol, ETH_P_ALL);
	return bind(wire->fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

int wanem_wire_open(struct wanem_port *port, struct wanem_wire *ret_wire)
{
	struct wanem_wire wire = {.xdp_link = -1};
	wire.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* silent until bound */
	if (wire.fd < 0)
		return -errno;
	int error = set_up(&wire, port);
	if (error)
		wanem_wire_close(&wire);
	else
		*ret_wire = wire;
	return error;
}

void wanem_wire_close(struct wanem_wire *wire)
{
	if (wire->ring)
		munmap(wire->ring, (size_t)wire->slots * wire->slot_size);
	if (wire->xdp_link >= 0)
		close(wire->xdp_link);
	if (wire->fd >= 0)
		close(wire->fd);
	*wire = (struct wanem_wire){.fd = -1, .xdp_link = -1};
}

static struct tpacket2_hdr *slot(const struct wanem_wire *wire)
{
	return (void *)(wire->ring + (size_t)wire->at * wire->slot_size);
}

int wanem_wire_receive(struct wanem_wire *wire, struct wanem_arrival *ret_arrival)
{
	const struct tpacket2_hdr *header = slot(wire);
	uint32_t status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE);
	if (!(status & TP_STATUS_USER))
		return -EAGAIN;
	*ret_arrival = (struct wanem_arrival){
	    .frame = (const uint8_t *)header + header->tp_mac,
	    .length = header->tp_snaplen,
	    .full_length = header->tp_len,
	    .realtime = (uint64_t)header->tp_sec * 1000000000u + header->tp_nsec,
	    .unfinished = (status & TP_STATUS_CSUMNOTREADY) != 0,
	};
	return 0;
}

void wanem_wire_release(struct wanem_wire *wire)
{
	__atomic_store_n(&slot(wire)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	wire->at = wire->at + 1 == wire->slots ? 0 : wire->at + 1;
}

uint32_t wanem_wire_send(struct wanem_wire *wire, uint8_t *const *frames, const uint32_t *lengths, uint32_t n)
{
	struct iovec vectors[WANEM_SEND_BATCH];
	struct mmsghdr messages[WANEM_SEND_BATCH];
	memset(messages, 0, n * sizeof(messages[0]));
	for (uint32_t i = 0; i < n; i++) {
		vectors[i] = (struct iovec){.iov_base = frames[i], .iov_len = lengths[i]};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	int taken = sendmmsg(wire->fd, messages, n, MSG_DONTWAIT);
	return taken < 0 ? 0 : (uint32_t)taken;
}

uint32_t wanem_wire_drops(const struct wanem_wire *wire)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);
	if (getsockopt(wire->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0)
		return 0;
	return stats.tp_drops;
}
