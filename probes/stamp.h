/* SPDX-License-Identifier: BSD-2-Clause */
/* STAMP test packets in user space: built, read and turned round (RFC 8762, 4.2 and 4.3). Pure. Times are wall-clock ns;
 * everything is in host order but the packets.
 *
 * With keys a packet is one of authenticated mode, without (NULL) of unauthenticated mode: the two are never mixed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/hmac.h"
#include "probes/tlv.h"
#include "wire/stamp.h"

/* What we send in authenticated mode asks when the answer before really left, and seals that question. */
#define PROBE_STAMP_AUTH_BYTES                                                                                         \
	(WIRE_STAMP_AUTH_SIZE + 2 * WIRE_STAMP_TLV_HEADER + sizeof(struct wire_stamp_follow_up) +                      \
	    WIRE_STAMP_TLV_HMAC_SIZE)
#define PROBE_STAMP_MAX_BYTES PROBE_STAMP_AUTH_BYTES

enum probe_stamp_flaw {
	PROBE_STAMP_GOOD,
	PROBE_STAMP_SHORT,
	PROBE_STAMP_FORGED, /* the HMAC is nobody's who has a key */
};

struct probe_stamp_probe {
	uint32_t sequence;
	uint16_t session_id;
	uint16_t error_estimate; /* of T1 */
	uint64_t t1;
};

/* Returns the number of bytes, at most PROBE_STAMP_MAX_BYTES; 0: OpenSSL refuses to sign. */
size_t probe_stamp_build(
    uint8_t packet[PROBE_STAMP_MAX_BYTES], const struct probe_stamp_probe *probe, const struct probe_keys *keys);

/* One of `length` bytes: filled up by extra padding (RFC 8972, 4.1), which the HMAC of the extensions covers. Returns
 * length, or 0: OpenSSL refuses, or it is too short for that. */
size_t probe_stamp_build_sized(
    uint8_t *packet, size_t length, const struct probe_stamp_probe *probe, const struct probe_keys *keys);

/* As it came. A TWAMP sender's has bytes of its padding for a session id. *ret is untouched unless it is good. */
enum probe_stamp_flaw probe_stamp_read_probe(
    const uint8_t *packet, size_t length, const struct probe_keys *keys, struct probe_stamp_probe *ret);

struct probe_stamp_reply {
	uint32_t sequence; /* the sender's */
	uint32_t reflector_sequence;
	uint16_t session_id;
	uint16_t error_estimate; /* of T2 and T3 */
	uint8_t sender_ttl;
	uint64_t t1, t2, t3;
	bool followed; /* when the reply `followed_sequence` of this session really left is known: */
	uint32_t followed_sequence;
	uint64_t followed_t3;
};

/* T2 and T3 may be NTP's or PTP's, T1 is ours. A TWAMP reflector's packet ends before the reserved bytes. *ret as above. */
enum probe_stamp_flaw probe_stamp_read_reply(
    const uint8_t *packet, size_t length, const struct probe_keys *keys, struct probe_stamp_reply *ret);

/* What the reflector writes. */
struct probe_stamp_answer {
	uint32_t sequence; /* its count, or the sender's: RFC 8762, 4.3 */
	uint16_t error_estimate;
	uint8_t ttl; /* the probe came with */
	uint64_t t2, t3;
	struct probe_tlv_facts facts;
};

/* Makes the good probe of `length` bytes its own answer, of the same length. *ret_tos: what the answer is to leave with.
 * Returns PROBE_STAMP_GOOD; else nothing may be sent, but where *ret_answerable is set: the base packet is good and its
 * extensions are not, which the answer says. */
enum probe_stamp_flaw probe_stamp_reflect(uint8_t *packet, size_t length, const struct probe_keys *keys,
    const struct probe_stamp_answer *answer, uint8_t *ret_tos, bool *ret_answerable);
