/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/pcapng.h"

#include <string.h>

enum block_type { BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, BLOCK_SECTION = 0x0a0d0d0a };
enum option_code { OPTION_END = 0, OPTION_NAME = 2, OPTION_RESOLUTION = 9, OPTION_FLAGS = 2, OPTION_DROPPED = 4 };

#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define NANOSECONDS       9u /* 10^-9 */

struct block {
	uint8_t *bytes;
	size_t size;
};

static void put(struct block *b, const void *bytes, size_t size)
{
	memcpy(b->bytes + b->size, bytes, size);
	b->size += size;
	for (; b->size % 4; b->size++)
		b->bytes[b->size] = 0;
}

static void put32(struct block *b, uint32_t value)
{
	put(b, &value, sizeof(value));
}

static void put_option(struct block *b, uint16_t code, const void *bytes, uint16_t size)
{
	const uint16_t head[2] = {code, size};
	put(b, head, sizeof(head));
	put(b, bytes, size);
}

static struct block begin(uint32_t type, uint8_t *bytes)
{
	struct block b = {.bytes = bytes};
	put32(&b, type);
	put32(&b, 0); /* the length, when it is known */
	return b;
}

static size_t end(struct block *b)
{
	uint32_t length = (uint32_t)b->size + 4;
	memcpy(b->bytes + 4, &length, sizeof(length));
	put32(b, length);
	return b->size;
}

size_t ctl_pcapng_section(uint8_t *ret_block)
{
	static const uint16_t version[2] = {1, 0};
	struct block b = begin(BLOCK_SECTION, ret_block);
	put32(&b, BYTE_ORDER_MAGIC);
	put(&b, version, sizeof(version));
	put32(&b, UINT32_MAX); /* the section's length is not known: 64 bits of -1 */
	put32(&b, UINT32_MAX);
	return end(&b);
}

size_t ctl_pcapng_interface(const char *name, uint32_t snap, uint8_t *ret_block)
{
	static const uint16_t link[2] = {LINKTYPE_ETHERNET, 0};
	static const uint8_t resolution = NANOSECONDS;
	struct block b = begin(BLOCK_INTERFACE, ret_block);
	put(&b, link, sizeof(link));
	put32(&b, snap);
	put_option(&b, OPTION_NAME, name, (uint16_t)strnlen(name, WIRE_CTL_NAME_SIZE));
	put_option(&b, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	put_option(&b, OPTION_END, "", 0);
	return end(&b);
}

size_t ctl_pcapng_packet(const struct wire_ctl_captured *captured, const uint8_t *bytes, uint8_t *ret_block)
{
	uint32_t flags = captured->direction == WIRE_CAPTURE_IN ? 1 : 2; /* inbound, outbound */
	uint64_t dropped = captured->missed;
	struct block b = begin(BLOCK_PACKET, ret_block);
	put32(&b, captured->port);
	put32(&b, (uint32_t)(captured->at_ns >> 32));
	put32(&b, (uint32_t)captured->at_ns);
	put32(&b, captured->captured);
	put32(&b, captured->length);
	put(&b, bytes, captured->captured);
	put_option(&b, OPTION_FLAGS, &flags, sizeof(flags));
	if (dropped)
		put_option(&b, OPTION_DROPPED, &dropped, sizeof(dropped));
	put_option(&b, OPTION_END, "", 0);
	return end(&b);
}
