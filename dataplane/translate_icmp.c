/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/translate.h"

#define HEADERS_DIFFER 20u
#define NOWHERE        0xffu

/* What a router that says no MTU probably has: RFC 1191, 7.1. */
static uint16_t plateau_below(uint16_t length)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
	for (unsigned i = 0; i < sizeof(plateau) / sizeof(plateau[0]); i++)
		if (plateau[i] < length)
			return plateau[i];
	return 68;
}

static uint32_t mtu_to_v6(const struct wire_icmp *icmp, uint16_t quoted)
{
	uint16_t mtu = wire_be16(&icmp->rest_lo);
	uint32_t wider = (mtu ? mtu : plateau_below(quoted)) + HEADERS_DIFFER;
	return wider > WIRE_IPV6_MIN_MTU ? wider : WIRE_IPV6_MIN_MTU;
}

/* Where a byte of the IPv4 header is in IPv6's: RFC 7915, figure 3. */
static uint8_t pointer_to_v6(uint8_t pointer)
{
	static const uint8_t table[20] = {
	    0, 1, 4, 4, NOWHERE, NOWHERE, NOWHERE, NOWHERE, 7, 6, NOWHERE, NOWHERE, 8, 8, 8, 8, 24, 24, 24, 24};
	return pointer < sizeof(table) ? table[pointer] : NOWHERE;
}

/* Figure 6. */
static uint8_t pointer_to_v4(uint32_t pointer)
{
	static const uint8_t table[8] = {0, 1, NOWHERE, NOWHERE, 2, 2, 9, 8};
	if (pointer < sizeof(table))
		return table[pointer];
	if (pointer < 24)
		return 12;
	return pointer < 40 ? 16 : NOWHERE;
}

static bool unreachable_to_v6(const struct wire_icmp *icmp, uint16_t quoted, struct wire_icmp *r)
{
	enum { NO_ROUTE = 0, PROHIBITED = 1, NO_PORT = 4, UNKNOWN_HEADER = 1, NEXT_HEADER_AT = 6 };
	static const uint8_t code[16] = {NO_ROUTE, NO_ROUTE, NOWHERE, NO_PORT, NOWHERE, NO_ROUTE, NO_ROUTE, NO_ROUTE,
	    NO_ROUTE, PROHIBITED, PROHIBITED, NO_ROUTE, NO_ROUTE, PROHIBITED, NOWHERE, PROHIBITED};
	if (icmp->code == WIRE_ICMP_FRAG_NEEDED) {
		*r = (struct wire_icmp){.type = WIRE_ICMPV6_TOO_BIG};
		wire_put_be32(&r->rest_hi, mtu_to_v6(icmp, quoted));
		return true;
	}
	if (icmp->code == 2) { /* the protocol is unknown there */
		*r = (struct wire_icmp){.type = WIRE_ICMPV6_PARAMETER, .code = UNKNOWN_HEADER};
		wire_put_be32(&r->rest_hi, NEXT_HEADER_AT);
		return true;
	}
	if (icmp->code >= sizeof(code) || code[icmp->code] == NOWHERE)
		return false;
	*r = (struct wire_icmp){.type = WIRE_ICMPV6_UNREACHABLE, .code = code[icmp->code]};
	return true;
}

bool dp_translate_icmp_to_v6(const struct wire_icmp *icmp, uint16_t quoted, struct wire_icmp *ret_icmp)
{
	uint8_t pointer = pointer_to_v6(*(const uint8_t *)&icmp->rest_hi);
	struct wire_icmp r;
	switch (icmp->type) {
	case WIRE_ICMP_UNREACHABLE:
		if (!unreachable_to_v6(icmp, quoted, &r))
			return false;
		break;
	case WIRE_ICMP_TIME_EXCEEDED:
		r = (struct wire_icmp){.type = WIRE_ICMPV6_TIME_EXCEEDED, .code = icmp->code};
		break;
	case WIRE_ICMP_PARAMETER: /* code 0: the pointer tells; 2: bad length, and it does, too */
		if ((icmp->code != 0 && icmp->code != 2) || pointer == NOWHERE)
			return false;
		r = (struct wire_icmp){.type = WIRE_ICMPV6_PARAMETER};
		wire_put_be32(&r.rest_hi, pointer);
		break;
	default:
		return false;
	}
	*ret_icmp = r;
	return true;
}

bool dp_translate_icmp_to_v4(const struct wire_icmp *icmp, struct wire_icmp *ret_icmp)
{
	enum { HOST = 1, PROTOCOL = 2, PORT = 3, PROHIBITED = 10 };
	static const uint8_t unreachable[5] = {HOST, PROHIBITED, HOST, HOST, PORT};
	uint32_t rest = wire_be32(&icmp->rest_hi), mtu = rest > WIRE_IPV6_MIN_MTU ? rest : WIRE_IPV6_MIN_MTU;
	struct wire_icmp r = {.type = WIRE_ICMP_UNREACHABLE};
	switch (icmp->type) {
	case WIRE_ICMPV6_UNREACHABLE:
		if (icmp->code >= sizeof(unreachable))
			return false;
		r.code = unreachable[icmp->code];
		break;
	case WIRE_ICMPV6_TOO_BIG:
		r.code = WIRE_ICMP_FRAG_NEEDED;
		mtu -= HEADERS_DIFFER;
		wire_put_be16(&r.rest_lo, (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX));
		break;
	case WIRE_ICMPV6_TIME_EXCEEDED:
		r = (struct wire_icmp){.type = WIRE_ICMP_TIME_EXCEEDED, .code = icmp->code};
		break;
	case WIRE_ICMPV6_PARAMETER:
		if (icmp->code == 1) {
			r.code = PROTOCOL;
			break;
		}
		if (icmp->code != 0 || pointer_to_v4(rest) == NOWHERE)
			return false;
		r = (struct wire_icmp){.type = WIRE_ICMP_PARAMETER};
		*(uint8_t *)&r.rest_hi = pointer_to_v4(rest);
		break;
	default:
		return false;
	}
	*ret_icmp = r;
	return true;
}
