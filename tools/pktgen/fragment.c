/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/fragment.h"

#include <string.h>

#include "tools/pktgen/flow_impl.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

enum { IPV4_MORE = 0x2000, IPV6_MORE = 1, IPV6_FRAGMENT = 44, IPV6_FRAGMENT_SIZE = 8, UNIT = 8, BALANCE = 2 };

static bool is_v4(const struct flow *f)
{
	return wire_addr_is_v4(&f->dst);
}

/* Where the datagram's bytes begin. */
static uint16_t payload_at(const struct flow *f)
{
	return (uint16_t)(sizeof(struct wire_ether) + flow_l3_size(f) + (is_v4(f) ? 0 : IPV6_FRAGMENT_SIZE));
}

uint16_t fragment_min_size(const struct flow *f)
{
	unsigned part = flow_l4_size(f) + BALANCE + (unsigned)sizeof(struct check_stamp);
	unsigned size = payload_at(f) + (part + UNIT - 1) / UNIT * UNIT;
	return (uint16_t)(size < 60 ? size + UNIT : size);
}

uint16_t fragment_size(const struct flow *f, uint16_t size)
{
	uint16_t least = fragment_min_size(f), at = payload_at(f);
	return (uint16_t)(size < least ? least : at + (size - at) / UNIT * UNIT);
}

static void write_ipv4(const struct flow *f, const struct fragment *fragment, uint8_t *at, uint16_t part)
{
	uint16_t offset = (uint16_t)(fragment->index * part / UNIT);
	uint16_t more = fragment->index + 1 < fragment->n ? IPV4_MORE : 0;
	flow_write_l3(f, f->protocol, at, part);
	wire_put_be16(at + 4, (uint16_t)fragment->datagram);
	wire_put_be16(at + 6, (uint16_t)(more | offset));
	wire_put_be16(at + 10, 0);
	uint16_t check = wire_csum(at, sizeof(struct wire_ipv4));
	memcpy(at + 10, &check, 2);
}

static void write_ipv6(const struct flow *f, const struct fragment *fragment, uint8_t *at, uint16_t part)
{
	uint16_t more = fragment->index + 1 < fragment->n ? IPV6_MORE : 0;
	flow_write_l3(f, IPV6_FRAGMENT, at, (uint16_t)(part + IPV6_FRAGMENT_SIZE));
	uint8_t *header = at + sizeof(struct wire_ipv6);
	header[0] = f->protocol;
	header[1] = 0;
	wire_put_be16(header + 2, (uint16_t)(fragment->index * part | more)); /* 13 bits of units of 8, in place */
	wire_put_be32(header + 4, fragment->datagram);
}

void fragment_write(const struct flow *f, const struct fragment *fragment, const uint8_t macs[12], uint8_t tcp_flags,
    uint8_t *frame, uint16_t size, const struct check_stamp *stamp)
{
	uint16_t at = payload_at(f), part = (uint16_t)(size - at);
	uint8_t *end = frame + size;
	flow_write_ether(f, macs, frame);
	(is_v4(f) ? write_ipv4 : write_ipv6)(f, fragment, frame + sizeof(struct wire_ether), part);
	memset(frame + at, 0, part);
	memcpy(end - sizeof(*stamp), stamp, sizeof(*stamp));
	uint16_t balance = (uint16_t)~wire_csum_fold(wire_csum_add(0, end - sizeof(*stamp), sizeof(*stamp)));
	memcpy(end - sizeof(*stamp) - BALANCE, &balance, BALANCE);
	if (fragment->index == 0)
		flow_write_l4(f, tcp_flags, frame + at, part, (uint16_t)(part * fragment->n));
}
