/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/clock.h"

#include <criterion/criterion.h>

#include "wire/stamp.h"

Test(clock, a_clock_that_is_set_says_so_and_by_what)
{
	struct probe_clock c = probe_clock_of(true, 1500, 0, WIRE_STAMP_SYNC_PTP);
	cr_assert(c.sync == WIRE_STAMP_SYNC_PTP);
	cr_assert(c.error_estimate == wire_stamp_error(true, 1500000));
}

Test(clock, a_clock_that_runs_free_or_is_off_on_purpose_is_nobodys)
{
	struct probe_clock free = probe_clock_of(false, 16000000, 0, WIRE_STAMP_SYNC_NTP);
	struct probe_clock off = probe_clock_of(true, 1500, -5000000000, WIRE_STAMP_SYNC_NTP);
	cr_assert(free.sync == WIRE_STAMP_SYNC_NONE && free.error_estimate == wire_stamp_error(false, 16000000000));
	cr_assert(off.sync == WIRE_STAMP_SYNC_NONE && off.error_estimate == wire_stamp_error(false, 5001500000));
}

Test(clock, the_kernel_has_an_opinion)
{
	struct probe_clock c = probe_clock_read(0, WIRE_STAMP_SYNC_GNSS);
	bool set = c.error_estimate & WIRE_STAMP_ERROR_S;
	cr_assert((c.error_estimate & 0xff) && c.sync == (set ? WIRE_STAMP_SYNC_GNSS : WIRE_STAMP_SYNC_NONE));
}
