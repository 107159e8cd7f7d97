/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tools/wanem_frames.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static struct wanem_router r;
static uint8_t frame[2048];

static uint64_t all_drops(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < WANEM_ROUTER_DROP_COUNT; i++)
		sum += r.drop[i];
	return sum;
}

static enum wanem_verdict receive(uint32_t length, struct wanem_hop *ret_hop)
{
	return wanem_router_receive(&r, PORT_A, frame, length, 1000, ret_hop);
}

Test(router, forwards_by_the_longest_prefix_with_one_less_ttl_and_a_right_checksum)
{
	struct wanem_hop hop;
	two_ports(&r);
	uint32_t n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 9, 8, 7), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_FORWARD);
	cr_assert(hop.port == PORT_B && hop.address == IP(10, 2, 0, 9) && hop.ip_length == 60);
	struct wire_ipv4 *ip = (void *)(frame + 14);
	cr_assert(ip->ttl == 63 && wire_csum(ip, 20) == 0);
	n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 77), 60, 0);
	cr_assert(receive(n, &hop) == WANEM_FORWARD && hop.address == IP(10, 2, 0, 77));
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
	cr_assert(memcmp(frame, expected, sizeof(expected)) == 0);
	n = arp_frame(frame, 1, host_a, IP(10, 1, 0, 2), IP(10, 1, 0, 3));
	cr_assert(receive(n, &hop) == WANEM_CONSUME);
}

Test(router, asks_for_a_neighbour_once_in_a_while_and_learns_the_answer)
{
	bool ask;
	uint8_t request[WANEM_ARP_FRAME], expected[WANEM_ARP_FRAME];
	struct wanem_hop hop;
	two_ports(&r);
	uint32_t who = IP(10, 1, 0, 2);
	cr_assert(wanem_router_address_frame(&r, PORT_A, who, 1, frame, &ask) == -EAGAIN && ask);
	cr_assert(wanem_router_address_frame(&r, PORT_A, who, 2, frame, &ask) == -EAGAIN && !ask);
	cr_assert(wanem_router_address_frame(&r, PORT_A, who, 1 + WANEM_ARP_AGAIN_NS, frame, &ask) == -EAGAIN && ask);
	wanem_router_ask(&r, PORT_A, who, request);
	arp_frame(expected, 1, mac_a, IP(10, 1, 0, 1), who);
	cr_assert(memcmp(request, expected, sizeof(expected)) == 0);
	cr_assert(receive(arp_frame(frame, 2, host_a, who, IP(10, 1, 0, 1)), &hop) == WANEM_CONSUME);
	cr_assert(wanem_router_address_frame(&r, PORT_A, who, 2000, frame, &ask) == 0 && !ask);
	cr_assert(memcmp(frame, host_a, 6) == 0 && memcmp(frame + 6, mac_a, 6) == 0);
	uint64_t later = 2000 + 2 * WANEM_ARP_FRESH_NS;
	cr_assert(wanem_router_address_frame(&r, PORT_A, who, later, frame, &ask) == 0 && ask,
	    "an old neighbour is asked for again and used meanwhile");
}

Test(router, does_not_learn_strangers_or_itself)
{
	bool ask;
	struct wanem_hop hop;
	two_ports(&r);
	receive(arp_frame(frame, 2, host_a, IP(10, 2, 0, 2), 0), &hop);
	cr_assert(wanem_router_address_frame(&r, PORT_A, IP(10, 2, 0, 2), 1, frame, &ask) == -EAGAIN);
	receive(arp_frame(frame, 2, host_a, IP(10, 1, 0, 1), 0), &hop);
	cr_assert(wanem_router_address_frame(&r, PORT_A, IP(10, 1, 0, 1), 1, frame, &ask) == -EAGAIN);
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
	wire_put_be16(frame + 12, WIRE_ETHERTYPE_IPV6);
	cr_assert(receive(n, &hop) == WANEM_CONSUME && r.drop[WANEM_DROP_NOT_IPV4] == 1);
	cr_assert(all_drops() == 8);
}

Test(router, survives_random_bytes)
{
	struct wanem_hop hop;
	two_ports(&r);
	srand(9);
	for (int round = 0; round < 200000; round++) {
		uint32_t n = (uint32_t)rand() % 80;
		uint8_t *exact = malloc(n ? n : 1); /* so that the sanitizers see one byte too many */
		for (uint32_t i = 0; i < n; i++)
			exact[i] = (uint8_t)rand();
		if (n > 14 && rand() % 2)
			wire_put_be16(exact + 12, rand() % 2 ? WIRE_ETHERTYPE_IPV4 : WIRE_ETHERTYPE_ARP);
		enum wanem_verdict v = wanem_router_receive(&r, PORT_A, exact, n, 1, &hop);
		cr_assert(v != WANEM_ANSWER || n >= WANEM_ARP_FRAME);
		free(exact);
	}
}
