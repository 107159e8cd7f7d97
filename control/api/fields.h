/* SPDX-License-Identifier: BSD-2-Clause */
/* A row struct as JSON, by a table of its fields: the table is the object's whole format, in the order shown. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* How the bytes at a field's offset become JSON. */
enum ctl_api_type {
	CTL_API_STRING, /* const char *, NULL -> null */
	CTL_API_BOOL,   /* bool */
	CTL_API_U8,
	CTL_API_U16,
	CTL_API_U32,
	CTL_API_U64,
	CTL_API_MS,       /* int64_t ns -> milliseconds, CTL_API_NO_NS -> null */
	CTL_API_REAL,     /* double, NaN -> null */
	CTL_API_TIME,     /* uint64_t CLOCK_REALTIME ns -> "2026-01-02T03:04:05.678Z", 0 -> null */
	CTL_API_STRINGS,  /* const char *const * and a count -> array */
	CTL_API_INSIDE,   /* a struct -> object, by the field's own table */
	CTL_API_POINTER,  /* pointer to a struct -> object, NULL -> null */
	CTL_API_ARRAY,    /* pointer to structs and a count -> array of objects */
	CTL_API_COST_MAP, /* struct ctl_api_term pointer and a count -> {"delay_ms": 40.1, ...} */
};

struct ctl_api_field {
	const char *name; /* ends in its unit: _ms, _s; NULL ends the table */
	enum ctl_api_type type;
	size_t offset;
	size_t count_offset; /* of the size_t count, where the type has one */
	size_t size;         /* of one element of an ARRAY */
	const struct ctl_api_field *table;
};

/* A new string; NULL -> null. Bytes that are not UTF-8 become '?', so that one bad name does not spoil an answer. */
json_t *ctl_api_string(const char *text);

/* A new object, or NULL without memory. */
json_t *ctl_api_object(const struct ctl_api_field *table, const void *row);

/* "2026-01-02T03:04:05.678Z" for a CLOCK_REALTIME in ns. */
void ctl_api_time_text(uint64_t ns, char ret_text[static 25]);

/* One table for each kind of row in view.h. */
extern const struct ctl_api_field ctl_api_status_fields[];
extern const struct ctl_api_field ctl_api_pop_fields[];
extern const struct ctl_api_field ctl_api_link_fields[];
extern const struct ctl_api_field ctl_api_accuracy_fields[];
extern const struct ctl_api_field ctl_api_route_fields[];
extern const struct ctl_api_field ctl_api_explanation_fields[];
extern const struct ctl_api_field ctl_api_past_fields[];
extern const struct ctl_api_field ctl_api_accelerator_fields[];
extern const struct ctl_api_field ctl_api_listener_fields[];
extern const struct ctl_api_field ctl_api_endpoint_fields[];
extern const struct ctl_api_field ctl_api_policy_fields[];
extern const struct ctl_api_field ctl_api_applied_fields[];
extern const struct ctl_api_field ctl_api_stale_fields[];
