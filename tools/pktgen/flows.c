/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/flows.h"

#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"

static uint16_t l3_size(const struct flow_set *set)
{
	return wire_addr_is_v4(&set->dst) ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
}

static uint16_t l4_size(const struct flow_set *set)
{
	return set->protocol == WIRE_PROTO_TCP ? sizeof(struct wire_tcp) : sizeof(struct wire_udp);
}

uint16_t flows_min_size(const struct flow_set *set)
{
	return (uint16_t)(sizeof(struct wire_ether) + l3_size(set) + l4_size(set) + sizeof(struct check_stamp));
}

uint16_t flows_imix_size(const struct flow_set *set, uint64_t sequence)
{
	/* Spread so that no two large frames follow each other. */
	static const uint16_t sizes[FLOWS_IMIX_PERIOD] = {60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60};
	uint16_t size = sizes[sequence % FLOWS_IMIX_PERIOD], least = flows_min_size(set);
	return size < least ? least : size;
}

/* The running sum of the pseudo-header: RFC 9293 3.1, RFC 8200 8.1. */
static uint64_t pseudo_sum(
    const struct wire_addr *src, const struct wire_addr *dst, size_t address_size, uint8_t protocol, uint16_t l4_length)
{
	uint8_t tail[4] = {0, protocol, (uint8_t)(l4_length >> 8), (uint8_t)l4_length};
	uint64_t sum = wire_csum_add(0, src->bytes + 16 - address_size, address_size);
	sum = wire_csum_add(sum, dst->bytes + 16 - address_size, address_size);
	return wire_csum_add(sum, tail, sizeof(tail));
}

static struct wire_addr source_of(const struct flow_set *set, uint32_t flow)
{
	struct wire_addr a = set->src;
	wire_put_be32(a.bytes + 12, wire_be32(a.bytes + 12) + flow % set->addresses);
	return a;
}

static uint16_t source_port_of(const struct flow_set *set, uint32_t flow)
{
	uint32_t ports = (uint32_t)set->src_port_hi - set->src_port_lo + 1;
	return (uint16_t)(set->src_port_lo + flow / set->addresses % ports);
}

static void write_l3(const struct flow_set *set, const struct wire_addr *src, uint8_t *at, uint16_t l4_length)
{
	if (wire_addr_is_v4(&set->dst)) {
		struct wire_ipv4 ip = {.version_ihl = 0x45, .ttl = 64, .protocol = set->protocol};
		wire_put_be16(&ip.total_length, (uint16_t)(sizeof(ip) + l4_length));
		memcpy(ip.src, src->bytes + 12, 4);
		memcpy(ip.dst, set->dst.bytes + 12, 4);
		ip.checksum = wire_csum(&ip, sizeof(ip));
		memcpy(at, &ip, sizeof(ip));
	} else {
		struct wire_ipv6 ip = {.next_header = set->protocol, .hop_limit = 64};
		wire_put_be32(&ip.version_class_flow, 0x60000000u);
		wire_put_be16(&ip.payload_length, l4_length);
		memcpy(ip.src, src->bytes, 16);
		memcpy(ip.dst, set->dst.bytes, 16);
		memcpy(at, &ip, sizeof(ip));
	}
}

static void write_l4(
    const struct flow_set *set, const struct wire_addr *src, uint16_t src_port, uint8_t *at, uint16_t length)
{
	size_t address_size = wire_addr_is_v4(&set->dst) ? 4 : 16;
	uint64_t pseudo = pseudo_sum(src, &set->dst, address_size, set->protocol, length);
	uint16_t check;
	if (set->protocol == WIRE_PROTO_TCP) {
		struct wire_tcp tcp = {.offset = 5 << 4, .flags = WIRE_TCP_ACK, .window = 0xffff};
		wire_put_be16(&tcp.src, src_port);
		wire_put_be16(&tcp.dst, set->dst_port);
		memcpy(at, &tcp, sizeof(tcp));
		check = (uint16_t)~wire_csum_fold(wire_csum_add(pseudo, at, length));
		memcpy(at + offsetof(struct wire_tcp, checksum), &check, 2);
	} else {
		struct wire_udp udp = {0};
		wire_put_be16(&udp.src, src_port);
		wire_put_be16(&udp.dst, set->dst_port);
		wire_put_be16(&udp.length, length);
		memcpy(at, &udp, sizeof(udp));
		check = (uint16_t)~wire_csum_fold(wire_csum_add(pseudo, at, length));
		check = check ? check : 0xffff; /* RFC 768 */
		memcpy(at + offsetof(struct wire_udp, checksum), &check, 2);
	}
}

void flows_write(
    const struct flow_set *set, uint32_t flow, uint8_t *frame, uint16_t size, const struct check_stamp *stamp)
{
	struct wire_addr src = source_of(set, flow);
	uint16_t l3 = sizeof(struct wire_ether), l4 = (uint16_t)(l3 + l3_size(set));
	uint16_t payload = (uint16_t)(l4 + l4_size(set)), tail = (uint16_t)(size - sizeof(*stamp));

	memcpy(frame, set->dst_mac, 6);
	memcpy(frame + 6, set->src_mac, 6);
	wire_put_be16(frame + 12, wire_addr_is_v4(&set->dst) ? WIRE_ETHERTYPE_IPV4 : WIRE_ETHERTYPE_IPV6);
	write_l3(set, &src, frame + l3, (uint16_t)(size - l4));
	memset(frame + payload, 0, (size_t)(tail - payload));
	memcpy(frame + tail, stamp, sizeof(*stamp));
	write_l4(set, &src, source_port_of(set, flow), frame + l4, (uint16_t)(size - l4));
}
