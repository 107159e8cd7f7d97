/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reflector makes of the extensions of RFC 8972: each row is the question and the answer, byte for byte. */
#include "probes/tlv.h"

#include <criterion/criterion.h>
#include <string.h>

#define BYTES(s) ((const uint8_t *)(s)), sizeof(s) - 1

static struct probe_tlv_facts facts;
static struct probe_tlv_proof proof;
static uint8_t answer[256], tos;

static void a_counted_probe(void)
{
	facts = (struct probe_tlv_facts){.source = wire_addr_from_v4((uint8_t[]){10, 9, 0, 2}),
	    .destination = wire_addr_from_v4((uint8_t[]){10, 9, 0, 1}),
	    .source_port = 18862,
	    .destination_port = 862,
	    .tos = 0xb9,
	    .sync = WIRE_STAMP_SYNC_NTP,
	    .counted = true,
	    .received = 0x01020304,
	    .sent = 0x01020301,
	    .departed = true,
	    .departed_sequence = 0x0a0b0c0d,
	    .departed_ns = 1700000000123456789};
	proof = (struct probe_tlv_proof){.asked = {0, 0, 0, 9}, .answer = {0, 0, 0, 5}};
	tos = 0x77;
}

TestSuite(tlv, .init = a_counted_probe);

/* What became of the question. */
static bool ask(const uint8_t *question, size_t length)
{
	memset(answer, 0xee, sizeof(answer));
	memcpy(answer, question, length);
	bool right = probe_tlv_answer(answer, length, &facts, &proof, &tos);
	for (size_t i = length; i < sizeof(answer); i++)
		cr_assert(answer[i] == 0xee, "written beyond the end");
	return right;
}

static void expect(const uint8_t *question, size_t length, const uint8_t *want, size_t want_length)
{
	cr_assert(length == want_length, "no extension changes its length");
	cr_assert(ask(question, length));
	for (size_t i = 0; i < length; i++)
		cr_assert(answer[i] == want[i], "byte %zu: %02x, not %02x", i, answer[i], want[i]);
}

Test(tlv, extra_padding_comes_back)
{
	expect(BYTES("\x80\x01\0\3abc"), BYTES("\0\x01\0\3abc"));
	expect(BYTES("\x80\x01\0\0"), BYTES("\0\x01\0\0"));
}

Test(tlv, location_tells_ports_and_addresses)
{
	expect(BYTES("\x80\x02\0\4\0\0\0\0"), BYTES("\0\x02\0\4\x03\x5e\x49\xae"));
	expect(BYTES("\x80\x02\0\x2c\0\0\0\0"
	             "\x80\x04\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	             "\x80\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    BYTES("\0\x02\0\x2c\x03\x5e\x49\xae"
	          "\0\x05\0\x10\x0a\x09\0\x01\0\0\0\0\0\0\0\0\0\0\0\0"
	          "\0\x08\0\x10\x0a\x09\0\x02\0\0\0\0\0\0\0\0\0\0\0\0"));
}

Test(tlv, location_tells_addresses_of_ipv6)
{
	facts.source = wire_addr_from_v6((const uint8_t *)"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02");
	expect(BYTES("\x80\x02\0\x18\0\0\0\0\x80\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    BYTES("\0\x02\0\x18\x03\x5e\x49\xae\0\x09\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"));
}

Test(tlv, a_location_that_we_do_not_know_is_not_made_up)
{
	expect(BYTES("\x80\x02\0\x18\0\0\0\0\x80\x01\0\x08\0\0\0\0\0\0\0\0\x80\x63\0\4abcd"),
	    BYTES("\0\x02\0\x18\x03\x5e\x49\xae\0\x01\0\x08\0\0\0\0\0\0\0\0\x80\x63\0\4abcd"));
}

Test(tlv, timestamp_information_tells_what_sets_the_clock)
{
	expect(BYTES("\x80\x03\0\4\0\0\0\0"), BYTES("\0\x03\0\4\x01\x02\x01\x02"));
	facts.sync = WIRE_STAMP_SYNC_NONE;
	expect(BYTES("\x80\x03\0\4\0\0\0\0"), BYTES("\0\x03\0\4\x05\x02\x05\x02"));
}

Test(tlv, class_of_service_tells_what_came_and_sets_what_is_wanted)
{
	/* DSCP1 10; came: DSCP 46, ECN 1. */
	expect(BYTES("\x80\x04\0\4\x28\0\0\0"), BYTES("\0\x04\0\4\x2a\xe4\0\0"));
	cr_assert(tos == 10 << 2);
}

Test(tlv, without_class_of_service_the_answers_own_stays)
{
	expect(BYTES("\x80\x01\0\0"), BYTES("\0\x01\0\0"));
	cr_assert(tos == 0x77);
}

Test(tlv, direct_measurement_tells_the_sessions_counts)
{
	expect(BYTES("\x80\x05\0\x0c\0\0\0\x09\0\0\0\0\0\0\0\0"),
	    BYTES("\0\x05\0\x0c\0\0\0\x09\x01\x02\x03\x04\x01\x02\x03\x01"));
}

Test(tlv, counts_that_nobody_keeps_are_not_told)
{
	facts.counted = false;
	expect(BYTES("\x80\x05\0\x0c\0\0\0\x09\0\0\0\0\0\0\0\0\x80\x07\0\x10\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4"),
	    BYTES("\x80\x05\0\x0c\0\0\0\x09\0\0\0\0\0\0\0\0\0\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

Test(tlv, an_access_report_is_acknowledged)
{
	expect(BYTES("\x80\x06\0\4\x20\x01\0\0"), BYTES("\0\x06\0\4\x20\x01\0\0"));
}

Test(tlv, follow_up_telemetry_tells_when_the_answer_before_left)
{
	expect(BYTES("\x80\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    BYTES("\0\x07\0\x10\x0a\x0b\x0c\x0d\xe8\xfe\x6f\x80\x1f\x9a\xdd\x37\x02\0\0\0"));
	facts.departed = false;
	expect(BYTES("\x80\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    BYTES("\0\x07\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

Test(tlv, what_we_do_not_know_comes_back_with_u)
{
	expect(BYTES("\x80\x09\0\2hi\x00\xfe\0\0\x80\x01\0\1x"), BYTES("\x80\x09\0\2hi\x80\xfe\0\0\0\x01\0\1x"));
}

Test(tlv, what_is_malformed_comes_back_with_m_and_so_does_the_rest_untouched)
{
	expect(BYTES("\x80\x03\0\4\0\0\0\0\x80\x03\0\5\0\0\0\0\0\x80\x03\0\4\0\0\0\0"),
	    BYTES("\0\x03\0\4\x01\x02\x01\x02\x40\x03\0\5\0\0\0\0\0\x80\x03\0\4\0\0\0\0"));
	expect(BYTES("\x80\x01\0\7abcdef"), BYTES("\x40\x01\0\7abcdef"));
	expect(BYTES("\x80\x01\xff\xff"), BYTES("\x40\x01\xff\xff"));
	expect(BYTES("\x80\x01\0"), BYTES("\x40\x01\0"));
	expect(BYTES("\x80\x02\0\2\0\0"), BYTES("\x40\x02\0\2\0\0"));
	expect(BYTES("\x80\x02\0\x0c\0\0\0\0\x80\x04\0\4\0\0\0\0\x80\x03\0\4\0\0\0\0"),
	    BYTES("\x40\x02\0\x0c\x03\x5e\x49\xae\x40\x04\0\4\0\0\0\0\0\x03\0\4\0\0\0\0"));
}

Test(tlv, padding_of_zeroes_is_twamps_and_no_extension)
{
	expect(BYTES("\0\0\0\0\0\0\0"), BYTES("\0\0\0\0\0\0\0"));
	expect(BYTES("\x80\x06\0\4\x20\x01\0\0\0\0"), BYTES("\0\x06\0\4\x20\x01\0\0\0\0"));
}

/* ---- HMAC ---- */

static struct probe_keys keys;

static size_t sealed_question(uint8_t *question, unsigned key)
{
	keys.n = 2;
	memset(keys.key[0], 1, PROBE_KEY_SIZE);
	memset(keys.key[1], 2, PROBE_KEY_SIZE);
	proof.keys = &keys;
	proof.required = true;
	memcpy(question, "\x80\x03\0\4\0\0\0\0", 8);
	cr_assert(probe_tlv_sign(question, 8, keys.key[key], proof.asked));
	return 8 + 20;
}

Test(tlv, a_right_hmac_is_answered_by_one_of_the_same_key_over_the_answer)
{
	uint8_t question[28], tag[16];
	for (unsigned key = 0; key < 2; key++) {
		size_t length = sealed_question(question, key);
		cr_assert(ask(question, length));
		cr_assert(memcmp(answer, "\0\x03\0\4\x01\x02\x01\x02\0\x08\0\x10", 12) == 0);
		cr_assert(probe_hmac(keys.key[key], proof.answer, 4, answer, 8, tag));
		cr_assert(memcmp(tag, answer + 12, 16) == 0);
		cr_assert(probe_tlv_find(answer, length, WIRE_STAMP_TLV_TIMESTAMP, 4, &keys, proof.answer));
		cr_assert(!probe_tlv_find(answer, length, WIRE_STAMP_TLV_TIMESTAMP, 4, &keys, proof.asked));
	}
}

Test(tlv, a_wrong_hmac_marks_everything_and_nothing_is_acted_upon)
{
	uint8_t question[28];
	size_t length = sealed_question(question, 0);
	for (size_t i = 0; i < length; i++) {
		if (i == 0 || i == 1 || i == 2 || i == 3 || (i >= 8 && i < 12))
			continue; /* a flag that the HMAC's sender cannot know of, another type or length */
		question[i] ^= 1;
		cr_assert(!ask(question, length), "byte %zu", i);
		cr_assert(answer[0] == WIRE_STAMP_TLV_I && answer[8] == WIRE_STAMP_TLV_I);
		cr_assert(memcmp(answer + 1, question + 1, 7) == 0 && memcmp(answer + 9, question + 9, 19) == 0);
		question[i] ^= 1;
	}
}

Test(tlv, an_hmac_that_nobody_can_check_is_wrong)
{
	uint8_t question[28];
	size_t length = sealed_question(question, 0);
	proof.keys = NULL;
	proof.required = false;
	cr_assert(!ask(question, length) && answer[0] == WIRE_STAMP_TLV_I && answer[8] == WIRE_STAMP_TLV_I);
}

Test(tlv, in_authenticated_mode_all_but_padding_needs_an_hmac)
{
	uint8_t question[28];
	sealed_question(question, 0);
	cr_assert(!ask(question, 8) && answer[0] == WIRE_STAMP_TLV_I);
	expect(BYTES("\x80\x01\0\2ab"), BYTES("\0\x01\0\2ab"));
}

Test(tlv, only_padding_may_follow_the_hmac)
{
	uint8_t question[40];
	size_t length = sealed_question(question, 0);
	memcpy(question + length, "\x80\x01\0\1x", 5);
	cr_assert(ask(question, length + 5) && memcmp(answer + length, "\0\x01\0\1x", 5) == 0);
	memcpy(question + length, "\x80\x06\0\4\x20\1\0\0", 8);
	cr_assert(!ask(question, length + 8) && answer[0] == WIRE_STAMP_TLV_I && answer[length] == WIRE_STAMP_TLV_I);
}

Test(tlv, flagged_extensions_of_an_answer_are_not_found)
{
	uint8_t a[] = {0, 9, 0, 1, 'x', 0, 3, 0, 4, 1, 2, 1, 2};
	cr_assert(probe_tlv_find(a, sizeof(a), WIRE_STAMP_TLV_TIMESTAMP, 4, NULL, proof.answer) == a + 9);
	cr_assert(!probe_tlv_find(a, sizeof(a) - 1, WIRE_STAMP_TLV_TIMESTAMP, 4, NULL, proof.answer));
	a[5] = WIRE_STAMP_TLV_U;
	cr_assert(!probe_tlv_find(a, sizeof(a), WIRE_STAMP_TLV_TIMESTAMP, 4, NULL, proof.answer));
	a[5] = 0;
	a[0] = WIRE_STAMP_TLV_M;
	cr_assert(!probe_tlv_find(a, sizeof(a), WIRE_STAMP_TLV_TIMESTAMP, 4, NULL, proof.answer));
}
