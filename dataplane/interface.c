/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/interface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	int error = ioctl(fd, request, ifr) != 0 ? -errno : 0;
	close(fd);
	return error;
}

uint32_t dp_interface_mtu(const char *name)
{
	struct ifreq ifr = {0};
	return ask(name, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0 ? (uint32_t)ifr.ifr_mtu : 0;
}

int dp_interface_set_mtu(const char *name, uint16_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};
	return ask(name, SIOCSIFMTU, &ifr);
}

uint32_t dp_interface_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {.ifr_data = (void *)&channels};
	if (ask(name, SIOCETHTOOL, &ifr) != 0)
		return 0;
	uint32_t pairs = channels.rx_count < channels.tx_count ? channels.rx_count : channels.tx_count;
	return channels.combined_count + pairs;
}
