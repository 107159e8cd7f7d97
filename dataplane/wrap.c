/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/wrap.h"

#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/control.h"
#include "wire/overlay.h"

#define TTL         64u
#define LANE_BITS   6u
#define GENEVE_SIZE (sizeof(struct wire_udp) + sizeof(struct wire_geneve))

_Static_assert(1u << LANE_BITS == WIRE_OVERLAY_LANES, "the lane is the port's lower bits, as of a NAT port");

uint16_t dp_wrap_size(const struct dp_wrap *wrap)
{
	unsigned geneve = GENEVE_SIZE + (wrap->asks ? WIRE_ASK_SIZE : 0);
	return (uint16_t)(wire_ip_header_size(!wire_addr_is_v4(&wrap->dst)) +
	                  (wrap->encap == WIRE_ENCAP_GENEVE ? geneve : 0));
}

uint16_t dp_wrap_port(uint16_t hash14)
{
	unsigned rest = hash14 & ((1u << (WIRE_OVERLAY_HASH_BITS - LANE_BITS)) - 1);
	return (uint16_t)(WIRE_OVERLAY_SRC_PORT | rest << LANE_BITS | wire_overlay_lane(hash14));
}

static void put_v4(uint8_t *at, const struct dp_wrap *wrap, uint8_t tos, uint8_t protocol, uint16_t total)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .tos = tos, .ttl = TTL, .protocol = protocol};
	wire_put_be16(&ip->total_length, total);
	wire_put_be16(&ip->id, wrap->cookie);
	wire_put_be16(&ip->frag_off, WIRE_IPV4_DF);
	memcpy(ip->src, wrap->src.bytes + 12, 4);
	memcpy(ip->dst, wrap->dst.bytes + 12, 4);
	ip->checksum = wire_csum(ip, sizeof(*ip));
}

static void put_v6(uint8_t *at, const struct dp_wrap *wrap, uint8_t tos, uint8_t protocol, uint16_t payload)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;
	wire_put_be32(&ip->version_class_flow, 6u << 28 | (uint32_t)tos << 20 | wrap->hash14); /* RFC 6438 */
	wire_put_be16(&ip->payload_length, payload);
	ip->next_header = protocol;
	ip->hop_limit = TTL;
	memcpy(ip->src, wrap->src.bytes, 16);
	memcpy(ip->dst, wrap->dst.bytes, 16);
}

static void put_ask(struct wire_geneve *geneve, const struct wire_ask *ask)
{
	struct wire_geneve_opt *option = (struct wire_geneve_opt *)(geneve + 1);
	geneve->version_optlen = WIRE_ASK_SIZE / 4;
	*option = (struct wire_geneve_opt){.type = WIRE_OPT_ASK, .length = sizeof(*ask) / 4};
	wire_put_be16(&option->class, WIRE_OVERLAY_CLASS);
	memcpy(option + 1, ask, sizeof(*ask));
}

/* The UDP checksum is zero, over IPv6 too (RFC 6935). `length` is that of UDP. */
static void put_geneve(uint8_t *at, const struct dp_wrap *wrap, uint16_t type, uint16_t length)
{
	struct wire_udp *udp = (struct wire_udp *)at;
	struct wire_geneve *geneve = (struct wire_geneve *)(udp + 1);
	*udp = (struct wire_udp){0};
	wire_put_be16(&udp->src, dp_wrap_port(wrap->hash14));
	wire_put_be16(&udp->dst, WIRE_OVERLAY_PORT);
	wire_put_be16(&udp->length, length);
	*geneve = (struct wire_geneve){0};
	wire_put_be16(&geneve->protocol, type);
	wire_put_be32(geneve->vni, wrap->vni << 8);
	if (wrap->asks)
		put_ask(geneve, &wrap->ask);
}

void dp_wrap_write(uint8_t *at, const struct dp_wrap *wrap, uint16_t length)
{
	bool v6 = !wire_addr_is_v4(&wrap->dst), geneve = wrap->encap == WIRE_ENCAP_GENEVE;
	uint16_t size = dp_wrap_size(wrap), header = wire_ip_header_size(v6);
	const uint8_t *inner = at + size;
	uint8_t tos = wire_ip_tos(inner);
	uint8_t protocol = wire_ip_is_v6(inner) ? WIRE_PROTO_IPV6 : WIRE_PROTO_IPIP;
	if (geneve)
		protocol = WIRE_PROTO_UDP;
	if (v6)
		put_v6(at, wrap, tos, protocol, (uint16_t)(size - header + length));
	else
		put_v4(at, wrap, tos, protocol, (uint16_t)(size + length));
	if (geneve)
		put_geneve(at + header, wrap, wire_ip_ethertype(inner), (uint16_t)(size - header + length));
}

static bool is_geneve(struct wire_cursor *c)
{
	const struct wire_udp *udp = wire_take(c, sizeof(*udp));
	return udp && wire_be16(&udp->dst) == WIRE_OVERLAY_PORT && wire_be16(&udp->src) >= WIRE_OVERLAY_SRC_PORT;
}

bool dp_wrap_read(const uint8_t *quoted, uint16_t length, struct dp_wrapped *ret)
{
	struct wire_cursor c = wire_cursor(quoted, length);
	bool v6 = length && wire_ip_is_v6(quoted);
	const void *header = wire_take(&c, wire_ip_header_size(v6));
	if (!header)
		return false;
	const struct wire_ipv4 *v4 = header;
	if (!v6 && v4->version_ihl != 0x45)
		return false;
	uint8_t protocol = v6 ? ((const struct wire_ipv6 *)header)->next_header : v4->protocol;
	bool geneve = protocol == WIRE_PROTO_UDP && is_geneve(&c);
	if (!geneve && protocol != WIRE_PROTO_IPIP && protocol != WIRE_PROTO_IPV6)
		return false;
	struct dp_wrapped w = {.src = wire_ip_src(header),
	    .dst = wire_ip_dst(header),
	    .cookie = v6 ? 0 : wire_be16(&v4->id),
	    .encap = geneve ? WIRE_ENCAP_GENEVE : WIRE_ENCAP_IPIP};
	const struct wire_geneve *g = geneve ? wire_take(&c, sizeof(*g)) : NULL;
	unsigned options = g ? (g->version_optlen & WIRE_GENEVE_OPTLEN_MASK) * 4u : 0;
	if (options && options != WIRE_ASK_SIZE)
		return false;
	w.overhead = (uint16_t)(wire_ip_header_size(v6) + (geneve ? GENEVE_SIZE + options : 0));
	if (!geneve || (g && wire_take(&c, options))) {
		w.left = (uint16_t)wire_left(&c);
		w.inner = w.left ? c.at : NULL;
	}
	*ret = w;
	return true;
}
