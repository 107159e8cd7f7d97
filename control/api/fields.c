/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/api/view.h"

json_t *ctl_api_string(const char *text)
{
	if (!text)
		return json_null();
	json_t *string = json_string(text);
	if (string)
		return string;
	char *ascii = strdup(text);
	for (char *c = ascii; c && *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	string = ascii ? json_string(ascii) : NULL;
	free(ascii);
	return string;
}

/* Milliseconds to the microsecond: more would be noise. */
static json_t *ms_or_null(int64_t ns)
{
	return ns == CTL_API_NO_NS ? json_null() : json_real(round((double)ns / 1e3) / 1e3);
}

static json_t *real_or_null(double real)
{
	return isfinite(real) ? json_real(real) : json_null();
}

void ctl_api_time_text(uint64_t ns, char ret_text[static 25])
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	char date[sizeof("2026-01-02T03:04:05")];
	if (!gmtime_r(&seconds, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		strcpy(date, "0000-00-00T00:00:00");
	snprintf(ret_text, 25, "%s.%03uZ", date, (unsigned)(ns / 1000000u % 1000u));
}

static json_t *time_or_null(uint64_t ns)
{
	if (ns == 0)
		return json_null();
	char text[25];
	ctl_api_time_text(ns, text);
	return json_string(text);
}

static json_t *strings(const char *const *text, size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, ctl_api_string(text[i]));
	return array;
}

static json_t *object_or_null(const struct ctl_api_field *f, const void *row)
{
	return row ? ctl_api_object(f->table, row) : json_null();
}

static json_t *objects(const struct ctl_api_field *f, const char *rows, size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, ctl_api_object(f->table, rows + i * f->size));
	return array;
}

static json_t *cost_map(const struct ctl_api_term *term, size_t n)
{
	json_t *map = json_object();
	for (size_t i = 0; i < n; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%s_ms", term[i].name);
		json_object_set_new(map, name, ms_or_null(term[i].cost_ns));
	}
	return map;
}

/* A member of this type at `at`, whatever its alignment and true type. */
#define LOAD(type, at)                                                                                                 \
	({                                                                                                             \
		type loaded;                                                                                           \
		memcpy(&loaded, at, sizeof(loaded));                                                                   \
		loaded;                                                                                                \
	})

static json_t *value(const struct ctl_api_field *f, const void *row)
{
	const char *at = (const char *)row + f->offset;
	const char *count = (const char *)row + f->count_offset;

	switch (f->type) {
	case CTL_API_STRING:
		return ctl_api_string(LOAD(const char *, at));
	case CTL_API_BOOL:
		return json_boolean(LOAD(bool, at));
	case CTL_API_U8:
		return json_integer(LOAD(uint8_t, at));
	case CTL_API_U16:
		return json_integer(LOAD(uint16_t, at));
	case CTL_API_U32:
		return json_integer(LOAD(uint32_t, at));
	case CTL_API_U64:
		return json_integer((json_int_t)LOAD(uint64_t, at));
	case CTL_API_MS:
		return ms_or_null(LOAD(int64_t, at));
	case CTL_API_REAL:
		return real_or_null(LOAD(double, at));
	case CTL_API_TIME:
		return time_or_null(LOAD(uint64_t, at));
	case CTL_API_STRINGS:
		return strings(LOAD(const char *const *, at), LOAD(size_t, count));
	case CTL_API_INSIDE:
		return ctl_api_object(f->table, at);
	case CTL_API_POINTER:
		return object_or_null(f, LOAD(const void *, at));
	case CTL_API_ARRAY:
		return objects(f, LOAD(const char *, at), LOAD(size_t, count));
	case CTL_API_COST_MAP:
		return cost_map(LOAD(const struct ctl_api_term *, at), LOAD(size_t, count));
	}
	return NULL;
}

json_t *ctl_api_object(const struct ctl_api_field *table, const void *row)
{
	json_t *object = json_object();
	for (const struct ctl_api_field *f = table; f->name && object; f++) {
		if (json_object_set_new(object, f->name, value(f, row)) != 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}
