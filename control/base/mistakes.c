/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ctl_mistake(struct ctl_mistakes *m, const char *format, ...)
{
	m->found++;
	if (m->kept == CTL_MISTAKES_MAX)
		return;
	va_list args;
	va_start(args, format);
	char *line;
	if (vasprintf(&line, format, args) >= 0)
		m->line[m->kept++] = line;
	va_end(args);
}

char *ctl_mistakes_text(const struct ctl_mistakes *m, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < m->kept && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "\n" : "", m->line[i]);
	if (m->found > m->kept && used < size)
		snprintf(text + used, size - used, "\nand %u more", m->found - m->kept);
	return text;
}

void ctl_mistakes_free(struct ctl_mistakes *m)
{
	for (unsigned i = 0; i < m->kept; i++)
		free(m->line[i]);
	*m = (struct ctl_mistakes){0};
}

#define NAME_MAX_COMPARED 32u /* longer ones are no typing slips */

/* Levenshtein's distance with one row of the matrix. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	if (n > NAME_MAX_COMPARED || m > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	unsigned row[NAME_MAX_COMPARED + 1];
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
			unsigned removed = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = replaced < removed ? replaced : removed;
		}
	}
	return row[m];
}

const char *ctl_nearest_name(const char *typed, const char *const *candidates)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)(strlen(typed) / 3 + 2); /* a third of the letters may be wrong */
	for (; *candidates; candidates++) {
		unsigned distance = edit_distance(typed, *candidates);
		if (distance < best) {
			best = distance;
			nearest = *candidates;
		}
	}
	return nearest;
}
