/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tools/wanem_frames.h"
#include "tools/wanem/emulator.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MS 1000000ull

static struct wanem_emulator e;
static uint8_t frame[2048];
static struct wanem_answer answer;

static void start(uint32_t packets)
{
	memset(&e, 0, sizeof(e));
	two_ports(&e.router);
	cr_assert(wanem_emulator_init(&e, packets, 1536, 1) == 0);
}

static void b_is_known(struct wire_addr address)
{
	uint32_t n = arp_frame(frame, 2, host_b, address, IP(10, 2, 0, 1));
	cr_assert(wanem_emulator_receive(&e, PORT_B, frame, n, 1, &answer) == 0);
}

static void delay_a_to_b(uint64_t ns)
{
	struct wanem_impairment set = e.line[PORT_A][PORT_B].set;
	set.delay_ns = ns;
	wanem_line_configure(&e.line[PORT_A][PORT_B], &set);
}

static void send_a_to_b(uint64_t now, uint8_t mark)
{
	uint32_t n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 200, mark);
	cr_assert(wanem_emulator_receive(&e, PORT_A, frame, n, now, &answer) == 0);
}

static struct wanem_packet *take(uint64_t now)
{
	uint8_t port;
	struct wire_addr ask;
	struct wanem_packet *p = wanem_emulator_take(&e, now, &port, &ask);
	cr_assert(wire_addr_is_unset(&ask));
	return p;
}

Test(emulator, hands_a_packet_to_its_neighbour_after_the_delay_of_its_direction)
{
	start(16);
	b_is_known(IP(10, 2, 0, 2));
	delay_a_to_b(40 * MS);
	send_a_to_b(1000 * MS, 5);
	cr_assert(wanem_emulator_next(&e) == 1040 * MS);
	cr_assert_null(take(1040 * MS - 1));
	struct wanem_packet *p = take(1040 * MS);
	cr_assert(p && p->to == PORT_B && p->length == 214);
	cr_assert(memcmp(p->frame, host_b, 6) == 0 && memcmp(p->frame + 6, mac_b, 6) == 0);
	uint8_t sent[2048];
	ipv4_frame(sent, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 200, 5);
	cr_assert(memcmp(p->frame + 34, sent + 34, 180) == 0, "the payload is untouched");
	wanem_emulator_done(&e, p, 1040 * MS + 70000);
	cr_assert(e.lateness[PORT_A][PORT_B].max_ns == 70000 && e.in_use == 0);
	wanem_emulator_free(&e);
}

Test(emulator, carries_ipv6_by_the_same_line)
{
	start(16);
	delay_a_to_b(40 * MS);
	uint32_t n = nd_frame(frame, 136, host_b, v6(2, 2), v6(2, 2), NULL);
	cr_assert_not(wanem_emulator_receive(&e, PORT_B, frame, n, 1, &answer));
	n = nd_frame(frame, 135, host_a, v6(1, 2), v6(1, 1), NULL);
	cr_assert(wanem_emulator_receive(&e, PORT_A, frame, n, 1, &answer) && answer.length == WANEM_ND_FRAME);
	n = ipv6_frame(frame, v6(1, 2), v6(2, 2), 200, 5);
	cr_assert_not(wanem_emulator_receive(&e, PORT_A, frame, n, 1000 * MS, &answer));
	cr_assert_null(take(1040 * MS - 1));
	struct wanem_packet *p = take(1040 * MS);
	cr_assert(p && p->to == PORT_B && p->length == 214);
	cr_assert(memcmp(p->frame, host_b, 6) == 0 && memcmp(p->frame + 6, mac_b, 6) == 0);
	cr_assert(memcmp(p->frame + 22, frame + 22, 192) == 0, "all behind the hop limit is untouched");
	wanem_emulator_done(&e, p, 1040 * MS);
	cr_assert(e.in_use == 0);
	wanem_emulator_free(&e);
}

Test(emulator, asks_for_an_unknown_neighbour_and_keeps_the_packet_until_it_answers)
{
	uint8_t port = 9;
	struct wire_addr ask = {0}, expected = IP(10, 2, 0, 2);
	start(16);
	send_a_to_b(10 * MS, 1);
	cr_assert_null(wanem_emulator_take(&e, 10 * MS, &port, &ask));
	cr_assert(wire_addr_equal(&ask, &expected) && port == PORT_B);
	cr_assert_null(take(10 * MS));
	b_is_known(IP(10, 2, 0, 2));
	struct wanem_packet *p = take(10 * MS + WANEM_RETRY_NS);
	cr_assert_not_null(p);
	wanem_emulator_done(&e, p, 10 * MS + WANEM_RETRY_NS);
	cr_assert(e.lateness[PORT_A][PORT_B].max_ns == 0, "waiting for ARP is no lateness of ours");
	wanem_emulator_free(&e);
}

Test(emulator, gives_up_a_packet_whose_neighbour_never_answers)
{
	uint8_t port;
	struct wire_addr ask;
	start(16);
	send_a_to_b(10 * MS, 1);
	for (uint64_t now = 10 * MS; now < 3000 * MS; now += MS)
		while (wanem_emulator_take(&e, now, &port, &ask) || !wire_addr_is_unset(&ask))
			continue;
	cr_assert(e.in_use == 0 && e.loss[WANEM_NO_NEIGHBOUR] == 1);
	wanem_emulator_free(&e);
}

Test(emulator, tries_a_full_receiver_again_and_then_counts_the_packet_as_lost)
{
	start(16);
	b_is_known(IP(10, 2, 0, 2));
	send_a_to_b(MS, 1);
	unsigned tries = 0;
	for (uint64_t now = MS; now < 100 * MS; now += MS) {
		struct wanem_packet *p = take(now);
		if (!p)
			break;
		tries++;
		wanem_emulator_retry(&e, p, now);
	}
	cr_assert(tries == WANEM_RING_FULL_TRIES + 1 && e.loss[WANEM_RING_FULL] == 1 && e.in_use == 0);
	wanem_emulator_free(&e);
}

Test(emulator, never_holds_more_packets_than_it_has_and_counts_the_rest)
{
	start(8);
	b_is_known(IP(10, 2, 0, 2));
	delay_a_to_b(100 * MS);
	for (uint8_t i = 0; i < 20; i++)
		send_a_to_b(MS, i);
	cr_assert(e.in_use == 8 && e.loss[WANEM_NO_MEMORY] == 12);
	for (int i = 0; i < 8; i++) {
		struct wanem_packet *p = take(101 * MS);
		cr_assert(p && p->frame[34] == (uint8_t)(i + 20), "packet %d in the order of arrival", i);
		wanem_emulator_done(&e, p, 101 * MS);
	}
	cr_assert(e.in_use == 0);
	send_a_to_b(102 * MS, 0);
	cr_assert(e.in_use == 1);
	wanem_emulator_free(&e);
}

Test(emulator, gives_every_buffer_back_whatever_happens_to_the_packets)
{
	start(64);
	b_is_known(IP(10, 2, 0, 2));
	struct wanem_impairment set = {.delay_ns = 3 * MS,
	    .jitter_ns = 2 * MS,
	    .loss = 0.2,
	    .duplicate = 0.3,
	    .reorder = 0.2,
	    .reorder_gap_ns = MS,
	    .rate_bps = 5000000,
	    .queue_bytes = 3000};
	wanem_line_configure(&e.line[PORT_A][PORT_B], &set);
	uint64_t now = MS, out = 0;
	srand(7);
	for (int i = 0; i < 50000; i++, now += (uint64_t)rand() % 400000) {
		send_a_to_b(now, (uint8_t)i);
		for (struct wanem_packet *p; (p = take(now));) {
			cr_assert(p->due <= now);
			out++;
			if (rand() % 20)
				wanem_emulator_done(&e, p, now);
			else
				wanem_emulator_retry(&e, p, now);
		}
		cr_assert(e.in_use == e.schedule.count);
	}
	now += 1000 * MS;
	for (struct wanem_packet *p; (p = take(now));)
		wanem_emulator_done(&e, p, now);
	const uint64_t *count = e.line[PORT_A][PORT_B].count;
	cr_assert(e.in_use == 0 && out > 10000);
	cr_assert(e.lateness[PORT_A][PORT_B].count + e.loss[WANEM_RING_FULL] + e.loss[WANEM_NO_MEMORY] ==
	          count[WANEM_SENT] + count[WANEM_DUPLICATED]);
	wanem_emulator_free(&e);
}

Test(emulator, keeps_the_order_of_packets_for_a_receiver_whose_ring_was_full)
{
	start(256);
	b_is_known(IP(10, 2, 0, 2));
	srand(11);
	uint8_t sent = 0, expected = 0;
	for (uint64_t now = MS; now < 400 * MS; now += 100000) {
		if (rand() % 10 == 0)
			send_a_to_b(now, sent++);
		bool full = rand() % 4 == 0; /* from here on in this turn */
		for (struct wanem_packet *p; (p = take(now));) {
			if (full) {
				wanem_emulator_retry(&e, p, now);
				continue;
			}
			cr_assert(p->frame[34] == (uint8_t)(expected + 20), "at %lu: %u, not %u", now,
			    (uint8_t)(p->frame[34] - 20), expected);
			expected++;
			wanem_emulator_done(&e, p, now);
		}
	}
	cr_assert(expected > 100 && e.loss[WANEM_RING_FULL] == 0);
	wanem_emulator_free(&e);
}
