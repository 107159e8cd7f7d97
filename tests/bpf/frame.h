/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames for the port's programs, built and checked independently of them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/address.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"
#include "wire/stamp.h"

struct frame {
	uint32_t bytes;
	uint8_t data[2048];
};

#define OURS_4  "\x0a\x09\x00\x01"
#define THEIR_4 "\x0a\x09\x00\x02"
#define VIP_4   "\xcb\x00\x71\x0a"
#define OURS_6  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define VIP_6   "\x20\x01\x0d\xb8\0\x0f\0\0\0\0\0\0\0\0\0\x10"
#define THEIR_6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define OUR_MAC "\x02\0\0\0\0\x01"
#define GW_MAC  "\x02\0\0\0\0\xfe"
#define L4_4    (14u + 20u)
#define L4_6    (14u + 40u)

static inline uint32_t l4_of(const struct frame *f)
{
	return f->data[12] == 0x86 ? L4_6 : L4_4;
}

/* The pseudo header and the datagram, RFC 768 and RFC 8200, 8.1. */
static inline uint16_t udp_sum(const struct frame *f)
{
	uint32_t l4 = l4_of(f), length = wire_be16(f->data + l4 + 4);
	uint8_t pseudo[4] = {0, WIRE_PROTO_UDP, (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = wire_csum_add(0, pseudo, 4);
	sum = l4 == L4_6 ? wire_csum_add(sum, f->data + 22, 32) : wire_csum_add(sum, f->data + 26, 8);
	return wire_csum_fold(wire_csum_add(sum, f->data + l4, length));
}

static inline bool checksums_good(const struct frame *f)
{
	return udp_sum(f) == 0xffff && (l4_of(f) == L4_6 || wire_csum(f->data + 14, 20) == 0);
}

static inline void finish_udp(struct frame *f)
{
	uint8_t *field = f->data + l4_of(f) + 6;
	memset(field, 0, 2);
	uint16_t sum = (uint16_t)~udp_sum(f);
	memcpy(field, sum ? &sum : &(uint16_t){0xffff}, 2);
}

/* After a change of the IPv4 header. */
static inline void finish_ipv4(struct frame *f)
{
	uint8_t *header = f->data + 14;
	memset(header + 10, 0, 2);
	uint16_t sum = wire_csum(header, 20);
	memcpy(header + 10, &sum, 2);
}

static inline struct frame ipv4(const char *src, const char *dst, uint8_t protocol, const void *body, uint32_t bytes)
{
	struct frame f = {.bytes = L4_4 + bytes};
	memcpy(f.data, OUR_MAC GW_MAC "\x08\x00", 14);
	struct wire_ipv4 ip = {.version_ihl = 0x45, .tos = 0x28, .ttl = 61, .protocol = protocol};
	wire_put_be16(&ip.total_length, (uint16_t)(20 + bytes));
	wire_put_be16(&ip.id, 0x1234);
	memcpy(ip.src, src, 4);
	memcpy(ip.dst, dst, 4);
	memcpy(f.data + 14, &ip, 20);
	memcpy(f.data + L4_4, body, bytes);
	finish_ipv4(&f);
	return f;
}

static inline struct frame ipv6(const char *src, const char *dst, uint8_t protocol, const void *body, uint32_t bytes)
{
	struct frame f = {.bytes = L4_6 + bytes};
	memcpy(f.data, OUR_MAC GW_MAC "\x86\xdd\x60", 15);
	wire_put_be16(f.data + 18, (uint16_t)bytes);
	f.data[20] = protocol;
	f.data[21] = 61;
	memcpy(f.data + 22, src, 16);
	memcpy(f.data + 38, dst, 16);
	memcpy(f.data + L4_6, body, bytes);
	return f;
}

/* six: the addresses have 16 bytes. */
static inline struct frame udp(
    bool six, const char *src, uint16_t sport, const char *dst, uint16_t dport, const void *payload, uint32_t bytes)
{
	uint8_t body[2000] = {0};
	wire_put_be16(body, sport);
	wire_put_be16(body + 2, dport);
	wire_put_be16(body + 4, (uint16_t)(8 + bytes));
	memcpy(body + 8, payload, bytes);
	struct frame f = (six ? ipv6 : ipv4)(src, dst, WIRE_PROTO_UDP, body, 8 + bytes);
	finish_udp(&f);
	return f;
}

/* A STAMP probe from the other POP; bytes >= WIRE_STAMP_SIZE, what exceeds that holds 0xee. */
static inline struct frame stamp_probe(bool six, uint32_t sequence, uint16_t session, uint32_t bytes)
{
	uint8_t payload[1500];
	memset(payload, 0xee, sizeof(payload));
	struct wire_stamp_sender *probe = (void *)payload;
	memset(probe, 0, sizeof(*probe));
	wire_put_be32(&probe->sequence, sequence);
	memcpy(&probe->time, "\xe8\xfe\x6f\x80\x1f\x9a\xdd\x37", 8);
	wire_put_be16(&probe->error_estimate, 0x8155);
	wire_put_be16(&probe->session_id, session);
	return six ? udp(true, THEIR_6, 18862, OURS_6, WIRE_STAMP_PORT, payload, bytes)
	           : udp(false, THEIR_4, 18862, OURS_4, WIRE_STAMP_PORT, payload, bytes);
}
