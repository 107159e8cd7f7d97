/* SPDX-License-Identifier: BSD-2-Clause */
/* AES-128, one block at a time (FIPS 197). For what is done once a flow or once a key; what is done once a packet
 * interleaves several blocks (dataplane/auth.c).
 *
 * Uses AES-NI where the CPU has it, else a plain implementation; both give the same blocks. */
#pragma once

#include <stdint.h>

#define LB_AES_BLOCK 16u

/* Round keys (FIPS 197, 5.2). */
struct lb_aes {
	uint8_t round[11][LB_AES_BLOCK];
} __attribute__((aligned(16)));

void lb_aes_expand(struct lb_aes *ret_aes, const uint8_t key[LB_AES_BLOCK]);

/* In place. */
void lb_aes_encrypt(const struct lb_aes *aes, uint8_t block[LB_AES_BLOCK]);
void lb_aes_decrypt(const struct lb_aes *aes, uint8_t block[LB_AES_BLOCK]);

/* The same without AES-NI: the fallback, and the oracle of the tests. */
void lb_aes_encrypt_portable(const struct lb_aes *aes, uint8_t block[LB_AES_BLOCK]);
void lb_aes_decrypt_portable(const struct lb_aes *aes, uint8_t block[LB_AES_BLOCK]);
