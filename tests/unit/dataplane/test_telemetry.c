/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reader of DPDK's telemetry socket is told. */
#include "dataplane/telemetry.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <rte_eal.h>

#include "dataplane/eal.h"
#include "dataplane/worker_set.h"

static char answer[65536];
static char dir[] = "/tmp/kuafu-telemetry-XXXXXX";

static int take_out(const char *path, const struct stat *about, int type, struct FTW *where)
{
	(void)about, (void)type, (void)where;
	return remove(path);
}

/* An EAL of its own, for the socket: its runtime directory is in a directory of this test's. */
static struct dp_workers *given_workers(uint16_t n)
{
	static char prefix[64];
	cr_assert_not_null(mkdtemp(dir));
	setenv("RUNTIME_DIRECTORY", dir, 1);
	snprintf(prefix, sizeof(prefix), "--file-prefix=t%d", (int)getpid());
	char *argv[] = {
	    "telemetry", "--no-huge", "-m", "64", "--no-pci", "--log-level=3", "--lcores=0@(0-1)", prefix, NULL};
	cr_assert_geq(rte_eal_init(8, argv), 0, "EAL");
	struct dp_workers *set = NULL;
	struct dp_workers_config config = {.workers = n, .ports = 1, .flows = 1024, .nat_flows = 1024, .mbufs = 1023};
	cr_assert_eq(dp_workers_create(&config, &set), 0);
	cr_assert_eq(dp_telemetry_start(set), 0);
	return set;
}

static int connected(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0, "%s", name.sun_path);
	cr_assert_gt(recv(fd, answer, sizeof(answer), 0), 0); /* its greeting */
	return fd;
}

static const char *ask(int fd, const char *command)
{
	cr_assert_gt(send(fd, command, strlen(command), 0), 0);
	ssize_t length = recv(fd, answer, sizeof(answer) - 1, 0);
	cr_assert_gt(length, 0);
	answer[length] = '\0';
	return answer;
}

#define expect_told(fd, command, text) cr_assert_not_null(strstr(ask(fd, command), text), "%s: %s", command, answer)

Test(telemetry, tells_sums_and_each_worker_whole, .timeout = 60)
{
	struct dp_workers *set = given_workers(3);
	for (uint16_t id = 0; id < 3; id++) {
		struct wire_stats_worker *stats = dp_workers_get(set, id)->stats;
		stats->counter[WIRE_COUNTER_HANDED_OVER] = 100u + id;
		stats->journey[WIRE_JOURNEY_TRANSIT].bytes = 1000u * id;
		for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++)
			stats->drop[reason] = 10000u * id + reason;
	}
	int fd = connected();
	expect_told(fd, "/kuafu/counters", "\"handed_over\":303");
	expect_told(fd, "/kuafu/worker,1", "\"handed_over\":101");
	expect_told(fd, "/kuafu/worker,2", "\"transit_bytes\":2000");
	ask(fd, "/kuafu/worker,2");
	for (unsigned reason = 1; reason < WIRE_DROP_COUNT; reason++) { /* none left out, none cut off */
		char text[64];
		snprintf(text, sizeof(text), ":%u", 20000u + reason);
		cr_assert_not_null(strstr(answer, text), "%s: %s", wire_drop_name(reason), answer);
	}
	expect_told(fd, "/kuafu/worker,3", "null");
	expect_told(fd, "/kuafu/worker,1x", "null");
	expect_told(fd, "/kuafu/worker,-1", "null");
	expect_told(fd, "/kuafu/worker", "null");
	close(fd);
	char run_dir[256];
	snprintf(run_dir, sizeof(run_dir), "%s", rte_eal_get_runtime_dir());
	cr_assert_eq(access(run_dir, F_OK), 0, "%s", run_dir);
	dp_eal_end();
	cr_assert_neq(access(run_dir, F_OK), 0, "%s is left behind", run_dir);
	cr_assert_eq(nftw(dir, take_out, 8, FTW_DEPTH | FTW_PHYS), 0);
}
