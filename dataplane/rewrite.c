/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/rewrite.h"

#include <stddef.h>
#include <string.h>

#include "dataplane/headers.h"
#include "dataplane/tcp_option.h"
#include "wire/bytes.h"

/* What changed in a packet, in the order of the pseudo header: addresses, then ports. */
struct change4 {
	uint8_t addresses[8];
	uint8_t ports[4];
};

struct change6 {
	uint8_t addresses[32];
	uint8_t ports[4];
};

/* `size` bytes of the pseudo header and the ports changed from `was` to `is`. */
static void fix_l4(uint8_t *l4, uint16_t length, uint8_t protocol, const void *was, const void *is, size_t size)
{
	struct wire_tcp *tcp = (struct wire_tcp *)l4;
	struct wire_udp *udp = (struct wire_udp *)l4;
	if (protocol == WIRE_PROTO_UDP && length >= sizeof(*udp))
		udp->checksum = wire_csum_replace_udp(udp->checksum, was, is, size);
	if (protocol == WIRE_PROTO_TCP && length >= offsetof(struct wire_tcp, checksum) + sizeof(tcp->checksum))
		tcp->checksum = wire_csum_replace(tcp->checksum, was, is, size);
}

static void put_ports(uint8_t ports[4], const struct dp_ends *to)
{
	memcpy(ports, &to->sport, 2);
	memcpy(ports + 2, &to->dport, 2);
}

static void rewrite_v4(
    struct wire_ipv4 *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol)
{
	struct change4 was, is;
	memcpy(was.addresses, ip->src, 8);
	memcpy(was.ports, l4, 4);
	memcpy(is.addresses, to->src->bytes + 12, 4);
	memcpy(is.addresses + 4, to->dst->bytes + 12, 4);
	put_ports(is.ports, to);
	memcpy(ip->src, is.addresses, 8);
	memcpy(l4, is.ports, 4);
	ip->checksum = wire_csum_replace(ip->checksum, was.addresses, is.addresses, 8);
	fix_l4(l4, l4_length, protocol, &was, &is, sizeof(was));
}

/* An IPv4-mapped address sums up to what the IPv4 address does, as 0xffff is a zero to the checksum. */
void dp_rewrite_l4(const uint8_t *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol)
{
	struct change6 was, is;
	struct wire_addr src = wire_ip_src(ip), dst = wire_ip_dst(ip);
	memcpy(was.addresses, src.bytes, 16);
	memcpy(was.addresses + 16, dst.bytes, 16);
	memcpy(was.ports, l4, 4);
	memcpy(is.addresses, to->src->bytes, 16);
	memcpy(is.addresses + 16, to->dst->bytes, 16);
	put_ports(is.ports, to);
	memcpy(l4, is.ports, 4);
	fix_l4(l4, l4_length, protocol, &was, &is, sizeof(was));
}

static void rewrite_v6(
    struct wire_ipv6 *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol)
{
	dp_rewrite_l4((const uint8_t *)ip, l4, l4_length, to, protocol);
	memcpy(ip->src, to->src->bytes, sizeof(ip->src));
	memcpy(ip->dst, to->dst->bytes, sizeof(ip->dst));
}

void dp_rewrite_ends(uint8_t *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to, uint8_t protocol)
{
	if (wire_ip_is_v6(ip))
		rewrite_v6((struct wire_ipv6 *)ip, l4, l4_length, to, protocol);
	else
		rewrite_v4((struct wire_ipv4 *)ip, l4, l4_length, to, protocol);
}

/* The MSS option's value, or NULL. */
static uint8_t *find_mss(struct wire_tcp *tcp, uint16_t length)
{
	uint8_t *option = dp_tcp_option(tcp, length, WIRE_TCP_OPT_MSS);
	return option && option[1] == 4 ? option + 2 : NULL;
}

uint16_t dp_rewrite_mss_of(struct wire_tcp *tcp, uint16_t length)
{
	const uint8_t *mss = find_mss(tcp, length);
	return mss ? wire_be16(mss) : 0;
}

bool dp_rewrite_mss(struct wire_tcp *tcp, uint16_t length, uint16_t max)
{
	uint8_t *mss = find_mss(tcp, length);
	if (!mss || wire_be16(mss) <= max)
		return false;
	struct dp_tcp_before before = dp_tcp_before(tcp);
	wire_put_be16(mss, max);
	dp_tcp_changed(tcp, &before);
	return true;
}

void dp_rewrite_length(uint8_t *packet, uint16_t length)
{
	if (wire_ip_is_v6(packet)) {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)packet;
		wire_put_be16(&ip->payload_length, (uint16_t)(length - sizeof(*ip)));
		return;
	}
	struct wire_ipv4 *ip = (struct wire_ipv4 *)packet;
	uint8_t was[2];
	memcpy(was, &ip->total_length, sizeof(was));
	wire_put_be16(&ip->total_length, length);
	ip->checksum = wire_csum_replace(ip->checksum, was, &ip->total_length, sizeof(was));
}

void dp_rewrite_icmp_checksum(const uint8_t *ip, void *icmp, uint16_t length)
{
	struct wire_icmp *message = icmp;
	uint64_t sum = wire_ip_is_v6(ip) ? wire_ip_pseudo(ip, WIRE_PROTO_ICMPV6, length) : 0;
	message->checksum = 0;
	message->checksum = (uint16_t)~wire_csum_fold(wire_csum_add(sum, message, length));
}

void dp_rewrite_addresses(uint8_t *packet, const struct dp_ends *to)
{
	if (wire_ip_is_v6(packet)) {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)packet;
		memcpy(ip->src, to->src->bytes, sizeof(ip->src));
		memcpy(ip->dst, to->dst->bytes, sizeof(ip->dst));
		return;
	}
	struct wire_ipv4 *ip = (struct wire_ipv4 *)packet;
	uint8_t was[8];
	memcpy(was, ip->src, 8);
	memcpy(ip->src, to->src->bytes + 12, 4);
	memcpy(ip->dst, to->dst->bytes + 12, 4);
	ip->checksum = wire_csum_replace(ip->checksum, was, ip->src, 8);
}

void dp_rewrite_icmp_error(uint8_t *ip, uint8_t *icmp, uint16_t length, const struct dp_ends *to, uint8_t protocol)
{
	uint8_t *quoted = icmp + sizeof(struct wire_icmp), *end = icmp + length;
	struct dp_headers h;
	struct dp_ends back = dp_ends_exchanged(to);
	dp_rewrite_addresses(ip, to);
	if (dp_headers_find(quoted, (size_t)(end - quoted), &h) == WIRE_DROP_NONE)
		dp_rewrite_ends(quoted, quoted + h.l4, (uint16_t)(end - quoted - h.l4), &back, protocol);
	dp_rewrite_icmp_checksum(ip, icmp, length);
}
