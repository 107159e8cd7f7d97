/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, taken apart. Pure: nothing is read but argv. */
#pragma once

#include <stdbool.h>

#include "tools/ctl/command.h"

#define CLI_MAX_WORDS 16u
#define CLI_MAX_FILES 64u

struct cli_args {
	const struct cli_command *command; /* NULL: only --help or --version */
	const char *group; /* with --help and no command: "show", whose commands are asked about; or NULL */
	const char *word[CLI_MAX_WORDS]; /* what follows the command's own words */
	unsigned n_word;
	const char *value[CLI_OPTION_COUNT]; /* "" for a switch that is set, NULL: not given */
	const char *file[CLI_MAX_FILES];     /* every --file, in order */
	unsigned n_file;
};

#define CLI_ERROR_SIZE 256u

/* "help COMMAND" is COMMAND with --help. Returns 0; or -EINVAL with one line in ret_error that says what to do. All texts
 * of *ret_args point into argv. */
int cli_args_parse(int argc, char *const *argv, struct cli_args *ret_args, char ret_error[static CLI_ERROR_SIZE]);

static inline bool cli_has(const struct cli_args *args, enum cli_option_id option)
{
	return args->value[option] != NULL;
}
