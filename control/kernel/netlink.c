/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/netlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/kernel/message.h"
#include "control/kernel/mirror.h"

#define REQUEST_SIZE 512u

int ctl_netlink_open(unsigned groups, struct mnl_socket **ret_socket)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0));
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		int error = -errno;
		mnl_socket_close(socket);
		return error;
	}
	*ret_socket = socket;
	return 0;
}

/* What a request that failed half way has left unread: the kernel goes on with a dump as it is read, and says at its end
 * that it was interrupted. The next request's answer is behind it. */
static void discard_rest(struct mnl_socket *socket)
{
	char rest[32768];
	while (
	    recv(mnl_socket_get_fd(socket), rest, sizeof(rest), MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
		errno = 0;
}

/* Send a request and hand every answer to `on_message` until the end of the dump or the acknowledgement. */
static int ask(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t on_message, void *arg)
{
	static unsigned sequence;
	char answer[32768];
	request->nlmsg_seq = ++sequence;
	discard_rest(socket);
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
		ssize_t length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		if (length < 0)
			return -errno;
		more = mnl_cb_run(
		    answer, (size_t)length, request->nlmsg_seq, mnl_socket_get_portid(socket), on_message, arg);
		if (more < 0)
			return -errno;
	}
	return 0;
}

static struct nlmsghdr *request_of(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return header;
}

/* ---- links ---- */

struct link_dump {
	struct ctl_fib *fib;
	const char (*interface)[16];
};

static int on_link(const struct nlmsghdr *message, void *arg)
{
	const struct link_dump *dump = arg;
	ctl_message_link(message, dump->interface, dump->fib);
	return MNL_CB_OK;
}

int ctl_netlink_dump_links(struct mnl_socket *socket, struct ctl_fib *fib, const char (*interface)[16])
{
	char buffer[REQUEST_SIZE] = {0};
	struct nlmsghdr *request = request_of(buffer, RTM_GETLINK, NLM_F_DUMP);
	struct rtgenmsg *family = mnl_nlmsg_put_extra_header(request, sizeof(*family));
	family->rtgen_family = AF_UNSPEC;
	memset(fib->port, 0, sizeof(fib->port));
	return ask(socket, request, on_link, &(struct link_dump){.fib = fib, .interface = interface});
}

/* ---- neighbours ---- */

static int on_neighbour(const struct nlmsghdr *message, void *arg)
{
	return ctl_message_neighbour(message, arg) ? MNL_CB_ERROR : MNL_CB_OK;
}

int ctl_netlink_dump_neighbours(struct mnl_socket *socket, struct ctl_fib *fib)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	int error = 0;
	fib->n_neighbours = 0;
	for (size_t i = 0; i < sizeof(families) && !error; i++) {
		char buffer[REQUEST_SIZE] = {0};
		struct nlmsghdr *request = request_of(buffer, RTM_GETNEIGH, NLM_F_DUMP);
		struct ndmsg *about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
		about->ndm_family = families[i];
		error = ask(socket, request, on_neighbour, fib);
	}
	return error;
}

int ctl_netlink_resolve(struct mnl_socket *socket, int ifindex, const struct wire_addr *address)
{
	for (int managed = 1;; managed = 0) {
		char buffer[REQUEST_SIZE] = {0};
		struct nlmsghdr *request = request_of(buffer, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE);
		struct ndmsg *about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
		bool v4 = wire_addr_is_v4(address);
		about->ndm_family = v4 ? AF_INET : AF_INET6;
		about->ndm_ifindex = ifindex;
		about->ndm_flags = NTF_USE;
		mnl_attr_put(request, NDA_DST, v4 ? 4 : 16, v4 ? address->bytes + 12 : address->bytes);
		if (managed)
			mnl_attr_put_u32(request, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
		int error = ask(socket, request, NULL, NULL);
		if (!error || !managed)
			return error;
	}
}

/* ---- routes ---- */

static int on_route(const struct nlmsghdr *message, void *arg)
{
	return ctl_message_route(message, arg) ? MNL_CB_ERROR : MNL_CB_OK;
}

static int dump_routes(struct mnl_socket *socket, mnl_cb_t on_message, void *arg)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	int error = 0;
	for (size_t i = 0; i < sizeof(families) && !error; i++) {
		char buffer[REQUEST_SIZE] = {0};
		struct nlmsghdr *request = request_of(buffer, RTM_GETROUTE, NLM_F_DUMP);
		struct rtmsg *about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
		about->rtm_family = families[i];
		error = ask(socket, request, on_message, arg);
	}
	return error;
}

int ctl_netlink_dump_routes(struct mnl_socket *socket, struct ctl_fib *fib)
{
	fib->n_routes = 0;
	return dump_routes(socket, on_route, fib);
}

/* ---- blackholes ---- */

int ctl_netlink_blackhole(struct mnl_socket *socket, const struct wire_addr *address, bool add)
{
	char buffer[REQUEST_SIZE] = {0};
	struct nlmsghdr *request = request_of(buffer, add ? RTM_NEWROUTE : RTM_DELROUTE,
	    (uint16_t)(NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0)));
	struct rtmsg *about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
	bool v4 = wire_addr_is_v4(address);
	about->rtm_family = v4 ? AF_INET : AF_INET6;
	about->rtm_dst_len = v4 ? 32 : 128;
	about->rtm_table = RT_TABLE_MAIN;
	about->rtm_protocol = CTL_KERNEL_ROUTE_PROTOCOL;
	about->rtm_type = RTN_BLACKHOLE;
	mnl_attr_put(request, RTA_DST, v4 ? 4 : 16, v4 ? address->bytes + 12 : address->bytes);
	int error = ask(socket, request, NULL, NULL);
	return error == -ESRCH && !add ? 0 : error;
}

struct sweep {
	const struct wire_addr *keep;
	size_t n_keep;
	struct wire_addr *found;
	size_t n_found;
};

static int on_blackhole(const struct nlmsghdr *message, void *arg)
{
	struct sweep *sweep = arg;
	struct wire_addr address;
	if (!ctl_message_blackhole(message, &address))
		return MNL_CB_OK;
	for (size_t i = 0; i < sweep->n_keep; i++)
		if (wire_addr_equal(&sweep->keep[i], &address))
			return MNL_CB_OK;
	struct wire_addr *found = realloc(sweep->found, (sweep->n_found + 1) * sizeof(*found));
	if (!found)
		return MNL_CB_ERROR;
	sweep->found = found;
	found[sweep->n_found++] = address;
	return MNL_CB_OK;
}

int ctl_netlink_sweep_blackholes(struct mnl_socket *socket, const struct wire_addr *keep, size_t n)
{
	struct sweep sweep = {.keep = keep, .n_keep = n};
	int error = dump_routes(socket, on_blackhole, &sweep);
	for (size_t i = 0; i < sweep.n_found; i++) {
		int failed = ctl_netlink_blackhole(socket, &sweep.found[i], false);
		error = error ? error : failed;
	}
	free(sweep.found);
	return error;
}
