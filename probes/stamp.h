/* SPDX-License-Identifier: BSD-2-Clause */
/* STAMP test packets in user space: built, read and turned round (RFC 8762, 4.2.1 and 4.3.1). Pure. Times are
 * wall-clock ns; everything is in host order but the packets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/stamp.h"

struct probe_stamp_reply {
	uint32_t sequence; /* the sender's */
	uint32_t reflector_sequence;
	uint16_t session_id;
	uint8_t sender_ttl;
	uint64_t t1, t2, t3;
};

void probe_stamp_build(uint8_t packet[WIRE_STAMP_SIZE], uint32_t sequence, uint16_t session_id, uint64_t t1);

/* False, *ret untouched: too short. */
bool probe_stamp_read_reply(const uint8_t *packet, size_t length, struct probe_stamp_reply *ret);

/* False: too short to be a probe. */
bool probe_stamp_read_session(const uint8_t *packet, size_t length, uint16_t *ret_session_id);

/* Makes the probe of `length` bytes its own answer, of the same length, what follows the base packet unchanged.
 * sequence: the reflector's count; ttl: of the packet that came. False, nothing changed: too short. */
bool probe_stamp_reflect(uint8_t *packet, size_t length, uint32_t sequence, uint8_t ttl, uint64_t t2, uint64_t t3);
