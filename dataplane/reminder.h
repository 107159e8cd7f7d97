/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps something from working is said once, and again from time to time as long as nothing has changed: so that it
 * is neither missed nor in the way. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DP_REMIND_NS (60u * UINT64_C(1000000000))

struct dp_reminder {
	char text[200]; /* what was said last; "": nothing */
	uint64_t said_ns;
};

/* Whether to say the text (cut to fit) at this time; then it counts as said. */
static inline bool dp_reminder_due(struct dp_reminder *r, const char *text, uint64_t now_ns)
{
	char cut[sizeof(r->text)] = "";
	memcpy(cut, text, strnlen(text, sizeof(cut) - 1));
	if (strcmp(cut, r->text) == 0 && now_ns - r->said_ns < DP_REMIND_NS)
		return false;
	memcpy(r->text, cut, sizeof(cut));
	r->said_ns = now_ns;
	return true;
}
