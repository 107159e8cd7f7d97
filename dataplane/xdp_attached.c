/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xdp_attached.h"

#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define ANSWER_SIZE 32768 /* RTM_NEWLINK with statistics, VFs and all */

/* The attribute of this type, or NULL. */
static const struct rtattr *attribute(const struct rtattr *at, int left, unsigned short type)
{
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		if ((at->rta_type & NLA_TYPE_MASK) == type)
			return at;
	return NULL;
}

static int ask(int fd, unsigned index)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
	    .header = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
	    .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index},
	};
	return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static int read_answer(int fd)
{
	static _Alignas(8) char answer[ANSWER_SIZE];
	ssize_t length = recv(fd, answer, sizeof(answer), 0);
	if (length < 0)
		return -errno;
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	if (!NLMSG_OK(header, (size_t)length))
		return -EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
	if (header->nlmsg_type != RTM_NEWLINK)
		return -EPROTO;
	const struct ifinfomsg *link = NLMSG_DATA(header);
	const struct rtattr *xdp = attribute(IFLA_RTA(link), (int)IFLA_PAYLOAD(header), IFLA_XDP);
	if (xdp == NULL)
		return 0;
	const struct rtattr *mode = attribute(RTA_DATA(xdp), (int)RTA_PAYLOAD(xdp), IFLA_XDP_ATTACHED);
	return mode != NULL && *(const uint8_t *)RTA_DATA(mode) != XDP_ATTACHED_NONE;
}

int dp_xdp_attached(const char *interface)
{
	unsigned index = if_nametoindex(interface);
	if (index == 0)
		return -ENODEV;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	int answer = ask(fd, index);
	if (answer == 0)
		answer = read_answer(fd);
	close(fd);
	return answer;
}

int dp_xdp_permitted(void)
{
	union bpf_attr map = {
	    .map_type = BPF_MAP_TYPE_XSKMAP, .key_size = sizeof(int), .value_size = sizeof(int), .max_entries = 1};
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
	if (fd < 0)
		return -errno;
	close(fd);
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
