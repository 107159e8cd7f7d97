/* SPDX-License-Identifier: BSD-2-Clause */
/* From IPv4 to IPv6 and back (RFC 7915): TCP and UDP, their fragments, and ICMP errors about them. Pure, in place: what
 * is behind the headers does not move, new headers are written in front of it.
 *
 * Invariant: a packet whose checksums were right stays right. A UDP datagram gets a checksum on its way to IPv6, where
 * none may be without (RFC 8200, 8.1); one that comes from there without is refused. */
#pragma once

#include "dataplane/rewrite.h"
#include "wire/drop.h"

/* Bytes in front of the packet that may be written: the headers of an ICMP error and of what it quotes grow by 20 each,
 * and one may get a fragment header. */
#define DP_TRANSLATE_ROOM 56u

struct dp_translated {
	uint8_t *ip;
	uint8_t *l4;
	uint16_t length; /* of the packet; an ICMP error's end may be cut */
};

/* Makes the packet at `ip`, whole and of `length` bytes, one of the version of `to`, with its ends; an ICMP error gets its
 * addresses, and its quote the ends exchanged. Options and extension headers go, but fragments stay what they are. `id`
 * is the identification of an IPv4 packet that may be fragmented further. Returns WIRE_DROP_NONE, or FRAGMENT (the first
 * of a datagram without checksum), BAD_L4_HEADER, UNSUPPORTED (an error that the other version cannot say), with
 * *ret_translated untouched and the packet to be dropped. */
enum wire_drop dp_translate(
    uint8_t *ip, uint16_t length, const struct dp_ends *to, uint16_t id, struct dp_translated *ret_translated);

/* Type and code of an ICMP error in the other version, MTU and pointer with them: RFC 7915, 4.2 and 5.2. The checksum is
 * left zero. `quoted` is the length of the packet it is about. False: it cannot be said there. */
bool dp_translate_icmp_to_v6(const struct wire_icmp *icmp, uint16_t quoted, struct wire_icmp *ret_icmp);
bool dp_translate_icmp_to_v4(const struct wire_icmp *icmp, struct wire_icmp *ret_icmp);
