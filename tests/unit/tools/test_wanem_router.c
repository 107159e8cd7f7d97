/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tools/wanem_frames.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static struct wanem_router r;
static uint8_t frame[2048];
static struct wanem_answer answer;

static bool is(const struct wire_addr *got, struct wire_addr expected)
{
	return wire_addr_equal(got, &expected);
}

static uint64_t all_drops(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < WANEM_ROUTER_DROP_COUNT; i++)
		sum += r.drop[i];
	return sum;
}

static enum wanem_verdict receive(uint32_t length, struct wanem_hop *ret_hop)
{
	return wanem_router_receive(&r, PORT_A, frame, length, 1000, ret_hop, &answer);
}

Test(router, forwards_by_the_longest_prefix_with_one_less_ttl_and_a_right_checksum)
{
	struct wanem_hop hop;
	two_ports(&r);
	uint32_t n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 9, 8, 7), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_FORWARD);
	cr_assert(hop.port == PORT_B && is(&hop.address, IP(10, 2, 0, 9)) && hop.ip_length == 60);
	struct wire_ipv4 *ip = (void *)(frame + 14);
	cr_assert(ip->ttl == 63 && wire_csum(ip, 20) == 0);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 77), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_FORWARD && is(&hop.address, IP(10, 2, 0, 77)));
}

Test(router, does_not_forward_the_padding_of_a_short_frame)
{
	struct wanem_hop hop;
	two_ports(&r);
	ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 28, 0);
	cr_assert(receive(60, &hop) == WANEM_FORWARD && hop.ip_length == 28);
}

Test(router, answers_arp_for_its_own_address_only)
{
	struct wanem_hop hop;
	two_ports(&r);
	uint32_t n = arp_frame(frame, 1, host_a, IP(10, 1, 0, 2), IP(10, 1, 0, 1));
	cr_assert(receive(n, &hop) == WANEM_ANSWER);
	uint8_t expected[WANEM_ARP_FRAME];
	arp_frame(expected, 2, mac_a, IP(10, 1, 0, 1), IP(10, 1, 0, 2));
	memcpy(expected, host_a, 6);
	memcpy(expected + 32, host_a, 6);
	cr_assert(answer.length == sizeof(expected) && memcmp(answer.frame, expected, sizeof(expected)) == 0);
	n = arp_frame(frame, 1, host_a, IP(10, 1, 0, 2), IP(10, 1, 0, 3));
	cr_assert(receive(n, &hop) == WANEM_CONSUME);
}

Test(router, asks_for_a_neighbour_once_in_a_while_and_learns_the_answer)
{
	bool ask;
	uint8_t request[WANEM_MAX_DISCOVERY], expected[WANEM_ARP_FRAME];
	struct wanem_hop hop;
	two_ports(&r);
	struct wire_addr who = IP(10, 1, 0, 2);
	cr_assert(wanem_router_address_frame(&r, PORT_A, &who, 1, frame, &ask) == -EAGAIN && ask);
	cr_assert(wanem_router_address_frame(&r, PORT_A, &who, 2, frame, &ask) == -EAGAIN && !ask);
	cr_assert(wanem_router_address_frame(&r, PORT_A, &who, 1 + WANEM_ASK_AGAIN_NS, frame, &ask) == -EAGAIN && ask);
	cr_assert(wanem_router_ask(&r, PORT_A, &who, request) == WANEM_ARP_FRAME);
	arp_frame(expected, 1, mac_a, IP(10, 1, 0, 1), who);
	cr_assert(memcmp(request, expected, sizeof(expected)) == 0);
	cr_assert(receive(arp_frame(frame, 2, host_a, who, IP(10, 1, 0, 1)), &hop) == WANEM_CONSUME);
	cr_assert(wanem_router_address_frame(&r, PORT_A, &who, 2000, frame, &ask) == 0 && !ask);
	cr_assert(memcmp(frame, host_a, 6) == 0 && memcmp(frame + 6, mac_a, 6) == 0);
	uint64_t later = 2000 + 2 * WANEM_FRESH_NS;
	cr_assert(wanem_router_address_frame(&r, PORT_A, &who, later, frame, &ask) == 0 && ask,
	    "an old neighbour is asked for again and used meanwhile");
}

static bool knows(struct wire_addr who)
{
	bool ask;
	return wanem_router_address_frame(&r, PORT_A, &who, 1, frame, &ask) == 0;
}

Test(router, does_not_learn_strangers_or_itself)
{
	struct wanem_hop hop;
	two_ports(&r);
	receive(arp_frame(frame, 2, host_a, IP(10, 2, 0, 2), IP(0, 0, 0, 0)), &hop);
	receive(arp_frame(frame, 2, host_a, IP(10, 1, 0, 1), IP(0, 0, 0, 0)), &hop);
	receive(nd_frame(frame, 136, host_a, v6(2, 2), v6(2, 2), NULL), &hop);
	receive(nd_frame(frame, 136, host_a, v6(1, 1), v6(1, 1), NULL), &hop);
	cr_assert(!knows(IP(10, 2, 0, 2)) && !knows(IP(10, 1, 0, 1)) && !knows(v6(2, 2)) && !knows(v6(1, 1)));
}

Test(router, forwards_ipv6_by_the_longest_prefix_with_one_hop_less)
{
	struct wanem_hop hop;
	two_ports(&r);
	ipv6_frame(frame, v6(1, 2), v6(9, 7), 48, 3);
	cr_assert(receive(70, &hop) == WANEM_FORWARD, "in a frame of 62 bytes with some behind");
	cr_assert(hop.port == PORT_B && is(&hop.address, v6(2, 9)) && hop.ip_length == 48);
	uint8_t expected[62];
	ipv6_frame(expected, v6(1, 2), v6(9, 7), 48, 3);
	expected[14 + 7] = 63;
	cr_assert(memcmp(frame, expected, sizeof(expected)) == 0);
	uint32_t n = ipv6_frame(frame, v6(1, 2), v6(2, 77), 1400, 3);
	cr_assert(receive(n, &hop) == WANEM_FORWARD && is(&hop.address, v6(2, 77)));
}

Test(router, answers_neighbour_discovery_for_its_own_address_only)
{
	struct wanem_hop hop;
	struct wire_addr asker = v6(1, 2);
	uint8_t expected[WANEM_ND_FRAME];
	two_ports(&r);
	cr_assert(receive(nd_frame(frame, 135, host_a, asker, v6(1, 1), NULL), &hop) == WANEM_ANSWER);
	nd_frame(expected, 136, mac_a, v6(1, 1), v6(1, 1), &asker);
	memcpy(expected, host_a, 6);
	cr_assert(answer.length == sizeof(expected) && memcmp(answer.frame, expected, sizeof(expected)) == 0);
	cr_assert(knows(asker), "who asks is known");
	cr_assert(receive(nd_frame(frame, 135, host_a, asker, v6(1, 3), NULL), &hop) == WANEM_CONSUME);
	struct wire_addr nobody = {0};
	cr_assert(receive(nd_frame(frame, 135, host_a, nobody, v6(1, 1), NULL), &hop) == WANEM_CONSUME);
}

Test(router, asks_for_a_neighbour_of_ipv6_and_learns_the_answer)
{
	struct wanem_hop hop;
	struct wire_addr who = v6(1, 2), us = v6(1, 1);
	uint8_t request[WANEM_MAX_DISCOVERY], expected[WANEM_ND_FRAME];
	two_ports(&r);
	cr_assert(wanem_router_ask(&r, PORT_A, &who, request) == WANEM_ND_FRAME);
	nd_frame(expected, 135, mac_a, us, who, NULL);
	cr_assert(memcmp(request, expected, sizeof(expected)) == 0);
	cr_assert(!knows(who));
	cr_assert(receive(nd_frame(frame, 136, host_a, who, who, &us), &hop) == WANEM_CONSUME);
	cr_assert(knows(who) && memcmp(frame, host_a, 6) == 0 && memcmp(frame + 6, mac_a, 6) == 0);
}

Test(router, believes_no_neighbour_discovery_that_was_forwarded_or_damaged)
{
	struct wanem_hop hop;
	static const unsigned damages[] = {21, 55, 56, 62, 79}; /* hop limit, code, checksum, target, option's length */
	two_ports(&r);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		uint32_t n = nd_frame(frame, 136, host_a, v6(1, 2), v6(1, 2), NULL);
		frame[damages[i]] ^= 2;
		cr_assert(receive(n, &hop) == WANEM_CONSUME);
		cr_assert_eq(r.drop[WANEM_DROP_MALFORMED], i + 1);
	}
	cr_assert(!knows(v6(1, 2)));
}

Test(router, gives_each_refused_frame_its_reason)
{
	struct wanem_hop hop;
	two_ports(&r);
	uint32_t n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(172, 16, 0, 1), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_NO_ROUTE] == 1);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 1), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_FOR_US] == 1);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 1401, 0);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_TOO_BIG] == 1);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 60, 0);
	cr_assert(receive(n - 1, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_MALFORMED] == 1);
	frame[24] ^= 1;
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_MALFORMED] == 2);
	cr_assert(receive(20, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_SHORT] == 1);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 60, 0);
	struct wire_ipv4 *ip = (void *)(frame + 14);
	ip->ttl = 1;
	ip->checksum = 0;
	ip->checksum = wire_csum(ip, 20);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_TTL] == 1);
	wire_put_be16(frame + 12, 0x8100);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_NOT_IP] == 1);
	cr_assert(all_drops() == 8);
}

static void refused(struct wire_addr src, struct wire_addr dst, uint16_t ip_length, enum wanem_router_drop why)
{
	struct wanem_hop hop;
	uint64_t before = r.drop[why], all = all_drops();
	uint32_t n = ipv6_frame(frame, src, dst, ip_length, 0);
	cr_assert(receive(n, &hop) == WANEM_CONSUME);
	cr_assert(r.drop[why] == before + 1 && all_drops() == all + 1, "%s", wanem_router_drop_name[why]);
}

Test(router, gives_each_refused_packet_of_ipv6_its_reason)
{
	struct wanem_hop hop;
	struct wire_addr all_nodes = {.bytes = {0xff, 2, [15] = 1}}, link_local = {.bytes = {0xfe, 0x80, [15] = 1}};
	two_ports(&r);
	refused(v6(1, 2), v6(77, 1), 60, WANEM_DROP_NO_ROUTE);
	refused(v6(1, 2), v6(2, 1), 60, WANEM_DROP_FOR_US);
	refused(v6(1, 2), v6(2, 2), 1401, WANEM_DROP_TOO_BIG);
	refused(v6(1, 2), all_nodes, 60, WANEM_DROP_LINK_LOCAL);
	refused(link_local, v6(2, 2), 60, WANEM_DROP_LINK_LOCAL);
	refused((struct wire_addr){0}, v6(2, 2), 60, WANEM_DROP_LINK_LOCAL);
	uint32_t n = ipv6_frame(frame, v6(1, 2), v6(2, 2), 60, 0);
	cr_assert(receive(n - 1, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_MALFORMED] == 1);
	cr_assert(receive(14 + 39, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_SHORT] == 1);
	frame[14] = 0x45;
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_MALFORMED] == 2);
	ipv6_frame(frame, v6(1, 2), v6(2, 2), 60, 0);
	frame[21] = 1;
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_TTL] == 1);
}

/* The beginning of a solicitation with some bytes changed. */
static void nd_frame_cut(uint8_t *bytes, uint32_t n)
{
	uint8_t whole[WANEM_ND_FRAME];
	nd_frame(whole, 135, host_a, v6(1, 2), v6(1, 1), NULL);
	for (int i = rand() % 3; i > 0; i--)
		whole[rand() % (int)sizeof(whole)] = (uint8_t)rand();
	memcpy(bytes, whole, n < sizeof(whole) ? n : sizeof(whole));
}

Test(router, survives_random_bytes)
{
	static const uint16_t types[] = {WIRE_ETHERTYPE_IPV4, WIRE_ETHERTYPE_IPV6, WIRE_ETHERTYPE_ARP};
	struct wanem_hop hop;
	two_ports(&r);
	srand(9);
	for (int round = 0; round < 200000; round++) {
		uint32_t n = (uint32_t)rand() % 100;
		uint8_t *exact = malloc(n ? n : 1); /* so that the sanitizers see one byte too many */
		for (uint32_t i = 0; i < n; i++)
			exact[i] = (uint8_t)rand();
		if (n > 14 && rand() % 2)
			wire_put_be16(exact + 12, types[rand() % 3]);
		if (n > 14 && rand() % 2)
			nd_frame_cut(exact, n);
		enum wanem_verdict v = wanem_router_receive(&r, PORT_A, exact, n, 1, &hop, &answer);
		cr_assert(v != WANEM_ANSWER || answer.length <= WANEM_MAX_DISCOVERY);
		free(exact);
	}
}
