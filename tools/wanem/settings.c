/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MINUTE 60000000000ll /* no path on Earth takes longer than this */
#define MAX_RATE      1e12          /* bits per second */
#define MAX_QUEUE     (1ull << 30)  /* bytes */

int wanem_rate_parse(const char *text, uint64_t *ret_bps)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {{"bit", 1}, {"kbit", 1e3}, {"Mbit", 1e6}, {"Gbit", 1e9}};
	char *unit;
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	double value = strtod(text, &unit);
	if (value == 0 && *unit == '\0') {
		*ret_bps = 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].unit) != 0)
			continue;
		if (!(value * units[i].factor >= 1 && value * units[i].factor <= MAX_RATE))
			return -EINVAL;
		*ret_bps = (uint64_t)(value * units[i].factor);
		return 0;
	}
	return -EINVAL;
}

static const char *const off_or_on[] = {"off", "on", "false", "true", NULL}; /* odd: on */

static uint64_t duration(struct ctl_yaml_value map, const char *key, uint64_t otherwise)
{
	return (uint64_t)ctl_yaml_duration(ctl_yaml_get(map, key), 0, NS_PER_MINUTE, (int64_t)otherwise);
}

static double share(struct ctl_yaml_value map, const char *key, double otherwise)
{
	return ctl_yaml_percent(ctl_yaml_get(map, key), 0, 1, otherwise);
}

void wanem_settings_read(struct ctl_yaml_value map, struct wanem_impairment *set)
{
	set->delay_ns = duration(map, "delay", set->delay_ns);
	set->jitter_ns = duration(map, "jitter", set->jitter_ns);
	set->loss = share(map, "loss", set->loss);
	set->duplicate = share(map, "duplicate", set->duplicate);
	set->reorder = share(map, "reorder", set->reorder);
	set->reorder_gap_ns = duration(map, "reorder-gap", set->reorder_gap_ns);
	set->queue_bytes = ctl_yaml_size(ctl_yaml_get(map, "queue"), 0, MAX_QUEUE, set->queue_bytes);
	set->dark = ctl_yaml_choice(ctl_yaml_get(map, "dark"), off_or_on, set->dark) & 1;
	struct ctl_yaml_value rate = ctl_yaml_get(map, "rate");
	const char *text = ctl_yaml_text(rate, 32, NULL);
	if (text && wanem_rate_parse(text, &set->rate_bps) != 0)
		ctl_yaml_complain(rate, "write a rate such as 10Mbit, 1.5Gbit or 300kbit, or 0 for no limit");
}
