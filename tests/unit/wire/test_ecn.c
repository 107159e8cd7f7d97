/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/ecn.h"

#include <criterion/criterion.h>
#include <string.h>

/* Not-ECT, ECT(0), ECT(1), CE, as the rows (inner) and columns (outer) of RFC 6040, figure 4, stand. */
static const uint8_t order[4] = {0, 2, 1, 3};
static const int expected[4][4] = {{0, 0, 0, -1}, {2, 2, 1, 3}, {1, 1, 1, 3}, {3, 3, 3, 3}};

Test(ecn, leaves_the_tunnel_as_rfc_6040_says)
{
	for (unsigned inner = 0; inner < 4; inner++)
		for (unsigned outer = 0; outer < 4; outer++)
			cr_assert_eq(wire_ecn_decap(order[inner], order[outer] | 0xb8), expected[inner][outer]);
}

Test(ecn, of_a_header_changes_and_nothing_else_but_the_checksum)
{
	for (unsigned k = 0; k < 32; k++) { /* each pair, in IPv4 and IPv6 */
		unsigned inner = k & 3, outer = k >> 2 & 3, v6 = k >> 4;
		uint8_t before[40], after[40];
		for (unsigned i = 0; i < sizeof(before); i++)
			before[i] = (uint8_t)(17 * i);
		before[0] = v6 ? 0x60 : 0x45;
		wire_ip_put_tos(before, (uint8_t)(0xb8 | order[inner]));
		memcpy(after, before, sizeof(after));
		cr_assert_eq(wire_ecn_unwrap(after, (uint8_t)(0x04 | order[outer])), expected[inner][outer] >= 0);
		if (expected[inner][outer] >= 0)
			wire_ip_put_tos(before, (uint8_t)(0xb8 | expected[inner][outer]));
		cr_assert_arr_eq(after, before, sizeof(after));
	}
}
