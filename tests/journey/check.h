/* SPDX-License-Identifier: BSD-2-Clause */
/* What the world insists on, in a test (Criterion) and in a fuzz target, which has no Criterion and must abort. */
#pragma once

#ifdef WORLD_WITHOUT_CRITERION
#include <stdio.h>
#include <stdlib.h>
#define CHECK(condition, ...)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                \
			fprintf(stderr, __VA_ARGS__);                                                                  \
			fputc('\n', stderr);                                                                           \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)
#else
#include <criterion/criterion.h>
#define CHECK(condition, ...) cr_assert(condition, __VA_ARGS__)
#endif
