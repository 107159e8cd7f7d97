/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/tcp_option.h"

#include <stddef.h>

uint8_t *dp_tcp_option(struct wire_tcp *tcp, uint16_t length, uint8_t kind)
{
	uint16_t header = length < sizeof(*tcp) ? 0 : dp_tcp_header_size(tcp);
	if (header < sizeof(*tcp) || header > length)
		return NULL;
	uint8_t *at = (uint8_t *)(tcp + 1), *end = (uint8_t *)tcp + header;
	while (at < end && *at != WIRE_TCP_OPT_END) {
		if (*at == WIRE_TCP_OPT_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return NULL;
		if (at[0] == kind)
			return at;
		at += at[1];
	}
	return NULL;
}
