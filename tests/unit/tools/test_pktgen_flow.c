/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/flow_set.h"

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
	    .protocol = WIRE_PROTO_UDP};
}

/* Sums pseudo-header and segment: all ones when the checksum is right. */
static uint16_t l4_sum(const uint8_t *addresses, size_t address_size, uint8_t protocol, const uint8_t *l4, uint16_t n)
{
	uint8_t tail[4] = {0, protocol, (uint8_t)(n >> 8), (uint8_t)n};
	uint64_t sum = wire_csum_add(0, addresses, 2 * address_size);
	sum = wire_csum_add(sum, tail, 4);
	return wire_csum_fold(wire_csum_add(sum, l4, n));
}

Test(flow, all_flows_of_a_set_differ)
{
	struct flow_set set = udp_v4();
	struct flow flow[7];
	cr_assert(flow_set_size(&set) == 6);
	for (uint32_t i = 0; i < 7; i++)
		flow[i] = flow_set_get(&set, i);
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < i; k++)
			cr_assert(memcmp(&flow[i].src, &flow[k].src, 16) || flow[i].src_port != flow[k].src_port);
	}
	cr_assert(memcmp(flow[1].src.bytes + 12, "\xc0\x00\x03\x00", 4) == 0, "the range carries into the next byte");
	cr_assert(memcmp(&flow[6], &flow[0], sizeof(flow[0])) == 0, "then they come again");
}

Test(flow, headers_have_right_lengths_and_checksums)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			struct flow_set set = udp_v4();
			uint8_t frame[200], macs[12] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8};
			struct check_stamp stamp = {CHECK_MAGIC, 5, 6};
			set.protocol = tcp ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
			if (v6) {
				set.src = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
				set.dst = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2");
			}
			struct flow flow = flow_set_get(&set, 1);
			flow_write(&flow, macs, WIRE_TCP_SYN, frame, sizeof(frame), &stamp);
			cr_assert(memcmp(frame, macs, 12) == 0);
			size_t l4 = v6 ? 54 : 34;
			cr_assert(!tcp || frame[l4 + 13] == WIRE_TCP_SYN);
			if (!v6)
				cr_assert(wire_csum(frame + 14, 20) == 0);
			cr_assert(wire_be16(frame + (v6 ? 18 : 16)) == (v6 ? sizeof(frame) - 54 : sizeof(frame) - 14));
			cr_assert(l4_sum(frame + (v6 ? 22 : 26), v6 ? 16 : 4, set.protocol, frame + l4,
			              (uint16_t)(sizeof(frame) - l4)) == 0xffff);
			cr_assert(memcmp(frame + sizeof(frame) - sizeof(stamp), &stamp, sizeof(stamp)) == 0);
		}
	}
}

Test(flow, the_smallest_ethernet_frame_holds_a_stamp)
{
	struct flow_set set = udp_v4();
	struct flow flow = flow_set_get(&set, 0);
	cr_assert(flow_min_size(&flow) <= 60);
}
