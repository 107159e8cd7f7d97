/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *text;

static void print(const struct cli_column *column, unsigned columns, const struct cli_cell *cell, unsigned rows,
    unsigned width, bool colour)
{
	size_t size;
	free(text);
	FILE *out = open_memstream(&text, &size);
	cli_table_print(out, column, columns, cell, rows, width, colour);
	fclose(out);
}

static const struct cli_column columns[] = {
    {"NAME", CLI_LEFT, 0, 0}, {"MS", CLI_RIGHT, 1, 0}, {"PATH", CLI_LEFT, 2, 6}, {"NOTE", CLI_LEFT, 3, 0}};
static const struct cli_cell cells[] = {
    {"a", 0}, {"1.0", 0}, {"sgp1 > dxb1", 0}, {"x", 0}, {"long", CLI_BAD}, {"100.0", 0}, {"fra1", 0}, {"y", 0}};

Test(table, aligns_columns_and_leaves_no_space_at_the_end)
{
	print(columns, 4, cells, 2, 0, false);
	cr_assert_str_eq(text, "NAME     MS  PATH         NOTE\n"
	                       "a       1.0  sgp1 > dxb1  x\n"
	                       "long  100.0  fra1         y\n");
}

Test(table, drops_then_shortens_the_least_important_first)
{
	print(columns, 4, cells, 2, 24, false);
	cr_assert_str_eq(text, "NAME     MS  PATH\n"
	                       "a       1.0  sgp1 > dxb1\n"
	                       "long  100.0  fra1\n");
	print(columns, 4, cells, 2, 20, false);
	cr_assert_str_eq(text, "NAME     MS  PATH\n"
	                       "a       1.0  sgp1 >…\n"
	                       "long  100.0  fra1\n");
	print(columns, 4, cells, 2, 12, false);
	cr_assert_str_eq(text, "NAME     MS\n"
	                       "a       1.0\n"
	                       "long  100.0\n");
	print(columns, 4, cells, 2, 1, false);
	cr_assert_str_eq(text, "NAME\na\nlong\n", "what may not be dropped stays");
}

Test(table, counts_characters_not_bytes)
{
	const struct cli_column one[] = {{"Ä", CLI_RIGHT, 0, 3}, {"B", CLI_LEFT, 1, 0}};
	const struct cli_cell wide[] = {{"äöüß€", 0}, {"x", 0}};
	print(one, 2, wide, 1, 0, false);
	cr_assert_str_eq(text, "    Ä  B\näöüß€  x\n");
	print(one, 2, wide, 1, 4, false);
	cr_assert_str_eq(text, "   Ä\näöü…\n");
}

Test(table, has_colour_only_if_asked)
{
	print(columns, 4, cells, 2, 0, false);
	cr_assert_null(strchr(text, '\33'));
	print(columns, 4, cells, 2, 0, true);
	cr_assert(strstr(text, "\33[31mlong\33[0m"), "%s", text);
}

/* The invariant, for random tables: no line is wider than asked, unless only columns of importance 0 are left. */
Test(table, never_is_wider_than_the_terminal)
{
	srand(7);
	for (int round = 0; round < 3000; round++) {
		unsigned n = 1 + (unsigned)rand() % 8, width = 1 + (unsigned)rand() % 100, widths[8];
		struct cli_column column[8];
		struct cli_cell cell[8];
		static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
		for (unsigned c = 0; c < n; c++) {
			column[c] = (struct cli_column){"H", CLI_LEFT, (unsigned)rand() % 4, (unsigned)rand() % 6};
			cell[c].text = (char *)letters + rand() % 52;
		}
		cli_table_fit(column, n, cell, 1, width, widths);
		unsigned sum = 0, kept = 0, kept_droppable = 0;
		for (unsigned c = 0; c < n; c++) {
			sum += widths[c] ? widths[c] + (kept ? 2 : 0) : 0;
			kept += widths[c] > 0;
			kept_droppable += widths[c] > 0 && column[c].importance > 0;
			cr_assert(widths[c] > 0 || column[c].importance > 0, "importance 0 is never dropped");
			cr_assert(widths[c] == 0 || widths[c] >= column[c].min_width ||
			          widths[c] == cli_text_width(cell[c].text));
		}
		cr_assert(sum <= width || kept_droppable == 0, "round %d: %u of %u", round, sum, width);
	}
}
