/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of directed POP pairs, derived from the cluster's secret alike at every POP: HKDF-SHA256 (RFC 5869), no salt,
 * info "kuafu overlay" or "kuafu stamp" | from id | to id | key id (16, 16 and 8 bits, big-endian).
 *
 * While secrets are exchanged there are two: packets are signed by the first, and what either signed is good. A secret
 * has its key id from itself, so that it keeps it when it becomes the first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CTL_SECRET_MIN 32u /* bytes */
#define CTL_SECRET_MAX 4096u
#define CTL_KEY_SIZE   16u /* AES-128-CMAC */

#define CTL_STAMP_KEY_SIZE 32u /* HMAC-SHA-256 */
#define CTL_MAX_SECRETS    2u

struct ctl_secret {
	size_t size;
	uint8_t key_id; /* 1 .. 255 */
	uint8_t bytes[CTL_SECRET_MAX];
};

/* The secret file's bytes as they are, and their key id. Returns 0, -errno of reading it, -EINVAL (shorter than
 * CTL_SECRET_MIN), -EFBIG, -EPERM (others may read it), or -EIO when OpenSSL refuses; then *ret is untouched. */
int ctl_secret_read(const char *path, struct ctl_secret *ret);

/* Of the overlay, and of STAMP. Return 0, or -EIO when OpenSSL refuses; then ret_key is untouched. */
int ctl_key_derive(const struct ctl_secret *secret, uint16_t from, uint16_t to, uint8_t ret_key[CTL_KEY_SIZE]);
int ctl_stamp_key_derive(
    const struct ctl_secret *secret, uint16_t from, uint16_t to, uint8_t ret_key[CTL_STAMP_KEY_SIZE]);
