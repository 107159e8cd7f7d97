/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/command.h: what the control socket understands: one line of text in, one text out. No I/O.
 *
 *	set FROM TO KEY=VALUE...           the direction FROM -> TO
 *	set --both A B KEY=VALUE...        both directions
 *	show                               everything, as one JSON object
 *	reset                              counters and histograms start again
 *
 * An answer is "ok", a JSON object, or "error: " with the reason. */
#pragma once

#include "tools/wanem/emulator.h"

#define WANEM_MAX_REQUEST 4096u
#define WANEM_MAX_ANSWER  (256u << 10) /* all 256 lines with all counters */

/* Answers a request. The text is the caller's to free; NULL: out of memory. The request is changed. */
char *wanem_command(struct wanem_emulator *e, char *request);
