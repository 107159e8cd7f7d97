/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/rewrite.h"

#include <stddef.h>
#include <string.h>

#include "wire/bytes.h"

/* What changed in a packet, in the order of the pseudo header: addresses, then ports. */
struct change {
	uint8_t addresses[8];
	uint8_t ports[4];
};

static void fix_tcp(uint8_t *l4, uint16_t length, const struct change *was, const struct change *is)
{
	struct wire_tcp *tcp = (struct wire_tcp *)l4;
	if (length < offsetof(struct wire_tcp, checksum) + sizeof(tcp->checksum))
		return;
	tcp->checksum = wire_csum_replace(tcp->checksum, was, is, sizeof(*was));
}

static void fix_udp(uint8_t *l4, uint16_t length, const struct change *was, const struct change *is)
{
	struct wire_udp *udp = (struct wire_udp *)l4;
	if (length >= sizeof(*udp))
		udp->checksum = wire_csum_replace_udp(udp->checksum, was, is, sizeof(*was));
}

void dp_rewrite_ends(struct wire_ipv4 *ip, uint8_t *l4, uint16_t l4_length, const struct dp_ends *to)
{
	struct change was, is;
	memcpy(was.addresses, ip->src, 8);
	memcpy(was.ports, l4, 4);
	memcpy(is.addresses, to->src, 4);
	memcpy(is.addresses + 4, to->dst, 4);
	memcpy(is.ports, &to->sport, 2);
	memcpy(is.ports + 2, &to->dport, 2);
	memcpy(ip->src, is.addresses, 8);
	memcpy(l4, is.ports, 4);
	ip->checksum = wire_csum_replace(ip->checksum, was.addresses, is.addresses, 8);
	if (ip->protocol == WIRE_PROTO_TCP)
		fix_tcp(l4, l4_length, &was, &is);
	else
		fix_udp(l4, l4_length, &was, &is);
}

/* The MSS option's value among the options of a TCP header of `length` bytes, or NULL. */
static uint8_t *find_mss(struct wire_tcp *tcp, uint16_t length)
{
	uint8_t *at = (uint8_t *)(tcp + 1), *end = (uint8_t *)tcp + length;
	while (at < end && *at != WIRE_TCP_OPT_END) {
		if (*at == WIRE_TCP_OPT_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return NULL;
		if (at[0] == WIRE_TCP_OPT_MSS)
			return at[1] == 4 ? at + 2 : NULL;
		at += at[1];
	}
	return NULL;
}

bool dp_rewrite_mss(struct wire_tcp *tcp, uint16_t length, uint16_t max)
{
	uint16_t header = (uint16_t)((tcp->offset >> 4) * 4);
	uint8_t *mss = header >= sizeof(*tcp) && header <= length ? find_mss(tcp, header) : NULL;
	if (!mss || wire_be16(mss) <= max)
		return false;
	/* The option may stand at an odd offset, where its bytes lie in two checksum words, swapped. */
	uint8_t before[2], after[2];
	bool odd = (mss - (uint8_t *)tcp) & 1;
	memcpy(before, mss, 2);
	wire_put_be16(after, max);
	memcpy(mss, after, 2);
	uint8_t was[2] = {before[odd], before[!odd]}, is[2] = {after[odd], after[!odd]};
	tcp->checksum = wire_csum_replace(tcp->checksum, was, is, 2);
	return true;
}

void dp_rewrite_icmp_error(
    struct wire_ipv4 *ip, uint16_t length, const uint8_t src[4], const uint8_t dst[4], const struct dp_ends *quoted)
{
	uint8_t was[8];
	memcpy(was, ip->src, 8);
	memcpy(ip->src, src, 4);
	memcpy(ip->dst, dst, 4);
	ip->checksum = wire_csum_replace(ip->checksum, was, ip->src, 8);

	uint8_t *at = (uint8_t *)ip, *end = at + length;
	struct wire_icmp *icmp = (struct wire_icmp *)(at + (ip->version_ihl & 0x0f) * 4);
	struct wire_ipv4 *inner = (struct wire_ipv4 *)(icmp + 1);
	uint8_t *l4 = (uint8_t *)inner + (inner->version_ihl & 0x0f) * 4;
	dp_rewrite_ends(inner, l4, (uint16_t)(end - l4), quoted);
	icmp->checksum = 0;
	icmp->checksum = wire_csum(icmp, (size_t)(end - (uint8_t *)icmp));
}
