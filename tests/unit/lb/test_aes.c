/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lb/aes.h"

/* FIPS 197, appendix B. */
static const uint8_t key[16] = {
    0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
static const uint8_t clear[16] = {
    0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34};
static const uint8_t sealed[16] = {
    0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};

typedef void block_function(const struct lb_aes *, uint8_t *);

static void expect(block_function *f, const uint8_t in[16], const uint8_t out[16])
{
	struct lb_aes aes;
	uint8_t block[16];
	lb_aes_expand(&aes, key);
	memcpy(block, in, 16);
	f(&aes, block);
	cr_assert_arr_eq(block, out, 16);
}

Test(aes, encrypts_the_block_of_fips_197)
{
	expect(lb_aes_encrypt, clear, sealed);
	expect(lb_aes_encrypt_portable, clear, sealed);
}

Test(aes, decrypts_the_block_of_fips_197)
{
	expect(lb_aes_decrypt, sealed, clear);
	expect(lb_aes_decrypt_portable, sealed, clear);
}

Test(aes, gives_back_any_block_under_any_key_either_way)
{
	srand(1);
	for (unsigned n = 0; n < 2000; n++) {
		struct lb_aes aes;
		uint8_t random[32], a[16], b[16];
		for (unsigned i = 0; i < sizeof(random); i++)
			random[i] = (uint8_t)rand();
		lb_aes_expand(&aes, random);
		memcpy(a, random + 16, 16);
		memcpy(b, random + 16, 16);
		lb_aes_encrypt(&aes, a);
		lb_aes_encrypt_portable(&aes, b);
		cr_assert_arr_eq(a, b, 16);
		lb_aes_decrypt(&aes, a);
		lb_aes_decrypt_portable(&aes, b);
		cr_assert_arr_eq(a, random + 16, 16);
		cr_assert_arr_eq(b, random + 16, 16);
	}
}
