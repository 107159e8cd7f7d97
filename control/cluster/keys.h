/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of directed POP pairs, derived from the cluster's secret alike at every POP:
 * HKDF-SHA256 (RFC 5869), no salt, info "kuafu overlay" | from id | to id | key id (16, 16 and 8 bits, big-endian). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CTL_SECRET_MIN 32u /* bytes */
#define CTL_SECRET_MAX 4096u
#define CTL_KEY_SIZE   16u /* AES-128-CMAC */

/* The secret file's bytes as they are, to ret_secret[CTL_SECRET_MAX]. Returns 0, -errno of reading it, -EINVAL (shorter
 * than CTL_SECRET_MIN), -EFBIG, or -EPERM (others may read it). */
int ctl_secret_read(const char *path, uint8_t *ret_secret, size_t *ret_size);

/* Returns 0, or -EIO when OpenSSL refuses. */
int ctl_key_derive(
    const uint8_t *secret, size_t size, uint16_t from, uint16_t to, uint8_t key_id, uint8_t ret_key[CTL_KEY_SIZE]);
