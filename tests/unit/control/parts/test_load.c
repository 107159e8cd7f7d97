/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of a data plane that sends and works at a known rate, read once a second. */
#include <criterion/criterion.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/parts.h"

static struct wire_stats stats = {.pid = 7};
static struct wire_stats_worker worker[2];
static struct wire_stats_link block[3] = {{.link = 11}, {.link = 12}, {.link = 13}};
static struct ctl_counters counters = {.stats = &stats, .worker = worker, .workers = 2, .link = block, .links = 3};
/* Two links of address 0, one of address 5. */
static struct ctl_link links[] = {
    {.id = 1, .number = 11, .key = {1, 2, 0, 0}, .ours = true},
    {.id = 2, .number = 12, .key = {1, 3, 0, 4}, .ours = true},
    {.id = 3, .number = 13, .key = {1, 2, 5, 0}, .ours = true},
    {.id = 4, .number = 11, .key = {2, 1, 0, 0}}, /* not ours: its number means nothing here */
};
static struct ctl_pop self = {.id = 1, .name = "a"}, b = {.id = 2, .name = "b"}, c = {.id = 3, .name = "c"};
static struct ctl_pop *pops[] = {&self, &b, &c};
static struct ctl_parts parts;
static struct ctl_daemon d = {.parts = &parts,
    .config = {.name = "a", .id = 1, .n_links = 2, .links = {{.link = 0, .capacity_bps = 100000000}, {.link = 5}}},
    .cluster = {.n_pops = 3, .pop = pops},
    .n_links = 4,
    .link = links};

static void seconds(unsigned n, uint64_t bytes_each, uint64_t busy_ns)
{
	while (n-- > 0) {
		for (unsigned i = 0; i < 3; i++) {
			block[i].tx_bytes += bytes_each;
			block[i].rx_bytes += bytes_each / 2;
		}
		worker[1].counter[WIRE_COUNTER_BUSY_NS] += busy_ns;
		parts.meter.at_ns = parts.meter.at_ns ? ctl_monotonic_ns() - CTL_NS_PER_S : 0;
		ctl_load_read(&d, &counters);
	}
}

static float load_of(uint16_t from, uint16_t to, uint8_t local, uint8_t remote)
{
	return ctl_load_of(&d, (struct route_link_key){from, to, local, remote});
}

Test(load, the_first_reading_says_nothing)
{
	seconds(1, 1000000000, 1);
	cr_assert(load_of(1, 2, 0, 0) <= 0 && self.load.busy <= 0);
}

Test(load, an_address_carries_all_its_links)
{
	seconds(40, 2500000, 0); /* two links of 20 Mbit/s each on 100 Mbit/s */
	cr_assert_float_eq(self.load.tx[0], 0.4f, 0.005f);
	cr_assert_float_eq(self.load.rx[0], 0.2f, 0.005f);
	cr_assert_float_eq(load_of(1, 2, 0, 0), 0.4f, 0.005f);
	cr_assert_float_eq(load_of(1, 3, 0, 4), 0.4f, 0.005f);
	cr_assert(load_of(1, 2, 5, 0) <= 0, "without a capacity nothing is known");
	cr_assert_float_eq(load_of(2, 1, 0, 0), 0.2f, 0.005f, "towards us counts what we receive");
}

Test(load, the_pop_that_a_link_leads_to_counts)
{
	seconds(40, 2500000, 700000000);
	b.load.busy = 0.5f;
	c.load.rx[4] = 0.9f;
	cr_assert_float_eq(self.load.busy, 0.7f, 0.01f);
	cr_assert_float_eq(load_of(1, 2, 0, 0), 0.5f, 0.005f);
	cr_assert_float_eq(load_of(1, 3, 0, 4), 0.9f, 0.005f);
	cr_assert_float_eq(load_of(2, 1, 0, 0), 0.7f, 0.01f);
	cr_assert_float_eq(load_of(3, 2, 9, 9), 0.5f, 0.005f);
	cr_assert(load_of(1, 77, 5, 0) <= 0, "an unknown POP has none");
}

Test(load, another_data_plane_begins_anew)
{
	seconds(40, 2500000, 0);
	stats.pid = 8;
	memset(worker, 0, sizeof(worker));
	for (unsigned i = 0; i < 3; i++)
		block[i].tx_bytes = block[i].rx_bytes = 0;
	seconds(1, 0, 0);
	cr_assert_float_eq(self.load.tx[0], 0.4f, 0.005f, "what was holds until more is known");
	seconds(40, 0, 0);
	cr_assert_float_eq(self.load.tx[0], 0, 0.005f);
}
