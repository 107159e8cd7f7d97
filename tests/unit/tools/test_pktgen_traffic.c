/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tools/pktgen/rate.h"
#include "wire/packet.h"

static struct traffic traffic;

static void start(uint32_t flows, double births)
{
	traffic = (struct traffic){.set = {.src = wire_addr_from_v4("\xc0\x00\x02\x01"),
	                               .dst = wire_addr_from_v4("\xcb\x00\x71\x0a"),
	                               .addresses = 1000,
	                               .src_port_lo = 1,
	                               .src_port_hi = 1000,
	                               .dst_port = 80,
	                               .protocol = WIRE_PROTO_TCP},
	    .flows = flows,
	    .births = births,
	    .size = 60};
	popularity_start(&traffic.popularity, POPULARITY_UNIFORM, flows, 0, 1);
	cr_assert(traffic_start(&traffic) == 0);
}

/* The number of the flow in its set. */
static uint32_t number_of(const struct flow *f)
{
	return (f->src_port - 1u) * 1000 + (uint32_t)(f->src.bytes[14] << 8 | f->src.bytes[15]) - 0x201;
}

Test(traffic, has_exactly_the_connections_that_a_naive_model_has)
{
	enum { FLOWS = 50, BIRTHS = 1000 };
	static bool begun[FLOWS + BIRTHS];
	uint32_t at[FLOWS], born = 0, connections = 0;
	start(FLOWS, 100);
	for (uint32_t i = 0; i < FLOWS; i++)
		at[i] = i;
	for (int step = 0; step < 100000; step++) {
		double elapsed = step * 1e-4;
		while (born + 1 <= elapsed * 100 && born < BIRTHS) {
			at[born % FLOWS] = FLOWS + born;
			born++;
		}
		struct packet p = traffic_next(&traffic, elapsed);
		uint32_t number = number_of(&p.flow);
		cr_assert(number == at[p.place], "place %u: flow %u, not %u", p.place, number, at[p.place]);
		cr_assert(p.begins == !begun[number]);
		connections += !begun[number];
		begun[number] = true;
	}
	cr_assert(traffic.connections == connections);
	cr_assert(connections > BIRTHS / 2);
	traffic_free(&traffic);
}

Test(traffic, begins_a_connection_again_whose_syn_was_not_sent)
{
	start(1, 0);
	struct packet p = traffic_next(&traffic, 0);
	cr_assert(p.begins);
	traffic_give_back(&traffic, &p);
	cr_assert(traffic.connections == 0 && traffic.datagrams == 0);
	p = traffic_next(&traffic, 0);
	cr_assert(p.begins);
	p = traffic_next(&traffic, 0);
	cr_assert(!p.begins);
	traffic_free(&traffic);
}

Test(traffic, sends_all_fragments_of_a_datagram_even_if_some_are_refused_at_first)
{
	struct packet p[6];
	start(10, 0);
	traffic.fragments = 3;
	for (int i = 0; i < 6; i++)
		p[i] = traffic_next(&traffic, 0);
	for (int i = 5; i >= 2; i--)
		traffic_give_back(&traffic, &p[i]);
	cr_assert(traffic.datagrams == 1 && traffic.connections == 1);
	for (int i = 2; i < 6; i++) {
		struct packet again = traffic_next(&traffic, 0);
		cr_assert(again.datagram == i / 3u && again.fragment == i % 3);
		cr_assert(i > 2 || again.flow.src_port == p[2].flow.src_port);
		cr_assert(again.size == p[0].size);
	}
	traffic_free(&traffic);
}

Test(traffic, goes_on_with_births_in_the_next_trial)
{
	start(10, 5);
	traffic_next(&traffic, 4);
	traffic.past = 4;
	struct packet p = traffic_next(&traffic, 1);
	cr_assert(number_of(&p.flow) >= 20);
	traffic_free(&traffic);
}

Test(traffic, imix_has_seven_small_four_middle_and_one_large)
{
	unsigned small = 0, middle = 0, large = 0;
	for (uint64_t i = 0; i < SIZES_IMIX_PERIOD; i++) {
		uint16_t size = sizes_of(SIZES_IMIX, i, 58);
		*(size == 60 ? &small : size == 590 ? &middle : &large) += 1;
	}
	cr_assert(small == 7 && middle == 4 && large == 1);
	start(1, 0);
	traffic.size = SIZES_IMIX;
	cr_assert(
	    fabs(traffic_mean_size(&traffic) - (7 * 70 + 4 * 590 + 1514) / 12.0) < 1e-9, "70 is the least of TCP");
	traffic_free(&traffic);
}

Test(rate, of_a_whole_port_is_the_line_rate_of_rfc_2544)
{
	struct rate r;
	cr_assert(rate_parse("100%", &r));
	cr_assert(fabs(rate_of(&r, 10000, 60) - 14880952.38) < 1); /* 64 bytes at 10 Gbit/s */
	cr_assert(fabs(rate_of(&r, 1000, 1514) - 81274.38) < 1);   /* 1518 bytes at 1 Gbit/s */
	cr_assert(rate_parse("2.5%", &r));
	cr_assert(fabs(rate_of(&r, 10000, 60) - 372023.81) < 1);
}

Test(rate, is_read_with_k_and_m_and_not_otherwise)
{
	struct rate r = {.value = -1};
	static const char *const wrong[] = {"", "k", "-1", "1e10", "1G", "101%", "0%", "5 %", "nan", "1kk", "1k%"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(!rate_parse(wrong[i], &r) && r.value < 0, "%s", wrong[i]);
	cr_assert(rate_parse("250k", &r) && r.value == 250000 && !r.is_share);
	cr_assert(rate_parse("1.5M", &r) && r.value == 1500000);
	cr_assert(rate_parse("0", &r) && r.value == 0);
}
