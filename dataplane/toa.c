/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/toa.h"

#include <stddef.h>
#include <string.h>

#include "dataplane/rewrite.h"
#include "dataplane/tcp_option.h"
#include "wire/bytes.h"

unsigned dp_toa_blank(struct wire_tcp *tcp, uint16_t length)
{
	unsigned n = 0;
	for (uint8_t *option; (option = dp_tcp_option(tcp, length, WIRE_TCP_OPT_TOA)); n++) {
		struct dp_tcp_before before = dp_tcp_before(tcp);
		memset(option, WIRE_TCP_OPT_NOP, option[1]);
		dp_tcp_changed(tcp, &before);
	}
	return n;
}

bool dp_toa_fits(const struct wire_tcp *tcp, const struct wire_addr *client)
{
	return dp_tcp_header_size(tcp) + dp_toa_size(client) <= (int)WIRE_TCP_HEADER_MAX;
}

static void put_option(uint8_t *at, const struct wire_addr *client, uint16_t port)
{
	uint16_t size = dp_toa_size(client);
	struct wire_toa_v6 option = {.kind = WIRE_TCP_OPT_TOA, .length = (uint8_t)size};
	wire_put_be16(&option.port, port);
	size_t address = size - offsetof(struct wire_toa_v6, address);
	memcpy(option.address, client->bytes + sizeof(client->bytes) - address, address);
	memcpy(at, &option, size);
}

void dp_toa_insert(uint8_t *ip, uint8_t *l4, uint16_t length, const struct wire_addr *client, uint16_t port)
{
	uint16_t size = dp_toa_size(client);
	static const uint8_t nothing[sizeof(struct wire_toa_v6)];
	memmove(ip - size, ip, (size_t)(l4 - ip) + sizeof(struct wire_tcp));
	struct wire_tcp *tcp = (struct wire_tcp *)(l4 - size);
	uint8_t *option = (uint8_t *)(tcp + 1);
	put_option(option, client, port);
	dp_rewrite_length(ip - size, (uint16_t)(length + size));
	/* The sum: the offset's word, the option's, and the length in the pseudo header, which grew by `size`. */
	uint8_t was[4] = {tcp->offset, 0, 0, 0}, is[4] = {0, 0, 0, (uint8_t)size};
	tcp->offset = (uint8_t)(tcp->offset + (size / 4 << 4));
	is[0] = tcp->offset;
	tcp->checksum = wire_csum_replace(tcp->checksum, was, is, sizeof(was));
	tcp->checksum = wire_csum_replace(tcp->checksum, nothing, option, size);
}

bool dp_toa_is_read(const struct wire_tcp *tcp, uint16_t payload, uint32_t isn)
{
	if (tcp->flags & (WIRE_TCP_SYN | WIRE_TCP_RST))
		return false;
	bool acknowledges = tcp->flags & WIRE_TCP_ACK && wire_be32(&tcp->ack) != isn + 1;
	return acknowledges || payload || tcp->flags & WIRE_TCP_FIN;
}
