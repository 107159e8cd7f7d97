/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/blocks.h"

#include <string.h>

enum { BLOCK_PACKET = 6, OPTION_END = 0, OPTION_DROPPED = 4 };

/* type, length, then of a packet: interface, time, time, bytes here, bytes in all */
enum { HEAD_SIZE = 8, CAPTURED_AT = 20, PACKET_AT = 28, TAIL_SIZE = 4 };

static uint32_t word(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

/* The packets that are missing before this one. */
static uint64_t missed(const uint8_t *block, size_t size)
{
	size_t at = PACKET_AT + (((size_t)word(block + CAPTURED_AT) + 3) & ~(size_t)3);
	while (at + 4 + TAIL_SIZE <= size) {
		uint16_t option[2];
		uint64_t value;
		memcpy(option, block + at, sizeof(option));
		if (option[0] == OPTION_END)
			break;
		if (option[0] == OPTION_DROPPED && at + 4 + sizeof(value) <= size) {
			memcpy(&value, block + at + 4, sizeof(value));
			return value;
		}
		at += 4 + ((option[1] + 3u) & ~3u);
	}
	return 0;
}

static bool finish(struct cli_blocks *b)
{
	if (word(b->block) == BLOCK_PACKET && b->used >= PACKET_AT + TAIL_SIZE) {
		b->packets++;
		b->missed += missed(b->block, b->used);
	}
	bool going_on = b->write(b->to, b->block, b->used);
	b->used = 0;
	return going_on;
}

bool cli_blocks_take(struct cli_blocks *b, const char *data, size_t size)
{
	while (size > 0) {
		size_t wanted = b->used < HEAD_SIZE ? HEAD_SIZE : word(b->block + 4);
		if (wanted < HEAD_SIZE + TAIL_SIZE && b->used >= HEAD_SIZE)
			return false;
		if (wanted > sizeof(b->block) || wanted % 4)
			return false;
		size_t n = wanted - b->used < size ? wanted - b->used : size;
		memcpy(b->block + b->used, data, n);
		b->used += n;
		data += n;
		size -= n;
		if (b->used > HEAD_SIZE && b->used == word(b->block + 4) && !finish(b))
			return false;
	}
	return true;
}
