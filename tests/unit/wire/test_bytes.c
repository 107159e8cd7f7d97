/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bytes.h"

#include <criterion/criterion.h>
#include <string.h>

Test(bytes, what_is_put_is_read_back)
{
	uint8_t b[8];
	wire_put_be64(b, 0x0123456789abcdefu);
	cr_assert(memcmp(b, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8) == 0);
	cr_assert(wire_be64(b) == 0x0123456789abcdefu);
	cr_assert(wire_be32(b) == 0x01234567u);
	cr_assert(wire_be16(b) == 0x0123u);
}

Test(cursor, reads_in_order_up_to_the_last_byte)
{
	uint8_t b[15];
	for (uint8_t i = 0; i < sizeof(b); i++)
		b[i] = i;
	struct wire_cursor c = wire_cursor(b, sizeof(b));
	cr_assert(wire_take_u8(&c) == 0x00);
	cr_assert(wire_take_be16(&c) == 0x0102);
	cr_assert(wire_take_be32(&c) == 0x03040506);
	cr_assert(wire_take_be64(&c) == 0x0708090a0b0c0d0eu);
	cr_assert(wire_left(&c) == 0);
	cr_assert(!c.bad);
}

Test(cursor, stays_bad_after_the_first_read_past_the_end)
{
	uint8_t b[3] = {1, 2, 3};
	struct wire_cursor c = wire_cursor(b, sizeof(b));
	cr_assert(wire_take(&c, 4) == NULL);
	cr_assert(c.bad);
	cr_assert(wire_take(&c, 1) == NULL, "a byte is there, but the cursor is bad");
	cr_assert(wire_take_be16(&c) == 0);
	cr_assert(wire_left(&c) == 0);
}

Test(cursor, refuses_a_length_that_would_wrap)
{
	uint8_t b[1] = {0};
	struct wire_cursor c = wire_cursor(b, sizeof(b));
	cr_assert(wire_take(&c, SIZE_MAX) == NULL);
	cr_assert(c.bad);
}
