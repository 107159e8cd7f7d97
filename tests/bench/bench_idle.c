/* SPDX-License-Identifier: BSD-2-Clause */
/* What sleep costs: how long the first packet after idle waits, p99 of many, beside a thread that does nothing but sleep
 * and look at the same intervals; and what a worker without packets takes of a core. */
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/site.h"
#include "tests/bench/wakes.h"

static double packet(void *arg)
{
	return wakes_p99_us(arg, wakes_packet_us);
}

static double bare(void *arg)
{
	return wakes_p99_us(arg, wakes_bare_us);
}

static double idle(void *arg)
{
	return wakes_idle_percent(arg, 500);
}

int main(int argc, char **argv)
{
	static struct wakes w;
	bench_begin(argc, argv);
	bool wakes_wanted = bench_wanted("idle-wake-p99"), cpu_wanted = bench_wanted("idle-cpu");
	if (!wakes_wanted && !cpu_wanted)
		return 0;
	site_eal();
	if (wakes_begin(&w) != 0)
		bench_fail("no worker on a ring port");
	if (wakes_wanted)
		bench_measure(&(struct bench_row){"idle-wake-p99", "us", packet, &w, "bare sleep", bare, &w});
	if (cpu_wanted)
		bench_measure(&(struct bench_row){.name = "idle-cpu", .unit = "%", .run = idle, .arg = &w});
	wakes_end(&w);
	return 0;
}
