/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the headers of an IP packet end and what comes behind them: pure, over bytes that may lie.
 *
 * Invariant of struct dp_headers: l4 bytes from the IP header on are present. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/drop.h"
#include "wire/ip.h"

#define DP_HEADERS_MAX 8u /* extension headers of one packet: RFC 8504, 5.3 */

struct dp_headers {
	uint16_t l4;         /* offset of the first header that is not IP's: behind options or extension headers */
	uint8_t protocol;    /* of that */
	bool more;           /* a fragment, and not the last one */
	uint16_t offset;     /* of the fragment, in units of 8 bytes; above 0, l4 is payload */
	uint16_t identifier; /* offset of the fragment's identification in the packet: 2 bytes in IPv4, 4 in IPv6 */
};

static inline bool dp_headers_fragment(const struct dp_headers *h)
{
	return h->more || h->offset;
}

/* Of an IPv4 header that is whole, options included. */
static inline struct dp_headers dp_headers_of_v4(const struct wire_ipv4 *ip)
{
	uint16_t fragment = wire_be16(&ip->frag_off);
	return (struct dp_headers){.l4 = (uint16_t)((ip->version_ihl & 0x0fu) * 4u),
	    .protocol = ip->protocol,
	    .more = fragment & WIRE_IPV4_MF,
	    .offset = fragment & WIRE_IPV4_OFFSET_MASK,
	    .identifier = offsetof(struct wire_ipv4, id)};
}

/* Reads the headers of the packet of either version at `ip`, of which `present` bytes are there; its length fields are
 * not looked at. IPv6: RFC 8200, 4, with hop-by-hop options first or not at all, no routing header that has segments left
 * (RFC 5095), one fragment header, DP_HEADERS_MAX in all. Returns WIRE_DROP_NONE, or TRUNCATED, BAD_IP_HEADER, EXTENSION
 * with *ret_headers untouched. */
enum wire_drop dp_headers_find(const uint8_t *ip, size_t present, struct dp_headers *ret_headers);
