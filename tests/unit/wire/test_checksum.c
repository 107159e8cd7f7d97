/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/checksum.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(checksum, of_the_example_in_rfc_1071)
{
	uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint16_t sum = wire_csum(data, sizeof(data));
	uint8_t expected[2] = {(uint8_t)~0xdd, (uint8_t)~0xf2};
	cr_assert(memcmp(&sum, expected, 2) == 0);
}

Test(checksum, by_difference_equals_the_whole_one_on_random_packets)
{
	srand(1);
	for (int round = 0; round < 100000; round++) {
		uint8_t packet[40];
		for (size_t i = 0; i < sizeof(packet); i++)
			packet[i] = (uint8_t)(rand() % 4 ? rand() : (rand() % 2 ? 0xff : 0));
		packet[10] = packet[11] = 0;
		uint16_t before = wire_csum(packet, sizeof(packet));
		uint8_t was[4], now[4];
		memcpy(was, packet + 12, 4);
		for (int i = 0; i < 4; i++)
			now[i] = (uint8_t)rand();
		memcpy(packet + 12, now, 4);
		uint16_t whole = wire_csum(packet, sizeof(packet));
		uint16_t difference = wire_csum_replace(before, was, now, 4);
		cr_assert(difference == whole, "round %d: %04x, not %04x", round, difference, whole);
	}
}

Test(checksum, of_udp_keeps_a_zero_zero_and_never_makes_one)
{
	uint8_t was[2] = {0x12, 0x34}, now[2] = {0x56, 0x78};
	cr_assert(wire_csum_replace_udp(0, was, now, 2) == 0);
	for (uint32_t check = 1; check <= 0xffff; check++)
		cr_assert(wire_csum_replace_udp((uint16_t)check, was, now, 2) != 0);
}
