/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The Internet checksum: whole (RFC 1071) and by difference (RFC 1624, equation 3: HC' = ~(~HC + ~m + m')).
 * Sums are over 16-bit words as they lie in memory, so results go into the packet without a swap. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint16_t wire_csum_load(const uint8_t *p)
{
	uint16_t w;
	__builtin_memcpy(&w, p, 2);
	return w;
}

static inline uint32_t wire_csum_load_two(const uint8_t *p)
{
	uint32_t w;
	__builtin_memcpy(&w, p, 4);
	return w;
}

/* Adds length bytes to a running sum; an odd last byte is padded with zero, so only the last piece may be odd. Two words
 * at a time: 2^32 is 1 in this arithmetic (RFC 1071, 2). */
static inline uint64_t wire_csum_add(uint64_t sum, const void *data, size_t length)
{
	const uint8_t *p = data;
#ifndef __bpf__ /* whose stack is too small for loops over two kinds of words */
	for (; length >= 4; length -= 4, p += 4)
		sum += wire_csum_load_two(p);
#endif
	for (; length >= 2; length -= 2, p += 2)
		sum += wire_csum_load(p);
	if (length) {
		uint8_t last[2] = {*p, 0};
		sum += wire_csum_load(last);
	}
	return sum;
}

/* Each half is added to the other with its carry: what is added to a sum turned by half its width leaves the folded sum in
 * the upper half. */
static inline uint16_t wire_csum_fold(uint64_t sum)
{
	sum += sum >> 32 | sum << 32;
	uint32_t half = (uint32_t)(sum >> 32);
	half += half >> 16 | half << 16;
	return (uint16_t)(half >> 16);
}

/* The checksum field of a header or datagram whose checksum field is zero. */
static inline uint16_t wire_csum(const void *data, size_t length)
{
	return (uint16_t)~wire_csum_fold(wire_csum_add(0, data, length));
}

/* The field `check` after the bytes `before` (length even) at an even offset became `after`. */
static inline uint16_t wire_csum_replace(uint16_t check, const void *before, const void *after, size_t length)
{
	const uint8_t *m = before, *n = after;
	uint64_t sum = (uint16_t)~check;
	size_t i = 0;
#ifndef __bpf__
	for (; i + 3 < length; i += 4)
		sum += (uint64_t)(uint32_t)~wire_csum_load_two(m + i) + wire_csum_load_two(n + i);
#endif
	for (; i + 1 < length; i += 2)
		sum += (uint64_t)(uint16_t)~wire_csum_load(m + i) + wire_csum_load(n + i);
	return (uint16_t)~wire_csum_fold(sum);
}

/* RFC 768: a UDP checksum that computes to zero is sent as all ones; a zero field means none was made. */
static inline uint16_t wire_csum_replace_udp(uint16_t check, const void *before, const void *after, size_t length)
{
	if (check == 0)
		return 0;
	uint16_t now = wire_csum_replace(check, before, after, length);
	return now ? now : 0xffff;
}
