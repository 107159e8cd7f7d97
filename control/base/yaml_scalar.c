/* SPDX-License-Identifier: BSD-2-Clause */
/* The scalars of yaml.h: from text to a typed value, or the complaint that it is none. */
#include "control/base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
    {"ns", 1},
    {"us", CTL_NS_PER_US},
    {"ms", CTL_NS_PER_MS},
    {"s", CTL_NS_PER_S},
    {"m", 60 * CTL_NS_PER_S},
    {"h", 3600 * CTL_NS_PER_S},
    {"d", 86400 * CTL_NS_PER_S},
    {NULL, 0},
};

static const struct unit bitrates[] = {
    {"kbit", 1000},
    {"Mbit", 1000000},
    {"Gbit", 1000000000},
    {"Tbit", 1000000000000},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {NULL, 0},
};

/* NULL if the value is absent; complains and returns NULL if it is a map or a list. */
static const char *scalar(struct ctl_yaml_value value, const char *expected)
{
	const char *text = ctl_yaml_scalar(&value);
	if (!text && ctl_yaml_is_present(&value))
		ctl_yaml_complain(value, "must be %s, not a map or a list", expected);
	return text;
}

/* Decimal notation without exponent, NaN, infinity or hexadecimal; *ret_rest is what follows. */
static bool take_number(const char *text, double *ret_number, const char **ret_rest)
{
	size_t n = strspn(text, "+-") <= 1 ? strspn(text, "+-") : 0;
	size_t digits = strspn(text + n, "0123456789");
	if (digits == 0)
		return false;
	n += digits;
	if (text[n] == '.' && strspn(text + n + 1, "0123456789"))
		n += 1 + strspn(text + n + 1, "0123456789");
	char copy[64];
	if (n >= sizeof(copy))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	*ret_number = strtod(copy, NULL);
	*ret_rest = text + n;
	return true;
}

uint64_t ctl_yaml_uint(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise)
{
	const char *text = scalar(value, "a whole number");
	if (!text)
		return otherwise;
	char *end = NULL;
	errno = 0;
	uint64_t number = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || number < min || number > max) {
		ctl_yaml_complain(value, "must be a whole number from %" PRIu64 " to %" PRIu64, min, max);
		return otherwise;
	}
	return number;
}

double ctl_yaml_number(struct ctl_yaml_value value, double min, double max, double otherwise)
{
	const char *text = scalar(value, "a number"), *rest;
	double number;
	if (!text)
		return otherwise;
	if (!take_number(text, &number, &rest) || *rest || number < min || number > max) {
		ctl_yaml_complain(value, "must be a number from %g to %g", min, max);
		return otherwise;
	}
	return number;
}

bool ctl_yaml_bool(struct ctl_yaml_value value, bool otherwise)
{
	static const char *const names[] = {"false", "true", "no", "yes", NULL};
	const char *text = scalar(value, "true or false");
	if (!text)
		return otherwise;
	for (unsigned i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0)
			return i & 1;
	ctl_yaml_complain(value, "must be true or false");
	return otherwise;
}

/* A number and its unit; false if there is none such or it does not fit 62 bits. */
static bool take_quantity(const char *text, const struct unit *units, double *ret_quantity)
{
	double number;
	const char *rest;
	if (!take_number(text, &number, &rest))
		return false;
	for (; units->name; units++)
		if (strcmp(rest, units->name) == 0)
			break;
	bool is_zero = fpclassify(number) == FP_ZERO && *rest == '\0'; /* zero needs no unit */
	if (!units->name && !is_zero)
		return false;
	double quantity = is_zero ? 0 : number * (double)units->factor;
	if (fabs(quantity) > 0x1p62)
		return false;
	*ret_quantity = round(quantity);
	return true;
}

/* In the largest unit that says it exactly. text holds 32 bytes. */
static const char *duration_text(int64_t ns, char *text)
{
	uint64_t magnitude = ns < 0 ? (uint64_t)-ns : (uint64_t)ns;
	const struct unit *unit = durations;
	for (const struct unit *u = durations; u->name; u++)
		if (magnitude % u->factor == 0 && (magnitude || u->factor == CTL_NS_PER_S))
			unit = u;
	snprintf(text, 32, "%s%" PRIu64 "%s", ns < 0 ? "-" : "", magnitude / unit->factor, unit->name);
	return text;
}

int64_t ctl_yaml_duration(struct ctl_yaml_value value, int64_t min, int64_t max, int64_t otherwise)
{
	const char *text = scalar(value, "a time such as 20ms");
	double ns;
	if (!text)
		return otherwise;
	if (!take_quantity(text, durations, &ns)) {
		ctl_yaml_complain(value, "must be a time with its unit (ns, us, ms, s, m, h, d), such as 20ms");
		return otherwise;
	}
	if (ns < (double)min || ns > (double)max) {
		char from[32], to[32];
		ctl_yaml_complain(value, "must be from %s to %s", duration_text(min, from), duration_text(max, to));
		return otherwise;
	}
	return (int64_t)ns;
}

/* What a number with one of some units is called in complaints. */
struct amount {
	const struct unit *units;
	const char *example; /* "a size such as 256MiB" */
	const char *form;    /* "a size with its unit (…), such as 256MiB" */
	const char *plain;   /* "bytes": of min and max */
};

static uint64_t take_amount(
    struct ctl_yaml_value value, const struct amount *a, uint64_t min, uint64_t max, uint64_t otherwise)
{
	const char *text = scalar(value, a->example);
	double n;
	if (!text)
		return otherwise;
	if (!take_quantity(text, a->units, &n) || n < 0) {
		ctl_yaml_complain(value, "must be %s", a->form);
		return otherwise;
	}
	if (n < (double)min || n > (double)max) {
		ctl_yaml_complain(value, "must be from %" PRIu64 " to %" PRIu64 " %s", min, max, a->plain);
		return otherwise;
	}
	return (uint64_t)n;
}

uint64_t ctl_yaml_size(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise)
{
	static const struct amount size = {
	    sizes, "a size such as 256MiB", "a size with its unit (B, KiB, MiB, GiB), such as 256MiB", "bytes"};
	return take_amount(value, &size, min, max, otherwise);
}

uint64_t ctl_yaml_bitrate(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise)
{
	static const struct amount rate = {bitrates, "a rate such as 10Gbit",
	    "bits a second with their unit (kbit, Mbit, Gbit, Tbit), such as 10Gbit", "bits a second"};
	return take_amount(value, &rate, min, max, otherwise);
}

double ctl_yaml_percent(struct ctl_yaml_value value, double min, double max, double otherwise)
{
	const char *text = scalar(value, "a percentage such as 10%"), *rest;
	double number;
	if (!text)
		return otherwise;
	if (!take_number(text, &number, &rest) || strcmp(rest, "%") != 0 || number < min * 100 || number > max * 100) {
		ctl_yaml_complain(value, "must be a percentage from %g%% to %g%%, with its sign", min * 100, max * 100);
		return otherwise;
	}
	return number / 100;
}

int ctl_yaml_choice(struct ctl_yaml_value value, const char *const *names, int otherwise)
{
	const char *text = scalar(value, "one word");
	if (!text)
		return otherwise;
	char list[256] = "";
	size_t used = 0;
	for (int i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
	}
	ctl_yaml_complain(value, "must be one of: %s", list);
	return otherwise;
}

const char *ctl_yaml_text(struct ctl_yaml_value value, size_t size, const char *otherwise)
{
	const char *text = scalar(value, "text");
	if (!text)
		return otherwise;
	size_t length = strlen(text);
	if (length == 0 || length >= size) {
		ctl_yaml_complain(value, "must be text of 1 to %zu bytes", size - 1);
		return otherwise;
	}
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			ctl_yaml_complain(value, "must be one line of text without control characters");
			return otherwise;
		}
	return text;
}

bool ctl_name_is_good(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	size_t length = strlen(text);
	return length > 0 && length < CTL_NAME_SIZE && strspn(text, letters) == length && !strchr("-._", *text);
}

bool ctl_yaml_name(struct ctl_yaml_value value, char *ret_name)
{
	const char *text = scalar(value, "a name");
	if (!text)
		return false;
	if (!ctl_name_is_good(text)) {
		ctl_yaml_complain(value,
		    "must be a name of 1 to %u lower-case letters, digits, '-', '.' and '_', starting with a letter or "
		    "digit",
		    CTL_NAME_SIZE - 1);
		return false;
	}
	memcpy(ret_name, text, strlen(text) + 1);
	return true;
}

bool ctl_yaml_address(struct ctl_yaml_value value, struct wire_addr *ret_address)
{
	const char *text = scalar(value, "an address");
	if (!text)
		return false;
	if (ctl_address_parse(text, ret_address) == 0)
		return true;
	ctl_yaml_complain(value, "must be an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1");
	return false;
}

bool ctl_yaml_port_range(struct ctl_yaml_value value, uint16_t *ret_lo, uint16_t *ret_hi)
{
	const char *text = scalar(value, "a port or a range of ports");
	if (!text)
		return false;
	if (ctl_port_range_parse(text, ret_lo, ret_hi) == 0)
		return true;
	ctl_yaml_complain(value, "must be a port or a range of ports within 1-65535, such as 443 or 8000-8099");
	return false;
}
