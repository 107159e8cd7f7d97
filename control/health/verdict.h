/* SPDX-License-Identifier: BSD-2-Clause */
/* From single results to a verdict: up after `rise` good ones in a row, down after `fall` bad ones. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/health/health.h"

/* Zero is a target of which nothing is known. */
struct ctl_verdict {
	enum ctl_health_verdict now;
	uint16_t streak; /* results in a row that speak against `now` */
};

/* Take a result in. Returns whether the verdict has changed; the first result is the verdict. */
bool ctl_verdict_take(struct ctl_verdict *verdict, bool good, uint16_t rise, uint16_t fall);
