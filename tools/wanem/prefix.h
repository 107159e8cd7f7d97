/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/prefix.h: longest-prefix match among a few prefixes, of IPv4 and IPv6. No I/O. Lengths are in bits of
 * struct wire_addr: an IPv4 prefix of n bits is one of 96 + n.
 *
 * Invariant: routes are kept by falling prefix length, so the first that matches is the longest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"

#define WANEM_MAX_ROUTES   128u
#define WANEM_ADDRESS_BITS 128u

struct wanem_route {
	struct wire_addr prefix;  /* bits after `length` are zero */
	struct wire_addr gateway; /* next hop; unset: the destination itself is a neighbour */
	uint8_t length;           /* 0 .. 128 */
	uint8_t port;             /* index of the interface to send by */
};

struct wanem_routes {
	struct wanem_route route[WANEM_MAX_ROUTES];
	uint32_t count;
};

/* The first `length` bits of an address, the rest zero. */
struct wire_addr wanem_prefix_of(const struct wire_addr *address, unsigned length);

/* Whether a prefix holds an address. One of IPv6 holds none of IPv4, however short it is. */
bool wanem_prefix_holds(const struct wire_addr *prefix, unsigned length, const struct wire_addr *address);

/* Returns 0; -EEXIST if the prefix is there already, -ENOSPC, or -EINVAL for host bits set or a length over 128. */
int wanem_routes_add(struct wanem_routes *routes, const struct wanem_route *route);

/* The longest prefix that holds `address`, or NULL. */
const struct wanem_route *wanem_routes_find(const struct wanem_routes *routes, const struct wire_addr *address);
