/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the output goes: a terminal has a width and colours, a file or pipe has neither. */
#pragma once

#include "tools/ctl/command.h"
#include "tools/ctl/noun.h"

struct cli_screen {
	unsigned width; /* 0: any */
	bool colour;
};

struct cli_screen cli_screen_of(int fd);

/* All sheets of an answer as tables on standard output, and a warning on standard error if the answer is stale. Returns
 * CLI_OK, or CLI_REFUSED with a line printed: the answer is not what this program understands. */
enum cli_exit cli_show_answer(const struct cli_noun *noun, const json_t *answer);

/* The wall clock, Unix time in ms. */
int64_t cli_now_ms(void);

void cli_warn_stale(const json_t *answer);
