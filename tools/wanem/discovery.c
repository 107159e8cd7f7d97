/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/discovery.h"

#include <errno.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/ip.h"

/* ---- ARP ---- */

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

int wanem_arp_read(const uint8_t *frame, uint32_t length, struct wanem_discovery *ret_said)
{
	const struct arp *arp = (const void *)(frame + sizeof(struct wire_ether));
	if (length < WANEM_ARP_FRAME)
		return -EMSGSIZE;
	if (wire_be16(&arp->hardware) != ARP_ETHERNET || wire_be16(&arp->protocol) != WIRE_ETHERTYPE_IPV4 ||
	    arp->hardware_length != 6 || arp->protocol_length != 4)
		return -EINVAL;
	*ret_said = (struct wanem_discovery){.asks = wire_be16(&arp->operation) == ARP_REQUEST,
	    .sender = wire_addr_from_v4(arp->sender),
	    .target = wire_addr_from_v4(arp->target)};
	memcpy(ret_said->mac, arp->sender_mac, 6);
	return 0;
}

/* to: NULL for a question. */
static uint32_t write_arp(uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const uint8_t *to,
    const struct wire_addr *target)
{
	struct wire_ether *ether = (void *)frame;
	struct arp *arp = (void *)(ether + 1);
	memset(ether->dst, 0xff, 6);
	memset(arp->target_mac, 0, 6);
	if (to) {
		memcpy(ether->dst, to, 6);
		memcpy(arp->target_mac, to, 6);
	}
	memcpy(ether->src, mac, 6);
	wire_put_be16(&ether->type, WIRE_ETHERTYPE_ARP);
	wire_put_be16(&arp->hardware, ARP_ETHERNET);
	wire_put_be16(&arp->protocol, WIRE_ETHERTYPE_IPV4);
	arp->hardware_length = 6;
	arp->protocol_length = 4;
	wire_put_be16(&arp->operation, to ? ARP_REPLY : ARP_REQUEST);
	memcpy(arp->sender_mac, mac, 6);
	memcpy(arp->sender, address->bytes + 12, 4);
	memcpy(arp->target, target->bytes + 12, 4);
	return WANEM_ARP_FRAME;
}

/* ---- Neighbour Discovery ---- */

struct nd {                    /* RFC 4861, 4.3 and 4.4: solicitation and advertisement */
	struct wire_icmp icmp; /* rest: an advertisement's flags */
	uint8_t target[16];
} __attribute__((packed));

struct nd_option { /* RFC 4861, 4.6.1: a link-layer address */
	uint8_t type;
	uint8_t length; /* in units of 8 bytes */
	uint8_t mac[6];
} __attribute__((packed));

_Static_assert(sizeof(struct wire_ether) + sizeof(struct wire_ipv6) + sizeof(struct nd) + sizeof(struct nd_option) ==
                   WANEM_ND_FRAME,
    "RFC 4861");

enum { ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136, ND_SOURCE_MAC = 1, ND_TARGET_MAC = 2, ND_HOP_LIMIT = 255 };
#define ND_FLAGS 0xe000u /* router, solicited, override */

/* The MAC address in the options; 0, -ENOENT, or -EINVAL for options that do not add up. */
static int find_mac(const uint8_t *at, const uint8_t *end, uint8_t type, uint8_t ret_mac[6])
{
	int found = -ENOENT;
	while (end - at >= (int)sizeof(struct nd_option)) {
		const struct nd_option *option = (const void *)at;
		if (option->length == 0 || end - at < option->length * 8)
			return -EINVAL;
		if (option->type == type && option->length == 1) {
			memcpy(ret_mac, option->mac, 6);
			found = 0;
		}
		at += option->length * 8;
	}
	return at == end ? found : -EINVAL;
}

static bool checksum_is_right(const struct wire_ipv6 *ip, uint16_t length)
{
	uint64_t sum = wire_ip_pseudo(ip, WIRE_PROTO_ICMPV6, length);
	return wire_csum_fold(wire_csum_add(sum, ip + 1, length)) == 0xffff;
}

int wanem_nd_read(const uint8_t *frame, struct wanem_discovery *ret_said)
{
	const struct wire_ipv6 *ip = (const void *)(frame + sizeof(struct wire_ether));
	const struct nd *nd = (const void *)(ip + 1);
	uint16_t length = wire_be16(&ip->payload_length);
	if (ip->next_header != WIRE_PROTO_ICMPV6 || length < sizeof(nd->icmp) ||
	    (nd->icmp.type != ND_SOLICITATION && nd->icmp.type != ND_ADVERTISEMENT))
		return -ENOENT;
	bool asks = nd->icmp.type == ND_SOLICITATION;
	if (length < sizeof(*nd) || ip->hop_limit != ND_HOP_LIMIT || nd->icmp.code != 0 || nd->target[0] == 0xff ||
	    !checksum_is_right(ip, length))
		return -EINVAL;
	struct wanem_discovery said = {.asks = asks, .target = wire_addr_from_v6(nd->target)};
	said.sender = asks ? wire_ip_src(ip) : said.target;
	const uint8_t *options = (const uint8_t *)(nd + 1), *end = (const uint8_t *)nd + length;
	int error = find_mac(options, end, asks ? ND_SOURCE_MAC : ND_TARGET_MAC, said.mac);
	if (error == -EINVAL || wire_addr_is_unset(&said.sender))
		return error == -EINVAL ? error : -ENOENT;
	if (error) /* a neighbour that knows us already may leave it out */
		memcpy(said.mac, ((const struct wire_ether *)frame)->src, 6);
	*ret_said = said;
	return 0;
}

/* The multicast group of all who may have an address (RFC 4291, 2.7.1), and its MAC address (RFC 2464, 7). */
static void solicited_node(const struct wire_addr *target, uint8_t ret_group[16], uint8_t ret_mac[6])
{
	static const uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	memcpy(ret_group, group, 13);
	memcpy(ret_group + 13, target->bytes + 13, 3);
	memset(ret_mac, 0x33, 2);
	memcpy(ret_mac + 2, ret_group + 12, 4);
}

/* to: NULL for a question. */
static uint32_t write_nd(uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const uint8_t *to,
    const struct wire_addr *target)
{
	struct wire_ether *ether = (void *)frame;
	struct wire_ipv6 *ip = (void *)(ether + 1);
	struct nd *nd = (void *)(ip + 1);
	struct nd_option *option = (void *)(nd + 1);
	const uint16_t length = sizeof(*nd) + sizeof(*option);
	memset(frame, 0, WANEM_ND_FRAME);
	memcpy(ether->src, mac, 6);
	wire_put_be16(&ether->type, WIRE_ETHERTYPE_IPV6);
	wire_put_be32(&ip->version_class_flow, 6u << 28);
	wire_put_be16(&ip->payload_length, length);
	ip->next_header = WIRE_PROTO_ICMPV6;
	ip->hop_limit = ND_HOP_LIMIT;
	memcpy(ip->src, address->bytes, 16);
	nd->icmp.type = to ? ND_ADVERTISEMENT : ND_SOLICITATION;
	option->type = to ? ND_TARGET_MAC : ND_SOURCE_MAC;
	option->length = 1;
	memcpy(option->mac, mac, 6);
	if (to) {
		memcpy(ether->dst, to, 6);
		memcpy(ip->dst, target->bytes, 16);
		wire_put_be16(&nd->icmp.rest_hi, ND_FLAGS);
		memcpy(nd->target, address->bytes, 16);
	} else {
		solicited_node(target, ip->dst, ether->dst);
		memcpy(nd->target, target->bytes, 16);
	}
	uint64_t sum = wire_ip_pseudo(ip, WIRE_PROTO_ICMPV6, length);
	nd->icmp.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(sum, nd, length));
	return WANEM_ND_FRAME;
}

/* ---- either ---- */

uint32_t wanem_discovery_ask(
    uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const struct wire_addr *target)
{
	return wire_addr_is_v4(address) ? write_arp(frame, mac, address, NULL, target)
	                                : write_nd(frame, mac, address, NULL, target);
}

uint32_t wanem_discovery_answer(
    uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const struct wanem_discovery *question)
{
	return wire_addr_is_v4(address) ? write_arp(frame, mac, address, question->mac, &question->sender)
	                                : write_nd(frame, mac, address, question->mac, &question->sender);
}
