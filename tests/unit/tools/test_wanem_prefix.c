/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/prefix.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

/* Bit by bit. */
static bool holds(const struct wanem_route *r, const struct wire_addr *address)
{
	for (unsigned bit = 0; bit < r->length; bit++)
		if ((r->prefix.bytes[bit / 8] ^ address->bytes[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return r->length >= 96 || !wire_addr_is_v4(address);
}

/* The oracle: all prefixes, in the order they came, the longest that holds the address. */
static const struct wanem_route *naive(const struct wanem_route *all, size_t n, const struct wire_addr *address)
{
	const struct wanem_route *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (holds(&all[i], address) && (!best || all[i].length > best->length))
			best = &all[i];
	return best;
}

/* Of either version, alike in many bits. */
static struct wire_addr random_address(void)
{
	uint8_t v4[4] = {(uint8_t)(rand() & 0xf), (uint8_t)(rand() & 0xf), 0, (uint8_t)rand()};
	uint8_t v6[16] = {0x20, 1, [7] = (uint8_t)(rand() & 3), [15] = (uint8_t)(rand() & 0x81)};
	return rand() % 2 ? wire_addr_from_v4(v4) : wire_addr_from_v6(v6);
}

Test(prefix, finds_what_a_naive_search_finds)
{
	srand(5);
	for (int round = 0; round < 300; round++) {
		static struct wanem_routes routes;
		struct wanem_route all[WANEM_MAX_ROUTES];
		size_t n = 0;
		routes.count = 0;
		for (int i = 0; i < 100; i++) {
			struct wire_addr in = random_address();
			unsigned first = wire_addr_is_v4(&in) ? 96 : 0;
			uint8_t length = (uint8_t)(first + (unsigned)rand() % (129 - first));
			struct wanem_route r = {
			    .length = length, .port = (uint8_t)i, .prefix = wanem_prefix_of(&in, length)};
			int error = wanem_routes_add(&routes, &r);
			cr_assert(error == 0 || error == -EEXIST);
			if (!error)
				all[n++] = r;
		}
		for (int i = 0; i < 200; i++) {
			struct wire_addr address = random_address();
			const struct wanem_route *a = wanem_routes_find(&routes, &address),
			                         *b = naive(all, n, &address);
			cr_assert((!a && !b) || (a && b && a->port == b->port));
		}
	}
}

Test(prefix, refuses_host_bits_doubles_and_too_many)
{
	static struct wanem_routes routes;
	struct wire_addr host = wire_addr_from_v4("\x0a\0\0\1"), any = {0};
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = host, .length = 120}) == -EINVAL);
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = any, .length = 129}) == -EINVAL);
	for (unsigned i = 0; i < WANEM_MAX_ROUTES; i++) {
		host.bytes[15] = (uint8_t)i;
		cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = host, .length = 128}) == 0);
	}
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = host, .length = 128}) == -EEXIST);
	host.bytes[15] = 200;
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = host, .length = 128}) == -ENOSPC);
}
