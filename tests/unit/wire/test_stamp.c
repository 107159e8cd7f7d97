/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/stamp.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

Test(stamp, time_survives_the_round_trip_to_a_nanosecond)
{
	srand(2);
	for (int round = 0; round < 100000; round++) {
		uint64_t ns = 1700000000000000000u + (uint64_t)rand() * 4000000000u % 400000000000000000u +
		              (uint64_t)rand() % 1000000000u;
		uint8_t b[8];
		wire_stamp_time_put(b, ns);
		uint64_t back = wire_stamp_time_get(b);
		cr_assert(back - ns + 1 <= 2, "%lu became %lu", ns, back);
	}
}

Test(stamp, time_crosses_the_era_of_2036)
{
	uint64_t before = (4294967296ull - WIRE_NTP_UNIX_OFFSET - 1) * 1000000000u, after = before + 2000000000u;
	uint8_t a[8], b[8];
	wire_stamp_time_put(a, before);
	wire_stamp_time_put(b, after);
	cr_assert(wire_stamp_time_get(b) - wire_stamp_time_get(a) == 2000000000u);
}

Test(stamp, fields_lie_where_rfc_8762_draws_them)
{
	cr_assert(offsetof(struct wire_stamp_sender, error_estimate) == 12);
	cr_assert(offsetof(struct wire_stamp_sender, session_id) == 14);
	cr_assert(offsetof(struct wire_stamp_reflector, receive_time) == 16);
	cr_assert(offsetof(struct wire_stamp_reflector, sender_sequence) == 24);
	cr_assert(offsetof(struct wire_stamp_reflector, sender_time) == 28);
	cr_assert(offsetof(struct wire_stamp_reflector, sender_error_estimate) == 36);
	cr_assert(offsetof(struct wire_stamp_reflector, sender_ttl) == 40);
}
