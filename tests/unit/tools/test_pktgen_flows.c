/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/flows.h"

#include <criterion/criterion.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"

static struct flow_set udp_v4(void)
{
	return (struct flow_set){.src = wire_addr_from_v4("\xc0\x00\x02\xff"),
	    .dst = wire_addr_from_v4("\xcb\x00\x71\x0a"),
	    .addresses = 3,
	    .src_port_lo = 1000,
	    .src_port_hi = 1001,
	    .dst_port = 53,
	    .protocol = WIRE_PROTO_UDP,
	    .flows = 6};
}

/* Sums pseudo-header and segment: all ones when the checksum is right. */
static uint16_t l4_sum(const uint8_t *addresses, size_t address_size, uint8_t protocol, const uint8_t *l4, uint16_t n)
{
	uint8_t tail[4] = {0, protocol, (uint8_t)(n >> 8), (uint8_t)n};
	uint64_t sum = wire_csum_add(0, addresses, 2 * address_size);
	sum = wire_csum_add(sum, tail, 4);
	return wire_csum_fold(wire_csum_add(sum, l4, n));
}

Test(flows, all_flows_of_a_set_differ)
{
	struct flow_set set = udp_v4();
	uint8_t frame[6][60];
	struct check_stamp stamp = {0};
	for (uint32_t i = 0; i < 6; i++)
		flows_write(&set, i, frame[i], 60, &stamp);
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < i; k++)
			cr_assert(memcmp(frame[i] + 26, frame[k] + 26, 4) || memcmp(frame[i] + 34, frame[k] + 34, 2));
	}
	cr_assert(memcmp(frame[1] + 26, "\xc0\x00\x03\x00", 4) == 0, "the range carries into the next byte");
}

Test(flows, headers_have_right_lengths_and_checksums)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			struct flow_set set = udp_v4();
			uint8_t frame[200];
			struct check_stamp stamp = {CHECK_MAGIC, 5, 6};
			set.protocol = tcp ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
			if (v6) {
				set.src = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
				set.dst = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2");
			}
			flows_write(&set, 1, frame, sizeof(frame), &stamp);
			size_t l4 = v6 ? 54 : 34;
			if (!v6)
				cr_assert(wire_csum(frame + 14, 20) == 0);
			cr_assert(wire_be16(frame + (v6 ? 18 : 16)) == (v6 ? sizeof(frame) - 54 : sizeof(frame) - 14));
			cr_assert(l4_sum(frame + (v6 ? 22 : 26), v6 ? 16 : 4, set.protocol, frame + l4,
			              (uint16_t)(sizeof(frame) - l4)) == 0xffff);
			cr_assert(memcmp(frame + sizeof(frame) - sizeof(stamp), &stamp, sizeof(stamp)) == 0);
		}
	}
}

Test(flows, the_smallest_ethernet_frame_holds_a_stamp)
{
	struct flow_set set = udp_v4();
	cr_assert(flows_min_size(&set) <= 60);
}

Test(flows, imix_has_seven_small_four_middle_and_one_large)
{
	struct flow_set set = udp_v4();
	unsigned small = 0, middle = 0, large = 0;
	for (uint64_t i = 0; i < FLOWS_IMIX_PERIOD; i++) {
		uint16_t size = flows_imix_size(&set, i);
		*(size < 100 ? &small : size < 1000 ? &middle : &large) += 1;
	}
	cr_assert(small == 7 && middle == 4 && large == 1);
}
