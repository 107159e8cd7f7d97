/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/router.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/ip.h"

const char *const wanem_router_drop_name[WANEM_ROUTER_DROP_COUNT] = {
#define X(constant, name) [WANEM_DROP_##constant] = name,
    WANEM_ROUTER_DROPS(X)
#undef X
};

static enum wanem_verdict drop(struct wanem_router *r, enum wanem_router_drop why)
{
	r->drop[why]++;
	return WANEM_CONSUME;
}

/* The entry of a neighbour, made if there is room; NULL when the table is full. */
static struct wanem_neighbour *neighbour(struct wanem_router *r, uint8_t port, const struct wire_addr *address)
{
	const uint32_t *w = address->words;
	uint32_t slot = ((w[0] ^ w[1] ^ w[2] ^ w[3]) * 2654435761u) >> 16;
	for (uint32_t i = 0; i < WANEM_MAX_NEIGHBOURS; i++) {
		struct wanem_neighbour *n = &r->neighbour[(slot + i) & (WANEM_MAX_NEIGHBOURS - 1)];
		if (wire_addr_equal(&n->address, address) && n->port == port)
			return n;
		if (wire_addr_is_unset(&n->address)) {
			*n = (struct wanem_neighbour){.address = *address, .port = port};
			return n;
		}
	}
	return NULL;
}

static void learn(struct wanem_router *r, uint8_t port, const struct wanem_discovery *said, uint64_t now)
{
	const struct wanem_port *p = &r->port[port];
	if (!wire_addr_is_host(&said->sender) || !wanem_is_neighbour(p, &said->sender) ||
	    wire_addr_equal(&said->sender, &wanem_gateway(p, &said->sender)->address))
		return;
	struct wanem_neighbour *n = neighbour(r, port, &said->sender);
	if (!n)
		return;
	memcpy(n->mac, said->mac, 6);
	n->known = true;
	n->learned_at = now;
}

static enum wanem_verdict hear(struct wanem_router *r, uint8_t port, const struct wanem_discovery *said, uint64_t now,
    struct wanem_answer *ret_answer)
{
	const struct wanem_port *p = &r->port[port];
	const struct wire_addr *ours = &wanem_gateway(p, &said->target)->address;
	learn(r, port, said, now);
	if (!said->asks || !wire_addr_equal(&said->target, ours))
		return WANEM_CONSUME;
	ret_answer->length = wanem_discovery_answer(ret_answer->frame, p->mac, ours, said);
	return WANEM_ANSWER;
}

/* The header as RFC 1812, 5.2.2 wants it checked. */
static bool ipv4_is_sound(const struct wire_ipv4 *ip, uint32_t left)
{
	uint32_t header = (ip->version_ihl & 0xfu) * 4;
	uint32_t total = wire_be16(&ip->total_length);
	return ip->version_ihl >> 4 == 4 && header >= sizeof(*ip) && header <= total && total <= left &&
	       wire_csum(ip, header) == 0;
}

static void spend_ttl(struct wire_ipv4 *ip)
{
	uint8_t before[2] = {ip->ttl, ip->protocol};
	ip->ttl--;
	uint8_t after[2] = {ip->ttl, ip->protocol};
	ip->checksum = wire_csum_replace(ip->checksum, before, after, 2);
}

static bool is_ours(const struct wanem_router *r, const struct wire_addr *address)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (wire_addr_equal(address, &wanem_gateway(&r->port[i], address)->address))
			return true;
	return false;
}

/* Where a packet of `total` bytes goes. */
static enum wanem_verdict find_hop(struct wanem_router *r, const void *ip, uint32_t total, struct wanem_hop *ret_hop)
{
	struct wire_addr dst = wire_ip_dst(ip);
	if (is_ours(r, &dst))
		return drop(r, WANEM_DROP_FOR_US);
	const struct wanem_route *route = wanem_routes_find(&r->routes, &dst);
	if (!route)
		return drop(r, WANEM_DROP_NO_ROUTE);
	if (wire_ip_ttl(ip) <= 1)
		return drop(r, WANEM_DROP_TTL);
	if (total > r->port[route->port].mtu)
		return drop(r, WANEM_DROP_TOO_BIG);
	*ret_hop = (struct wanem_hop){.port = route->port,
	    .address = wire_addr_is_unset(&route->gateway) ? dst : route->gateway,
	    .ip_length = total};
	return WANEM_FORWARD;
}

static enum wanem_verdict receive_arp(struct wanem_router *r, uint8_t port, const uint8_t *frame, uint32_t length,
    uint64_t now, struct wanem_answer *ret_answer)
{
	struct wanem_discovery said;
	int error = wanem_arp_read(frame, length, &said);
	if (error)
		return drop(r, error == -EMSGSIZE ? WANEM_DROP_SHORT : WANEM_DROP_MALFORMED);
	return hear(r, port, &said, now, ret_answer);
}

static enum wanem_verdict receive_ipv4(
    struct wanem_router *r, uint8_t *frame, uint32_t length, struct wanem_hop *ret_hop)
{
	struct wire_ipv4 *ip = (void *)(frame + sizeof(struct wire_ether));
	uint32_t left = length - (uint32_t)sizeof(struct wire_ether);
	if (left < sizeof(*ip))
		return drop(r, WANEM_DROP_SHORT);
	if (!ipv4_is_sound(ip, left))
		return drop(r, WANEM_DROP_MALFORMED);
	enum wanem_verdict verdict = find_hop(r, ip, wire_be16(&ip->total_length), ret_hop);
	if (verdict == WANEM_FORWARD)
		spend_ttl(ip);
	return verdict;
}

/* What has a link-local or no source, or goes to such an address or a group, stays on its link (RFC 4291, 2.5.6). */
static bool stays_on_link(const struct wire_ipv6 *ip)
{
	struct wire_addr src = wire_ip_src(ip), dst = wire_ip_dst(ip);
	return !wire_addr_is_host(&src) || !wire_addr_is_host(&dst);
}

static enum wanem_verdict receive_ipv6(struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length,
    uint64_t now, struct wanem_hop *ret_hop, struct wanem_answer *ret_answer)
{
	struct wire_ipv6 *ip = (void *)(frame + sizeof(struct wire_ether));
	uint32_t left = length - (uint32_t)sizeof(struct wire_ether);
	struct wanem_discovery said;
	if (left < sizeof(*ip))
		return drop(r, WANEM_DROP_SHORT);
	uint32_t total = (uint32_t)sizeof(*ip) + wire_be16(&ip->payload_length);
	if (!wire_ip_is_v6(ip) || total > left)
		return drop(r, WANEM_DROP_MALFORMED);
	int error = wanem_nd_read(frame, &said);
	if (error == 0)
		return hear(r, port, &said, now, ret_answer);
	if (error == -EINVAL)
		return drop(r, WANEM_DROP_MALFORMED);
	if (stays_on_link(ip))
		return drop(r, WANEM_DROP_LINK_LOCAL);
	enum wanem_verdict verdict = find_hop(r, ip, total, ret_hop);
	if (verdict == WANEM_FORWARD)
		ip->hop_limit--;
	return verdict;
}

enum wanem_verdict wanem_router_receive(struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length,
    uint64_t now, struct wanem_hop *ret_hop, struct wanem_answer *ret_answer)
{
	const struct wire_ether *ether = (const void *)frame;
	if (length < sizeof(*ether))
		return drop(r, WANEM_DROP_SHORT);
	switch (wire_be16(&ether->type)) {
	case WIRE_ETHERTYPE_ARP:
		return receive_arp(r, port, frame, length, now, ret_answer);
	case WIRE_ETHERTYPE_IPV4:
		return receive_ipv4(r, frame, length, ret_hop);
	case WIRE_ETHERTYPE_IPV6:
		return receive_ipv6(r, port, frame, length, now, ret_hop, ret_answer);
	default:
		return drop(r, WANEM_DROP_NOT_IP);
	}
}

int wanem_router_address_frame(
    struct wanem_router *r, uint8_t port, const struct wire_addr *address, uint64_t now, uint8_t *frame, bool *ret_ask)
{
	struct wanem_neighbour *n = neighbour(r, port, address);
	*ret_ask = false;
	if (!n)
		return -EAGAIN;
	bool wanted = !n->known || now > n->learned_at + WANEM_FRESH_NS;
	if (wanted && (n->asked_at == 0 || now >= n->asked_at + WANEM_ASK_AGAIN_NS)) {
		n->asked_at = now;
		*ret_ask = true;
	}
	if (!n->known)
		return -EAGAIN;
	struct wire_ether *ether = (void *)frame;
	memcpy(ether->dst, n->mac, 6);
	memcpy(ether->src, r->port[port].mac, 6);
	return 0;
}

uint32_t wanem_router_ask(
    const struct wanem_router *r, uint8_t port, const struct wire_addr *address, uint8_t *ret_frame)
{
	const struct wanem_port *p = &r->port[port];
	return wanem_discovery_ask(ret_frame, p->mac, &wanem_gateway(p, address)->address, address);
}
