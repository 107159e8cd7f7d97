/* SPDX-License-Identifier: BSD-2-Clause */
/* The reflector's answer to the extensions of a probe (RFC 8972, section 4), in place. Pure.
 *
 * Invariant: no extension changes its length, and none its type but location's questions, which become answers. A rest
 * of zeroes alone is no extension but padding, as TWAMP's senders make it, and goes back as it came. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/hmac.h"
#include "wire/address.h"
#include "wire/stamp_tlv.h"

/* What the reflector knows of a probe and of itself. Times: wall-clock ns. */
struct probe_tlv_facts {
	struct wire_addr source, destination; /* of the probe */
	uint16_t source_port, destination_port;
	uint8_t tos;             /* it came with: DSCP and ECN */
	uint8_t sync;            /* enum wire_stamp_sync of our clock */
	bool counted;            /* it is of a session that is counted; else the following are unknown */
	uint32_t received, sent; /* packets of the session, this probe and its answer included */
	bool departed;           /* it is known when the answer before this one left: */
	uint32_t departed_sequence;
	uint64_t departed_ns;
};

/* Whether the extensions are what their sender wrote. */
struct probe_tlv_proof {
	const struct probe_keys *keys; /* NULL: there are none, no HMAC can be right */
	bool required;                 /* authenticated mode: all but padding must be covered by an HMAC */
	uint8_t asked[4], answer[4]; /* sequence numbers of probe and answer, as in the packets: the HMACs cover them */
};

/* Answers the extensions in tlvs[0..length). ret_tos, the type of service that the answer is to leave with, stays as it
 * is unless an extension asks for another. Returns whether their HMAC, if they need one, was right. */
bool probe_tlv_answer(uint8_t *tlvs, size_t length, const struct probe_tlv_facts *facts,
    const struct probe_tlv_proof *proof, uint8_t *ret_tos);

/* The value of the first extension of this type and length in an answer, or NULL: there is none, it is flagged, or it is
 * not covered by a right HMAC under keys (NULL: none is asked for). sequence: of the answer, as in the packet. */
const uint8_t *probe_tlv_find(const uint8_t *tlvs, size_t length, uint8_t type, size_t size,
    const struct probe_keys *keys, const uint8_t sequence[4]);

/* Writes the HMAC behind length bytes of extensions, WIRE_STAMP_TLV_HEADER + WIRE_STAMP_TLV_HMAC_SIZE bytes, as a
 * sender does. False: OpenSSL refuses. */
bool probe_tlv_sign(uint8_t *tlvs, size_t length, const uint8_t key[PROBE_KEY_SIZE], const uint8_t sequence[4]);
