/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/fragment.h"

#include <criterion/criterion.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"

static const uint8_t macs[12] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8};

static struct flow flow_of(bool v6, uint8_t protocol)
{
	struct flow f = {.src_port = 5000, .dst_port = 53, .protocol = protocol};
	f.src = v6 ? wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1") : wire_addr_from_v4("\xc0\0\2\1");
	f.dst = v6 ? wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2") : wire_addr_from_v4("\xc0\0\2\2");
	return f;
}

/* As a receiver puts a fragment where it belongs. Returns whether more are to come. */
static bool reassemble(const uint8_t *frame, uint16_t size, bool v6, uint8_t *whole, size_t *ret_end)
{
	size_t at = v6 ? 62 : 34,
	       offset = v6 ? wire_be16(frame + 56) & 0xfff8u : (wire_be16(frame + 20) & 0x1fffu) * 8u;
	if (v6) {
		cr_assert(frame[20] == 44 && wire_be16(frame + 18) == size - 54);
	} else {
		cr_assert(wire_csum(frame + 14, 20) == 0 && wire_be16(frame + 16) == size - 14);
	}
	memcpy(whole + offset, frame + at, size - at);
	*ret_end = offset + size - at;
	return v6 ? frame[57] & 1 : frame[20] & 0x20;
}

static uint16_t sum_of(const struct flow *f, bool v6, const uint8_t *whole, size_t length)
{
	size_t n = v6 ? 16 : 4;
	uint8_t tail[4] = {0, f->protocol, (uint8_t)(length >> 8), (uint8_t)length};
	uint64_t sum = wire_csum_add(0, f->src.bytes + 16 - n, n);
	sum = wire_csum_add(sum, f->dst.bytes + 16 - n, n);
	return wire_csum_fold(wire_csum_add(wire_csum_add(sum, tail, 4), whole, length));
}

static void check_datagram(bool v6, uint8_t protocol, uint8_t n, uint16_t size)
{
	struct flow f = flow_of(v6, protocol);
	uint8_t whole[12000], frame[1514];
	size_t length = 0;
	memset(whole, 0xa5, sizeof(whole));
	for (uint8_t i = 0; i < n; i++) {
		struct fragment fragment = {77, n, i};
		struct check_stamp stamp = {0x12345678u * (i + 1u), i, UINT64_MAX / (i + 3u)};
		fragment_write(&f, &fragment, macs, WIRE_TCP_SYN, frame, size, &stamp);
		cr_assert(memcmp(frame + size - sizeof(stamp), &stamp, sizeof(stamp)) == 0);
		cr_assert(reassemble(frame, size, v6, whole, &length) == (i + 1 < n));
	}
	cr_assert(length == (size_t)n * (size - (v6 ? 62 : 34)));
	cr_assert(sum_of(&f, v6, whole, length) == 0xffff, "the checksum of the whole datagram is right");
	cr_assert(wire_be16(whole) == 5000);
	cr_assert(protocol == WIRE_PROTO_TCP || wire_be16(whole + 4) == length);
}

Test(fragment, pieces_make_a_datagram_with_a_right_checksum)
{
	static const uint16_t sizes[] = {0, 100, 590, 1514};
	for (unsigned i = 0; i < 4 * 4 * 7; i++) {
		bool v6 = i & 1;
		uint8_t protocol = i & 2 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
		struct flow f = flow_of(v6, protocol);
		uint16_t size = fragment_size(&f, sizes[i / 4 % 4]);
		cr_assert(size >= 60 && size <= 1514 && size >= fragment_min_size(&f));
		check_datagram(v6, protocol, (uint8_t)(2 + i / 16), size);
	}
}
