/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel/message.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "control/kernel/mirror.h"

/* States in which the kernel itself would use the link-layer address. */
#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

#define MAC_SIZE     6u
#define PREFIX_OF_V4 96u /* struct wire_addr counts an IPv4 prefix of n bits as 96 + n */
#define ADDRESS_BITS 128u

/* The family's header behind that of netlink, of `size` bytes; NULL: it is not all there, or of another type. */
static const void *header_of(const struct nlmsghdr *message, uint16_t type, size_t size)
{
	bool whole = message->nlmsg_len >= sizeof(*message) + size;
	return whole && message->nlmsg_type == type ? mnl_nlmsg_get_payload(message) : NULL;
}

static const char *end_of(const struct nlmsghdr *message)
{
	return (const char *)message + message->nlmsg_len;
}

/* The attributes in [data, end), by type; those above max are left out. */
static void take_attributes(const void *data, const char *end, const struct nlattr **attribute, unsigned max)
{
	for (const struct nlattr *at = data; mnl_attr_ok(at, (int)(end - (const char *)at)); at = mnl_attr_next(at))
		if (mnl_attr_get_type(at) <= max)
			attribute[mnl_attr_get_type(at)] = at;
}

static const void *payload_of(const struct nlattr *attribute, size_t size)
{
	bool fits = attribute && mnl_attr_get_payload_len(attribute) == size;
	return fits ? mnl_attr_get_payload(attribute) : NULL;
}

static uint32_t number_of(const struct nlattr *attribute, uint32_t otherwise)
{
	const void *payload = payload_of(attribute, sizeof(uint32_t));
	if (payload)
		memcpy(&otherwise, payload, sizeof(otherwise));
	return otherwise;
}

static bool address_of(const struct nlattr *attribute, struct wire_addr *ret_address)
{
	const void *v4 = payload_of(attribute, 4), *v6 = payload_of(attribute, 16);
	if (v4)
		*ret_address = wire_addr_from_v4(v4);
	else if (v6)
		*ret_address = wire_addr_from_v6(v6);
	return v4 || v6;
}

static bool is_named(const struct nlattr *name, const char *interface)
{
	size_t length = strlen(interface);
	return name && mnl_attr_get_payload_len(name) > length &&
	       memcmp(mnl_attr_get_payload(name), interface, length + 1) == 0;
}

void ctl_message_link(const struct nlmsghdr *message, const char (*interface)[16], struct ctl_fib *fib)
{
	const struct ifinfomsg *about = header_of(message, RTM_NEWLINK, sizeof(*about));
	const struct nlattr *attribute[IFLA_MTU + 1] = {NULL};
	if (!about)
		return;
	take_attributes(about + 1, end_of(message), attribute, IFLA_MTU);
	const uint8_t *mac = payload_of(attribute[IFLA_ADDRESS], MAC_SIZE);
	for (size_t i = 0; mac && i < fib->n_ports; i++) {
		struct ctl_fib_port *port = &fib->port[i];
		if (!is_named(attribute[IFLA_IFNAME], interface[i]))
			continue;
		uint32_t mtu = number_of(attribute[IFLA_MTU], 1500);
		port->ifindex = about->ifi_index;
		port->mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
		memcpy(port->mac, mac, MAC_SIZE);
	}
}

int ctl_message_neighbour(const struct nlmsghdr *message, struct ctl_fib *fib)
{
	const struct ndmsg *about = header_of(message, RTM_NEWNEIGH, sizeof(*about));
	const struct nlattr *attribute[NDA_LLADDR + 1] = {NULL};
	if (!about || !(about->ndm_state & NUD_USABLE))
		return 0;
	take_attributes(about + 1, end_of(message), attribute, NDA_LLADDR);
	struct ctl_fib_neighbour neighbour = {.ifindex = about->ndm_ifindex};
	const uint8_t *mac = payload_of(attribute[NDA_LLADDR], MAC_SIZE);
	if (!mac || !address_of(attribute[NDA_DST], &neighbour.address))
		return 0;
	memcpy(neighbour.mac, mac, MAC_SIZE);
	return ctl_fib_add_neighbour(fib, &neighbour);
}

/* RTA_VIA: the gateway has another family than the route, as with BGP by IPv6 link-local addresses (RFC 8950). */
static void gateway_of(const struct nlattr *gateway, const struct nlattr *via, struct wire_addr *ret_gateway)
{
	const struct rtvia *v4 = payload_of(via, sizeof(*v4) + 4), *v6 = payload_of(via, sizeof(*v6) + 16);
	if (v4 && v4->rtvia_family == AF_INET)
		*ret_gateway = wire_addr_from_v4(v4->rtvia_addr);
	else if (v6 && v6->rtvia_family == AF_INET6)
		*ret_gateway = wire_addr_from_v6(v6->rtvia_addr);
	else
		address_of(gateway, ret_gateway);
}

static void take_next_hop(const struct rtnexthop *hop, struct ctl_fib_route *route)
{
	const struct nlattr *attribute[RTA_VIA + 1] = {NULL};
	route->ifindex = hop->rtnh_ifindex;
	route->gateway = (struct wire_addr){0};
	take_attributes(hop + 1, (const char *)hop + hop->rtnh_len, attribute, RTA_VIA);
	gateway_of(attribute[RTA_GATEWAY], attribute[RTA_VIA], &route->gateway);
}

/* Of several next hops the first that leads out of a port of ours; spreading over them is for another day of the data
 * plane. */
static void choose_next_hop(const struct nlattr *multipath, const struct ctl_fib *fib, struct ctl_fib_route *route)
{
	const char *at = mnl_attr_get_payload(multipath);
	size_t room = mnl_attr_get_payload_len(multipath), step;
	for (; room >= sizeof(struct rtnexthop); at += step, room -= step) {
		const struct rtnexthop *hop = (const void *)at;
		step = RTNH_ALIGN(hop->rtnh_len);
		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > room)
			return;
		take_next_hop(hop, route);
		if (ctl_fib_port_of(fib, route->ifindex) >= 0 || step > room)
			return;
	}
}

/* The header of a route and its attributes; NULL: no route. */
static const struct rtmsg *route_of(const struct nlmsghdr *message, const struct nlattr *attribute[RTA_MAX + 1])
{
	const struct rtmsg *about = header_of(message, RTM_NEWROUTE, sizeof(*about));
	if (about)
		take_attributes(about + 1, end_of(message), attribute, RTA_MAX);
	return about;
}

/* A default route has no RTA_DST. */
static bool prefix_of(const struct rtmsg *about, const struct nlattr *destination, struct ctl_fib_route *route)
{
	static const uint8_t unspecified[4];
	bool v4 = about->rtm_family == AF_INET;
	unsigned length = about->rtm_dst_len + (v4 ? PREFIX_OF_V4 : 0);
	if (length > ADDRESS_BITS || (!v4 && about->rtm_family != AF_INET6))
		return false;
	if (v4)
		route->prefix = wire_addr_from_v4(unspecified);
	route->length = (uint8_t)length;
	return !destination || (address_of(destination, &route->prefix) && wire_addr_is_v4(&route->prefix) == v4);
}

int ctl_message_route(const struct nlmsghdr *message, struct ctl_fib *fib)
{
	const struct nlattr *attribute[RTA_MAX + 1] = {NULL};
	const struct rtmsg *about = route_of(message, attribute);
	struct ctl_fib_route route = {.length = 0};
	if (!about || number_of(attribute[RTA_TABLE], about->rtm_table) != RT_TABLE_MAIN ||
	    about->rtm_flags & RTM_F_CLONED || !prefix_of(about, attribute[RTA_DST], &route))
		return 0;
	if (about->rtm_protocol == CTL_KERNEL_ROUTE_PROTOCOL)
		return 0; /* keeps the kernel from what is the data plane's own */
	if (route.prefix.bytes[0] == 0xfe && (route.prefix.bytes[1] & 0xc0) == 0x80)
		return 0; /* link-local: the same on every port, and no packet of ours goes there */
	route.metric = number_of(attribute[RTA_PRIORITY], 0);
	if (about->rtm_type == RTN_UNICAST) {
		route.ifindex = (int)number_of(attribute[RTA_OIF], 0);
		gateway_of(attribute[RTA_GATEWAY], attribute[RTA_VIA], &route.gateway);
		if (attribute[RTA_MULTIPATH])
			choose_next_hop(attribute[RTA_MULTIPATH], fib, &route);
	}
	return ctl_fib_add_route(fib, &route);
}

bool ctl_message_blackhole(const struct nlmsghdr *message, struct wire_addr *ret_address)
{
	const struct nlattr *attribute[RTA_MAX + 1] = {NULL};
	const struct rtmsg *about = route_of(message, attribute);
	return about && about->rtm_protocol == CTL_KERNEL_ROUTE_PROTOCOL && about->rtm_type == RTN_BLACKHOLE &&
	       address_of(attribute[RTA_DST], ret_address);
}
