/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/stamp.h"

#include <criterion/criterion.h>
#include <string.h>

#include "wire/bytes.h"

#define T1 1700000000123456789ull
#define T2 1700000005223456789ull
#define T3 1700000005223466789ull

static const uint8_t probe[WIRE_STAMP_SIZE] = {
    0x00, 0x00, 0x01, 0x02,                         /* sequence */
    0xe8, 0xfe, 0x6f, 0x80, 0x1f, 0x9a, 0xdd, 0x37, /* T1 */
    0x00, 0x01,                                     /* error estimate */
    0x12, 0x34,                                     /* session id */
};

Test(stamp, a_probe_has_the_bytes_of_rfc_8762)
{
	uint8_t packet[WIRE_STAMP_SIZE];
	memset(packet, 0xaa, sizeof(packet));
	probe_stamp_build(packet, 0x102, 0x1234, T1);
	cr_assert(memcmp(packet, probe, sizeof(packet)) == 0);
}

Test(stamp, an_answer_has_the_bytes_of_rfc_8762)
{
	uint8_t packet[WIRE_STAMP_SIZE + 8], t2[8], t3[8];
	memcpy(packet, probe, WIRE_STAMP_SIZE);
	memcpy(packet + WIRE_STAMP_SIZE, "\x80\x01\x00\x04pad!", 8);
	cr_assert(probe_stamp_reflect(packet, sizeof(packet), 7, 61, T2, T3));
	wire_stamp_time_put(t2, T2);
	wire_stamp_time_put(t3, T3);
	cr_assert(wire_be32(packet) == 7 && memcmp(packet + 4, t3, 8) == 0);
	cr_assert(wire_be16(packet + 12) == 1 && wire_be16(packet + 14) == 0x1234);
	cr_assert(memcmp(packet + 16, t2, 8) == 0 && memcmp(packet + 24, probe, 14) == 0);
	cr_assert(memcmp(packet + 38, "\0\0\x3d\0\0\0", 6) == 0);
	cr_assert(memcmp(packet + WIRE_STAMP_SIZE, "\x80\x01\x00\x04pad!", 8) == 0, "what follows is left as it came");
}

Test(stamp, an_answer_is_read_as_it_was_written)
{
	uint8_t packet[WIRE_STAMP_SIZE];
	probe_stamp_build(packet, 0xfffffffe, 9, T1);
	cr_assert(probe_stamp_reflect(packet, sizeof(packet), 0x80000001, 255, T2, T3));
	struct probe_stamp_reply r;
	cr_assert(probe_stamp_read_reply(packet, sizeof(packet), &r));
	cr_assert(r.sequence == 0xfffffffe && r.reflector_sequence == 0x80000001);
	cr_assert(r.session_id == 9 && r.sender_ttl == 255);
	cr_assert(r.t1 - T1 + 1 <= 2 && r.t2 - T2 + 1 <= 2 && r.t3 - T3 + 1 <= 2);
}

Test(stamp, a_packet_cut_anywhere_is_neither_answered_nor_read)
{
	for (size_t length = 0; length < WIRE_STAMP_SIZE; length++) {
		uint8_t *packet = malloc(length + 1);
		struct probe_stamp_reply r;
		uint16_t id;
		memcpy(packet, probe, length);
		cr_assert(!probe_stamp_reflect(packet, length, 1, 1, T2, T3));
		cr_assert(memcmp(packet, probe, length) == 0);
		cr_assert(
		    !probe_stamp_read_reply(packet, length, &r) && !probe_stamp_read_session(packet, length, &id));
		free(packet);
	}
}
