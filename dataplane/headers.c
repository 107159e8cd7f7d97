/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/headers.h"

#include "wire/bytes.h"

static enum wire_drop find_v4(struct wire_cursor c, struct dp_headers *ret_headers)
{
	const struct wire_ipv4 *ip = wire_take(&c, sizeof(*ip));
	if (!ip)
		return WIRE_DROP_TRUNCATED;
	unsigned header = (ip->version_ihl & 0x0fu) * 4u;
	if (header < sizeof(*ip))
		return WIRE_DROP_BAD_IP_HEADER;
	if (!wire_take(&c, header - sizeof(*ip)))
		return WIRE_DROP_TRUNCATED;
	*ret_headers = dp_headers_of_v4(ip);
	return WIRE_DROP_NONE;
}

static enum wire_drop take_fragment(struct wire_cursor *c, struct dp_headers *h)
{
	const struct wire_ipv6_fragment *f = wire_take(c, sizeof(*f));
	if (!f)
		return WIRE_DROP_TRUNCATED;
	if (h->identifier)
		return WIRE_DROP_EXTENSION;
	uint16_t fragment = wire_be16(&f->offset_flags);
	h->protocol = f->next_header;
	h->more = fragment & WIRE_IPV6_MF;
	h->offset = fragment >> 3;
	h->identifier = (uint16_t)(h->l4 + offsetof(struct wire_ipv6_fragment, id));
	h->l4 = (uint16_t)(h->l4 + sizeof(*f));
	return WIRE_DROP_NONE;
}

/* Hop-by-hop, destination or routing header. */
static enum wire_drop take_extension(struct wire_cursor *c, struct dp_headers *h, bool first)
{
	const struct wire_ipv6_ext *e = wire_take(c, sizeof(*e));
	if (!e || !wire_take(c, e->length * 8u))
		return WIRE_DROP_TRUNCATED;
	if (h->protocol == WIRE_PROTO_HOP_BY_HOP && !first)
		return WIRE_DROP_EXTENSION;
	if (h->protocol == WIRE_PROTO_ROUTING && e->segments_left)
		return WIRE_DROP_EXTENSION;
	h->protocol = e->next_header;
	h->l4 = (uint16_t)(h->l4 + sizeof(*e) + e->length * 8u);
	return WIRE_DROP_NONE;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == WIRE_PROTO_HOP_BY_HOP || protocol == WIRE_PROTO_ROUTING || protocol == WIRE_PROTO_FRAGMENT ||
	       protocol == WIRE_PROTO_DESTINATION;
}

static enum wire_drop find_v6(struct wire_cursor c, struct dp_headers *ret_headers)
{
	const struct wire_ipv6 *ip = wire_take(&c, sizeof(*ip));
	if (!ip)
		return WIRE_DROP_TRUNCATED;
	struct dp_headers h = {.l4 = sizeof(*ip), .protocol = ip->next_header};
	for (unsigned n = 0; is_extension(h.protocol) && h.offset == 0; n++) {
		enum wire_drop drop = WIRE_DROP_EXTENSION;
		if (n < DP_HEADERS_MAX)
			drop =
			    h.protocol == WIRE_PROTO_FRAGMENT ? take_fragment(&c, &h) : take_extension(&c, &h, n == 0);
		if (drop != WIRE_DROP_NONE)
			return drop;
	}
	*ret_headers = h;
	return WIRE_DROP_NONE;
}

enum wire_drop dp_headers_find(const uint8_t *ip, size_t present, struct dp_headers *ret_headers)
{
	struct wire_cursor c = wire_cursor(ip, present);
	if (present == 0)
		return WIRE_DROP_TRUNCATED;
	if (*ip >> 4 == 4)
		return find_v4(c, ret_headers);
	return *ip >> 4 == 6 ? find_v6(c, ret_headers) : WIRE_DROP_BAD_IP_HEADER;
}
