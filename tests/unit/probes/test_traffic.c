/* SPDX-License-Identifier: BSD-2-Clause */
/* A receiver's counters, read once a second, of a link with known loss and delay. */
#include "probes/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define S  1000000000ull
#define MS 1000000ll

static struct probe_traffic t;
static struct probe_traffic_counts counts;
static uint64_t now = 100 * S;

/* A second with n packets, of which `lost` do not come; the others take delay_us by the two clocks. */
static void second(uint64_t n, uint64_t lost, uint32_t delay_us)
{
	if (counts.packets == 0 && n > lost)
		counts.delay_base_us = delay_us;
	counts.packets += n - lost;
	counts.lost += lost;
	counts.delay_us += (int64_t)(n - lost) * (int32_t)(delay_us - counts.delay_base_us);
	now += S;
	probe_traffic_read(&t, &counts, now);
}

static struct probe_traffic_estimate get(int64_t near_ns)
{
	struct probe_traffic_estimate e;
	probe_traffic_get(&t, now, near_ns, &e);
	return e;
}

Test(traffic, without_packets_nothing_is_known)
{
	struct probe_traffic_estimate e = get(0);
	cr_assert(e.packets == 0 && e.delay_packets == 0);
	second(0, 0, 0);
	second(0, 0, 0);
	e = get(0);
	cr_assert(e.packets == 0 && e.delay_packets == 0 && probe_traffic_loss(&e) == 0);
	cr_assert_float_eq(probe_traffic_weigh_loss(&e, 0.25, 40), 0.25, 1e-12);
	cr_assert_eq(probe_traffic_weigh_delay(&e, -7 * MS), -7 * MS);
}

Test(traffic, the_loss_is_that_of_the_window)
{
	for (unsigned i = 0; i < 100; i++)
		second(1000, i < 60 ? 500 : 10, 40000);
	struct probe_traffic_estimate e = get(40 * MS);
	cr_assert_float_eq(probe_traffic_loss(&e), 0.01, 1e-9);
	cr_assert_eq(e.packets, 26 * 990);
	for (unsigned i = 0; i < 13; i++)
		second(1000, 30, 40000);
	e = get(40 * MS);
	cr_assert_float_eq(probe_traffic_loss(&e), 0.02, 1e-9);
}

Test(traffic, what_comes_late_is_not_lost)
{
	second(1000, 0, 40000);
	second(1000, 20, 40000);
	cr_assert_eq(get(40 * MS).lost, 20);
	counts.lost -= 15;
	counts.packets += 15;
	second(1000, 0, 40000);
	cr_assert_eq(get(40 * MS).lost, 5);
	counts.lost = 0; /* even what was missing before the first reading */
	second(1000, 0, 40000);
	cr_assert_eq(get(40 * MS).lost, 0);
}

Test(traffic, the_delay_follows_the_path_within_seconds)
{
	for (unsigned i = 0; i < 10; i++)
		second(100, 0, 40000);
	cr_assert_eq(get(40 * MS).delay_ns, 40 * MS);
	for (unsigned i = 0; i < 3; i++)
		second(100, 0, 55000);
	struct probe_traffic_estimate e = get(40 * MS);
	cr_assert(e.delay_ns == 55 * MS && e.delay_packets == 300);
}

/* Clocks may differ by anything: the stamps tell no more than the difference modulo 2^32 us, the probes the rest. */
Test(traffic, any_offset_of_the_clocks_is_the_probes_own)
{
	srand(32);
	for (unsigned i = 0; i < 1000; i++) {
		int64_t offset_us = ((int64_t)rand() << 20 ^ rand()) % 86400000000ll * (i % 2 ? 1 : -1);
		t = (struct probe_traffic){.n = 0};
		counts = (struct probe_traffic_counts){.packets = 0};
		second(10, 0, (uint32_t)(offset_us + 41000));
		second(10, 0, (uint32_t)(offset_us + 41000));
		second(10, 0, (uint32_t)(offset_us + 43000));
		struct probe_traffic_estimate e = get((offset_us + 40000) * 1000);
		cr_assert_eq(e.delay_ns, (offset_us + 42000) * 1000, "offset %lld us", (long long)offset_us);
	}
}

Test(traffic, another_data_plane_begins_anew)
{
	second(1000, 100, 40000);
	second(1000, 100, 40000);
	counts = (struct probe_traffic_counts){.packets = 0};
	second(50, 0, 60000);
	cr_assert_eq(get(0).packets, 0, "one reading says nothing");
	second(50, 0, 60000);
	struct probe_traffic_estimate e = get(0);
	cr_assert(e.packets == 50 && e.lost == 0 && e.delay_ns == 60 * MS);
	counts.delay_base_us++; /* the same, but with more packets than before */
	second(5000, 0, 60000);
	cr_assert_eq(get(0).packets, 0);
}

/* The link goes dark with 50 packets under way; who waits before it returns brings that to the counters only 4 s after it
 * is up again, and not all flows in the same second. */
Test(traffic, what_an_outage_takes_is_no_loss)
{
	for (unsigned i = 0; i < 10; i++)
		second(1000, 0, 40000);
	for (unsigned i = 0; i < 5; i++) {
		probe_traffic_outage(&t);
		second(0, 0, 40000);
		cr_assert_eq(get(0).packets, 0);
	}
	for (unsigned i = 0; i < 4; i++)
		second(0, 0, 40000);
	second(300, 40, 40000);
	second(1000, 10, 40000);
	cr_assert_eq(get(0).packets, 0, "nothing is believed yet");
	for (unsigned i = 0; i < 6; i++) {
		second(1000, 0, 40000);
		cr_assert_eq(get(0).lost, 0);
	}
	cr_assert_eq(get(40 * MS).packets, 6000);
	second(1000, 100, 40000);
	cr_assert_eq(get(0).lost, 100, "loss of a link that is up counts");
}

Test(traffic, readings_that_stop_are_not_believed_for_long)
{
	second(1000, 0, 40000);
	second(1000, 0, 40000);
	now += PROBE_TRAFFIC_STALE_NS;
	cr_assert_eq(get(0).packets, 1000);
	now++;
	cr_assert_eq(get(0).packets, 0);
}

Test(traffic, evidence_weighs_by_its_number)
{
	struct probe_traffic_estimate e = {.packets = 900, .lost = 100, .delay_packets = 15, .delay_ns = 60 * MS};
	cr_assert_float_eq(probe_traffic_weigh_loss(&e, 0, 500), 100.0 / 1500, 1e-12);
	cr_assert_float_eq(probe_traffic_weigh_loss(&e, 0.1, 500), 0.1, 1e-12);
	cr_assert_eq(probe_traffic_weigh_delay(&e, 40 * MS), 50 * MS);
	e.delay_packets = 15000;
	cr_assert(llabs(probe_traffic_weigh_delay(&e, 40 * MS) - 60 * MS) < MS / 10);
}
