/* SPDX-License-Identifier: BSD-2-Clause */
/* What every fuzz target has: its entry, and what it holds to be true of any input. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Called by libFuzzer, or by replay.c for each file of a corpus and each beginning of it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where it is false: the input is then a finding. */
#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)
