/* SPDX-License-Identifier: BSD-2-Clause */
/* The generator looped to itself over a ring port, with a device under test of known faults between: it must report just
 * those. Time is virtual, so that the machine does not matter. */
#include "tools/pktgen/trial.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "tools/pktgen/throughput.h"
#include "wire/packet.h"

enum { HZ = 1000000 }; /* a tick, and a call of the clock, is a microsecond */
static uint64_t now;
static volatile sig_atomic_t stop;
static struct port port;
static struct traffic traffic;
static struct trial_result result;

static uint64_t next_tick(void)
{
	return ++now;
}

/* ---- the device ---- */

static struct {
	uint64_t packets;
	unsigned lose, repeat, hold; /* each so-manieth packet; 0: none */
	double limit;                /* packets per second that pass, out of a bucket of `depth` */
	double depth, tokens;
	uint64_t filled_at;
	struct rte_mbuf *held;
	uint64_t lost, repeated, late;
} device;

static bool over_limit(void)
{
	if (device.limit <= 0)
		return false;
	device.tokens += (double)(now - device.filled_at) / HZ * device.limit;
	device.filled_at = now;
	if (device.tokens > device.depth)
		device.tokens = device.depth;
	if (device.tokens < 1)
		return true;
	device.tokens -= 1;
	return false;
}

static bool is_each(unsigned n)
{
	return n && device.packets % n == 0;
}

/* One packet in, up to three out: a held one comes after the next that passes. */
static uint16_t pass(struct rte_mbuf *m, struct rte_mbuf **out)
{
	uint16_t n = 0;
	device.packets++;
	if (is_each(device.lose) || over_limit()) {
		device.lost++;
		rte_pktmbuf_free(m);
		return 0;
	}
	if (is_each(device.hold) && !device.held) {
		device.late++;
		device.held = m;
		return 0;
	}
	out[n++] = m;
	if (is_each(device.repeat)) {
		out[n++] = rte_pktmbuf_copy(m, port.pool, 0, UINT32_MAX);
		device.repeated++;
	}
	if (device.held)
		out[n++] = device.held;
	device.held = NULL;
	return n;
}

static uint16_t receive(uint16_t id, uint16_t queue, struct rte_mbuf **pkts, uint16_t n, uint16_t most, void *arg)
{
	(void)id, (void)queue, (void)arg;
	struct rte_mbuf *out[100];
	uint16_t got = 0;
	for (uint16_t i = 0; i < n; i++)
		got = (uint16_t)(got + pass(pkts[i], out + got));
	cr_assert(got <= most, "the test's faults must leave bursts no larger than they come");
	memcpy(pkts, out, got * sizeof(*out));
	return got;
}

/* ---- the generator ---- */

static void set_up(void)
{
	char *argv[] = {(char *)"test", (char *)"--no-huge", (char *)"-m256", (char *)"--no-pci",
	    (char *)"--no-telemetry", (char *)"--no-shconf", (char *)"--vdev=net_ring0", (char *)"--log-level=error",
	    (char *)"--lcores=0@(0-1)", NULL};
	if (access("/sys/devices/system/cpu/cpu1", F_OK))
		argv[8] = (char *)"-l0";
	cr_assert(rte_eal_init(9, argv) >= 0);
	cr_assert(port_open(0, 1514, &port) == 0);
	rte_eth_add_rx_callback(0, 0, receive, NULL);
	traffic = (struct traffic){.set = {.src = wire_addr_from_v4("\xc0\x00\x02\x01"),
	                               .dst = wire_addr_from_v4("\xcb\x00\x71\x0a"),
	                               .addresses = 100,
	                               .src_port_lo = 1,
	                               .src_port_hi = 1000,
	                               .dst_port = 80,
	                               .protocol = WIRE_PROTO_TCP},
	    .flows = 1000,
	    .births = 100,
	    .size = SIZES_IMIX};
	popularity_start(&traffic.popularity, POPULARITY_TURN, 1000, 0, 1);
	cr_assert(traffic_start(&traffic) == 0);
}

/* The device says that it had no room for what it lost. */
static uint64_t left_by_device(const void *unused)
{
	(void)unused;
	return device.lost;
}

static struct trial trial_at(double rate, double seconds)
{
	return (struct trial){.traffic = &traffic,
	    .rate = rate,
	    .seconds = seconds,
	    .drain_seconds = 0.01,
	    .number = 5,
	    .tx = &port,
	    .rx = &port,
	    .stop = &stop,
	    .clock = next_tick,
	    .hz = HZ};
}

TestSuite(trial, .init = set_up);

Test(trial, keeps_its_rate_and_loses_nothing_on_a_clean_loop)
{
	struct trial t = trial_at(200000, 1);
	cr_assert(trial_run(&t, &result) == 0);
	cr_assert(llabs((long long)result.sent - 200000) <= 32, "%lu", result.sent);
	cr_assert(result.check.received == result.sent);
	cr_assert(result.check.reordered + result.check.duplicated + result.check.foreign + result.unsent == 0);
	cr_assert(result.connections == 1000 + 99, "%lu", result.connections);
	cr_assert(result.check.latency.max <= 3000, "a turn of the loop at most");
}

Test(trial, reports_the_loss_repetition_and_reordering_that_there_was)
{
	struct trial t = trial_at(200000, 1);
	device.lose = 10;
	device.repeat = 97;
	device.hold = 31;
	cr_assert(trial_run(&t, &result) == 0);
	uint64_t held = device.held != NULL;
	cr_assert(device.lost > 19000 && device.late > 5000 && device.repeated > 1500);
	cr_assert(check_lost(&result.check, result.sent) == device.lost + held);
	cr_assert(result.check.duplicated == device.repeated, "%lu, not %lu", result.check.duplicated, device.repeated);
	cr_assert(result.check.reordered == device.late - held, "%lu, not %lu", result.check.reordered, device.late);
}

static unsigned trials;

static void tried(double rate, const struct trial_result *r, bool passed, bool fell_short)
{
	(void)rate, (void)r, (void)passed, (void)fell_short;
	trials++;
}

Test(trial, search_finds_the_limit_of_the_device)
{
	for (double limit = 30000; limit < 200000; limit *= 1.7) {
		struct trial t = trial_at(0, 0.5);
		struct throughput how = {200000, 0.005, 0, tried};
		double found = 0;
		device.limit = limit;
		device.depth = 64;
		trials = 0;
		cr_assert(throughput_search(&how, &t, &result, &found) == 0);
		/* Above it by what the bucket holds, below it by the resolution. */
		cr_assert(found >= limit - 1100 && found <= limit + 64 / 0.5 + 64, "%f, not %f", found, limit);
		cr_assert(trials <= 10);
	}
}

Test(trial, what_the_generator_did_not_fetch_is_no_loss_of_the_device)
{
	struct trial t = trial_at(200000, 1);
	struct throughput how = {200000, 1, 0, tried};
	double found = 0;
	t.left_there = left_by_device;
	device.lose = 500;
	cr_assert(trial_run(&t, &result) == 0);
	cr_assert(device.lost > 350 && result.unfetched == device.lost, "%lu of %lu", result.unfetched, device.lost);
	cr_assert(trial_lost(&result) == 0 && trial_loss(&result) == 0 && !trial_fell_short(&result));
	device.lose = 20;
	trials = 0;
	cr_assert(throughput_search(&how, &t, &result, &found) == 0);
	cr_assert(trial_fell_short(&result) && trial_loss(&result) == 0);
	cr_assert(trials == THROUGHPUT_TRIES, "no verdict, so tried again: %u", trials);
}

Test(trial, search_blames_not_the_device_for_a_slow_generator)
{
	struct trial t = trial_at(0, 0.1);
	struct throughput how = {100e6, 1, 0, tried}; /* 100 a microsecond: a burst has 32 */
	double found = 0;
	trials = 0;
	cr_assert(throughput_search(&how, &t, &result, &found) == 0);
	cr_assert(trial_fell_short(&result));
	cr_assert(trials == THROUGHPUT_TRIES);
	cr_assert(found == 0);
}
