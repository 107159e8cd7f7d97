/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/noun.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1767323050678ll /* 2026-01-02T03:04:10.678Z */

static void expect_cell(const char *json, enum cli_format format, const char *text, enum cli_colour colour)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	struct cli_cell cell = cli_cell_of(value, format, NOW);
	cr_assert_str_eq(cell.text, text, "%s: %s", json, cell.text);
	cr_assert_eq(cell.colour, colour, "%s: colour %d", json, cell.colour);
	free(cell.text);
	json_decref(value);
}

Test(cell, shows_units_that_people_read)
{
	expect_cell("40.123", CLI_MS, "40.1", CLI_PLAIN);
	expect_cell("-0.25", CLI_MS, "-0.2", CLI_PLAIN);
	expect_cell("0.0123", CLI_PERCENT, "1.23", CLI_PLAIN);
	expect_cell("999", CLI_AGE, "999 ms", CLI_PLAIN);
	expect_cell("61999.5", CLI_AGE, "61 s", CLI_PLAIN);
	expect_cell("7199999", CLI_AGE, "119 min", CLI_PLAIN);
	expect_cell("7200000", CLI_AGE, "2 h", CLI_PLAIN);
	expect_cell("864000000", CLI_AGE, "10 d", CLI_PLAIN);
	expect_cell("\"2026-01-02T03:04:05.678Z\"", CLI_SINCE, "5 s", CLI_PLAIN);
	expect_cell("\"2026-01-02T04:04:10.678Z\"", CLI_UNTIL, "60 min", CLI_PLAIN);
	expect_cell("[\"sgp1\", \"dxb1\", \"fra1\"]", CLI_PATH, "sgp1 > dxb1 > fra1", CLI_PLAIN);
	expect_cell("[\"443\", \"8000-8099\"]", CLI_LIST, "443, 8000-8099", CLI_PLAIN);
	expect_cell("1234567", CLI_BYTES, "1.2 MB", CLI_PLAIN);
	expect_cell("999", CLI_BYTES, "999 B", CLI_PLAIN);
	expect_cell("true", CLI_YES, "yes", CLI_PLAIN);
	expect_cell("\"down\"", CLI_STATE, "down", CLI_BAD);
	expect_cell("\"up\"", CLI_STATE, "up", CLI_GOOD);
}

Test(cell, of_what_is_not_known_is_a_dash)
{
	static const enum cli_format formats[] = {CLI_TEXT, CLI_MS, CLI_AGE, CLI_SINCE, CLI_PATH, CLI_STATE};
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		expect_cell("null", formats[i], "-", CLI_DIM);
	expect_cell("[]", CLI_PATH, "-", CLI_DIM);
	expect_cell("\"not a number\"", CLI_MS, "-", CLI_DIM);
}

Test(cell, cannot_command_the_terminal)
{
	expect_cell("\"a\\u001b[2J\\nb\"", CLI_TEXT, "a [2J b", CLI_PLAIN);
}

Test(noun, routes_have_a_row_each)
{
	json_t *answer =
	    json_loads("{\"routes\": [{\"from\": \"sgp1\", \"to\": \"fra1\", \"primary\": {\"path\": [\"sgp1\","
	               "\"dxb1\", \"fra1\"], \"cost_ms\": 85.52}, \"backup\": null, \"active\": \"primary\"}]}",
	        0, NULL);
	struct cli_rows rows;
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("routes")->sheet[0], answer, NOW, &rows), 0);
	cr_assert_eq(rows.rows, 1);
	char joined[512] = "";
	for (unsigned c = 0; c < rows.columns; c++) {
		strcat(joined, rows.cell[c].text);
		strcat(joined, "|");
	}
	cr_assert_str_eq(joined, "sgp1|fra1|-|primary|sgp1 > dxb1 > fra1|85.5|-|-|-|-|-|-|");
	cli_rows_free(&rows);
	json_decref(answer);
}

Test(noun, a_listener_has_a_row_for_each_group)
{
	json_t *answer =
	    json_loads("{\"listeners\": [{\"name\": \"play\", \"groups\": [{\"region\": \"a\"}, {\"region\": \"b\"}]},"
	               "{\"name\": \"idle\", \"groups\": []}]}",
	        0, NULL);
	struct cli_rows rows;
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("listeners")->sheet[0], answer, NOW, &rows), 0);
	cr_assert_eq(rows.rows, 2);
	cr_assert_str_eq(rows.cell[1].text, "play");
	cr_assert_str_eq(rows.cell[rows.columns + 1].text, "play");
	cr_assert_str_eq(rows.cell[rows.columns + 7].text, "b");
	cli_rows_free(&rows);
	json_decref(answer);
}

Test(noun, journeys_of_a_worker_are_rows_by_name)
{
	json_t *answer = json_loads(
	    "{\"workers\": [{\"worker\": 3, \"journeys\": {\"ingress\": {\"packets\": 12, \"bytes\": 1500}}}]}", 0,
	    NULL);
	struct cli_rows rows;
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("counters")->sheet[1], answer, NOW, &rows), 0);
	cr_assert_eq(rows.rows, 1);
	cr_assert_str_eq(rows.cell[0].text, "3");
	cr_assert_str_eq(rows.cell[1].text, "ingress");
	cr_assert_str_eq(rows.cell[3].text, "1.5 kB");
	cli_rows_free(&rows);
	json_decref(answer);
}

Test(noun, an_answer_of_another_shape_is_refused)
{
	struct cli_rows rows = {0};
	json_t *answer = json_loads("{\"rotues\": []}", 0, NULL);
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("routes")->sheet[0], answer, NOW, &rows), -EPROTO);
	json_decref(answer);
	answer = json_loads("[1, 2]", 0, NULL);
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("routes")->sheet[0], answer, NOW, &rows), -EPROTO);
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("status")->sheet[0], answer, NOW, &rows), -EPROTO);
	json_decref(answer);
	answer = json_loads("{\"routes\": [1, null, \"x\", []]}", 0, NULL);
	cr_assert_eq(cli_sheet_rows(&cli_noun_find("routes")->sheet[0], answer, NOW, &rows), 0, "rows of dashes");
	cr_assert_eq(rows.rows, 4);
	cli_rows_free(&rows);
	json_decref(answer);
}
