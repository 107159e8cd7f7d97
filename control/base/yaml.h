/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads YAML (and so JSON) by schema: the caller asks for the fields that it knows, and whatever is wrong becomes one
 * line with file, line, field, value and remedy in a list of mistakes. JSON text is read the same way.
 *
 *	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
 *	ctl_yaml_only(map, keys);                                       unknown and repeated keys are mistakes
 *	pop->id = (uint16_t)ctl_yaml_uint(ctl_yaml_need(map, "id"), 1, UINT16_MAX, 0);
 *	pop->rate = ctl_yaml_duration(ctl_yaml_get(map, "interval"), CTL_NS_PER_MS, CTL_NS_PER_S, default);
 *
 * A getter of an absent value returns its default without a complaint, so that required fields are reported once, by
 * ctl_yaml_need. All getters accept the absent value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/mistakes.h"
#include "wire/address.h"

#define CTL_YAML_MAX_BYTES     (4u << 20) /* of one file: far beyond any configuration written by people */
#define CTL_YAML_MAX_APPLY     (1u << 20) /* bytes of an apply: some 10,000 endpoints */
#define CTL_YAML_MAX_DOCUMENTS 1024u
#define CTL_YAML_MAX_DEPTH     32u      /* lists and maps within each other */
#define CTL_YAML_MAX_VALUES    1048576u /* aliases counted as what they stand for; an accelerator has 700,000 at most */
#define CTL_YAML_FIELD_SIZE    128u
#define CTL_NAME_SIZE          32u /* of object names, with the terminating zero */

struct ctl_yaml;

/* A place in a document. Passed by value; valid as long as its struct ctl_yaml. */
struct ctl_yaml_value {
	const struct ctl_yaml *yaml;
	uint32_t document;
	int node;                        /* 0: absent */
	char field[CTL_YAML_FIELD_SIZE]; /* path from the document's root, such as "links[0].mtu" */
};

/* Reads a whole file or text. Mistakes go to m, here and in all getters; m must outlive *ret_yaml. `name` stands in the
 * lines as the file. A file that cannot be opened, is too large or is no YAML is a mistake too, and -EINVAL. */
int ctl_yaml_open(const char *path, struct ctl_mistakes *m, struct ctl_yaml **ret_yaml);
int ctl_yaml_parse(const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct ctl_yaml **ret_yaml);
void ctl_yaml_free(struct ctl_yaml *yaml);

/* Empty documents (only comments) are not counted. */
unsigned ctl_yaml_documents(const struct ctl_yaml *yaml);
struct ctl_yaml_value ctl_yaml_document(const struct ctl_yaml *yaml, unsigned index);

/* ---- structure ---- */

bool ctl_yaml_is_present(const struct ctl_yaml_value *value);
unsigned ctl_yaml_line(const struct ctl_yaml_value *value); /* 1 is the first */

/* Complains unless value is a map whose keys all stand in the NULL-terminated list, each once. Returns whether it is a
 * map. */
bool ctl_yaml_only(struct ctl_yaml_value value, const char *const *keys);

/* The value of a key of a map; absent if the key is not there, its value is empty or ~, or `map`
 * is no map. */
struct ctl_yaml_value ctl_yaml_get(struct ctl_yaml_value map, const char *key);

/* The same, and complains if it is absent. */
struct ctl_yaml_value ctl_yaml_need(struct ctl_yaml_value map, const char *key);

/* Length of a list of at most max items; complains and returns 0 if it is no list or longer. */
unsigned ctl_yaml_items(struct ctl_yaml_value list, unsigned max);
struct ctl_yaml_value ctl_yaml_item(struct ctl_yaml_value list, unsigned index);

/* Entries of a map in the order written; *ret_key lives as long as the document. */
unsigned ctl_yaml_entries(struct ctl_yaml_value map, unsigned max);
struct ctl_yaml_value ctl_yaml_entry(struct ctl_yaml_value map, unsigned index, const char **ret_key);

/* The text of a scalar as it stands, or NULL if value is absent, a map or a list. */
const char *ctl_yaml_scalar(const struct ctl_yaml_value *value);

/* ---- scalars: the value, or `otherwise` if it is absent or a mistake ---- */

uint64_t ctl_yaml_uint(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise);
double ctl_yaml_number(struct ctl_yaml_value value, double min, double max, double otherwise);
bool ctl_yaml_bool(struct ctl_yaml_value value, bool otherwise);

/* "20ms", "1.5s", "-3us", "2h", "7d" (or 0); nanoseconds. */
int64_t ctl_yaml_duration(struct ctl_yaml_value value, int64_t min, int64_t max, int64_t otherwise);

/* "256MiB", "1GiB", "64KiB", "4096" (bytes). */
uint64_t ctl_yaml_size(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise);

/* "100Mbit", "10Gbit", "1.5Gbit"; bits a second. */
uint64_t ctl_yaml_bitrate(struct ctl_yaml_value value, uint64_t min, uint64_t max, uint64_t otherwise);

/* "10%" is 0.1. The sign must be there: 10 or 0.1 alone would be guessed wrong. */
double ctl_yaml_percent(struct ctl_yaml_value value, double min, double max, double otherwise);

/* Index in the NULL-terminated list. */
int ctl_yaml_choice(struct ctl_yaml_value value, const char *const *names, int otherwise);

/* Any text that is one line without control characters and shorter than size; lives as long as the document. */
const char *ctl_yaml_text(struct ctl_yaml_value value, size_t size, const char *otherwise);

/* Whether text would pass ctl_yaml_name. */
bool ctl_name_is_good(const char *text);

/* A name of an object: 1 .. 31 of a-z, 0-9, '-', '.' and '_', starting with a letter or digit. ret_name holds
 * CTL_NAME_SIZE bytes. These return whether the output was set. */
bool ctl_yaml_name(struct ctl_yaml_value value, char *ret_name);
bool ctl_yaml_address(struct ctl_yaml_value value, struct wire_addr *ret_address);
bool ctl_yaml_port_range(struct ctl_yaml_value value, uint16_t *ret_lo, uint16_t *ret_hi);

/* A mistake that only the caller can see, in the same form: FILE:LINE: FIELD: 'VALUE': the formatted text. */
void ctl_yaml_complain(struct ctl_yaml_value value, const char *format, ...) __attribute__((format(printf, 2, 3)));
