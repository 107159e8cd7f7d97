/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/netlink.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/kernel/mirror.h"

/* States in which the kernel itself would use the link-layer address. */
#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

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

/* The attributes in [data, end), by type; those above max are left out. */
static void take_attributes(const void *data, const char *end, const struct nlattr **attribute, unsigned max)
{
	for (const struct nlattr *at = data; mnl_attr_ok(at, (int)(end - (const char *)at)); at = mnl_attr_next(at))
		if (mnl_attr_get_type(at) <= max)
			attribute[mnl_attr_get_type(at)] = at;
}

static bool address_of(const struct nlattr *attribute, struct wire_addr *ret_address)
{
	if (!attribute)
		return false;
	if (mnl_attr_get_payload_len(attribute) == 4)
		*ret_address = wire_addr_from_v4(mnl_attr_get_payload(attribute));
	else if (mnl_attr_get_payload_len(attribute) == 16)
		*ret_address = wire_addr_from_v6(mnl_attr_get_payload(attribute));
	else
		return false;
	return true;
}

/* ---- links ---- */

struct link_dump {
	struct ctl_fib *fib;
	const char (*interface)[16];
};

static int on_link(const struct nlmsghdr *message, void *arg)
{
	struct link_dump *dump = arg;
	const struct ifinfomsg *about = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFLA_MTU + 1] = {NULL};
	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	take_attributes(about + 1, mnl_nlmsg_get_payload_tail(message), attribute, IFLA_MTU);
	if (!attribute[IFLA_IFNAME] || !attribute[IFLA_ADDRESS] ||
	    mnl_attr_get_payload_len(attribute[IFLA_ADDRESS]) != 6)
		return MNL_CB_OK;
	for (size_t i = 0; i < dump->fib->n_ports; i++) {
		struct ctl_fib_port *port = &dump->fib->port[i];
		if (strcmp(mnl_attr_get_str(attribute[IFLA_IFNAME]), dump->interface[i]) != 0)
			continue;
		uint32_t mtu = attribute[IFLA_MTU] ? mnl_attr_get_u32(attribute[IFLA_MTU]) : 1500;
		port->ifindex = about->ifi_index;
		port->mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
		memcpy(port->mac, mnl_attr_get_payload(attribute[IFLA_ADDRESS]), 6);
	}
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
	const struct ndmsg *about = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[NDA_LLADDR + 1] = {NULL};
	struct ctl_fib_neighbour neighbour = {.ifindex = about->ndm_ifindex};
	if (message->nlmsg_type != RTM_NEWNEIGH || !(about->ndm_state & NUD_USABLE))
		return MNL_CB_OK;
	take_attributes(about + 1, mnl_nlmsg_get_payload_tail(message), attribute, NDA_LLADDR);
	if (!address_of(attribute[NDA_DST], &neighbour.address) || !attribute[NDA_LLADDR] ||
	    mnl_attr_get_payload_len(attribute[NDA_LLADDR]) != 6)
		return MNL_CB_OK;
	memcpy(neighbour.mac, mnl_attr_get_payload(attribute[NDA_LLADDR]), 6);
	return ctl_fib_add_neighbour(arg, &neighbour) ? MNL_CB_ERROR : MNL_CB_OK;
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

static uint32_t table_of(const struct rtmsg *about, const struct nlattr *const *attribute)
{
	return attribute[RTA_TABLE] ? mnl_attr_get_u32(attribute[RTA_TABLE]) : about->rtm_table;
}

/* Of several next hops the first; spreading over them is for another day of the data plane. */
static void first_next_hop(const struct nlattr *multipath, struct ctl_fib_route *route)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	size_t room = mnl_attr_get_payload_len(multipath);
	if (room < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > room)
		return;
	route->ifindex = hop->rtnh_ifindex;
	const struct nlattr *attribute[RTA_GATEWAY + 1] = {NULL};
	take_attributes(hop + 1, (const char *)hop + hop->rtnh_len, attribute, RTA_GATEWAY);
	address_of(attribute[RTA_GATEWAY], &route->gateway);
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *about = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1] = {NULL};
	bool v4 = about->rtm_family == AF_INET;
	static const uint8_t unspecified[4];
	struct ctl_fib_route route = {.length = (uint8_t)(about->rtm_dst_len + (v4 ? 96 : 0))};
	take_attributes(about + 1, mnl_nlmsg_get_payload_tail(message), attribute, RTA_MAX);
	if (message->nlmsg_type != RTM_NEWROUTE || table_of(about, attribute) != RT_TABLE_MAIN ||
	    about->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	if (about->rtm_protocol == CTL_KERNEL_ROUTE_PROTOCOL)
		return MNL_CB_OK; /* keeps the kernel from what is the data plane's own */
	if (!address_of(attribute[RTA_DST], &route.prefix) && v4)
		route.prefix = wire_addr_from_v4(unspecified);
	if (route.prefix.bytes[0] == 0xfe && (route.prefix.bytes[1] & 0xc0) == 0x80)
		return MNL_CB_OK; /* link-local: the same on every port, and no packet of ours goes there */
	if (attribute[RTA_PRIORITY])
		route.metric = mnl_attr_get_u32(attribute[RTA_PRIORITY]);
	if (about->rtm_type == RTN_UNICAST) {
		if (attribute[RTA_OIF])
			route.ifindex = (int)mnl_attr_get_u32(attribute[RTA_OIF]);
		address_of(attribute[RTA_GATEWAY], &route.gateway);
		if (attribute[RTA_MULTIPATH])
			first_next_hop(attribute[RTA_MULTIPATH], &route);
	}
	return ctl_fib_add_route(arg, &route) ? MNL_CB_ERROR : MNL_CB_OK;
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
	const struct rtmsg *about = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1] = {NULL};
	struct wire_addr address;
	take_attributes(about + 1, mnl_nlmsg_get_payload_tail(message), attribute, RTA_MAX);
	if (about->rtm_protocol != CTL_KERNEL_ROUTE_PROTOCOL || about->rtm_type != RTN_BLACKHOLE ||
	    !address_of(attribute[RTA_DST], &address))
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
