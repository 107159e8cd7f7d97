/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP header and its options (RFC 9293, 3.1), and changing them where they stand. */
#pragma once

#include <stdint.h>

#include "wire/checksum.h"
#include "wire/packet.h"

/* The first option of this kind (not END or NOP) in the header at `tcp`, of which `length` bytes are present, or NULL: there
 * is none, or one before it is malformed, or the header is cut off. Its second byte is its length: at least 2, and all of it
 * is inside the header. */
uint8_t *dp_tcp_option(struct wire_tcp *tcp, uint16_t length, uint8_t kind);

/* Bytes of the header, options included, as it says itself. */
static inline uint16_t dp_tcp_header_size(const struct wire_tcp *tcp)
{
	return (uint16_t)((tcp->offset >> 4) * 4);
}

/* A header before it is changed. */
struct dp_tcp_before {
	uint8_t header[WIRE_TCP_HEADER_MAX];
	uint16_t size;
};

/* The header at `tcp`, all of which is present. */
static inline struct dp_tcp_before dp_tcp_before(const struct wire_tcp *tcp)
{
	struct dp_tcp_before before = {.size = dp_tcp_header_size(tcp)};
	__builtin_memcpy(before.header, tcp, before.size);
	return before;
}

/* Its checksum after any change that left its size as it was. By difference over the whole: an option may stand at an odd
 * offset, where its numbers lie across the words of the sum. */
static inline void dp_tcp_changed(struct wire_tcp *tcp, const struct dp_tcp_before *before)
{
	tcp->checksum = wire_csum_replace(tcp->checksum, before->header, tcp, before->size);
}
