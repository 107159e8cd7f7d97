/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/router.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"

struct arp { /* RFC 826, for IPv4 over Ethernet */
	uint16_t hardware;
	uint16_t protocol;
	uint8_t hardware_length;
	uint8_t protocol_length;
	uint16_t operation;
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
} __attribute__((packed));

_Static_assert(sizeof(struct wire_ether) + sizeof(struct arp) == WANEM_ARP_FRAME, "RFC 826");

enum { ARP_ETHERNET = 1, ARP_REQUEST = 1, ARP_REPLY = 2 };

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

static bool is_neighbour(const struct wanem_port *p, uint32_t address)
{
	return ((address ^ p->address) & wanem_mask(p->length)) == 0;
}

/* The entry of a neighbour, made if there is room; NULL when the table is full. */
static struct wanem_neighbour *neighbour(struct wanem_router *r, uint8_t port, uint32_t address)
{
	uint32_t slot = (address * 2654435761u) >> 16;
	for (uint32_t i = 0; i < WANEM_MAX_NEIGHBOURS; i++) {
		struct wanem_neighbour *n = &r->neighbour[(slot + i) & (WANEM_MAX_NEIGHBOURS - 1)];
		if (n->address == address && n->port == port)
			return n;
		if (n->address == 0) {
			*n = (struct wanem_neighbour){.address = address, .port = port};
			return n;
		}
	}
	return NULL;
}

static void learn(struct wanem_router *r, uint8_t port, uint32_t address, const uint8_t *mac, uint64_t now)
{
	if (address == 0 || address == r->port[port].address || !is_neighbour(&r->port[port], address))
		return;
	struct wanem_neighbour *n = neighbour(r, port, address);
	if (!n)
		return;
	memcpy(n->mac, mac, 6);
	n->known = true;
	n->learned_at = now;
}

static void write_arp(
    uint8_t *frame, const struct wanem_port *us, uint16_t operation, const uint8_t *mac, uint32_t address)
{
	struct wire_ether *ether = (void *)frame;
	struct arp *arp = (void *)(ether + 1);
	bool request = operation == ARP_REQUEST;
	memset(ether->dst, 0xff, 6);
	if (!request)
		memcpy(ether->dst, mac, 6);
	memcpy(ether->src, us->mac, 6);
	wire_put_be16(&ether->type, WIRE_ETHERTYPE_ARP);
	wire_put_be16(&arp->hardware, ARP_ETHERNET);
	wire_put_be16(&arp->protocol, WIRE_ETHERTYPE_IPV4);
	arp->hardware_length = 6;
	arp->protocol_length = 4;
	wire_put_be16(&arp->operation, operation);
	memcpy(arp->sender_mac, us->mac, 6);
	wire_put_be32(arp->sender, us->address);
	memset(arp->target_mac, 0, 6);
	if (!request)
		memcpy(arp->target_mac, mac, 6);
	wire_put_be32(arp->target, address);
}

static enum wanem_verdict receive_arp(
    struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length, uint64_t now)
{
	const struct arp *arp = (const void *)(frame + sizeof(struct wire_ether));
	if (length < WANEM_ARP_FRAME)
		return drop(r, WANEM_DROP_SHORT);
	if (wire_be16(&arp->hardware) != ARP_ETHERNET || wire_be16(&arp->protocol) != WIRE_ETHERTYPE_IPV4 ||
	    arp->hardware_length != 6 || arp->protocol_length != 4)
		return drop(r, WANEM_DROP_MALFORMED);
	uint8_t mac[6];
	uint32_t sender = wire_be32(arp->sender);
	memcpy(mac, arp->sender_mac, 6);
	learn(r, port, sender, mac, now);
	if (wire_be16(&arp->operation) != ARP_REQUEST || wire_be32(arp->target) != r->port[port].address)
		return WANEM_CONSUME;
	write_arp(frame, &r->port[port], ARP_REPLY, mac, sender);
	return WANEM_ANSWER;
}

/* The header as RFC 1812, 5.2.2 wants it checked. */
static bool header_is_sound(const struct wire_ipv4 *ip, uint32_t left)
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

static enum wanem_verdict receive_ipv4(
    struct wanem_router *r, uint8_t *frame, uint32_t length, struct wanem_hop *ret_hop)
{
	struct wire_ipv4 *ip = (void *)(frame + sizeof(struct wire_ether));
	uint32_t left = length - (uint32_t)sizeof(struct wire_ether);
	if (left < sizeof(*ip))
		return drop(r, WANEM_DROP_SHORT);
	if (!header_is_sound(ip, left))
		return drop(r, WANEM_DROP_MALFORMED);
	uint32_t dst = wire_be32(ip->dst);
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (dst == r->port[i].address)
			return drop(r, WANEM_DROP_FOR_US);
	const struct wanem_route *route = wanem_routes_find(&r->routes, dst);
	if (!route)
		return drop(r, WANEM_DROP_NO_ROUTE);
	uint16_t total = wire_be16(&ip->total_length);
	if (ip->ttl <= 1)
		return drop(r, WANEM_DROP_TTL);
	if (total > r->port[route->port].mtu)
		return drop(r, WANEM_DROP_TOO_BIG);
	spend_ttl(ip);
	*ret_hop = (struct wanem_hop){
	    .port = route->port, .address = route->gateway ? route->gateway : dst, .ip_length = total};
	return WANEM_FORWARD;
}

enum wanem_verdict wanem_router_receive(
    struct wanem_router *r, uint8_t port, uint8_t *frame, uint32_t length, uint64_t now, struct wanem_hop *ret_hop)
{
	const struct wire_ether *ether = (const void *)frame;
	if (length < sizeof(*ether))
		return drop(r, WANEM_DROP_SHORT);
	switch (wire_be16(&ether->type)) {
	case WIRE_ETHERTYPE_ARP:
		return receive_arp(r, port, frame, length, now);
	case WIRE_ETHERTYPE_IPV4:
		return receive_ipv4(r, frame, length, ret_hop);
	default:
		return drop(r, WANEM_DROP_NOT_IPV4);
	}
}

int wanem_router_address_frame(
    struct wanem_router *r, uint8_t port, uint32_t address, uint64_t now, uint8_t *frame, bool *ret_ask)
{
	struct wanem_neighbour *n = neighbour(r, port, address);
	*ret_ask = false;
	if (!n)
		return -EAGAIN;
	bool wanted = !n->known || now > n->learned_at + WANEM_ARP_FRESH_NS;
	if (wanted && (n->asked_at == 0 || now >= n->asked_at + WANEM_ARP_AGAIN_NS)) {
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

void wanem_router_ask(const struct wanem_router *r, uint8_t port, uint32_t address, uint8_t *ret_frame)
{
	write_arp(ret_frame, &r->port[port], ARP_REQUEST, NULL, address);
}
