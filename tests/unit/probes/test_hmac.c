/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/hmac.h"

#include <criterion/criterion.h>
#include <string.h>

/* RFC 4231, 4.2, whose key of 20 bytes is one of 32 with zeroes behind it: HMAC pads keys so. */
static const uint8_t key_1[PROBE_KEY_SIZE] = {
    0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb};
static const uint8_t tag_1[] = {
    0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b};
/* 4.3: the key is "Jefe". */
static const uint8_t key_2[PROBE_KEY_SIZE] = {'J', 'e', 'f', 'e'};
static const uint8_t tag_2[] = {
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
static const char text_2[] = "what do ya want for nothing?";

Test(hmac, tags_are_those_of_rfc_4231_cut_to_16_bytes)
{
	uint8_t tag[WIRE_STAMP_HMAC_SIZE];
	cr_assert(probe_hmac(key_1, "Hi There", 8, NULL, 0, tag) && memcmp(tag, tag_1, sizeof(tag)) == 0);
	for (size_t head = 0; head < sizeof(text_2); head++) {
		cr_assert(probe_hmac(key_2, text_2, head, text_2 + head, sizeof(text_2) - 1 - head, tag));
		cr_assert(memcmp(tag, tag_2, sizeof(tag)) == 0, "cut at %zu", head);
	}
}

Test(hmac, the_key_that_made_a_tag_is_found_and_no_other)
{
	struct probe_keys keys = {.n = 2};
	uint8_t tag[WIRE_STAMP_HMAC_SIZE];
	memcpy(keys.key[0], key_1, sizeof(key_1));
	memcpy(keys.key[1], key_2, sizeof(key_2));
	for (int i = 0; i < 2; i++) {
		cr_assert(probe_hmac(keys.key[i], "text", 4, NULL, 0, tag));
		cr_assert(probe_hmac_key(&keys, "text", 4, NULL, 0, tag) == i);
		cr_assert(probe_hmac_key(&keys, "Text", 4, NULL, 0, tag) == -1);
		for (size_t bit = 0; bit < 8 * sizeof(tag); bit++) {
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
			cr_assert(probe_hmac_key(&keys, "text", 4, NULL, 0, tag) == -1);
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	keys.n = 1;
	cr_assert(probe_hmac_key(&keys, "text", 4, NULL, 0, tag) == -1, "a key that was taken away");
	keys.n = 0;
	cr_assert(probe_hmac_key(&keys, "text", 4, NULL, 0, tag) == -1);
}

Test(hmac, what_is_too_long_is_refused)
{
	static uint8_t text[PROBE_HMAC_MAX + 1];
	uint8_t tag[WIRE_STAMP_HMAC_SIZE];
	cr_assert(probe_hmac(key_1, text, PROBE_HMAC_MAX, NULL, 0, tag));
	cr_assert(!probe_hmac(key_1, text, PROBE_HMAC_MAX, text, 1, tag));
}
