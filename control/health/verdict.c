/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/health/verdict.h"

bool ctl_verdict_take(struct ctl_verdict *verdict, bool good, uint16_t rise, uint16_t fall)
{
	enum ctl_health_verdict said = good ? CTL_HEALTH_UP : CTL_HEALTH_DOWN;
	if (verdict->now == said) {
		verdict->streak = 0;
		return false;
	}
	if (verdict->now != CTL_HEALTH_UNKNOWN && ++verdict->streak < (good ? rise : fall))
		return false;
	*verdict = (struct ctl_verdict){.now = said};
	return true;
}
