/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define V4_MAPPED_BITS 96u

/* Decimal digits only, no sign, no blank. Stops at the first other character and returns it, or NULL. */
static const char *parse_decimal(const char *text, uint32_t max, uint32_t *ret_value)
{
	uint32_t value = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint32_t)(*p - '0');
		if (value > max)
			return NULL;
	}
	if (p == text)
		return NULL;
	*ret_value = value;
	return p;
}

int ctl_address_parse(const char *text, struct wire_addr *ret_address)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*ret_address = wire_addr_from_v4(bytes);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	struct wire_addr address = wire_addr_from_v6(bytes);
	if (wire_addr_is_v4(&address))
		return -EINVAL;
	*ret_address = address;
	return 0;
}

char *ctl_address_text(const struct wire_addr *address, char *text)
{
	if (wire_addr_is_v4(address))
		inet_ntop(AF_INET, address->bytes + 12, text, CTL_ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, address->bytes, text, CTL_ADDRESS_TEXT);
	return text;
}

static bool bits_behind_are_zero(const struct wire_addr *prefix, uint32_t length)
{
	for (uint32_t bit = length; bit < 128; bit++)
		if (prefix->bytes[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

int ctl_prefix_parse(const char *text, struct wire_addr *ret_prefix, uint32_t *ret_length)
{
	char address[CTL_ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	struct wire_addr prefix;
	if (ctl_address_parse(address, &prefix))
		return -EINVAL;
	uint32_t before = wire_addr_is_v4(&prefix) ? V4_MAPPED_BITS : 0;
	uint32_t length = 128 - before;
	if (slash) {
		const char *end = parse_decimal(slash + 1, length, &length);
		if (!end || *end)
			return -EINVAL;
	}
	if (!bits_behind_are_zero(&prefix, before + length))
		return -EINVAL;
	*ret_prefix = prefix;
	*ret_length = before + length;
	return 0;
}

char *ctl_prefix_text(const struct wire_addr *prefix, uint32_t length, char *text)
{
	char address[CTL_ADDRESS_TEXT];
	ctl_address_text(prefix, address);
	bool v4 = wire_addr_is_v4(prefix) && length >= V4_MAPPED_BITS;
	snprintf(text, CTL_PREFIX_TEXT, "%s/%u", address, v4 ? length - V4_MAPPED_BITS : length);
	return text;
}

int ctl_port_range_parse(const char *text, uint16_t *ret_lo, uint16_t *ret_hi)
{
	uint32_t lo, hi;
	const char *end = parse_decimal(text, UINT16_MAX, &lo);
	if (!end)
		return -EINVAL;
	hi = lo;
	if (*end == '-')
		end = parse_decimal(end + 1, UINT16_MAX, &hi);
	if (!end || *end || lo == 0 || hi < lo)
		return -EINVAL;
	*ret_lo = (uint16_t)lo;
	*ret_hi = (uint16_t)hi;
	return 0;
}

static bool parse_host(const char *text, size_t length, struct wire_addr *ret_address)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	char host[CTL_HOST_SIZE];
	bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
	length -= bracketed ? 2 : 0;
	if (length == 0 || length >= CTL_HOST_SIZE)
		return false;
	memcpy(host, text + bracketed, length);
	host[length] = '\0';
	if (bracketed)
		return strchr(host, ':') && ctl_address_parse(host, ret_address) == 0;
	if (ctl_address_parse(host, ret_address))
		*ret_address = (struct wire_addr){0};
	return strspn(host, letters) == length;
}

int ctl_servers_parse(const char *text, struct wire_addr ret_addresses[CTL_MAX_SERVERS])
{
	struct wire_addr found[CTL_MAX_SERVERS];
	int n = 0;
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		const char *colon = memrchr(at, ':', length);
		uint32_t port;
		if (n == (int)CTL_MAX_SERVERS || !colon || !parse_host(at, (size_t)(colon - at), &found[n]))
			return -EINVAL;
		const char *end = parse_decimal(colon + 1, UINT16_MAX, &port);
		if (end != at + length || port == 0)
			return -EINVAL;
		n++;
		at += length;
		if (!*at)
			break;
	}
	memcpy(ret_addresses, found, (size_t)n * sizeof(found[0]));
	return n;
}

char *ctl_server_host(const char *text, unsigned i, char host[CTL_HOST_SIZE])
{
	for (; i > 0; i--)
		text = strchr(text, ',') + 1;
	const char *colon = memrchr(text, ':', strcspn(text, ","));
	size_t brackets = text[0] == '[';
	snprintf(host, CTL_HOST_SIZE, "%.*s", (int)(colon - text - 2 * (ptrdiff_t)brackets), text + brackets);
	return host;
}
