/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/prefix.h"

#include <errno.h>
#include <stddef.h>

uint32_t wanem_mask(unsigned length)
{
	return length == 0 ? 0 : ~0u << (32 - length);
}

int wanem_routes_add(struct wanem_routes *routes, const struct wanem_route *route)
{
	if (route->length > 32 || (route->prefix & ~wanem_mask(route->length)))
		return -EINVAL;
	uint32_t at = 0;
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct wanem_route *other = &routes->route[i];
		if (other->length == route->length && other->prefix == route->prefix)
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

const struct wanem_route *wanem_routes_find(const struct wanem_routes *routes, uint32_t address)
{
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct wanem_route *r = &routes->route[i];
		if ((address & wanem_mask(r->length)) == r->prefix)
			return r;
	}
	return NULL;
}
