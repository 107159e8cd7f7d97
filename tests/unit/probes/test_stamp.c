/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/stamp.h"

#include <criterion/criterion.h>
#include <string.h>

#include "wire/bytes.h"

#define T1    1700000000123456789ull
#define T2    1700000005223456789ull
#define T3    1700000005223466789ull
#define LATER 1700000005223500000ull

static const uint8_t open_probe[WIRE_STAMP_SIZE] = {
    0x00, 0x00, 0x01, 0x02,                         /* sequence */
    0xe8, 0xfe, 0x6f, 0x80, 0x1f, 0x9a, 0xdd, 0x37, /* T1 */
    0x81, 0x55,                                     /* error estimate */
    0x12, 0x34,                                     /* session id */
};
static const struct probe_stamp_probe asked = {
    .sequence = 0x102, .session_id = 0x1234, .error_estimate = 0x8155, .t1 = T1};
static const struct probe_stamp_answer given = {.sequence = 7,
    .error_estimate = 0x0107,
    .ttl = 61,
    .t2 = T2,
    .t3 = T3,
    .facts = {.counted = true, .departed = true, .departed_sequence = 6, .departed_ns = LATER}};
static struct probe_keys keys = {.n = 2, .key = {{1, 2, 3}, {4, 5, 6}}};
static uint8_t packet[256], tos;
static bool answerable;

static enum probe_stamp_flaw reflect(size_t length, const struct probe_keys *with)
{
	return probe_stamp_reflect(packet, length, with, &given, &tos, &answerable);
}

static void expect_time(size_t at, uint64_t ns)
{
	uint8_t want[8];
	wire_stamp_time_put(want, ns);
	cr_assert(memcmp(packet + at, want, 8) == 0, "at %zu", at);
}

/* ---- unauthenticated ---- */

Test(stamp, a_probe_has_the_bytes_of_rfc_8762)
{
	memset(packet, 0xaa, sizeof(packet));
	cr_assert(probe_stamp_build(packet, &asked, NULL) == WIRE_STAMP_SIZE);
	cr_assert(memcmp(packet, open_probe, WIRE_STAMP_SIZE) == 0 && packet[WIRE_STAMP_SIZE] == 0xaa);
}

static void expect_open_answer(size_t length)
{
	static const uint8_t tail[] = {0, 0, 61, 0, 0, 0};
	cr_assert(wire_be32(packet) == 7 && wire_be16(packet + 12) == 0x0107 && wire_be16(packet + 14) == 0x1234);
	expect_time(4, T3);
	expect_time(16, T2);
	cr_assert(memcmp(packet + 24, open_probe, 14) == 0);
	cr_assert(memcmp(packet + 38, tail, length < WIRE_STAMP_SIZE ? length - 38 : 6) == 0);
}

Test(stamp, an_answer_has_the_bytes_of_rfc_8762)
{
	memcpy(packet, open_probe, WIRE_STAMP_SIZE);
	memcpy(packet + WIRE_STAMP_SIZE, "\x80\x01\x00\x04pad!\xee", 9);
	cr_assert(reflect(WIRE_STAMP_SIZE + 8, NULL) == PROBE_STAMP_GOOD && answerable);
	expect_open_answer(WIRE_STAMP_SIZE);
	cr_assert(memcmp(packet + WIRE_STAMP_SIZE, "\0\x01\x00\x04pad!\xee", 9) == 0);
}

Test(stamp, whoever_asks_in_a_twamp_reflectors_length_is_answered_in_it)
{
	for (size_t length = WIRE_TWAMP_SIZE; length <= WIRE_STAMP_SIZE; length++) {
		memset(packet, 0xee, sizeof(packet));
		memcpy(packet, open_probe, length);
		cr_assert(reflect(length, NULL) == PROBE_STAMP_GOOD && answerable);
		expect_open_answer(length);
		cr_assert(packet[length] == 0xee);
	}
}

Test(stamp, an_answer_is_read_as_it_was_written)
{
	struct probe_stamp_probe probe = asked, came;
	struct probe_stamp_reply r;
	probe.sequence = 0xfffffffe;
	probe_stamp_build(packet, &probe, NULL);
	cr_assert(probe_stamp_read_probe(packet, WIRE_STAMP_SIZE, NULL, &came) == PROBE_STAMP_GOOD);
	cr_assert(came.sequence == 0xfffffffe && came.session_id == 0x1234 && came.error_estimate == 0x8155);
	cr_assert(reflect(WIRE_STAMP_SIZE, NULL) == PROBE_STAMP_GOOD);
	cr_assert(probe_stamp_read_reply(packet, WIRE_STAMP_SIZE, NULL, &r) == PROBE_STAMP_GOOD);
	cr_assert(r.sequence == 0xfffffffe && r.reflector_sequence == 7 && r.session_id == 0x1234);
	cr_assert(r.sender_ttl == 61 && r.error_estimate == 0x0107 && !r.followed);
	cr_assert(r.t1 - T1 + 1 <= 2 && r.t2 - T2 + 1 <= 2 && r.t3 - T3 + 1 <= 2);
}

Test(stamp, a_reflector_may_stamp_in_ptps_format)
{
	struct probe_stamp_reply r;
	probe_stamp_build(packet, &asked, NULL);
	reflect(WIRE_STAMP_SIZE, NULL);
	wire_put_be16(packet + 12, WIRE_STAMP_ERROR_Z | 1);
	wire_put_be32(packet + 4, 1700000005);
	wire_put_be32(packet + 8, 223466789);
	wire_put_be32(packet + 16, 1700000005);
	wire_put_be32(packet + 20, 223456789);
	cr_assert(probe_stamp_read_reply(packet, WIRE_STAMP_SIZE, NULL, &r) == PROBE_STAMP_GOOD);
	cr_assert(r.t2 == T2 && r.t3 == T3 && r.t1 - T1 + 1 <= 2);
}

/* ---- of a wanted length ---- */

static void expect_sized(size_t length, const struct probe_keys *with)
{
	static uint8_t whole[9300];
	struct probe_stamp_probe came;
	struct probe_stamp_reply r;
	memset(whole, 0xaa, sizeof(whole));
	cr_assert(probe_stamp_build_sized(whole, length, &asked, with) == length && whole[length] == 0xaa);
	cr_assert(probe_stamp_read_probe(whole, length, with, &came) == PROBE_STAMP_GOOD && came.sequence == 0x102);
	cr_assert(probe_stamp_reflect(whole, length, with, &given, &tos, &answerable) == PROBE_STAMP_GOOD);
	cr_assert(answerable && whole[length] == 0xaa);
	cr_assert(probe_stamp_read_reply(whole, length, with, &r) == PROBE_STAMP_GOOD && r.sequence == 0x102);
	cr_assert(whole[with ? WIRE_STAMP_AUTH_SIZE : WIRE_STAMP_SIZE] == 0, "the padding is known");
}

Test(stamp, a_probe_of_any_length_is_answered_in_it)
{
	for (size_t length = 136; length <= 9216; length += 227) {
		expect_sized(length, NULL);
		expect_sized(length, &keys);
	}
	expect_sized(48, NULL);
	cr_assert(probe_stamp_build_sized(packet, 47, &asked, NULL) == 0);
	cr_assert(probe_stamp_build_sized(packet, 135, &asked, &keys) == 0);
}

Test(stamp, the_padding_of_a_sealed_probe_is_sealed)
{
	probe_stamp_build_sized(packet, 200, &asked, &keys);
	packet[150] ^= 1;
	cr_assert(reflect(200, &keys) == PROBE_STAMP_FORGED);
}

/* ---- authenticated ---- */

Test(stamp, a_sealed_probe_has_the_bytes_of_rfc_8762)
{
	uint8_t tag[16];
	memset(packet, 0xaa, sizeof(packet));
	cr_assert(probe_stamp_build(packet, &asked, &keys) == PROBE_STAMP_AUTH_BYTES && PROBE_STAMP_AUTH_BYTES == 152);
	cr_assert(memcmp(packet, open_probe, 4) == 0 && memcmp(packet + 16, open_probe + 4, 12) == 0);
	for (size_t i = 4; i < 96; i++)
		cr_assert((i >= 16 && i < 28) || packet[i] == 0);
	probe_hmac(keys.key[0], packet, 96, NULL, 0, tag);
	cr_assert(memcmp(packet + 96, tag, 16) == 0);
	cr_assert(memcmp(packet + 112, "\x80\x07\0\x10", 4) == 0 && memcmp(packet + 132, "\x80\x08\0\x10", 4) == 0);
	probe_hmac(keys.key[0], packet, 4, packet + 112, 20, tag);
	cr_assert(memcmp(packet + 136, tag, 16) == 0 && packet[152] == 0xaa);
}

Test(stamp, a_sealed_answer_has_the_bytes_of_rfc_8762)
{
	uint8_t tag[16];
	probe_stamp_build(packet, &asked, &keys);
	cr_assert(reflect(WIRE_STAMP_AUTH_SIZE, &keys) == PROBE_STAMP_GOOD && answerable);
	cr_assert(wire_be32(packet) == 7 && wire_be16(packet + 24) == 0x0107 && wire_be16(packet + 26) == 0x1234);
	expect_time(16, T3);
	expect_time(32, T2);
	cr_assert(memcmp(packet + 48, open_probe, 4) == 0 && memcmp(packet + 64, open_probe + 4, 10) == 0);
	cr_assert(packet[80] == 61);
	static const uint8_t reserved[][2] = {{4, 16}, {28, 32}, {40, 48}, {52, 64}, {74, 80}, {81, 96}};
	for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
		for (size_t i = reserved[k][0]; i < reserved[k][1]; i++)
			cr_assert(packet[i] == 0, "byte %zu", i);
	probe_hmac(keys.key[0], packet, 96, NULL, 0, tag);
	cr_assert(memcmp(packet + 96, tag, 16) == 0);
}

Test(stamp, a_sealed_answer_tells_when_the_one_before_really_left)
{
	struct probe_stamp_reply r;
	size_t length = probe_stamp_build(packet, &asked, &keys);
	cr_assert(reflect(length, &keys) == PROBE_STAMP_GOOD);
	cr_assert(probe_stamp_read_reply(packet, length, &keys, &r) == PROBE_STAMP_GOOD);
	cr_assert(r.followed && r.followed_sequence == 6 && r.followed_t3 - LATER + 1 <= 2);
	packet[120] ^= 1;
	cr_assert(probe_stamp_read_reply(packet, length, &keys, &r) == PROBE_STAMP_GOOD && !r.followed);
}

Test(stamp, both_keys_are_good_and_the_answer_has_the_one_that_was_used)
{
	struct probe_keys only_second = {.n = 1}, only_first = {.n = 1};
	struct probe_stamp_reply r;
	memcpy(only_second.key[0], keys.key[1], PROBE_KEY_SIZE);
	memcpy(only_first.key[0], keys.key[0], PROBE_KEY_SIZE);
	size_t length = probe_stamp_build(packet, &asked, &only_second);
	cr_assert(reflect(length, &keys) == PROBE_STAMP_GOOD);
	cr_assert(probe_stamp_read_reply(packet, length, &only_second, &r) == PROBE_STAMP_GOOD && r.followed);
	cr_assert(probe_stamp_read_reply(packet, length, &only_first, &r) == PROBE_STAMP_FORGED);
}

Test(stamp, a_forged_base_is_not_answered_and_forged_extensions_are_told_so)
{
	uint8_t whole[PROBE_STAMP_MAX_BYTES];
	size_t length = probe_stamp_build(whole, &asked, &keys);
	for (size_t i = 0; i < length; i++) {
		memcpy(packet, whole, length);
		packet[i] ^= 0x40;
		enum probe_stamp_flaw flaw = reflect(length, &keys);
		if (i < WIRE_STAMP_AUTH_SIZE)
			cr_assert(flaw == PROBE_STAMP_FORGED && !answerable, "byte %zu", i);
		else if (i >= WIRE_STAMP_AUTH_SIZE + 4 && i < WIRE_STAMP_AUTH_SIZE + 20)
			cr_assert(flaw == PROBE_STAMP_FORGED && answerable && packet[112] == WIRE_STAMP_TLV_I);
		struct probe_stamp_probe came;
		memcpy(packet, whole, length);
		packet[i] ^= 0x40;
		flaw = probe_stamp_read_probe(packet, length, &keys, &came);
		cr_assert((flaw == PROBE_STAMP_FORGED) == (i < WIRE_STAMP_AUTH_SIZE));
	}
}

Test(stamp, a_packet_cut_anywhere_is_neither_answered_nor_read)
{
	uint8_t whole[PROBE_STAMP_MAX_BYTES];
	for (int sealed = 0; sealed < 2; sealed++) {
		const struct probe_keys *with = sealed ? &keys : NULL;
		probe_stamp_build(whole, &asked, with);
		for (size_t length = 0; length < (sealed ? WIRE_STAMP_AUTH_SIZE : WIRE_TWAMP_SIZE); length++) {
			uint8_t *cut = malloc(length + 1);
			struct probe_stamp_reply r;
			struct probe_stamp_probe p;
			memcpy(cut, whole, length);
			cr_assert(
			    probe_stamp_reflect(cut, length, with, &given, &tos, &answerable) == PROBE_STAMP_SHORT);
			cr_assert(!answerable && memcmp(cut, whole, length) == 0);
			cr_assert(probe_stamp_read_reply(cut, length, with, &r) == PROBE_STAMP_SHORT);
			cr_assert(probe_stamp_read_probe(cut, length, with, &p) == PROBE_STAMP_SHORT);
			free(cut);
		}
	}
}
