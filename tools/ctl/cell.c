/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON values as people read them. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/noun.h"

static char *age_text(double ms)
{
	static const struct {
		double below_ms; /* shown in this unit below so many */
		double unit_ms;
		const char *name;
	} units[] = {
	    {1e3, 1, "ms"}, {120e3, 1e3, "s"}, {7200e3, 60e3, "min"}, {172800e3, 3600e3, "h"}, {1e300, 86400e3, "d"}};
	char *text = NULL;
	size_t i = 0;
	if (ms < 0)
		ms = 0;
	while (ms >= units[i].below_ms)
		i++;
	return asprintf(&text, "%lld %s", (long long)(ms / units[i].unit_ms), units[i].name) < 0 ? NULL : text;
}

/* Unix time in ms of "2026-01-02T03:04:05.678Z", or -1. */
static int64_t parse_time(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return -1;
	double fraction = *rest == '.' ? strtod(rest, NULL) : 0;
	return (int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000 + 0.5);
}

static char *joined(const json_t *array, const char *between)
{
	char *text = NULL;
	size_t size, i;
	const json_t *item;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	json_array_foreach((json_t *)array, i, item)
	    fprintf(out, "%s%s", i ? between : "", json_is_string(item) ? json_string_value(item) : "?");
	fclose(out);
	return text;
}

static char *bytes_text(double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	unsigned i = 0;
	char *text = NULL;
	for (; bytes >= 1000 && i < 6; i++)
		bytes /= 1000;
	return asprintf(&text, i ? "%.1f %s" : "%.0f %s", bytes, units[i]) < 0 ? NULL : text;
}

static char *plain(const json_t *value)
{
	char *text = NULL;
	int n = -1;
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_integer(value))
		n = asprintf(&text, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		n = asprintf(&text, "%.4g", json_real_value(value));
	else if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	else
		return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return n < 0 ? NULL : text;
}

static char *number_text(const json_t *value, const char *format, double factor)
{
	char *text = NULL;
	return asprintf(&text, format, json_number_value(value) * factor) < 0 ? NULL : text;
}

/* Words whose meaning has a colour. */
static enum cli_colour colour_of(const char *word)
{
	static const struct {
		const char *word;
		enum cli_colour colour;
	} colours[] = {{"up", CLI_GOOD}, {"ok", CLI_GOOD}, {"ready", CLI_GOOD}, {"connected", CLI_GOOD},
	    {"healthy", CLI_GOOD}, {"primary", CLI_GOOD}, {"ebpf", CLI_GOOD}, {"down", CLI_BAD}, {"silent", CLI_BAD},
	    {"read-only", CLI_BAD}, {"absent", CLI_BAD}, {"unhealthy", CLI_BAD}, {"none", CLI_BAD},
	    {"left-out", CLI_BAD}, {"backup", CLI_WARN}, {"drained", CLI_WARN}, {"resyncing", CLI_WARN},
	    {"pending", CLI_WARN}, {"unknown", CLI_WARN}, {"user", CLI_WARN}};
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(word, colours[i].word) == 0)
			return colours[i].colour;
	}
	return CLI_PLAIN;
}

static char *cell_text(const json_t *value, enum cli_format format, int64_t now_ms)
{
	bool number = json_is_number(value), string = json_is_string(value), array = json_is_array(value);
	switch (format) {
	case CLI_MS:
		return number ? number_text(value, "%.1f", 1) : NULL;
	case CLI_US:
		return number ? number_text(value, "%.1f", 1000) : NULL;
	case CLI_TIMES:
		return number ? number_text(value, "%.0f x", 1) : NULL;
	case CLI_PERCENT:
		return number ? number_text(value, "%.2f", 100) : NULL;
	case CLI_AGE:
		return number ? age_text(json_number_value(value)) : NULL;
	case CLI_SINCE:
		return string ? age_text((double)(now_ms - parse_time(json_string_value(value)))) : NULL;
	case CLI_UNTIL:
		return string ? age_text((double)(parse_time(json_string_value(value)) - now_ms)) : NULL;
	case CLI_PATH:
		return array && json_array_size(value) ? joined(value, " > ") : NULL;
	case CLI_LIST:
		return array && json_array_size(value) ? joined(value, ", ") : NULL;
	case CLI_BYTES:
		return number ? bytes_text(json_number_value(value)) : NULL;
	case CLI_TEXT:
	case CLI_YES:
	case CLI_STATE:
		return plain(value);
	}
	return NULL;
}

struct cli_cell cli_cell_of(const json_t *value, enum cli_format format, int64_t now_ms)
{
	struct cli_cell cell = {0};
	if (value && !json_is_null(value))
		cell.text = cell_text(value, format, now_ms);
	if (!cell.text)
		return (struct cli_cell){strdup("-"), CLI_DIM};
	if (format == CLI_STATE)
		cell.colour = colour_of(cell.text);
	for (char *c = cell.text; *c; c++) { /* a table's cell is one line, and no terminal command */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return cell;
}

/* ---- rows ---- */

/* The value at "a.b.c" in an object, or NULL. */
static const json_t *member(const json_t *object, const char *path)
{
	while (object && path) {
		char name[64];
		size_t length = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		object = json_object_get(object, name);
		path = path[length] ? path + length + 1 : NULL;
	}
	return object;
}

struct place {
	const json_t *outer;
	const json_t *inner;
	const char *key; /* of inner, if it was an entry of an object */
};

static struct cli_cell cell_at(const struct cli_field *field, const struct place *place, int64_t now_ms)
{
	if (strcmp(field->path, "@key") == 0)
		return (struct cli_cell){strdup(place->key ? place->key : "-"), CLI_PLAIN};
	if (strcmp(field->path, "@value") == 0)
		return cli_cell_of(place->inner, field->format, now_ms);
	if (*field->path == '^')
		return cli_cell_of(member(place->outer, field->path + 1), field->format, now_ms);
	return cli_cell_of(member(place->inner, field->path), field->format, now_ms);
}

static int add_row(const struct cli_sheet *sheet, const struct place *place, int64_t now_ms, struct cli_rows *rows)
{
	assert(rows->columns > 0);
	size_t used = (size_t)rows->rows * rows->columns;
	struct cli_cell *cell = realloc(rows->cell, (used + rows->columns) * sizeof(*cell));
	if (!cell)
		return -ENOMEM;
	rows->cell = cell;
	rows->rows++;
	for (unsigned c = 0; c < rows->columns; c++)
		cell[used + c] = cell_at(&sheet->field[c], place, now_ms);
	for (unsigned c = 0; c < rows->columns; c++) {
		if (!cell[used + c].text)
			return -ENOMEM;
	}
	return 0;
}

static int add_expanded(const struct cli_sheet *sheet, const json_t *outer, int64_t now_ms, struct cli_rows *rows)
{
	json_t *inside = json_object_get(outer, sheet->expand);
	json_t *inner;
	const char *key;
	size_t i;
	int err = 0;
	json_array_foreach(inside, i, inner)
	{
		if (!err)
			err = add_row(sheet, &(struct place){outer, inner, NULL}, now_ms, rows);
	}
	json_object_foreach(inside, key, inner)
	{
		if (!err)
			err = add_row(sheet, &(struct place){outer, inner, key}, now_ms, rows);
	}
	return err;
}

/* The single row of a vertical sheet, each field as a row of two cells. */
static int add_vertical(const struct cli_sheet *sheet, const json_t *answer, int64_t now_ms, struct cli_rows *rows)
{
	rows->columns = 2;
	rows->column[0] = (struct cli_column){"", CLI_LEFT, 0, 0};
	rows->column[1] = (struct cli_column){"", CLI_LEFT, 0, 8};
	for (const struct cli_field *f = sheet->field; f->path; f++) {
		const json_t *value = member(answer, f->path);
		if (!value || json_is_null(value))
			continue;
		struct cli_cell *cell = realloc(rows->cell, ((size_t)rows->rows + 1) * 2 * sizeof(*cell));
		if (!cell)
			return -ENOMEM;
		rows->cell = cell;
		cell += (size_t)rows->rows++ * 2;
		cell[0] = (struct cli_cell){strdup(f->column.heading), CLI_DIM};
		cell[1] = cli_cell_of(value, f->format, now_ms);
		if (!cell[0].text || !cell[1].text)
			return -ENOMEM;
	}
	return 0;
}

static int fill(const struct cli_sheet *sheet, const json_t *answer, int64_t now_ms, struct cli_rows *rows)
{
	if (sheet->vertical)
		return json_is_object(answer) ? add_vertical(sheet, answer, now_ms, rows) : -EPROTO;
	json_t *array = json_object_get(answer, sheet->array);
	json_t *row;
	size_t i;
	int err = json_is_array(array) ? 0 : -EPROTO;
	for (const struct cli_field *f = sheet->field; f->path; f++)
		rows->column[rows->columns++] = f->column;
	json_array_foreach(array, i, row)
	{
		if (!err && sheet->expand)
			err = add_expanded(sheet, row, now_ms, rows);
		else if (!err)
			err = add_row(sheet, &(struct place){row, row, NULL}, now_ms, rows);
	}
	return err;
}

int cli_sheet_rows(const struct cli_sheet *sheet, const json_t *answer, int64_t now_ms, struct cli_rows *ret_rows)
{
	struct cli_rows rows = {0};
	int err = fill(sheet, answer, now_ms, &rows);
	if (err)
		cli_rows_free(&rows);
	else
		*ret_rows = rows;
	return err;
}

void cli_rows_free(struct cli_rows *rows)
{
	for (size_t i = 0; i < (size_t)rows->rows * rows->columns; i++)
		free(rows->cell[i].text);
	free(rows->cell);
	rows->cell = NULL;
	rows->rows = 0;
}
