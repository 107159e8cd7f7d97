/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One shape for IPv4 and IPv6 addresses: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 * A table keyed by it holds both families; a prefix of n bits of IPv4 is one of 96 + n bits here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wire_addr {
	union {
		uint8_t bytes[16];
		uint32_t words[4]; /* network order, for comparing and hashing */
	};
};

_Static_assert(sizeof(struct wire_addr) == 16, "an address is 16 bytes on every side");

/* v4: the 4 bytes as they stand in a header. Written as two words, because who reads words that were written in parts
 * waits for them. */
static inline struct wire_addr wire_addr_from_v4(const void *v4)
{
	struct wire_addr a;
	uint32_t address;
	__builtin_memcpy(&address, v4, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	uint64_t words[2] = {0, (uint64_t)0xffff << 32 | address};
#else
	uint64_t words[2] = {0, (uint64_t)address << 32 | 0xffff0000u};
#endif
	__builtin_memcpy(a.bytes, words, 16);
	return a;
}

static inline struct wire_addr wire_addr_from_v6(const void *v6)
{
	struct wire_addr a;
	__builtin_memcpy(a.bytes, v6, 16);
	return a;
}

static inline bool wire_addr_is_v4(const struct wire_addr *a)
{
	struct wire_addr v4 = {.bytes = {[10] = 0xff, [11] = 0xff}};
	return !(a->words[0] | a->words[1] | (a->words[2] ^ v4.words[2]));
}

/* Without a branch for each word, in two halves. */
static inline bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b)
{
	uint64_t x[2], y[2];
	__builtin_memcpy(x, a, sizeof(x));
	__builtin_memcpy(y, b, sizeof(y));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

/* Whether an address may be one host's, and of more than one link: no multicast, loopback, unspecified or link-local one
 * (RFC 1122, 3.2.1.3; RFC 4291, 2.4). */
static inline bool wire_addr_is_host(const struct wire_addr *a)
{
	const uint8_t *at = a->bytes;
	if (wire_addr_is_v4(a))
		return at[12] != 0 && at[12] != 127 && at[12] < 224;
	bool link_local = at[0] == 0xfe && (at[1] & 0xc0) == 0x80;
	bool below_v4 = (a->words[0] | a->words[1] | a->words[2]) == 0; /* ::, ::1, and ::/96, which is nobody's */
	return at[0] != 0xff && !link_local && !below_v4;
}

/* All 16 bytes zero: no address (::). */
static inline bool wire_addr_is_unset(const struct wire_addr *a)
{
	return !(a->words[0] | a->words[1] | a->words[2] | a->words[3]);
}
