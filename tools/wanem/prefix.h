/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/prefix.h: longest-prefix match among a few IPv4 prefixes. No I/O.
 *
 * Invariant: routes are kept by falling prefix length, so the first that matches is the longest. */
#pragma once

#include <stdint.h>

#define WANEM_MAX_ROUTES 128u

struct wanem_route {
	uint32_t prefix;  /* host order, bits after `length` are zero */
	uint32_t gateway; /* next hop, host order; 0: the destination itself is a neighbour */
	uint8_t length;   /* 0 .. 32 */
	uint8_t port;     /* index of the interface to send by */
};

struct wanem_routes {
	struct wanem_route route[WANEM_MAX_ROUTES];
	uint32_t count;
};

/* The bits of a prefix of this length. */
uint32_t wanem_mask(unsigned length);

/* Returns 0; -EEXIST if the prefix is there already, -ENOSPC, or -EINVAL for host bits set or a length over 32. */
int wanem_routes_add(struct wanem_routes *routes, const struct wanem_route *route);

/* The longest prefix that holds `address` (host order), or NULL. */
const struct wanem_route *wanem_routes_find(const struct wanem_routes *routes, uint32_t address);
