/* SPDX-License-Identifier: BSD-2-Clause */
/* A PROXY protocol v2 header (wire/client_ip.h) in front of the client's stream. Pure.
 *
 *   client's view     ISN | first .. end of stream
 *   endpoint's view   ISN | header, `size` bytes | first + size .. end of stream
 *
 * The header is a segment of its own, made of a segment of the client and sent in front of it: no segment grows, so no MTU
 * and no MSS matters. It is made anew from every segment that begins at or before the client's first byte, until the
 * endpoint has acknowledged it. So the ACK that completes the handshake becomes the header, and a server that is to speak
 * first has it; and if it is lost, whoever waits for the other repeats something that makes it again: the client its first
 * data, or the endpoint its SYN-ACK, which the client acknowledges. (Only an endpoint that begins with a window of zero and
 * waits for the header while the client waits for it, has it no sooner than with the client's keepalive.)
 *
 * Invariants:
 * - All numbers of the client's segments move up by `size`, all acknowledgements of the endpoint's down, both modulo 2^32,
 *   for the life of the connection. No clock, no other memory than this, whatever is lost or comes twice.
 * - The client never sees an acknowledgement of what it did not send: while the endpoint has not acknowledged the whole
 *   header, all of it counts as nothing.
 * - Every byte of a header segment comes from the client's key, so that all of them are alike.
 * - A segment whose checksum was right stays right, one whose checksum was wrong stays wrong. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/rewrite.h"
#include "lb/hash.h"
#include "wire/client_ip.h"
#include "wire/packet.h"

struct dp_proxy {
	uint32_t first; /* number of the client's first byte: ISN + 1 */
	uint16_t size;  /* of the header */
	bool sent;      /* the endpoint may have it, so that its acknowledgements may be about it */
	bool told;      /* the endpoint has acknowledged it */
};

static inline uint16_t dp_proxy_size(const struct wire_addr *client)
{
	return wire_addr_is_v4(client) ? sizeof(struct wire_proxy_v4) : sizeof(struct wire_proxy_v6);
}

#define DP_PROXY_SEGMENT_MAX (sizeof(struct wire_ipv6) + WIRE_TCP_HEADER_MAX + sizeof(struct wire_proxy_v6))

/* What is to be sent for a segment of the client. */
struct dp_proxy_step {
	bool header;  /* a segment with the header, first */
	bool segment; /* the segment itself */
};

/* For the client's segment at `tcp`, `payload` bytes behind its header; no SYN. Sets proxy->sent. Its number moves up, but
 * that of a RST which the endpoint will take only at the number that it expects: while it has no header, that is the
 * client's own. */
struct dp_proxy_step dp_proxy_forward(struct dp_proxy *proxy, struct wire_tcp *tcp, uint16_t payload);

/* Cuts the data off a SYN (RFC 7413), for the header goes before it; the endpoint does not acknowledge it, and the client
 * sends it again. The packet at `ip` is no fragment and `length` bytes long. Returns its new length. */
uint16_t dp_proxy_cut(uint8_t *ip, uint8_t *l4, uint16_t length);

/* The packet of the endpoint's version with the header, made of the client's segment at `tcp`, in a packet of any version at
 * `ip`: its acknowledgement, window and options, among them the timestamp that keeps it from looking old (RFC 7323, 5).
 * `to`: the ends that the endpoint knows. Writes at most DP_PROXY_SEGMENT_MAX bytes; returns how many. */
uint16_t dp_proxy_segment(uint8_t *at, const struct dp_proxy *proxy, const struct lb_flow_key *key,
    const struct dp_ends *to, const uint8_t *ip, const struct wire_tcp *tcp);

/* The endpoint's segment at `tcp`, of which `length` bytes are present with its header whole: acknowledgement and SACK move
 * down. Blocks of SACK that lie in the header vanish. Sets proxy->told. */
void dp_proxy_back(struct dp_proxy *proxy, struct wire_tcp *tcp, uint16_t length);

/* A segment of the client as an ICMP error quotes it, `length` bytes of it, 8 at least, as the endpoint's side knew it: its
 * number moves down, or its sender would not take the error for its own (RFC 5927, 4.1). */
void dp_proxy_quoted(const struct dp_proxy *proxy, struct wire_tcp *quoted, uint16_t length);
