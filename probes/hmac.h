/* SPDX-License-Identifier: BSD-2-Clause */
/* HMAC-SHA-256 (RFC 2104, RFC 4868), cut to 16 bytes, as STAMP uses it (RFC 8762, 4.4; RFC 8972, 4.8). Pure.
 *
 * STAMP packets name no key. While keys are being exchanged two are valid: the first one signs, and what either of them
 * signed is accepted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/stamp.h"

#define PROBE_KEY_SIZE 32u
#define PROBE_MAX_KEYS 2u
#define PROBE_HMAC_MAX 9216u /* bytes that are signed at most: a datagram of probes/socket.h */

struct probe_keys {
	unsigned n; /* 0: nothing can be signed or verified */
	uint8_t key[PROBE_MAX_KEYS][PROBE_KEY_SIZE];
};

/* Of head followed by rest, to ret_tag. False, and the tag is zero: too long, or OpenSSL refuses. */
bool probe_hmac(const uint8_t key[PROBE_KEY_SIZE], const void *head, size_t head_size, const void *rest,
    size_t rest_size, uint8_t ret_tag[WIRE_STAMP_HMAC_SIZE]);

/* Index of the key that made the tag, in a time that does not depend on the tag; -1: none. */
int probe_hmac_key(const struct probe_keys *keys, const void *head, size_t head_size, const void *rest,
    size_t rest_size, const uint8_t tag[WIRE_STAMP_HMAC_SIZE]);
