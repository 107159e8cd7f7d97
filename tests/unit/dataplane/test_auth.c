/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/auth.h"

/* RFC 4493, section 4: one key, one message, four prefixes of it. */
static const uint8_t rfc_key[16] = {
    0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
static const uint8_t rfc_message[64] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73,
    0x93, 0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51,
    0x30, 0xc8, 0x1c, 0x46, 0xa3, 0x5c, 0xe4, 0x11, 0xe5, 0xfb, 0xc1, 0x19, 0x1a, 0x0a, 0x52, 0xef, 0xf6, 0x9f, 0x24,
    0x45, 0xdf, 0x4f, 0x9b, 0x17, 0xad, 0x2b, 0x41, 0x7b, 0xe6, 0x6c, 0x37, 0x10};
static const struct {
	uint16_t length;
	uint8_t tag[8];
} rfc_tags[] = {
    {0, {0xbb, 0x1d, 0x69, 0x29, 0xe9, 0x59, 0x37, 0x28}},
    {16, {0x07, 0x0a, 0x16, 0xb4, 0x6b, 0x4d, 0x41, 0x44}},
    {40, {0xdf, 0xa6, 0x67, 0x47, 0xde, 0x9a, 0xe6, 0x30}},
    {64, {0x51, 0xf0, 0xbe, 0xbf, 0x7e, 0x3b, 0x9d, 0x92}},
};

typedef void tags_function(const struct dp_auth_message *, unsigned, uint8_t (*)[8]);

static void expect_rfc_tags(tags_function *tags)
{
	struct dp_auth_key key;
	struct dp_auth_message m[4];
	uint8_t tag[4][8];
	dp_auth_expand(&key, rfc_key);
	for (unsigned i = 0; i < 4; i++)
		m[i] = (struct dp_auth_message){.key = &key, .data = rfc_message, .length = rfc_tags[i].length};
	tags(m, 4, tag);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_arr_eq(tag[i], rfc_tags[i].tag, 8, "message of %u bytes", rfc_tags[i].length);
}

Test(auth, gives_the_tags_of_rfc_4493)
{
	expect_rfc_tags(dp_auth_tags);
}

Test(auth, gives_the_tags_of_rfc_4493_without_aes_ni)
{
	expect_rfc_tags(dp_auth_tags_portable);
}

Test(auth, expands_the_subkeys_of_rfc_4493)
{
	static const uint8_t k1[16] = {
	    0xfb, 0xee, 0xd6, 0x18, 0x35, 0x71, 0x33, 0x66, 0x7c, 0x85, 0xe0, 0x8f, 0x72, 0x36, 0xa8, 0xde};
	struct dp_auth_key key;
	dp_auth_expand(&key, rfc_key);
	cr_assert_arr_eq(key.k1, k1, 16);
}

/* Any number of messages, of any lengths, each under its own key: as if each were computed alone. */
Test(auth, interleaved_tags_equal_the_portable_ones)
{
	enum { MOST = 11 };
	uint8_t data[MOST][DP_AUTH_MAX_MESSAGE];
	struct dp_auth_key key[MOST];
	struct dp_auth_message m[MOST];
	srand(4493);
	for (unsigned round = 0; round < 400; round++) {
		unsigned n = 1 + (unsigned)rand() % MOST;
		for (unsigned i = 0; i < n; i++) {
			uint8_t secret[16];
			for (unsigned k = 0; k < 16; k++)
				secret[k] = (uint8_t)rand();
			for (unsigned k = 0; k < sizeof(data[i]); k++)
				data[i][k] = (uint8_t)rand();
			dp_auth_expand(&key[i], secret);
			m[i] = (struct dp_auth_message){.key = &key[i],
			    .data = data[i],
			    .length = (uint16_t)((unsigned)rand() % (DP_AUTH_MAX_MESSAGE + 1))};
		}
		uint8_t got[MOST][8], expected[MOST][8];
		dp_auth_tags(m, n, got);
		dp_auth_tags_portable(m, n, expected);
		for (unsigned i = 0; i < n; i++)
			cr_assert_arr_eq(got[i], expected[i], 8, "round %u, message %u", round, i);
	}
}

Test(auth, every_flipped_bit_changes_the_tag)
{
	struct dp_auth_key key;
	uint8_t data[72] = {1, 2, 3}, before[1][8], after[1][8];
	struct dp_auth_message m = {.key = &key, .data = data, .length = sizeof(data)};
	dp_auth_expand(&key, rfc_key);
	dp_auth_tags(&m, 1, before);
	for (unsigned bit = 0; bit < sizeof(data) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		dp_auth_tags(&m, 1, after);
		cr_assert_neq(dp_auth_differ(before[0], after[0]), 0u, "bit %u", bit);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* As the packets of a burst to one neighbour are, but for a stranger among them, at every place. */
Test(auth, tags_of_messages_that_are_alike_equal_the_portable_ones)
{
	enum { MOST = 40 };
	static uint8_t data[MOST][DP_AUTH_MAX_MESSAGE];
	struct dp_auth_key key[2];
	struct dp_auth_message m[MOST];
	uint8_t tag[MOST][8], expected[MOST][8];
	for (unsigned i = 0; i < MOST; i++)
		for (unsigned k = 0; k < sizeof(data[i]); k++)
			data[i][k] = (uint8_t)((i * 1000 + k) * 2654435761u >> 24);
	dp_auth_expand(&key[0], rfc_key);
	dp_auth_expand(&key[1], rfc_message);
	for (unsigned stranger = 0; stranger <= MOST; stranger++) {
		for (uint16_t length = 0; length <= DP_AUTH_MAX_MESSAGE; length = (uint16_t)(length + 4)) {
			for (unsigned i = 0; i < MOST; i++)
				m[i] = (struct dp_auth_message){
				    .key = &key[i == stranger], .data = data[i], .length = length};
			dp_auth_tags(m, MOST, tag);
			dp_auth_tags_portable(m, MOST, expected);
			cr_assert_arr_eq(tag, expected, sizeof(tag), "%u bytes, stranger %u", length, stranger);
		}
	}
}
