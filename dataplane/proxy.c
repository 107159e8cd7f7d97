/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/proxy.h"

#include <stddef.h>
#include <string.h>

#include "dataplane/tcp_option.h"
#include "wire/bytes.h"
#include "wire/ip.h"

static void put_number(struct wire_tcp *tcp, void *field, uint32_t number)
{
	uint8_t was[4];
	memcpy(was, field, sizeof(was));
	wire_put_be32(field, number);
	tcp->checksum = wire_csum_replace(tcp->checksum, was, field, sizeof(was));
}

/* ---- towards the endpoint ---- */

struct dp_proxy_step dp_proxy_forward(struct dp_proxy *proxy, struct wire_tcp *tcp, uint16_t payload)
{
	uint32_t seq = wire_be32(&tcp->seq);
	int32_t offset = (int32_t)(seq - proxy->first);
	bool early = !proxy->told && offset <= 0, reset = tcp->flags & WIRE_TCP_RST;
	if (reset && early)
		return (struct dp_proxy_step){.segment = true};
	bool header = early && tcp->flags & WIRE_TCP_ACK;
	/* Of a probe that comes before the first byte, and of an acknowledgement alone, the header says everything. */
	bool nothing_new = offset < 0 || (!payload && !(tcp->flags & WIRE_TCP_FIN));
	put_number(tcp, &tcp->seq, seq + proxy->size);
	proxy->sent |= header;
	return (struct dp_proxy_step){.header = header, .segment = !(early && nothing_new)};
}

uint16_t dp_proxy_cut(uint8_t *ip, uint8_t *l4, uint16_t length)
{
	struct wire_tcp *tcp = (struct wire_tcp *)l4;
	const uint8_t *data = l4 + dp_tcp_header_size(tcp);
	uint16_t cut = (uint16_t)(ip + length - data), was = (uint16_t)(ip + length - l4);
	uint8_t before[2], after[2];
	wire_put_be16(before, was);
	wire_put_be16(after, (uint16_t)(was - cut));
	tcp->checksum = wire_csum_replace(tcp->checksum, before, after, sizeof(before));
	uint16_t sum = (uint16_t)wire_csum_fold(wire_csum_add(0, data, cut)), none = 0;
	tcp->checksum = wire_csum_replace(tcp->checksum, &sum, &none, sizeof(sum));
	dp_rewrite_length(ip, (uint16_t)(length - cut));
	return (uint16_t)(length - cut);
}

static void *put_ip(uint8_t *at, const struct dp_ends *to, const uint8_t *ip, uint16_t payload)
{
	uint8_t tos =
	    (uint8_t)(wire_ip_tos(ip) & ~WIRE_ECN_MASK); /* a mark on the client's segment is told by that alone */
	if (!wire_addr_is_v4(to->dst)) {
		struct wire_ipv6 *v6 = (struct wire_ipv6 *)at;
		*v6 = (struct wire_ipv6){.next_header = WIRE_PROTO_TCP, .hop_limit = wire_ip_ttl(ip)};
		wire_put_be32(at, 6u << 28 | (uint32_t)tos << 20);
		wire_put_be16(&v6->payload_length, payload);
		memcpy(v6->src, to->src->bytes, sizeof(v6->src));
		memcpy(v6->dst, to->dst->bytes, sizeof(v6->dst));
		return v6 + 1;
	}
	struct wire_ipv4 *v4 = (struct wire_ipv4 *)at;
	*v4 = (struct wire_ipv4){.version_ihl = 0x45, .tos = tos, .ttl = wire_ip_ttl(ip), .protocol = WIRE_PROTO_TCP};
	wire_put_be16(&v4->total_length, (uint16_t)(sizeof(*v4) + payload));
	wire_put_be16(&v4->frag_off, WIRE_IPV4_DF); /* so it needs no identification: RFC 6864, 4.1 */
	memcpy(v4->src, to->src->bytes + 12, sizeof(v4->src));
	memcpy(v4->dst, to->dst->bytes + 12, sizeof(v4->dst));
	v4->checksum = wire_csum(v4, sizeof(*v4));
	return v4 + 1;
}

static void put_header(uint8_t *at, const struct lb_flow_key *key)
{
	bool v4 = wire_addr_is_v4(&key->client);
	size_t address = v4 ? 4 : 16, skipped = sizeof(key->client.bytes) - address;
	struct wire_proxy head = {.command = WIRE_PROXY_V2_PROXY, .family = v4 ? WIRE_PROXY_TCP_V4 : WIRE_PROXY_TCP_V6};
	memcpy(head.signature, WIRE_PROXY_SIGNATURE, sizeof(head.signature));
	wire_put_be16(&head.length, (uint16_t)(dp_proxy_size(&key->client) - sizeof(head)));
	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	memcpy(at, key->client.bytes + skipped, address);
	memcpy(at + address, key->vip.bytes + skipped, address);
	wire_put_be16(at + 2 * address, key->client_port);
	wire_put_be16(at + 2 * address + 2, key->vip_port);
}

uint16_t dp_proxy_segment(uint8_t *at, const struct dp_proxy *proxy, const struct lb_flow_key *key,
    const struct dp_ends *to, const uint8_t *ip, const struct wire_tcp *tcp)
{
	uint16_t header = dp_tcp_header_size(tcp), l4_length = (uint16_t)(header + proxy->size);
	struct wire_tcp *own = put_ip(at, to, ip, l4_length);
	memcpy(own, tcp, header);
	own->src = to->sport;
	own->dst = to->dport;
	wire_put_be32(&own->seq, proxy->first);
	own->flags = WIRE_TCP_ACK | WIRE_TCP_PSH;
	own->urgent = 0;
	own->checksum = 0;
	put_header((uint8_t *)own + header, key);
	uint64_t sum = wire_csum_add(wire_ip_pseudo(at, WIRE_PROTO_TCP, l4_length), own, l4_length);
	own->checksum = (uint16_t)~wire_csum_fold(sum);
	return (uint16_t)((uint8_t *)own + l4_length - at);
}

/* ---- from the endpoint ---- */

/* A number that the endpoint names, as the client knows it. Until the header is acknowledged, what is in it counts as the
 * first byte. Afterwards a connection may be so long that its numbers come round, and only the difference is sure. */
static uint32_t number_back(const struct dp_proxy *proxy, uint32_t number)
{
	uint32_t offset = number - proxy->first;
	if (!proxy->told && offset < proxy->size)
		return proxy->first;
	return !proxy->told && (int32_t)offset < 0 ? number : number - proxy->size;
}

static bool in_header(const struct dp_proxy *proxy, uint32_t left, uint32_t right)
{
	return left - proxy->first < proxy->size && right - proxy->first <= proxy->size;
}

#define SACK_BLOCK 8u /* left and right edge: RFC 2018, 3 */

static void sack_back(const struct dp_proxy *proxy, uint8_t *option)
{
	uint8_t *to = option + 2, *end = option + option[1];
	for (const uint8_t *from = to; end - from >= (ptrdiff_t)SACK_BLOCK; from += SACK_BLOCK) {
		uint32_t left = wire_be32(from), right = wire_be32(from + 4);
		if (in_header(proxy, left, right))
			continue;
		wire_put_be32(to, number_back(proxy, left));
		wire_put_be32(to + 4, number_back(proxy, right));
		to += SACK_BLOCK;
	}
	if (to == option + 2)
		to = option; /* an option without blocks says nothing */
	else
		option[1] = (uint8_t)(to - option);
	memset(to, WIRE_TCP_OPT_NOP, (size_t)(end - to));
}

void dp_proxy_back(struct dp_proxy *proxy, struct wire_tcp *tcp, uint16_t length)
{
	if (!(tcp->flags & WIRE_TCP_ACK) || tcp->flags & WIRE_TCP_SYN)
		return; /* a SYN-ACK acknowledges the SYN alone, which has the same number at both ends */
	uint32_t ack = wire_be32(&tcp->ack), offset = ack - proxy->first;
	if (proxy->sent && (int32_t)offset >= proxy->size)
		proxy->told = true;
	struct dp_tcp_before before = dp_tcp_before(tcp);
	wire_put_be32(&tcp->ack, number_back(proxy, ack));
	uint8_t *option = dp_tcp_option(tcp, length, WIRE_TCP_OPT_SACK);
	if (option)
		sack_back(proxy, option);
	dp_tcp_changed(tcp, &before);
}

void dp_proxy_quoted(const struct dp_proxy *proxy, struct wire_tcp *quoted, uint16_t length)
{
	uint8_t was[4];
	memcpy(was, &quoted->seq, sizeof(was));
	wire_put_be32(&quoted->seq, number_back(proxy, wire_be32(was)));
	if (length >= offsetof(struct wire_tcp, checksum) + sizeof(quoted->checksum))
		quoted->checksum = wire_csum_replace(quoted->checksum, was, &quoted->seq, sizeof(was));
}
