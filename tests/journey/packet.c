/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/journey/packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/auth.h"
#include "tests/journey/check.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

struct end end_of(const char *text)
{
	struct end e = {.port = 0};
	char copy[64], *address = copy, *colon;
	uint8_t v6[16], v4[4];
	snprintf(copy, sizeof(copy), "%s", text);
	if (copy[0] == '[') {
		char *end = strchr(copy, ']');
		CHECK(end != NULL, "%s", text);
		*end = 0;
		address = copy + 1;
		e.port = (uint16_t)(end[1] == ':' ? atoi(end + 2) : 0);
	} else if ((colon = strchr(copy, ':')) && !strchr(colon + 1, ':')) {
		*colon = 0;
		e.port = (uint16_t)atoi(colon + 1);
	}
	if (inet_pton(AF_INET, address, v4) == 1) {
		e.address = wire_addr_from_v4(v4);
	} else {
		CHECK(inet_pton(AF_INET6, address, v6) == 1, "%s", text);
		e.address = wire_addr_from_v6(v6);
	}
	return e;
}

/* Where the L4 header is, and what it is of. Hop-by-hop and fragment headers are all that tests use; what a fuzzer makes
 * may name more than there is, and ends there. */
static unsigned find_l4(const struct packet *p, uint8_t *ret_protocol)
{
	unsigned at = (p->bytes[0] & 15) * 4u;
	*ret_protocol = p->bytes[9];
	if (!is_v6(p))
		return at;
	at = 40;
	for (*ret_protocol = p->bytes[6]; (*ret_protocol == 0 || *ret_protocol == 44) && at + 8 <= p->length;) {
		unsigned size = *ret_protocol == 44 ? 8 : 8 + p->bytes[at + 1] * 8u;
		*ret_protocol = p->bytes[at];
		at += size;
	}
	return at <= p->length ? at : 40;
}

uint8_t *l4_of(struct packet *p)
{
	uint8_t protocol;
	return p->bytes + find_l4(p, &protocol);
}

uint8_t protocol_of(const struct packet *p)
{
	uint8_t protocol;
	find_l4(p, &protocol);
	return protocol;
}

uint16_t source_port_of(const struct packet *p)
{
	uint8_t protocol;
	return wire_be16(p->bytes + find_l4(p, &protocol));
}

struct wire_addr source_of(const struct packet *p)
{
	return is_v6(p) ? wire_addr_from_v6(p->bytes + 8) : wire_addr_from_v4(p->bytes + 12);
}

struct wire_addr destination_of(const struct packet *p)
{
	return is_v6(p) ? wire_addr_from_v6(p->bytes + 24) : wire_addr_from_v4(p->bytes + 16);
}

static void finish_ip(struct packet *p)
{
	struct wire_ipv4 *ip = ip_of(p);
	if (is_v6(p)) {
		wire_put_be16(&ipv6_of(p)->payload_length, (uint16_t)(p->length - 40));
		return;
	}
	wire_put_be16(&ip->total_length, p->length);
	ip->checksum = 0;
	ip->checksum = wire_csum(ip, (ip->version_ihl & 15u) * 4u);
}

static struct packet begin_v4(const struct end *from, const struct end *to, uint8_t protocol, const struct more *more)
{
	struct packet p = {.length = (uint16_t)(20 + more->ip_options)};
	struct wire_ipv4 *ip = ip_of(&p);
	ip->version_ihl = (uint8_t)(0x40 | (5 + more->ip_options / 4));
	ip->tos = more->tos;
	ip->ttl = more->ttl ? more->ttl : 64;
	ip->protocol = protocol;
	wire_put_be16(&ip->id, more->id ? more->id : 0x4b55);
	wire_put_be16(&ip->frag_off, (uint16_t)((more->df ? WIRE_IPV4_DF : 0) | more->frag_off));
	memcpy(ip->src, from->address.bytes + 12, 4);
	memcpy(ip->dst, to->address.bytes + 12, 4);
	memset(p.bytes + 20, 1, more->ip_options);
	return p;
}

static struct packet begin_v6(const struct end *from, const struct end *to, uint8_t protocol, const struct more *more)
{
	struct packet p = {.length = 40};
	struct wire_ipv6 *ip = ipv6_of(&p);
	uint8_t *next = &ip->next_header;
	wire_put_be32(&ip->version_class_flow, 6u << 28 | (uint32_t)more->tos << 20);
	ip->hop_limit = more->ttl ? more->ttl : 64;
	memcpy(ip->src, from->address.bytes, 16);
	memcpy(ip->dst, to->address.bytes, 16);
	if (more->ip_options) { /* a PadN option fills it: RFC 8200, 4.2 */
		uint8_t *at = p.bytes + p.length;
		*next = 0;
		next = at;
		at[1] = (uint8_t)(more->ip_options / 8 - 1);
		at[2] = 1;
		at[3] = (uint8_t)(more->ip_options - 4);
		p.length = (uint16_t)(p.length + more->ip_options);
	}
	if (more->fragment || more->atomic) {
		uint8_t *at = p.bytes + p.length;
		*next = 44;
		next = at;
		wire_put_be16(at + 2, more->fragment);
		wire_put_be32(at + 4, 0x4b554b55);
		p.length = (uint16_t)(p.length + 8);
	}
	*next = protocol;
	return p;
}

static struct packet begin(const struct end *from, const struct end *to, uint8_t protocol, const struct more *more)
{
	CHECK(wire_addr_is_v4(&from->address) == wire_addr_is_v4(&to->address), "both of one family");
	return wire_addr_is_v4(&from->address) ? begin_v4(from, to, protocol, more)
	                                       : begin_v6(from, to, protocol, more);
}

static uint16_t l4_checksum(struct packet *p)
{
	uint8_t *l4 = l4_of(p);
	uint16_t length = (uint16_t)(p->bytes + p->length - l4);
	uint8_t pseudo[4] = {0, protocol_of(p), (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = is_v6(p) ? wire_csum_add(0, p->bytes + 8, 32) : wire_csum_add(0, p->bytes + 12, 8);
	sum = wire_csum_add(sum, pseudo, 4);
	return (uint16_t)~wire_csum_fold(wire_csum_add(sum, l4, length));
}

static void add_payload(struct packet *p, const void *data, uint16_t bytes)
{
	CHECK(p->length + bytes <= (int)MAX_PACKET, "%u bytes of payload", bytes);
	for (uint16_t i = 0; i < bytes; i++)
		p->bytes[p->length + i] = data ? ((const uint8_t *)data)[i] : (uint8_t)(i * 7 + 1);
	p->length = (uint16_t)(p->length + bytes);
}

struct packet make_tcp(const char *from, const char *to, struct more more)
{
	struct end a = end_of(from), b = end_of(to);
	struct packet p = begin(&a, &b, WIRE_PROTO_TCP, &more);
	struct wire_tcp *t = (struct wire_tcp *)l4_of(&p);
	uint16_t mss = more.mss ? 4 : 0, header = (uint16_t)(20 + mss + more.options_length);
	wire_put_be16(&t->src, a.port);
	wire_put_be16(&t->dst, b.port);
	wire_put_be32(&t->seq, more.seq);
	wire_put_be32(&t->ack, more.ack);
	t->offset = (uint8_t)(header / 4 << 4);
	t->flags = more.flags ? more.flags : WIRE_TCP_ACK;
	wire_put_be16(&t->window, 8192);
	if (more.mss) {
		uint8_t *option = (uint8_t *)(t + 1);
		option[0] = WIRE_TCP_OPT_MSS;
		option[1] = 4;
		wire_put_be16(option + 2, more.mss);
	}
	if (more.options_length)
		memcpy((uint8_t *)(t + 1) + mss, more.options, more.options_length);
	p.length = (uint16_t)(p.length + header);
	add_payload(&p, more.data, more.payload);
	t->checksum = l4_checksum(&p);
	finish_ip(&p);
	return p;
}

struct packet make_udp(const char *from, const char *to, struct more more)
{
	struct end a = end_of(from), b = end_of(to);
	struct packet p = begin(&a, &b, WIRE_PROTO_UDP, &more);
	struct wire_udp *u = (struct wire_udp *)l4_of(&p);
	wire_put_be16(&u->src, a.port);
	wire_put_be16(&u->dst, b.port);
	wire_put_be16(&u->length, (uint16_t)(8 + more.payload));
	p.length = (uint16_t)(p.length + 8);
	add_payload(&p, more.data, more.payload);
	if (!more.no_checksum) {
		u->checksum = l4_checksum(&p);
		if (!u->checksum)
			u->checksum = 0xffff;
	}
	finish_ip(&p);
	return p;
}

static void finish_icmp(struct packet *p)
{
	struct wire_icmp *icmp = (struct wire_icmp *)l4_of(p);
	icmp->checksum = 0;
	icmp->checksum = is_v6(p) ? l4_checksum(p) : wire_csum(icmp, (size_t)(p->bytes + p->length - (uint8_t *)icmp));
	finish_ip(p);
}

struct packet icmp_echo(const char *from, const char *to, uint8_t type, uint8_t ttl, uint16_t payload)
{
	struct end a = end_of(from), b = end_of(to);
	bool v6 = !wire_addr_is_v4(&a.address);
	struct packet p = begin(&a, &b, v6 ? WIRE_PROTO_ICMPV6 : WIRE_PROTO_ICMP, &(struct more){.ttl = ttl});
	struct wire_icmp *icmp = (struct wire_icmp *)l4_of(&p);
	icmp->type = type;
	wire_put_be16(&icmp->rest_hi, 77);
	wire_put_be16(&icmp->rest_lo, 3);
	p.length = (uint16_t)(p.length + sizeof(*icmp));
	add_payload(&p, NULL, payload);
	finish_icmp(&p);
	return p;
}

struct packet icmp_error(
    const char *from, uint8_t type, uint8_t code, uint16_t mtu, const struct packet *about, uint16_t quote)
{
	struct end a = end_of(from), b = {.address = source_of(about)};
	uint8_t protocol;
	struct packet p = begin(&a, &b, is_v6(about) ? WIRE_PROTO_ICMPV6 : WIRE_PROTO_ICMP, &(struct more){0});
	struct wire_icmp *icmp = (struct wire_icmp *)l4_of(&p);
	icmp->type = type;
	icmp->code = code;
	wire_put_be16(&icmp->rest_lo, mtu);
	if (quote == 0)
		quote = (uint16_t)(find_l4(about, &protocol) + 8);
	memcpy(icmp + 1, about->bytes, quote);
	p.length = (uint16_t)(p.length + sizeof(*icmp) + quote);
	finish_icmp(&p);
	return p;
}

struct packet with_ttl(struct packet p, uint8_t ttl)
{
	if (is_v6(&p))
		ipv6_of(&p)->hop_limit = ttl;
	else
		ip_of(&p)->ttl = ttl;
	finish_ip(&p);
	return p;
}

static void put_option(struct packet *p, uint8_t type, const void *body, size_t size)
{
	uint8_t *at = p->bytes + p->length;
	wire_put_be16(at, 0xff4b);
	at[2] = type;
	at[3] = (uint8_t)(size / 4);
	memcpy(at + 4, body, size);
	p->length = (uint16_t)(p->length + 4 + size);
}

static void put_options(struct packet *p, const struct overlay *o)
{
	uint8_t path[4 + 16] = {o->left, o->count, (uint8_t)(o->sequence >> 40), (uint8_t)(o->sequence >> 32)},
	                 steer[24] = {o->flags, o->tried}, telemetry[8];
	for (unsigned i = 0; i < o->count; i++) {
		wire_put_be16(path + 4 + 4 * i, o->hop[i].pop);
		path[6 + 4 * i] = o->hop[i].local;
		path[7 + 4 * i] = o->hop[i].remote;
	}
	wire_put_be16(steer + 2, o->ingress);
	wire_put_be16(steer + 4, o->egress);
	wire_put_be32(steer + 8, o->endpoint);
	wire_put_be32(steer + 12, o->group);
	for (unsigned i = 0; i < WIRE_STEER_MAX_CANDIDATES; i++)
		wire_put_be16(steer + 16 + 2 * i, o->candidate[i]);
	wire_put_be32(telemetry, (uint32_t)o->sequence);
	wire_put_be32(telemetry + 4, o->time_us);
	put_option(p, WIRE_OPT_PATH, path, 4u + 4u * o->count);
	put_option(p, WIRE_OPT_STEER, steer, sizeof(steer));
	put_option(p, WIRE_OPT_TELEMETRY, telemetry, sizeof(telemetry));
	const uint8_t auth[12] = {o->key_id, (uint8_t)(o->epoch >> 16), (uint8_t)(o->epoch >> 8), (uint8_t)o->epoch};
	put_option(p, WIRE_OPT_AUTH, auth, sizeof(auth));
}

void sign(struct packet *outer, const uint8_t secret[16])
{
	uint8_t *udp = l4_of(outer);
	uint16_t covered = (uint16_t)(8 + 8 + (udp[8] & 63) * 4 - 8);
	struct dp_auth_key key;
	dp_auth_expand(&key, secret);
	struct dp_auth_message m = {.key = &key, .data = udp, .length = covered};
	uint8_t tag[1][8];
	dp_auth_tags_portable(&m, 1, tag);
	memcpy(udp + covered, tag[0], 8);
}

struct packet make_overlay(const struct overlay *o, const struct packet *inner)
{
	struct end a = end_of(o->from), b = end_of(o->to);
	struct packet p = begin(&a, &b, WIRE_PROTO_UDP, &(struct more){.tos = o->tos, .df = true});
	if (!is_v6(&p))
		memset(&ip_of(&p)->id, 0, 2);
	uint8_t *udp = p.bytes + p.length, *geneve = udp + 8;
	wire_put_be16(udp, o->source_port);
	wire_put_be16(udp + 2, 6081);
	geneve[1] = 0x40;
	wire_put_be16(geneve + 2, is_v6(inner) ? 0x86dd : 0x0800);
	wire_put_be32(geneve + 4, o->vni << 8);
	p.length = (uint16_t)(p.length + 16);
	put_options(&p, o);
	geneve[0] = (uint8_t)((p.bytes + p.length - geneve - 8) / 4);
	memcpy(p.bytes + p.length, inner->bytes, inner->length);
	p.length = (uint16_t)(p.length + inner->length);
	wire_put_be16(udp + 4, (uint16_t)(p.bytes + p.length - udp));
	finish_ip(&p);
	sign(&p, o->secret);
	return p;
}

struct packet inner_of(const struct packet *outer)
{
	struct packet p = {.length = 0};
	uint16_t geneve = is_v6(outer) ? 48 : 28, at = (uint16_t)(geneve + 8 + (outer->bytes[geneve] & 63) * 4);
	CHECK(at <= outer->length, "options end at %u", at);
	p.length = (uint16_t)(outer->length - at);
	memcpy(p.bytes, outer->bytes + at, p.length);
	return p;
}

static void show(const char *what, const struct packet *p)
{
	fprintf(stderr, "%s, %u bytes:", what, p->length);
	for (unsigned i = 0; i < p->length && i < 160; i++)
		fprintf(stderr, "%s%02x", i % 16 ? " " : "\n  ", p->bytes[i]);
	fprintf(stderr, "\n");
}

void set_right(struct packet *p)
{
	unsigned header = (p->bytes[0] & 15u) * 4u;
	if (p->length >= 40 && is_v6(p)) {
		wire_put_be16(p->bytes + 4, (uint16_t)(p->length - 40));
		return;
	}
	if (p->length < 20 || header < 20 || header > p->length)
		return;
	wire_put_be16(p->bytes + 2, p->length);
	memset(p->bytes + 10, 0, 2);
	uint16_t sum = wire_csum(p->bytes, header);
	memcpy(p->bytes + 10, &sum, 2);
}

void expect_same(const struct packet *got, const struct packet *expected, const char *file, int line)
{
	bool same = got->length == expected->length && memcmp(got->bytes, expected->bytes, got->length) == 0;
	if (!same) {
		unsigned at = 0;
		while (at < got->length && at < expected->length && got->bytes[at] == expected->bytes[at])
			at++;
		show("got", got);
		show("expected", expected);
		CHECK(same, "%s:%d: packets differ from byte %u on", file, line, at);
	}
}
