/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/flow.h"

#include <string.h>

#include "tools/pktgen/flow_impl.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

uint16_t flow_min_size(const struct flow *f)
{
	return (uint16_t)(sizeof(struct wire_ether) + flow_l3_size(f) + flow_l4_size(f) + sizeof(struct check_stamp));
}

/* The running sum of the pseudo-header: RFC 9293 3.1, RFC 8200 8.1. */
static uint64_t pseudo_sum(const struct flow *f, uint16_t l4_length)
{
	size_t address_size = wire_addr_is_v4(&f->dst) ? 4 : 16;
	uint8_t tail[4] = {0, f->protocol, (uint8_t)(l4_length >> 8), (uint8_t)l4_length};
	uint64_t sum = wire_csum_add(0, f->src.bytes + 16 - address_size, address_size);
	sum = wire_csum_add(sum, f->dst.bytes + 16 - address_size, address_size);
	return wire_csum_add(sum, tail, sizeof(tail));
}

void flow_write_l3(const struct flow *f, uint8_t protocol, uint8_t *at, uint16_t length)
{
	if (wire_addr_is_v4(&f->dst)) {
		struct wire_ipv4 ip = {.version_ihl = 0x45, .ttl = 64, .protocol = protocol};
		wire_put_be16(&ip.total_length, (uint16_t)(sizeof(ip) + length));
		memcpy(ip.src, f->src.bytes + 12, 4);
		memcpy(ip.dst, f->dst.bytes + 12, 4);
		ip.checksum = wire_csum(&ip, sizeof(ip));
		memcpy(at, &ip, sizeof(ip));
	} else {
		struct wire_ipv6 ip = {.next_header = protocol, .hop_limit = 64};
		wire_put_be32(&ip.version_class_flow, 0x60000000u);
		wire_put_be16(&ip.payload_length, length);
		memcpy(ip.src, f->src.bytes, 16);
		memcpy(ip.dst, f->dst.bytes, 16);
		memcpy(at, &ip, sizeof(ip));
	}
}

void flow_write_l4(const struct flow *f, uint8_t tcp_flags, uint8_t *at, uint16_t length, uint16_t whole)
{
	uint64_t pseudo = pseudo_sum(f, whole);
	uint16_t check;
	if (f->protocol == WIRE_PROTO_TCP) {
		struct wire_tcp tcp = {.offset = 5 << 4, .flags = tcp_flags, .window = 0xffff};
		wire_put_be16(&tcp.src, f->src_port);
		wire_put_be16(&tcp.dst, f->dst_port);
		memcpy(at, &tcp, sizeof(tcp));
		check = (uint16_t)~wire_csum_fold(wire_csum_add(pseudo, at, length));
		memcpy(at + offsetof(struct wire_tcp, checksum), &check, 2);
	} else {
		struct wire_udp udp = {0};
		wire_put_be16(&udp.src, f->src_port);
		wire_put_be16(&udp.dst, f->dst_port);
		wire_put_be16(&udp.length, whole);
		memcpy(at, &udp, sizeof(udp));
		check = (uint16_t)~wire_csum_fold(wire_csum_add(pseudo, at, length));
		check = check ? check : 0xffff; /* RFC 768 */
		memcpy(at + offsetof(struct wire_udp, checksum), &check, 2);
	}
}

void flow_write_ether(const struct flow *f, const uint8_t macs[12], uint8_t *at)
{
	memcpy(at, macs, 12);
	wire_put_be16(at + 12, wire_addr_is_v4(&f->dst) ? WIRE_ETHERTYPE_IPV4 : WIRE_ETHERTYPE_IPV6);
}

void flow_write(const struct flow *f, const uint8_t macs[12], uint8_t tcp_flags, uint8_t *frame, uint16_t size,
    const struct check_stamp *stamp)
{
	uint16_t l3 = sizeof(struct wire_ether), l4 = (uint16_t)(l3 + flow_l3_size(f));
	uint16_t payload = (uint16_t)(l4 + flow_l4_size(f)), tail = (uint16_t)(size - sizeof(*stamp));

	flow_write_ether(f, macs, frame);
	flow_write_l3(f, f->protocol, frame + l3, (uint16_t)(size - l4));
	memset(frame + payload, 0, (size_t)(tail - payload));
	memcpy(frame + tail, stamp, sizeof(*stamp));
	flow_write_l4(f, tcp_flags, frame + l4, (uint16_t)(size - l4), (uint16_t)(size - l4));
}
