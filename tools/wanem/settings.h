/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/settings.h: a line's settings as people write them, in the configuration and on the command line. */
#pragma once

#include "control/base/yaml.h"
#include "tools/wanem/impair.h"

/* X(key as written). The order is that of the manual page. */
#define WANEM_SETTINGS(X)                                                                                              \
	X("delay")                                                                                                     \
	X("jitter")                                                                                                    \
	X("loss")                                                                                                      \
	X("duplicate")                                                                                                 \
	X("reorder")                                                                                                   \
	X("reorder-gap")                                                                                               \
	X("rate")                                                                                                      \
	X("queue")                                                                                                     \
	X("dark")

/* Those fields of the map that are present change *set; mistakes are reported as control/base/yaml.h does. */
void wanem_settings_read(struct ctl_yaml_value map, struct wanem_impairment *set);

/* "10Mbit", "1.5Gbit", "300kbit", "0" (no limit), in bits per second. Returns 0 or -EINVAL. */
int wanem_rate_parse(const char *text, uint64_t *ret_bps);
