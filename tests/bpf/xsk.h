/* SPDX-License-Identifier: BSD-2-Clause */
/* The least AF_XDP socket that can stand in an XSK map: it is bound, and never read. */
#pragma once

#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* Brings an interface of our namespace up. 0 or -1. */
static inline int bring_up(const char *interface)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	int failed = ioctl(fd, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP;
	failed |= ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return failed;
}

/* A descriptor, or -1. */
static inline int open_xsk(const char *interface, uint32_t queue)
{
	enum { FRAMES = 64, FRAME_BYTES = 2048 };
	int fd = socket(AF_XDP, SOCK_RAW, 0), entries = FRAMES;
	void *memory = mmap(NULL, FRAMES * FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xdp_umem_reg umem = {.addr = (uintptr_t)memory, .len = FRAMES * FRAME_BYTES, .chunk_size = FRAME_BYTES};
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
	    .sxdp_ifindex = if_nametoindex(interface),
	    .sxdp_queue_id = queue,
	    .sxdp_flags = XDP_COPY};
	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) ||
	    setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}
