/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of our wall clock, and what STAMP packets say of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/stamp_tlv.h"

struct probe_clock {
	uint16_t error_estimate; /* host order, as in wire/stamp.h */
	uint8_t sync;            /* enum wire_stamp_sync */
};

/* synchronised, most_us: as adjtimex(2) has them. offset_ns: what we add to every stamp, which is then no longer
 * anybody's time. source: what sets the clock, which the kernel does not know. Pure. */
struct probe_clock probe_clock_of(bool synchronised, uint64_t most_us, int64_t offset_ns, enum wire_stamp_sync source);

/* The clock now. */
struct probe_clock probe_clock_read(int64_t offset_ns, enum wire_stamp_sync source);
