/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct cli_screen cli_screen_of(int fd)
{
	struct winsize size = {0};
	const char *term = getenv("TERM");
	if (!isatty(fd))
		return (struct cli_screen){0};
	if (ioctl(fd, TIOCGWINSZ, &size) != 0)
		size.ws_col = 0;
	return (struct cli_screen){
	    .width = size.ws_col, .colour = !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0};
}

int64_t cli_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_warn_stale(const json_t *answer)
{
	json_t *source;
	size_t i;
	json_array_foreach(json_object_get(answer, "stale"), i, source)
	{
		const json_t *age_ms = json_object_get(source, "age_ms");
		struct cli_cell age = cli_cell_of(age_ms, CLI_AGE, 0);
		const char *kind = json_string_value(json_object_get(source, "source"));
		const char *name = json_string_value(json_object_get(source, "name"));
		const char *cause = json_string_value(json_object_get(source, "cause"));
		bool read_only = cause && strcmp(cause, "read-only") == 0;
		const char *since = read_only ? "has taken no change for " : "has been silent for ";
		const char *never = read_only ? "takes no change" : "has not been heard yet";
		bool heard = json_is_number(age_ms);
		fprintf(stderr, "kuafuctl: stale: %s %s %s%s\n", kind ? kind : "source", name ? name : "",
		    heard ? since : never, heard ? age.text : "");
		free(age.text);
	}
}

static enum cli_exit show_sheet(const struct cli_noun *noun, const struct cli_sheet *sheet, const json_t *answer)
{
	struct cli_rows rows;
	int err = cli_sheet_rows(sheet, answer, cli_now_ms(), &rows);
	if (err) {
		fprintf(stderr, "kuafuctl: the answer of %s has another shape than this kuafuctl knows; see --json\n",
		    noun->path);
		return CLI_REFUSED;
	}
	struct cli_screen screen = cli_screen_of(STDOUT_FILENO);
	if (rows.rows == 0)
		printf("no %s\n", sheet->title ? sheet->title : noun->name);
	else
		cli_table_print(stdout, rows.column, rows.columns, rows.cell, rows.rows, screen.width, screen.colour);
	cli_rows_free(&rows);
	return CLI_OK;
}

enum cli_exit cli_show_answer(const struct cli_noun *noun, const json_t *answer)
{
	enum cli_exit result = CLI_OK;
	for (unsigned i = 0; i < CLI_MAX_SHEETS && noun->sheet[i].field && result == CLI_OK; i++) {
		if (i > 0)
			putchar('\n');
		result = show_sheet(noun, &noun->sheet[i], answer);
	}
	fflush(stdout);
	cli_warn_stale(answer);
	return result;
}
