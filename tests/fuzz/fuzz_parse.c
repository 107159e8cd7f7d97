/* SPDX-License-Identifier: BSD-2-Clause */
/* The two parsers that meet foreign bytes first, on blocks that end where the input ends: IP packets (dp_parse_ip) and
 * the overlay's options (dp_overlay_parse). What they accept must lie inside the input. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/burst.h"
#include "dataplane/headers.h"
#include "dataplane/translate.h"
#include "tests/fuzz/expect.h"

static void insist(bool condition)
{
	if (!condition)
		abort();
}

static void within(const void *p, size_t length, const uint8_t *data, size_t size)
{
	const uint8_t *at = p;
	insist(!p || (at >= data && at + length <= data + size));
}

static void parse_options(uint8_t *data, size_t size)
{
	struct dp_overlay o;
	if (dp_overlay_parse(data, size, &o) != WIRE_DROP_NONE)
		return;
	within(o.geneve, o.length, data, size);
	within(o.auth, sizeof(*o.auth), data, o.length);
	within(o.path, o.path ? WIRE_PATH_SIZE(o.path->count) : 0, data, o.covered);
	within(o.steer, sizeof(*o.steer), data, o.covered);
	within(o.telemetry, sizeof(*o.telemetry), data, o.covered);
	within(o.keepalive, sizeof(*o.keepalive), data, o.covered);
	within(o.linkstate, sizeof(*o.linkstate), data, o.covered);
}

/* Into the other version, in a block of its own with just the room that is promised, and back. */
static void translate(const uint8_t *ip, uint16_t length)
{
	static const uint8_t v6[16] = {0x20, 1, [15] = 9};
	struct wire_addr four = wire_addr_from_v4("\xc0\0\2\7"), six = wire_addr_from_v6(v6);
	bool to_v6 = !wire_ip_is_v6(ip);
	struct dp_ends to = dp_ends(to_v6 ? &six : &four, 1, to_v6 ? &six : &four, 2);
	struct dp_ends back = dp_ends(to_v6 ? &four : &six, 1, to_v6 ? &four : &six, 2);
	struct dp_translated t;
	uint8_t *block = malloc(2 * DP_TRANSLATE_ROOM + length);
	insist(block);
	memcpy(block + 2 * DP_TRANSLATE_ROOM, ip, length);
	if (dp_translate(block + 2 * DP_TRANSLATE_ROOM, length, &to, 3, &t) == WIRE_DROP_NONE) {
		within(t.ip, t.length, block + DP_TRANSLATE_ROOM, DP_TRANSLATE_ROOM + length);
		insist(wire_ip_is_v6(t.ip) == to_v6);
		dp_translate(t.ip, t.length, &back, 3, &t);
		within(t.ip, t.length, block, 2 * DP_TRANSLATE_ROOM + length);
	}
	free(block);
}

static void parse_packet(uint8_t *data, size_t size)
{
	static struct dp_burst b;
	if (dp_parse_ip(&b, 0, data, (uint32_t)size) != WIRE_DROP_NONE)
		return;
	within(b.ip[0], b.length[0], data, size);
	within(b.l4[0], dp_burst_l4_length(&b, 0), data, size);
	struct wire_addr src = {0}, dst = {0};
	struct dp_ends to = dp_ends(&src, 1, &dst, 2);
	if (b.kind[0] == DP_KIND_TCP)
		dp_rewrite_mss((struct wire_tcp *)b.l4[0], dp_burst_l4_length(&b, 0), 536);
	if (b.kind[0] == DP_KIND_ICMP_ERROR || b.kind[0] == DP_KIND_TCP || b.kind[0] == DP_KIND_UDP)
		translate(b.ip[0], b.length[0]);
	if (b.kind[0] == DP_KIND_ICMP_ERROR)
		dp_rewrite_icmp_error(b.ip[0], b.l4[0], dp_burst_l4_length(&b, 0), &to, b.key[0].protocol);
	else if (b.kind[0] == DP_KIND_TCP || b.kind[0] == DP_KIND_UDP)
		dp_rewrite_ends(b.ip[0], b.l4[0], dp_burst_l4_length(&b, 0), &to, b.key[0].protocol);
}

/* The first byte chooses; the rest is copied, for the parsers may change what they read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	uint8_t *copy = malloc(size);
	insist(copy);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		parse_options(copy, size - 1);
	else
		parse_packet(copy, size - 1);
	free(copy);
	return 0;
}
