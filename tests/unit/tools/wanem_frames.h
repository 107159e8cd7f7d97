/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/tools/wanem_frames.h: frames and a router of two interfaces for the emulator's tests:
 * `a` is 10.1.0.1/24, `b` is 10.2.0.1/24, and 10.9.0.0/16 lies behind 10.2.0.9. */
#pragma once

#include <string.h>

#include "tools/wanem/router.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"

enum { PORT_A, PORT_B };

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};
static const uint8_t host_a[6] = {2, 0, 0, 0, 1, 2}, host_b[6] = {2, 0, 0, 0, 2, 2};

static inline void two_ports(struct wanem_router *r)
{
	memset(r, 0, sizeof(*r));
	r->n_ports = 2;
	r->port[PORT_A] = (struct wanem_port){.name = "a", .mtu = 1500, .address = IP(10, 1, 0, 1), .length = 24};
	r->port[PORT_B] = (struct wanem_port){.name = "b", .mtu = 1400, .address = IP(10, 2, 0, 1), .length = 24};
	memcpy(r->port[PORT_A].mac, mac_a, 6);
	memcpy(r->port[PORT_B].mac, mac_b, 6);
	(void)wanem_routes_add(
	    &r->routes, &(struct wanem_route){.prefix = IP(10, 1, 0, 0), .length = 24, .port = PORT_A});
	(void)wanem_routes_add(
	    &r->routes, &(struct wanem_route){.prefix = IP(10, 2, 0, 0), .length = 24, .port = PORT_B});
	(void)wanem_routes_add(&r->routes,
	    &(struct wanem_route){.prefix = IP(10, 9, 0, 0), .length = 16, .port = PORT_B, .gateway = IP(10, 2, 0, 9)});
}

/* An IPv4 packet of ip_length bytes in a frame; returns the frame's length. Its payload counts up from `mark`. */
static inline uint32_t ipv4_frame(uint8_t *frame, uint32_t src, uint32_t dst, uint16_t ip_length, uint8_t mark)
{
	struct wire_ether *ether = (void *)frame;
	struct wire_ipv4 *ip = (void *)(ether + 1);
	memcpy(ether->dst, mac_a, 6);
	memcpy(ether->src, host_a, 6);
	wire_put_be16(&ether->type, WIRE_ETHERTYPE_IPV4);
	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = 0x45;
	wire_put_be16(&ip->total_length, ip_length);
	ip->ttl = 64;
	ip->protocol = WIRE_PROTO_UDP;
	wire_put_be32(ip->src, src);
	wire_put_be32(ip->dst, dst);
	ip->checksum = wire_csum(ip, sizeof(*ip));
	for (uint32_t i = 20; i < ip_length; i++)
		((uint8_t *)ip)[i] = (uint8_t)(mark + i);
	return ip_length + 14u;
}

/* ARP for IPv4: operation 1 asks, 2 answers. */
static inline uint32_t arp_frame(
    uint8_t *frame, uint16_t operation, const uint8_t *sender_mac, uint32_t sender, uint32_t target)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 0};
	memset(frame, 0xff, 6);
	memcpy(frame + 6, sender_mac, 6);
	wire_put_be16(frame + 12, WIRE_ETHERTYPE_ARP);
	memcpy(frame + 14, head, 8);
	wire_put_be16(frame + 20, operation);
	memcpy(frame + 22, sender_mac, 6);
	wire_put_be32(frame + 28, sender);
	memset(frame + 32, 0, 6);
	wire_put_be32(frame + 38, target);
	return WANEM_ARP_FRAME;
}
