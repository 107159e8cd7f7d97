/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces and namespaces for tests of real attachments. */
#pragma once

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs one command; the test fails if that does. */
__attribute__((format(printf, 1, 2))) static inline void sh(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	cr_assert(system(command) == 0, "%s", command);
}

/* A veth pair whose ends finish their checksums themselves. */
static inline void make_pair(const char *a, const char *b)
{
	sh("ip link add %s type veth peer name %s", a, b);
	sh("ethtool -K %s tx off >/dev/null && ethtool -K %s tx off >/dev/null", a, b);
}
