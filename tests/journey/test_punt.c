/* SPDX-License-Identifier: BSD-2-Clause */
/* Punt: what is ours, but not the forwarder's, goes to the kernel as it came. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/journey/world.h"

static void one_world(void)
{
	world_begin(1);
}

TestSuite(punt, .init = one_world, .fini = world_end);

static void expect_punted(const uint8_t *frame, uint16_t length)
{
	receive_frame(SGP1, 0, frame, length);
	struct rte_mbuf *m = dp_workers_punted(worker(SGP1, 0)->set, 0);
	cr_assert_not_null(m);
	cr_assert_eq(rte_pktmbuf_pkt_len(m), length);
	cr_assert_arr_eq(rte_pktmbuf_mtod(m, uint8_t *), frame, length, "untouched");
	rte_pktmbuf_free(m);
}

static void expect_ip_punted(struct packet p)
{
	uint8_t frame[14 + MAX_PACKET] = {0};
	memcpy(frame + 12, is_v6(&p) ? "\x86\xdd" : "\x08\x00", 2);
	memcpy(frame + 14, p.bytes, p.length);
	expect_punted(frame, (uint16_t)(14 + p.length));
}

Test(punt, arp_vlan_and_other_frames)
{
	uint8_t frame[60] = {0};
	static const uint8_t types[][2] = {{0x08, 0x06}, {0x81, 0x00}, {0x00, 0x2e}};
	for (unsigned i = 0; i < 3; i++) {
		memcpy(frame + 12, types[i], 2);
		expect_punted(frame, sizeof(frame));
	}
}

Test(punt, everything_to_the_kernels_own_address)
{
	expect_ip_punted(tcp("10.9.9.9:1000", "10.1.0.2:179"));
	expect_ip_punted(udp("10.2.0.2:862", "10.1.0.2:862"));
	expect_ip_punted(icmp_echo("10.9.9.9", "10.1.0.2", WIRE_ICMP_ECHO, 64, 20));
	expect_ip_punted(udp("10.9.9.9:5", "10.1.0.2:6", .frag_off = 50));
	expect_ip_punted(tcp("[2001:db8:9::9]:1000", "[2001:db8:1::2]:179"));
	expect_ip_punted(udp("[2001:db8:9::9]:5", "[2001:db8:1::2]:6", .fragment = 50 << 3));
	expect_ip_punted(icmp_echo("fe80::1", "ff02::1", WIRE_ICMPV6_ECHO, 64, 20));
}

/* Who asks for a VIP on the link, or probes it as a neighbour, is answered by the kernel or by nobody. */
Test(punt, neighbour_discovery_whatever_it_is_sent_to)
{
	for (uint8_t type = WIRE_ICMPV6_ND_FIRST; type <= WIRE_ICMPV6_ND_LAST; type++) {
		expect_ip_punted(icmp_echo("fe80::1", VIP6, type, 255, 20));
		expect_ip_punted(icmp_echo("fe80::1", "2001:db8:1::1:1", type, 255, 20));
	}
}

Test(punt, an_address_that_becomes_a_vip_is_ours_from_the_next_packet_on)
{
	struct packet syn = tcp("192.0.2.7:5000", "10.1.0.2:443", .flags = WIRE_TCP_SYN);
	struct wire_ctl_vip vip = {.address = wire_addr_from_v4((uint8_t[4]){10, 1, 0, 2}), .accelerator = 7};
	expect_ip_punted(syn);
	change(SGP1, WIRE_OBJ_VIP, &vip, sizeof(vip), false);
	receive(SGP1, syn);
	cr_assert_eq(drops(SGP1, WIRE_DROP_NO_LISTENER), 1);
}
