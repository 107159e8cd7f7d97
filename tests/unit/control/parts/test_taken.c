/* SPDX-License-Identifier: BSD-2-Clause */
/* A store that pop.yaml names is as little a VIP as one whose address it gives. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/parts/parts.h"

static uv_loop_t loop;
static struct ctl_parts parts;
static struct ctl_daemon d = {.loop = &loop, .parts = &parts};

static void begin_with(const char *servers)
{
	snprintf(d.config.store, sizeof(d.config.store), "etcd://%s", servers);
	int n = ctl_servers_parse(servers, d.config.server);
	cr_assert(n > 0);
	d.config.n_servers = (unsigned)n;
	uv_loop_init(&loop);
	uv_timer_init(&loop, &parts.soon);
	uv_close((uv_handle_t *)&parts.soon, NULL); /* what is due stays due */
	cr_assert(ctl_taken_start(&d) == 0);
}

static void end(void)
{
	ctl_taken_stop(&d);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0);
	ctl_taken_free(parts.taken);
}

static const char *taken_by(const char *text)
{
	struct wire_addr address;
	cr_assert(ctl_address_parse(text, &address) == 0);
	return ctl_taken_by(&d, &address);
}

static void wait_until_known(void)
{
	while (!ctl_taken_known(&d))
		uv_run(&loop, UV_RUN_ONCE);
}

Test(taken, names_of_the_store_are_looked_up, .timeout = 60)
{
	begin_with("192.0.2.7:1,localhost:2379");
	cr_assert(!ctl_taken_known(&d) && !taken_by("127.0.0.1") && taken_by("192.0.2.7"));
	wait_until_known();
	cr_assert(taken_by("127.0.0.1") && strstr(taken_by("127.0.0.1"), "store") && !taken_by("192.0.2.8"));
	cr_assert(parts.due & CTL_DUE_FORWARDING);
	end();
}

Test(taken, a_name_that_means_nothing_holds_up_nothing_for_ever, .timeout = 60)
{
	begin_with("nobody.invalid:2379");
	wait_until_known();
	cr_assert(!taken_by("127.0.0.1"));
	end();
}

static void stand_still(uv_work_t *work)
{
	(void)work;
	sleep(6);
}

static void ended(uv_work_t *work, int status)
{
	(void)work, (void)status;
}

/* libuv looks names up in its threads: here they have other things to do. A data plane that forwards is given its state
 * after 2 s, and it must be whole. */
Test(taken, a_resolver_that_is_slow_holds_up_nothing, .timeout = 60)
{
	static uv_work_t work[2];
	uint64_t before = ctl_monotonic_ns();
	setenv("UV_THREADPOOL_SIZE", "2", 1);
	begin_with("localhost:2379");
	for (unsigned i = 0; i < 2; i++)
		cr_assert(uv_queue_work(&loop, &work[i], stand_still, ended) == 0);
	wait_until_known();
	cr_assert(ctl_monotonic_ns() - before < 2 * CTL_NS_PER_S);
	cr_assert(!taken_by("127.0.0.1") && parts.due & CTL_DUE_FORWARDING);
	parts.due = 0;
	while (!taken_by("127.0.0.1"))
		uv_run(&loop, UV_RUN_ONCE);
	cr_assert(parts.due & CTL_DUE_FORWARDING, "what it says at last is heard");
	end();
}

Test(taken, stops_while_it_asks, .timeout = 60)
{
	begin_with("localhost:1");
	uv_run(&loop, UV_RUN_NOWAIT);
	end();
}

Test(taken, addresses_need_no_lookup)
{
	begin_with("192.0.2.7:1,[2001:db8::7]:1");
	cr_assert(ctl_taken_known(&d) && taken_by("2001:db8::7"));
	end();
}
