/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/clock.h"

#include <stdlib.h>
#include <sys/timex.h>

#include "wire/stamp.h"

struct probe_clock probe_clock_of(bool synchronised, uint64_t most_us, int64_t offset_ns, enum wire_stamp_sync source)
{
	bool true_time = synchronised && offset_ns == 0;
	return (struct probe_clock){
	    .error_estimate = wire_stamp_error(true_time, most_us * 1000u + (uint64_t)llabs(offset_ns)),
	    .sync = (uint8_t)(true_time ? source : WIRE_STAMP_SYNC_NONE),
	};
}

struct probe_clock probe_clock_read(int64_t offset_ns, enum wire_stamp_sync source)
{
	struct timex t = {0};
	int state = adjtimex(&t);
	bool synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
	return probe_clock_of(synchronised, state < 0 || t.maxerror < 0 ? 0 : (uint64_t)t.maxerror, offset_ns, source);
}
