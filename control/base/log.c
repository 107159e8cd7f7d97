/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control/base/clock.h"

#define LINE_SIZE 1024u

const char *const ctl_log_level_names[] = {"error", "warning", "info", "debug", NULL};

static struct {
	const char *program;
	enum ctl_log_level level;
} log_state = {.program = "", .level = CTL_LOG_INFO};

void ctl_log_start(const char *program, enum ctl_log_level level)
{
	log_state.program = program;
	log_state.level = level;
}

static size_t write_head(char *line, enum ctl_log_level level)
{
	uint64_t wall = ctl_wall_ns(), mono = ctl_monotonic_ns();
	time_t seconds = (time_t)(wall / CTL_NS_PER_S);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	size_t n = strftime(line, LINE_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
	return n + (size_t)snprintf(line + n, LINE_SIZE - n,
	               ".%06uZ [%u.%06u] %s %s: ", (unsigned)(wall % CTL_NS_PER_S / CTL_NS_PER_US),
	               (unsigned)(mono / CTL_NS_PER_S), (unsigned)(mono % CTL_NS_PER_S / CTL_NS_PER_US),
	               log_state.program, ctl_log_level_names[level]);
}

void ctl_log(enum ctl_log_level level, const char *format, ...)
{
	if (level > log_state.level)
		return;
	char line[LINE_SIZE];
	size_t head = write_head(line, level);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line + head, LINE_SIZE - head - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	size_t length = head + (size_t)n;
	if (length > LINE_SIZE - 2)
		length = LINE_SIZE - 2;
	for (size_t i = head; i < length; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nowhere left to say so */
}
