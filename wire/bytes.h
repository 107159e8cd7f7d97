/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Network byte order, and a cursor that cannot leave its buffer.
 *
 * Invariant of the cursor: at <= end, always. The first read past the end sets `bad` and every later read fails too,
 * so a parser may read a whole header and test once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read and written as whole words, in one instruction each: byte by byte, compilers make vectors of what stands side by
 * side, which costs ten times as much. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WIRE_BE(bits, v) (v)
#else
#define WIRE_BE(bits, v) __builtin_bswap##bits(v)
#endif

static inline uint16_t wire_be16(const void *p)
{
	uint16_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return WIRE_BE(16, v);
}

static inline uint32_t wire_be32(const void *p)
{
	uint32_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return WIRE_BE(32, v);
}

static inline uint64_t wire_be64(const void *p)
{
	uint64_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return WIRE_BE(64, v);
}

static inline void wire_put_be16(void *p, uint16_t v)
{
	v = WIRE_BE(16, v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void wire_put_be32(void *p, uint32_t v)
{
	v = WIRE_BE(32, v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void wire_put_be64(void *p, uint64_t v)
{
	v = WIRE_BE(64, v);
	__builtin_memcpy(p, &v, sizeof(v));
}

struct wire_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad; /* sticky: something was read past the end */
};

static inline struct wire_cursor wire_cursor(const void *data, size_t length)
{
	return (struct wire_cursor){.at = data, .end = (const uint8_t *)data + length};
}

static inline size_t wire_left(const struct wire_cursor *c)
{
	return c->bad ? 0 : (size_t)(c->end - c->at);
}

/* The next n bytes, or NULL (and the cursor is bad from then on). */
static inline const void *wire_take(struct wire_cursor *c, size_t n)
{
	if (c->bad || n > wire_left(c)) {
		c->bad = true;
		return NULL;
	}
	const uint8_t *p = c->at;
	c->at += n;
	return p;
}

static inline uint8_t wire_take_u8(struct wire_cursor *c)
{
	const uint8_t *p = wire_take(c, 1);
	return p ? *p : 0;
}

static inline uint16_t wire_take_be16(struct wire_cursor *c)
{
	const void *p = wire_take(c, 2);
	return p ? wire_be16(p) : 0;
}

static inline uint32_t wire_take_be32(struct wire_cursor *c)
{
	const void *p = wire_take(c, 4);
	return p ? wire_be32(p) : 0;
}

static inline uint64_t wire_take_be64(struct wire_cursor *c)
{
	const void *p = wire_take(c, 8);
	return p ? wire_be64(p) : 0;
}
