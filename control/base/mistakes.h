/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a user's input, one line per mistake, in the order found. All are collected before anything is
 * refused, so that one run shows everything there is to mend. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CTL_MISTAKES_MAX 64u /* a screenful or two; more are counted, not kept */

struct ctl_mistakes {
	char *line[CTL_MISTAKES_MAX];
	unsigned kept;
	unsigned found; /* >= kept */
};

/* Adds a line. Out of memory loses the text, never the count. */
void ctl_mistake(struct ctl_mistakes *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All lines joined by newlines, without a last one, cut to size; "" if there are none. Returns text. */
char *ctl_mistakes_text(const struct ctl_mistakes *m, char *text, size_t size);

/* Frees the lines; m is empty again. A zeroed struct is empty too. */
void ctl_mistakes_free(struct ctl_mistakes *m);

/* The candidate in the NULL-terminated list that a typist most probably meant, or NULL if none is near. */
const char *ctl_nearest_name(const char *typed, const char *const *candidates);
