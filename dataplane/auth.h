/* SPDX-License-Identifier: BSD-2-Clause */
/* The overlay's tag: AES-128-CMAC (RFC 4493), its first 8 bytes. Computed for several packets at a time, because one
 * AES block waits for the one before it: interleaving messages hides that latency.
 *
 * Uses VAES or AES-NI where the CPU has it, else a plain implementation; all give the same tags. */
#pragma once

#include <stdint.h>

#include "lb/aes.h"

#define DP_AUTH_KEY_SIZE    16u
#define DP_AUTH_TAG_SIZE    8u
#define DP_AUTH_MAX_MESSAGE 272u /* UDP and Geneve headers and the longest options, rounded up to a block */

/* A key made ready: round keys and the two subkeys (RFC 4493, 2.3). */
struct dp_auth_key {
	struct lb_aes aes;
	uint8_t k1[16];
	uint8_t k2[16];
} __attribute__((aligned(16)));

struct dp_auth_message {
	const struct dp_auth_key *key;
	const void *data;
	uint16_t length; /* bytes, 0 .. DP_AUTH_MAX_MESSAGE */
};

void dp_auth_expand(struct dp_auth_key *ret_key, const uint8_t secret[DP_AUTH_KEY_SIZE]);

/* The tags of m[0..n), in ret_tag[0..n). */
void dp_auth_tags(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE]);

/* The same without AES-NI: the fallback, and the oracle of the tests. */
void dp_auth_tags_portable(const struct dp_auth_message *m, unsigned n, uint8_t (*ret_tag)[DP_AUTH_TAG_SIZE]);

/* Compares two tags in a time that does not depend on where they differ. Returns 0 if they are equal. */
static inline uint64_t dp_auth_differ(const uint8_t a[DP_AUTH_TAG_SIZE], const uint8_t b[DP_AUTH_TAG_SIZE])
{
	uint64_t x, y;
	__builtin_memcpy(&x, a, sizeof(x));
	__builtin_memcpy(&y, b, sizeof(y));
	return x ^ y;
}
