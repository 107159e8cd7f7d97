/* SPDX-License-Identifier: BSD-2-Clause */
/* A table for people. Pure: cells in, text out.
 *
 * Invariant: with a width given, no line is longer (in characters) unless the columns that may not be dropped do not fit;
 * these are never cut below their min_width. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define CLI_MAX_COLUMNS 32u

enum cli_align { CLI_LEFT, CLI_RIGHT };
enum cli_colour { CLI_PLAIN, CLI_GOOD, CLI_WARN, CLI_BAD, CLI_DIM };

struct cli_column {
	const char *heading;
	enum cli_align align;
	unsigned importance; /* 0: never dropped; else the highest number is shortened, then dropped, first */
	unsigned min_width;  /* it may be shortened to this many characters; 0: not at all */
};

struct cli_cell {
	char *text; /* UTF-8, one line */
	enum cli_colour colour;
};

/* Headings, unless all are empty, then cell[rows * columns], row by row. width: of the terminal in characters, 0: any. */
void cli_table_print(FILE *out, const struct cli_column *column, unsigned columns, const struct cli_cell *cell,
    unsigned rows, unsigned width, bool colour);

/* The widths it would choose: ret_width[columns], 0 for a dropped column. */
void cli_table_fit(const struct cli_column *column, unsigned columns, const struct cli_cell *cell, unsigned rows,
    unsigned width, unsigned *ret_width);

/* Characters of a UTF-8 text. */
unsigned cli_text_width(const char *text);
