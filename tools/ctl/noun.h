/* SPDX-License-Identifier: BSD-2-Clause */
/* What `show` can show: for each noun the API's path and its tables, for each table its columns. Pure: JSON in, cells
 * out. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "tools/ctl/table.h"

/* How a JSON value becomes a cell. null is always "-". */
enum cli_format {
	CLI_TEXT,
	CLI_YES,     /* true -> yes, false -> no */
	CLI_MS,      /* 40.123 -> 40.1 */
	CLI_US,      /* milliseconds: 0.0123 -> 12.3 */
	CLI_TIMES,   /* 51.23 -> 51 x */
	CLI_PERCENT, /* 0.0123 -> 1.23 */
	CLI_AGE,     /* milliseconds -> 3 s, 5 min, 2 h, 4 d */
	CLI_SINCE,   /* a time -> its age */
	CLI_UNTIL,   /* a time -> how long till then */
	CLI_PATH,    /* ["sgp1", "dxb1"] -> sgp1 > dxb1 */
	CLI_LIST,    /* ["a", "b"] -> a, b */
	CLI_STATE,   /* a text with a colour of its own: up, down, backup, ... */
	CLI_BYTES,   /* 1234567 -> 1.2 MB */
};

struct cli_field {
	struct cli_column column;
	const char
	    *path; /* "primary.cost_ms"; in an expanded table "^name" is the outer row's, @key and @value an entry's */
	enum cli_format format;
};

struct cli_sheet {
	const char *title;  /* above the table; NULL: none */
	const char *array;  /* the answer's member with the rows; NULL: the answer itself is the only row */
	const char *expand; /* a member of each row, array or object, of which each entry is a row; NULL: none */
	bool vertical;      /* a line for each field instead of a row */
	const struct cli_field *field; /* path NULL ends */
};

#define CLI_MAX_SHEETS 3u

struct cli_noun {
	const char *name;
	const char *path;                       /* of the API */
	struct cli_sheet sheet[CLI_MAX_SHEETS]; /* field NULL ends */
};

extern const struct cli_noun cli_nouns[];
extern const size_t cli_n_nouns;

/* Not shown by `show`: the candidates of `route explain`, `route history`, and the links of `probe accuracy`. */
extern const struct cli_noun cli_explanation, cli_history, cli_accuracy;

const struct cli_noun *cli_noun_find(const char *name);

/* Rows of a sheet, allocated; texts in cell[rows * columns]. */
struct cli_rows {
	unsigned columns;
	unsigned rows;
	struct cli_cell *cell;
	struct cli_column column[CLI_MAX_COLUMNS];
};

/* now_ms is the wall clock (Unix time, ms), for ages. Returns 0, -EPROTO if the answer has not the sheet's shape, or
 * -ENOMEM. Free with cli_rows_free(). */
int cli_sheet_rows(const struct cli_sheet *sheet, const json_t *answer, int64_t now_ms, struct cli_rows *ret_rows);
void cli_rows_free(struct cli_rows *rows);

/* One cell's text, allocated, and its colour; value NULL is as null. */
struct cli_cell cli_cell_of(const json_t *value, enum cli_format format, int64_t now_ms);
