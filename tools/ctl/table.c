/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/table.h"

#include <assert.h>
#include <string.h>

#define GAP 2u /* spaces between columns */

unsigned cli_text_width(const char *text)
{
	unsigned width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80; /* not a continuation byte */
	return width;
}

static unsigned natural_width(
    const struct cli_column *column, unsigned columns, const struct cli_cell *cell, unsigned rows, unsigned c)
{
	unsigned widest = cli_text_width(column[c].heading);
	for (unsigned r = 0; r < rows; r++) {
		unsigned width = cli_text_width(cell[r * columns + c].text);
		if (width > widest)
			widest = width;
	}
	return widest;
}

static unsigned total(const unsigned *width, unsigned columns)
{
	unsigned sum = 0;
	for (unsigned c = 0; c < columns; c++)
		sum += width[c] ? width[c] + GAP : 0;
	return sum ? sum - GAP : 0;
}

/* The column still there that matters least, but less than `limit`; the rightmost of equals. Returns columns if none. */
static unsigned least_important(
    const struct cli_column *column, unsigned columns, const unsigned *width, const bool *done)
{
	unsigned found = columns;
	for (unsigned c = 0; c < columns; c++) {
		if (width[c] && !done[c] && (found == columns || column[c].importance >= column[found].importance))
			found = c;
	}
	return found;
}

void cli_table_fit(const struct cli_column *column, unsigned columns, const struct cli_cell *cell, unsigned rows,
    unsigned width, unsigned *ret_width)
{
	bool done[CLI_MAX_COLUMNS] = {false};
	assert(columns <= CLI_MAX_COLUMNS);
	for (unsigned c = 0; c < columns; c++)
		ret_width[c] = natural_width(column, columns, cell, rows, c);
	while (width && total(ret_width, columns) > width) {
		unsigned c = least_important(column, columns, ret_width, done);
		if (c == columns)
			return;
		unsigned excess = total(ret_width, columns) - width;
		unsigned min =
		    column[c].min_width && column[c].min_width < ret_width[c] ? column[c].min_width : ret_width[c];
		bool enough = ret_width[c] - min >= excess;
		if (enough)
			ret_width[c] -= excess;
		else
			ret_width[c] = column[c].importance ? 0 : min;
		done[c] = true;
	}
}

static const char *escape(enum cli_colour colour)
{
	static const char *const escapes[] = {[CLI_PLAIN] = "",
	    [CLI_GOOD] = "\33[32m",
	    [CLI_WARN] = "\33[33m",
	    [CLI_BAD] = "\33[31m",
	    [CLI_DIM] = "\33[2m"};
	return escapes[colour];
}

/* The first n characters of the text. */
static void put_characters(FILE *out, const char *text, unsigned n)
{
	const char *end = text;
	for (unsigned count = 0; *end; end++) {
		if ((*end & 0xc0) != 0x80 && count++ == n)
			break;
	}
	fwrite(text, 1, (size_t)(end - text), out);
}

static void put_cell(FILE *out, const char *text, unsigned width, enum cli_align align, const char *colour, bool last)
{
	unsigned length = cli_text_width(text);
	unsigned shown = length < width ? length : width;
	int pad = (int)(width - shown);
	fprintf(out, "%*s%s", align == CLI_RIGHT ? pad : 0, "", colour);
	if (length > width) {
		put_characters(out, text, width - 1);
		fputs("…", out);
	} else {
		fputs(text, out);
	}
	fputs(*colour ? "\33[0m" : "", out);
	if (!last)
		fprintf(out, "%*s", (align == CLI_LEFT ? pad : 0) + (int)GAP, "");
}

static bool has_headings(const struct cli_column *column, unsigned columns)
{
	for (unsigned c = 0; c < columns; c++) {
		if (*column[c].heading)
			return true;
	}
	return false;
}

static void put_headings(
    FILE *out, const struct cli_column *column, unsigned columns, const unsigned *widths, unsigned last, bool colour)
{
	for (unsigned c = 0; c < columns; c++) {
		if (widths[c])
			put_cell(out, column[c].heading, widths[c], column[c].align, colour ? "\33[1m" : "", c == last);
	}
	fputc('\n', out);
}

void cli_table_print(FILE *out, const struct cli_column *column, unsigned columns, const struct cli_cell *cell,
    unsigned rows, unsigned width, bool colour)
{
	unsigned widths[CLI_MAX_COLUMNS];
	unsigned last = 0;
	cli_table_fit(column, columns, cell, rows, width, widths);
	for (unsigned c = 0; c < columns; c++)
		last = widths[c] ? c : last;
	if (has_headings(column, columns))
		put_headings(out, column, columns, widths, last, colour);
	for (unsigned r = 0; r < rows; r++) {
		for (unsigned c = 0; c < columns; c++) {
			const struct cli_cell *at = &cell[r * columns + c];
			if (widths[c])
				put_cell(out, at->text, widths[c], column[c].align, colour ? escape(at->colour) : "",
				    c == last);
		}
		fputc('\n', out);
	}
}
