/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/quic.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t from_hex(const char *text, uint8_t *bytes)
{
	uint8_t n = 0;
	for (unsigned byte; sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
		bytes[n] = (uint8_t)byte;
	return n;
}

static struct lb_quic quic_of(unsigned rotation, uint8_t server_id_length, uint8_t nonce_length, const uint8_t *key)
{
	struct lb_quic quic = {0};
	struct wire_ctl_quic_config *c = &quic.row.config[rotation];
	c->server_id_length = server_id_length;
	c->nonce_length = nonce_length;
	c->keyed = key != NULL;
	if (key)
		memcpy(c->key, key, sizeof(c->key));
	lb_quic_expand(&quic);
	return quic;
}

/* The draft's appendix B, where a zero of the second id stands in the wrong place. The last is the example of section
 * 5.4.2.2. */
#define KEY "8f95f09245765f80256934e50c66207f"
static const struct {
	const char *key, *server_id;
	uint8_t nonce_length;
	const char *cid;
} vectors[] = {
    {"", "c4605e", 4, "07c4605e4504cc4f"},
    {"", "350d28b420", 5, "2a350d28b42003487d970b"},
    {KEY, "ed793a", 4, "0720b1d07b359d3c"},
    {KEY, "ed793a51d49b8f5fab65", 5, "2fcc381bc74cb4fbad2823a3d1f8fed2"},
    {KEY, "ed793a51d49b8f5f", 8, "504dd2d05a7b0de9b2b9907afb5ecf8cc3"},
    {KEY, "ed793a51d49b8f5fab", 9, "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"},
    {"fdf726a9893ec05c0632d3956680baf0", "31441a", 4, "0767947d29be054a"},
};

Test(quic, reads_the_server_ids_of_the_drafts_vectors)
{
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t key[32], server_id[32], cid[32], got[WIRE_QUIC_MAX_SERVER_ID];
		uint8_t keyed = from_hex(vectors[i].key, key), n = from_hex(vectors[i].server_id, server_id);
		uint8_t length = from_hex(vectors[i].cid, cid);
		struct lb_quic quic = quic_of(cid[0] >> 5, n, vectors[i].nonce_length, keyed ? key : NULL);
		cr_assert_eq(lb_quic_server_id(&quic, cid, length, got), n, "vector %u", i);
		cr_assert_arr_eq(got, server_id, n, "vector %u", i);
	}
}

/* ---- what a server does: section 5.4 as it is written, on digits of 4 bits ---- */

static void spread(const uint8_t *bytes, unsigned n, uint8_t *digits)
{
	for (unsigned i = 0; i < n; i++) {
		digits[2 * i] = bytes[i] >> 4;
		digits[2 * i + 1] = bytes[i] & 15;
	}
}

/* `digits` of one half, left- or right-aligned in whole bytes. */
static void gather(const uint8_t *digits, unsigned n, bool left, uint8_t *bytes)
{
	uint8_t padded[20] = {0};
	memcpy(padded + (left ? 0 : n % 2), digits, n);
	for (unsigned i = 0; i < (n + 1) / 2; i++)
		bytes[i] = (uint8_t)(padded[2 * i] << 4 | padded[2 * i + 1]);
}

static void encrypt(const struct lb_aes *aes, uint8_t *block, unsigned length)
{
	uint8_t digits[38];
	spread(block, length, digits);
	for (unsigned pass = 1; pass <= 4; pass++) {
		bool from_left = pass % 2 == 1;
		uint8_t input[16] = {0}, mask[32];
		gather(digits + (from_left ? 0 : length), length, from_left, input);
		input[14] = (uint8_t)length;
		input[15] = (uint8_t)pass;
		lb_aes_encrypt_portable(aes, input);
		spread(input, 16, mask);
		for (unsigned i = 0; i < length; i++) /* a right half's first digit is the second of its first byte */
			digits[(from_left ? length : 0) + i] ^= mask[i + (from_left ? length % 2 : 0)];
	}
	for (unsigned i = 0; i < length; i++)
		block[i] = (uint8_t)(digits[2 * i] << 4 | digits[2 * i + 1]);
}

Test(quic, reads_what_any_server_writes_at_all_lengths)
{
	srand(7);
	for (unsigned server = 1; server <= WIRE_QUIC_MAX_SERVER_ID; server++)
		for (unsigned nonce = WIRE_QUIC_MIN_NONCE; server + nonce <= WIRE_QUIC_MAX_BLOCK; nonce++)
			for (unsigned n = 0; n < 20; n++) {
				uint8_t key[16], cid[1 + WIRE_QUIC_MAX_BLOCK], server_id[20], got[20];
				unsigned rotation = (unsigned)rand() % WIRE_QUIC_CODEPOINTS;
				for (unsigned i = 0; i < sizeof(key); i++)
					key[i] = (uint8_t)rand();
				for (unsigned i = 0; i < sizeof(cid); i++)
					cid[i] = (uint8_t)rand();
				cid[0] = (uint8_t)(rotation << 5 | (cid[0] & 31));
				memcpy(server_id, cid + 1, server);
				struct lb_quic quic = quic_of(rotation, (uint8_t)server, (uint8_t)nonce, key);
				if (server + nonce == 16)
					lb_aes_encrypt(&quic.aes[rotation], cid + 1);
				else
					encrypt(&quic.aes[rotation], cid + 1, server + nonce);
				cr_assert_eq(lb_quic_server_id(&quic, cid, 1 + server + nonce, got), server);
				cr_assert_arr_eq(got, server_id, server, "%u + %u bytes", server, nonce);
			}
}

Test(quic, an_id_that_is_too_short_or_of_no_configuration_is_not_routable)
{
	uint8_t cid[20], got[WIRE_QUIC_MAX_SERVER_ID];
	uint8_t length = from_hex("07c4605e4504cc4f", cid);
	struct lb_quic quic = quic_of(0, 3, 4, NULL);
	for (uint8_t n = 0; n < length; n++)
		cr_assert_eq(lb_quic_server_id(&quic, cid, n, got), 0, "%u bytes", n);
	for (unsigned rotation = 1; rotation < 8; rotation++) {
		cid[0] = (uint8_t)(rotation << 5 | 7);
		cr_assert_eq(lb_quic_server_id(&quic, cid, length, got), 0, "rotation %u", rotation);
	}
}

Test(quic, the_destination_id_is_found_behind_either_header)
{
	static const uint8_t id[] = {1, 2, 3, 4, 5};
	static const uint8_t long_header[] = {0xc0, 0, 0, 0, 1, 5, 1, 2, 3, 4, 5, 0, 9, 9};
	static const uint8_t short_header[] = {0x40, 1, 2, 3, 4, 5, 9, 9};
	size_t length = 0;
	const uint8_t *found = wire_quic_destination(long_header, sizeof(long_header), &length);
	cr_assert(found && length == sizeof(id) && memcmp(found, id, sizeof(id)) == 0);
	found = wire_quic_destination(short_header, sizeof(short_header), &length);
	cr_assert(found && length == 7 && memcmp(found, id, sizeof(id)) == 0);
	for (size_t n = 0; n < 11; n++)
		cr_assert_null(wire_quic_destination(long_header, n, &length), "%zu bytes", n);
}
