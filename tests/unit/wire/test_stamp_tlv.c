/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/stamp_tlv.h"

#include <criterion/criterion.h>
#include <string.h>

Test(stamp_tlv, what_is_written_is_what_rfc_8972_draws)
{
	uint8_t bytes[12];
	memset(bytes, 0xee, sizeof(bytes));
	cr_assert(wire_stamp_tlv_put(bytes, sizeof(bytes), WIRE_STAMP_TLV_CLASS, 4) == bytes + 4);
	cr_assert(memcmp(bytes, "\x80\x04\x00\x04\0\0\0\0\xee\xee\xee\xee", sizeof(bytes)) == 0);
}

Test(stamp_tlv, nothing_is_written_or_found_beyond_the_end)
{
	uint8_t bytes[64];
	for (uint32_t room = 0; room < sizeof(bytes); room++)
		for (uint16_t length = 0; length < sizeof(bytes); length++) {
			memset(bytes, 0xee, sizeof(bytes));
			bool fits = room >= 4u + length;
			cr_assert((wire_stamp_tlv_put(bytes, room, 9, length) != NULL) == fits);
			for (uint32_t i = fits ? 4u + length : 0; i < sizeof(bytes); i++)
				cr_assert(bytes[i] == 0xee);
			wire_put_be16(bytes + 2, length);
			cr_assert(wire_stamp_tlv_size(bytes, room) == (fits ? 4u + length : 0));
		}
}
