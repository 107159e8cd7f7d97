/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/prefix.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

/* The oracle: all prefixes, in the order they came, the longest that holds the address. */
static const struct wanem_route *naive(const struct wanem_route *all, size_t n, uint32_t address)
{
	const struct wanem_route *best = NULL;
	for (size_t i = 0; i < n; i++) {
		uint32_t mask = all[i].length ? ~0u << (32 - all[i].length) : 0;
		if ((address & mask) == all[i].prefix && (!best || all[i].length > best->length))
			best = &all[i];
	}
	return best;
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
			uint8_t length = (uint8_t)(rand() % 33);
			struct wanem_route r = {.length = length,
			    .port = (uint8_t)i,
			    .prefix = ((uint32_t)rand() & 0x0f0f00ffu) & wanem_mask(length)};
			int error = wanem_routes_add(&routes, &r);
			cr_assert(error == 0 || error == -EEXIST);
			if (!error)
				all[n++] = r;
		}
		for (int i = 0; i < 200; i++) {
			uint32_t address = (uint32_t)rand() & 0x0f0f00ffu;
			const struct wanem_route *a = wanem_routes_find(&routes, address), *b = naive(all, n, address);
			cr_assert((!a && !b) || (a && b && a->port == b->port));
		}
	}
}

Test(prefix, refuses_host_bits_doubles_and_too_many)
{
	static struct wanem_routes routes;
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = 0x0a000001, .length = 24}) == -EINVAL);
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.length = 33}) == -EINVAL);
	for (uint32_t i = 0; i < WANEM_MAX_ROUTES; i++)
		cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = i, .length = 32}) == 0);
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = 5, .length = 32}) == -EEXIST);
	cr_assert(wanem_routes_add(&routes, &(struct wanem_route){.prefix = 999, .length = 32}) == -ENOSPC);
}
