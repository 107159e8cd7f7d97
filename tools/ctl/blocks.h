/* SPDX-License-Identifier: BSD-2-Clause */
/* A pcapng stream as it comes in pieces: whole blocks go on, packets and gaps are counted. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_MAX_BLOCK 4096u /* of kuafud's: a packet's copy and its options */

struct cli_blocks {
	uint8_t block[CLI_MAX_BLOCK];
	size_t used;
	uint64_t packets;
	uint64_t missed; /* that were not captured, as the packets after them say */
	bool (*write)(void *to, const void *block, size_t size); /* false ends it */
	void *to;
};

/* Takes the next bytes. False: write said so, or these are no blocks of kuafud's. */
bool cli_blocks_take(struct cli_blocks *blocks, const char *data, size_t size);
