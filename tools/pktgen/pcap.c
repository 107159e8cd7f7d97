/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/pcap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/packet.h"

enum { FILE_HEADER = 24, RECORD_HEADER = 16, LINKTYPE_ETHERNET = 1, VLAN_TAGS = 2 };

/* ---- packets ---- */

static bool read_ports(const uint8_t *at, size_t size, struct flow *f)
{
	if ((f->protocol != WIRE_PROTO_UDP && f->protocol != WIRE_PROTO_TCP) || size < 4)
		return false;
	f->src_port = wire_be16(at);
	f->dst_port = wire_be16(at + 2);
	return true;
}

static bool read_ipv4(const uint8_t *at, size_t size, struct flow *f)
{
	struct wire_ipv4 ip;
	if (size < sizeof(ip))
		return false;
	memcpy(&ip, at, sizeof(ip));
	size_t header = (ip.version_ihl & 15u) * 4u;
	if (ip.version_ihl >> 4 != 4 || header < sizeof(ip) || header > size)
		return false;
	if (wire_be16(at + 6) & 0x1fff) /* a later fragment has no ports: RFC 791, 3.1 */
		return false;
	f->src = wire_addr_from_v4(ip.src);
	f->dst = wire_addr_from_v4(ip.dst);
	f->protocol = ip.protocol;
	return read_ports(at + header, size - header, f);
}

/* Extension headers are skipped with the packet: what is generated has none. */
static bool read_ipv6(const uint8_t *at, size_t size, struct flow *f)
{
	struct wire_ipv6 ip;
	if (size < sizeof(ip))
		return false;
	memcpy(&ip, at, sizeof(ip));
	f->src = wire_addr_from_v6(ip.src);
	f->dst = wire_addr_from_v6(ip.dst);
	f->protocol = ip.next_header;
	if (wire_addr_is_v4(&f->src) || wire_addr_is_v4(&f->dst)) /* mapped ones are on no wire */
		return false;
	return at[0] >> 4 == 6 && read_ports(at + sizeof(ip), size - sizeof(ip), f);
}

static bool read_frame(const uint8_t *frame, size_t size, struct flow *f)
{
	size_t at = 12;
	memset(f, 0, sizeof(*f)); /* flows are compared byte by byte */
	for (unsigned tags = 0; tags <= VLAN_TAGS && at + 2 <= size; tags++, at += 4) {
		uint16_t type = wire_be16(frame + at);
		if (type == WIRE_ETHERTYPE_IPV4)
			return read_ipv4(frame + at + 2, size - at - 2, f);
		if (type == WIRE_ETHERTYPE_IPV6)
			return read_ipv6(frame + at + 2, size - at - 2, f);
		if (type != WIRE_ETHERTYPE_VLAN && type != WIRE_ETHERTYPE_QINQ)
			return false;
	}
	return false;
}

/* ---- flows ---- */

/* Open addressing over the flows' numbers + 1, at most half full. */
struct index {
	uint32_t *slot, mask;
};

/* FNV-1a (Fowler, Noll, Vo; RFC 9923). */
static uint32_t digest_of(const struct flow *f)
{
	uint32_t digest = 0x811c9dc5u;
	for (size_t i = 0; i < sizeof(*f); i++)
		digest = (digest ^ ((const uint8_t *)f)[i]) * 0x01000193u;
	return digest;
}

static uint32_t number_of(struct index *index, struct pcap *p, const struct flow *f)
{
	uint32_t at = digest_of(f) & index->mask;
	for (; index->slot[at]; at = (at + 1) & index->mask)
		if (!memcmp(&p->flow[index->slot[at] - 1], f, sizeof(*f)))
			return index->slot[at] - 1;
	p->flow[p->n_flows] = *f;
	index->slot[at] = ++p->n_flows;
	return p->n_flows - 1;
}

/* ---- the file ---- */

struct reader {
	const uint8_t *at, *end;
	bool swapped; /* against little-endian */
};

static uint32_t number_at(const struct reader *r, const uint8_t *at)
{
	uint32_t big = wire_be32(at);
	return r->swapped ? big : __builtin_bswap32(big);
}

/* The next record's bytes. false: there is no whole one. */
static bool next_record(struct reader *r, const uint8_t **ret_frame, size_t *ret_captured, uint32_t *ret_size)
{
	if (r->end - r->at < RECORD_HEADER)
		return false;
	uint32_t captured = number_at(r, r->at + 8), size = number_at(r, r->at + 12);
	if (captured > (size_t)(r->end - r->at) - RECORD_HEADER)
		return false;
	*ret_frame = r->at + RECORD_HEADER;
	*ret_captured = captured;
	*ret_size = size;
	r->at += RECORD_HEADER + captured;
	return true;
}

static int read_header(struct reader *r)
{
	static const uint32_t microseconds = 0xa1b2c3d4u, nanoseconds = 0xa1b23c4du;
	if (r->end - r->at < FILE_HEADER)
		return -EINVAL;
	uint32_t magic = wire_be32(r->at);
	r->swapped = magic == microseconds || magic == nanoseconds;
	magic = number_at(r, r->at);
	if (magic != microseconds && magic != nanoseconds)
		return -EINVAL;
	if ((number_at(r, r->at + 20) & 0xffff) != LINKTYPE_ETHERNET)
		return -ENOTSUP;
	r->at += FILE_HEADER;
	return 0;
}

static uint32_t count_records(struct reader r)
{
	const uint8_t *frame;
	size_t captured;
	uint32_t n = 0, size;
	while (n < UINT32_MAX / 4 && next_record(&r, &frame, &captured, &size))
		n++;
	return n;
}

static void read_records(struct reader *r, uint32_t records, struct index *index, struct pcap *p)
{
	const uint8_t *frame;
	size_t captured;
	uint32_t size;
	for (uint32_t i = 0; i < records && next_record(r, &frame, &captured, &size); i++) {
		struct flow flow;
		if (!read_frame(frame, captured, &flow)) {
			p->skipped++;
			continue;
		}
		p->packet[p->n_packets++] =
		    (struct pcap_packet){number_of(index, p, &flow), size > UINT16_MAX ? UINT16_MAX : (uint16_t)size};
	}
}

int pcap_read(const uint8_t *bytes, size_t size, struct pcap *ret)
{
	struct reader reader = {.at = bytes, .end = bytes + size};
	int err = read_header(&reader);
	if (err)
		return err;
	uint32_t records = count_records(reader), slots = 2;
	if (!records)
		return -ENODATA;
	while (slots < 2 * records)
		slots *= 2;
	struct index index = {calloc(slots, sizeof(uint32_t)), slots - 1};
	struct pcap p = {
	    .flow = calloc(records, sizeof(struct flow)), .packet = calloc(records, sizeof(struct pcap_packet))};
	err = index.slot && p.flow && p.packet ? 0 : -ENOMEM;
	if (!err) {
		read_records(&reader, records, &index, &p);
		err = p.n_packets ? 0 : -ENODATA;
	}
	free(index.slot);
	if (err)
		pcap_free(&p);
	else
		*ret = p;
	return err;
}

void pcap_free(struct pcap *p)
{
	free(p->flow);
	free(p->packet);
	*p = (struct pcap){0};
}
