/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/prefix.h"

#include <errno.h>
#include <stddef.h>

#define BITS_BEFORE_IPV4 96u

struct wire_addr wanem_prefix_of(const struct wire_addr *address, unsigned length)
{
	struct wire_addr prefix = {0};
	unsigned whole = length / 8;
	for (unsigned i = 0; i < whole; i++)
		prefix.bytes[i] = address->bytes[i];
	if (length % 8)
		prefix.bytes[whole] = (uint8_t)(address->bytes[whole] & (0xff00u >> length % 8));
	return prefix;
}

bool wanem_prefix_holds(const struct wire_addr *prefix, unsigned length, const struct wire_addr *address)
{
	struct wire_addr first = wanem_prefix_of(address, length);
	return wire_addr_equal(&first, prefix) && (length >= BITS_BEFORE_IPV4 || !wire_addr_is_v4(address));
}

int wanem_routes_add(struct wanem_routes *routes, const struct wanem_route *route)
{
	if (route->length > WANEM_ADDRESS_BITS)
		return -EINVAL;
	struct wire_addr prefix = wanem_prefix_of(&route->prefix, route->length);
	if (!wire_addr_equal(&prefix, &route->prefix))
		return -EINVAL;
	uint32_t at = 0;
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct wanem_route *other = &routes->route[i];
		if (other->length == route->length && wire_addr_equal(&other->prefix, &prefix))
			return -EEXIST;
		if (other->length >= route->length)
			at = i + 1;
	}
	if (routes->count == WANEM_MAX_ROUTES)
		return -ENOSPC;
	for (uint32_t i = routes->count++; i > at; i--)
		routes->route[i] = routes->route[i - 1];
	routes->route[at] = *route;
	return 0;
}

const struct wanem_route *wanem_routes_find(const struct wanem_routes *routes, const struct wire_addr *address)
{
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct wanem_route *r = &routes->route[i];
		if (wanem_prefix_holds(&r->prefix, r->length, address))
			return r;
	}
	return NULL;
}
