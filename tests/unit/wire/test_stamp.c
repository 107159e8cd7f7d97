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
	cr_assert(offsetof(struct wire_stamp_auth_sender, time) == 16);
	cr_assert(offsetof(struct wire_stamp_auth_sender, error_estimate) == 24);
	cr_assert(offsetof(struct wire_stamp_auth_sender, hmac) == WIRE_STAMP_AUTH_COVERED);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, time) == 16);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, receive_time) == 32);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, sender_sequence) == 48);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, sender_time) == 64);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, sender_error_estimate) == 72);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, sender_ttl) == 80);
	cr_assert(offsetof(struct wire_stamp_auth_reflector, hmac) == WIRE_STAMP_AUTH_COVERED);
}

Test(stamp, a_stamp_is_read_in_the_format_that_the_error_estimate_names)
{
	const uint8_t ptp[8] = {0x65, 0x53, 0xf1, 0x00, 0x07, 0x5b, 0xcd, 0x15};
	const uint8_t ntp[8] = {0xe8, 0xfe, 0x6f, 0x80, 0x1f, 0x9a, 0xdd, 0x37};
	cr_assert(wire_stamp_time_read(ptp, WIRE_STAMP_ERROR_Z | 1) == 1700000000123456789u);
	cr_assert(wire_stamp_time_read(ntp, 1) - 1700000000123456789u + 1 <= 2);
}

/* multiplier * 2^(scale - 32) s, in ns. */
static double error_ns(uint16_t estimate)
{
	double ns = (estimate & 0xff) * 1e9 / 4294967296.0;
	for (unsigned scale = estimate >> 8 & 0x3f; scale > 0; scale--)
		ns *= 2;
	return ns;
}

Test(stamp, an_error_estimate_is_never_too_small_and_hardly_too_large)
{
	cr_assert(wire_stamp_error(true, 0) == (WIRE_STAMP_ERROR_S | WIRE_STAMP_ERROR_UNIT));
	cr_assert(wire_stamp_error(false, 0) == WIRE_STAMP_ERROR_UNIT);
	for (uint64_t ns = 1; ns < 1ull << 62; ns += 1 + ns / 7) {
		uint16_t estimate = wire_stamp_error(false, ns);
		cr_assert(estimate & 0xff && !(estimate & (WIRE_STAMP_ERROR_S | WIRE_STAMP_ERROR_Z)));
		cr_assert(error_ns(estimate) >= (double)ns * (1 - 1e-9), "%lu: %g", ns, error_ns(estimate));
		cr_assert(error_ns(estimate) <= (double)ns * 1.02 + 0.5, "%lu: %g", ns, error_ns(estimate));
	}
}
