/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/tools/wanem_frames.h: frames and a router of two interfaces for the emulator's tests:
 * `a` is 10.1.0.1/24 and 2001:db8:1::1/64, `b` is 10.2.0.1/24 and 2001:db8:2::1/64; 10.9.0.0/16 lies behind 10.2.0.9,
 * 2001:db8:9::/48 behind 2001:db8:2::9. */
#pragma once

#include <string.h>

#include "tools/wanem/router.h"
#include "wire/bytes.h"
#include "wire/ip.h"

enum { PORT_A, PORT_B };

static inline struct wire_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return wire_addr_from_v4((uint8_t[4]){a, b, c, d});
}
#define IP(a, b, c, d) v4(a, b, c, d)

/* 2001:db8:NET::HOST */
static inline struct wire_addr v6(uint8_t net, uint8_t host)
{
	return (struct wire_addr){.bytes = {0x20, 1, 0xd, 0xb8, 0, net, [15] = host}};
}

#define V4_BITS 96u

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};
static const uint8_t host_a[6] = {2, 0, 0, 0, 1, 2}, host_b[6] = {2, 0, 0, 0, 2, 2};

static inline void two_ports(struct wanem_router *r)
{
	memset(r, 0, sizeof(*r));
	r->n_ports = 2;
	r->port[PORT_A] =
	    (struct wanem_port){.name = "a", .mtu = 1500, .gateway = {{v4(10, 1, 0, 1), V4_BITS + 24}, {v6(1, 1), 64}}};
	r->port[PORT_B] =
	    (struct wanem_port){.name = "b", .mtu = 1400, .gateway = {{v4(10, 2, 0, 1), V4_BITS + 24}, {v6(2, 1), 64}}};
	memcpy(r->port[PORT_A].mac, mac_a, 6);
	memcpy(r->port[PORT_B].mac, mac_b, 6);
	const struct wanem_route routes[] = {{.prefix = v4(10, 1, 0, 0), .length = V4_BITS + 24, .port = PORT_A},
	    {.prefix = v4(10, 2, 0, 0), .length = V4_BITS + 24, .port = PORT_B},
	    {.prefix = v4(10, 9, 0, 0), .length = V4_BITS + 16, .port = PORT_B, .gateway = v4(10, 2, 0, 9)},
	    {.prefix = v6(1, 0), .length = 64, .port = PORT_A}, {.prefix = v6(2, 0), .length = 64, .port = PORT_B},
	    {.prefix = v6(9, 0), .length = 48, .port = PORT_B, .gateway = v6(2, 9)}};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		(void)wanem_routes_add(&r->routes, &routes[i]);
}

static inline void ether_frame(uint8_t *frame, uint16_t type)
{
	memcpy(frame, mac_a, 6);
	memcpy(frame + 6, host_a, 6);
	wire_put_be16(frame + 12, type);
}

/* An IPv4 packet of ip_length bytes in a frame; returns the frame's length. Its payload counts up from `mark`. */
static inline uint32_t ipv4_frame(
    uint8_t *frame, struct wire_addr src, struct wire_addr dst, uint16_t ip_length, uint8_t mark)
{
	struct wire_ipv4 *ip = (void *)(frame + sizeof(struct wire_ether));
	ether_frame(frame, WIRE_ETHERTYPE_IPV4);
	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = 0x45;
	wire_put_be16(&ip->total_length, ip_length);
	ip->ttl = 64;
	ip->protocol = WIRE_PROTO_UDP;
	memcpy(ip->src, src.bytes + 12, 4);
	memcpy(ip->dst, dst.bytes + 12, 4);
	ip->checksum = wire_csum(ip, sizeof(*ip));
	for (uint32_t i = 20; i < ip_length; i++)
		((uint8_t *)ip)[i] = (uint8_t)(mark + i);
	return ip_length + 14u;
}

/* The same of IPv6. */
static inline uint32_t ipv6_frame(
    uint8_t *frame, struct wire_addr src, struct wire_addr dst, uint16_t ip_length, uint8_t mark)
{
	struct wire_ipv6 *ip = (void *)(frame + sizeof(struct wire_ether));
	ether_frame(frame, WIRE_ETHERTYPE_IPV6);
	memset(ip, 0, sizeof(*ip));
	wire_put_be32(&ip->version_class_flow, 6u << 28);
	wire_put_be16(&ip->payload_length, (uint16_t)(ip_length - sizeof(*ip)));
	ip->next_header = WIRE_PROTO_UDP;
	ip->hop_limit = 64;
	memcpy(ip->src, src.bytes, 16);
	memcpy(ip->dst, dst.bytes, 16);
	for (uint32_t i = sizeof(*ip); i < ip_length; i++)
		((uint8_t *)ip)[i] = (uint8_t)(mark + i);
	return ip_length + 14u;
}

/* Neighbour Discovery of one with that MAC: type 135 asks for target, 136 tells that it has it; to one host, or to the
 * group of all who may have it. */
static inline uint32_t nd_frame(uint8_t *frame, uint8_t type, const uint8_t *mac, struct wire_addr sender,
    struct wire_addr target, const struct wire_addr *to)
{
	const uint8_t *t = target.bytes;
	const uint8_t group[16] = {0xff, 2, [11] = 1, 0xff, t[13], t[14], t[15]};
	const uint8_t group_mac[6] = {0x33, 0x33, 0xff, t[13], t[14], t[15]};
	struct wire_ipv6 *ip = (void *)(frame + sizeof(struct wire_ether));
	uint8_t *message = (uint8_t *)(ip + 1);
	(void)ipv6_frame(frame, sender, to ? *to : wire_addr_from_v6(group), WANEM_ND_FRAME - 14, 0);
	memcpy(frame, group_mac, 6);
	memcpy(frame + 6, mac, 6);
	ip->next_header = WIRE_PROTO_ICMPV6;
	ip->hop_limit = 255;
	memset(message, 0, 32);
	message[0] = type;
	if (type == 136)
		message[4] = 0xe0;
	memcpy(message + 8, t, 16);
	message[24] = type == 135 ? 1 : 2;
	message[25] = 1;
	memcpy(message + 26, mac, 6);
	uint64_t sum = wire_ip_pseudo(ip, WIRE_PROTO_ICMPV6, 32);
	uint16_t checksum = (uint16_t)~wire_csum_fold(wire_csum_add(sum, message, 32));
	memcpy(message + 2, &checksum, 2);
	return WANEM_ND_FRAME;
}

/* ARP for IPv4: operation 1 asks, 2 answers. */
static inline uint32_t arp_frame(
    uint8_t *frame, uint16_t operation, const uint8_t *sender_mac, struct wire_addr sender, struct wire_addr target)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 0};
	memset(frame, 0xff, 6);
	memcpy(frame + 6, sender_mac, 6);
	wire_put_be16(frame + 12, WIRE_ETHERTYPE_ARP);
	memcpy(frame + 14, head, 8);
	wire_put_be16(frame + 20, operation);
	memcpy(frame + 22, sender_mac, 6);
	memcpy(frame + 28, sender.bytes + 12, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, target.bytes + 12, 4);
	return WANEM_ARP_FRAME;
}
