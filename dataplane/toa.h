/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP option address: the client's address and port in an option of its segments (wire/client_ip.h). Pure.
 *
 * The module at the endpoint reads the option once, from the segment that makes the socket. That is the first that completes
 * the handshake there, which need not be the first that we see: so every segment of the client carries it until the endpoint
 * has shown that it has a socket. A SYN does without, for nobody reads it there and its room for options is scarce; but a
 * SYN with data may make a socket at once (RFC 7413) and has it.
 *
 * Invariants:
 * - The option is the first in the header, and the endpoint finds no other of that kind: what the client wrote itself is
 *   blanked, or it could call itself what it likes.
 * - The header is at most WIRE_TCP_HEADER_MAX bytes long; without room there the segment goes without the option.
 * - A packet whose checksums were right stays right, one whose checksums were wrong stays wrong. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/client_ip.h"
#include "wire/packet.h"

/* Bytes of the option; a multiple of 4. */
static inline uint16_t dp_toa_size(const struct wire_addr *client)
{
	return wire_addr_is_v4(client) ? sizeof(struct wire_toa_v4) : sizeof(struct wire_toa_v6);
}

/* Options of this kind become NOPs. `length` bytes of TCP are present. Returns how many there were. */
unsigned dp_toa_blank(struct wire_tcp *tcp, uint16_t length);

/* Whether the header has room for the option. */
bool dp_toa_fits(const struct wire_tcp *tcp, const struct wire_addr *client);

/* Puts the option into the packet of either version at `ip`, no fragment and `length` bytes long, whose TCP header is at `l4`
 * and has room for it: everything before the options moves dp_toa_size(client) bytes to the front, where the caller has
 * room. `port` in host order. */
void dp_toa_insert(uint8_t *ip, uint8_t *l4, uint16_t length, const struct wire_addr *client, uint16_t port);

/* Whether this segment of the endpoint shows that it has a socket, with `payload` bytes behind the header: it acknowledges
 * more than the SYN, whose number was `isn`, or has something to say. An endpoint may acknowledge a SYN, and for a second
 * time, without. */
bool dp_toa_is_read(const struct wire_tcp *tcp, uint16_t payload, uint32_t isn);
