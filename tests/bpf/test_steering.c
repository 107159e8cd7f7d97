/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packets the forwarder gets, and which the kernel. */
#include "permitted.h"

#include <linux/bpf.h>

#include "wire/overlay.h"

#include "port.h"

TestSuite(steering, .init = a_living_port, .fini = close_port);

Test(steering, all_packets_to_a_vip_go_to_the_forwarder)
{
	uint8_t body[64] = {0};
	const uint8_t protocols[] = {WIRE_PROTO_TCP, WIRE_PROTO_UDP, WIRE_PROTO_ICMP, 50};
	for (uint32_t i = 0; i < 4; i++) {
		struct frame f = ipv4(THEIR_4, VIP_4, protocols[i], body, sizeof(body));
		cr_assert(receive(&f) == XDP_REDIRECT);
		wire_put_be16(f.data + 20, WIRE_IPV4_MF);
		cr_assert(receive(&f) == XDP_REDIRECT);
		wire_put_be16(f.data + 20, 8);
		cr_assert(receive(&f) == XDP_REDIRECT, "a later fragment too");
	}
	cr_assert(counted(WIRE_BPF_STEERED) == 12);
	struct frame probe = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	memcpy(probe.data + 30, VIP_4, 4);
	cr_assert(receive(&probe) == XDP_REDIRECT, "a VIP reflects nothing");
}

/* 0, 43, 44 and 60 begin chains of extension headers. */
Test(steering, all_packets_to_an_ipv6_vip_but_neighbour_discovery)
{
	uint8_t body[64] = {0};
	const uint8_t protocols[] = {WIRE_PROTO_TCP, WIRE_PROTO_UDP, 0, 43, 44, 60, 50};
	for (uint32_t i = 0; i < sizeof(protocols); i++) {
		struct frame f = ipv6(THEIR_6, VIP_6, protocols[i], body, sizeof(body));
		cr_assert(receive(&f) == XDP_REDIRECT);
	}
	for (unsigned type = 0; type < 256; type++) {
		body[0] = (uint8_t)type;
		struct frame f = ipv6(THEIR_6, VIP_6, WIRE_PROTO_ICMPV6, body, sizeof(body));
		bool discovery = type >= WIRE_ICMPV6_ND_FIRST && type <= WIRE_ICMPV6_ND_LAST;
		cr_assert(receive(&f) == (discovery ? XDP_PASS : XDP_REDIRECT), "type %u", type);
	}
}

Test(steering, of_our_own_address_the_forwarder_gets_the_overlay_alone)
{
	uint8_t body[64] = {0};
	struct frame overlay = udp(false, THEIR_4, 0xc001, OURS_4, WIRE_OVERLAY_PORT, body, sizeof(body));
	struct frame overlay6 = udp(true, THEIR_6, 0xc001, OURS_6, WIRE_OVERLAY_PORT, body, sizeof(body));
	struct frame dns = udp(false, THEIR_4, 53, OURS_4, 5353, body, sizeof(body));
	struct frame ssh = ipv4(THEIR_4, OURS_4, WIRE_PROTO_TCP, body, sizeof(body));
	struct frame ping = ipv4(THEIR_4, OURS_4, WIRE_PROTO_ICMP, body, sizeof(body));
	struct frame neighbour = ipv6(THEIR_6, OURS_6, WIRE_PROTO_ICMPV6, body, sizeof(body));
	cr_assert(receive(&overlay) == XDP_REDIRECT && receive(&overlay6) == XDP_REDIRECT);
	cr_assert(receive(&dns) == XDP_PASS && receive(&ssh) == XDP_PASS && receive(&ping) == XDP_PASS);
	cr_assert(receive(&neighbour) == XDP_PASS);
	cr_assert(counted(WIRE_BPF_STEERED) == 2 && counted(WIRE_BPF_PASSED) == 4);
}

Test(steering, steered_packets_that_find_no_socket_are_dropped_not_passed)
{
	uint8_t body[64] = {0};
	struct frame vip = ipv4(THEIR_4, VIP_4, WIRE_PROTO_TCP, body, sizeof(body));
	struct frame overlay = udp(false, THEIR_4, 0xc001, OURS_4, WIRE_OVERLAY_PORT, body, sizeof(body));
	set_socket(false);
	expect_silence(&vip, WIRE_BPF_NO_SOCKET);
	expect_silence(&overlay, WIRE_BPF_NO_SOCKET);
}

Test(steering, frames_that_are_not_ip_are_the_kernels)
{
	struct frame f = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	const uint16_t types[] = {WIRE_ETHERTYPE_ARP, WIRE_ETHERTYPE_VLAN, WIRE_ETHERTYPE_QINQ, 0x88cc};
	for (uint32_t i = 0; i < 4; i++) {
		wire_put_be16(f.data + 12, types[i]);
		cr_assert(receive(&f) == XDP_PASS);
	}
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
