/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How an endpoint is told the client's address, in the bytes that it reads. Fields in network order.
 *
 * TOA: a TCP option of an experimental kind (RFC 6994 came later), as the toa kernel modules of LVS and DPVS read it from
 * the segment that makes the socket. The kind is the same for both families, the length tells which.
 *
 * PROXY protocol, version 2 (HAProxy, proxy-protocol.txt, section 2.2): a header before the first byte of the stream. */
#pragma once

#include <stdint.h>

struct wire_toa_v4 {
	uint8_t kind; /* WIRE_TCP_OPT_TOA */
	uint8_t length;
	uint16_t port;
	uint8_t address[4];
} __attribute__((packed));

struct wire_toa_v6 {
	uint8_t kind;
	uint8_t length;
	uint16_t port;
	uint8_t address[16];
} __attribute__((packed));

#define WIRE_PROXY_SIGNATURE "\r\n\r\n\0\r\nQUIT\n" /* 12 bytes, and a NUL that is none of them */

enum wire_proxy_command { WIRE_PROXY_V2_PROXY = 0x21 };                        /* version 2, command PROXY */
enum wire_proxy_family { WIRE_PROXY_TCP_V4 = 0x11, WIRE_PROXY_TCP_V6 = 0x21 }; /* AF_INET or AF_INET6, STREAM */

struct wire_proxy {
	uint8_t signature[12];
	uint8_t command;
	uint8_t family;
	uint16_t length; /* of what follows */
} __attribute__((packed));

struct wire_proxy_v4 {
	struct wire_proxy head;
	uint8_t src[4];
	uint8_t dst[4];
	uint16_t sport;
	uint16_t dport;
} __attribute__((packed));

struct wire_proxy_v6 {
	struct wire_proxy head;
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t sport;
	uint16_t dport;
} __attribute__((packed));

_Static_assert(sizeof(struct wire_toa_v4) == 8 && sizeof(struct wire_toa_v6) == 20, "as the modules compare them");
_Static_assert(sizeof(struct wire_proxy_v4) == 28 && sizeof(struct wire_proxy_v6) == 52, "proxy-protocol.txt, 2.2");
