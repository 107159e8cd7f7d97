/* SPDX-License-Identifier: BSD-2-Clause */
/* A pcapng stream as kuafuctl gets it from the API: whatever its pieces, the same blocks come out. The first byte is
 * the size of the pieces. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/expect.h"
#include "tools/ctl/blocks.h"

struct sink {
	const uint8_t *expected;
	size_t written;
};

static bool write_block(void *to, const void *block, size_t size)
{
	struct sink *sink = to;
	EXPECT(size >= 12 && size <= CLI_MAX_BLOCK && size % 4 == 0);
	EXPECT(memcmp(block, sink->expected + sink->written, size) == 0);
	sink->written += size;
	return true;
}

/* Bytes written; what is taken must be in whole blocks, in order. */
static size_t take(const uint8_t *data, size_t size, size_t piece, struct cli_blocks *ret_blocks)
{
	struct sink sink = {.expected = data};
	bool going_on = true;
	*ret_blocks = (struct cli_blocks){.write = write_block, .to = &sink};
	for (size_t at = 0; at < size && going_on; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = malloc(n);
		EXPECT(copy);
		memcpy(copy, data + at, n);
		going_on = cli_blocks_take(ret_blocks, copy, n);
		free(copy);
	}
	EXPECT(sink.written <= size && (!going_on || sink.written + ret_blocks->used == size));
	EXPECT(ret_blocks->packets <= sink.written / 32);
	return sink.written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cli_blocks whole, pieces;
	if (size < 2)
		return 0;
	size_t written = take(data + 1, size - 1, size, &whole);
	EXPECT(take(data + 1, size - 1, data[0] ? data[0] : 1, &pieces) == written);
	EXPECT(whole.packets == pieces.packets && whole.missed == pieces.missed);
	return 0;
}
