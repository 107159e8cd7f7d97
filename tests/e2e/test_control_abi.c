/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket's two sides against each other: kuafud's client and a real kuafu-dataplane on a ring port. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/dataplane/client.h"

#define WAIT_MS 20000u /* EAL takes a while to start on a busy machine */

static char dir[64], path[128];
static pid_t daemon_pid;
static uv_loop_t loop;
static struct ctl_dataplane *client;
static struct {
	unsigned connected, disconnected, synchronised, refused, rows, ends, traces;
	bool full;
	uint32_t pid;
	char text[240];
} seen;

static void on_connected(void *arg, const struct wire_ctl_hello *hello)
{
	(void)arg;
	cr_assert_str_eq(hello->port[0], "wan");
	cr_assert(hello->workers == 1 && hello->n_ports == 1);
	seen.pid = hello->pid;
	seen.connected++;
}

static void on_disconnected(void *arg, const char *why)
{
	(void)arg, (void)why;
	seen.disconnected++;
}

static void on_synchronised(void *arg, uint64_t generation, uint64_t ns, bool full)
{
	(void)arg, (void)generation, (void)ns;
	seen.synchronised++;
	seen.full = full;
}

static void on_refused(void *arg, const struct wire_ctl_error *error)
{
	(void)arg;
	seen.refused++;
	memcpy(seen.text, error->text, sizeof(seen.text));
}

static void on_row(void *arg, const struct wire_ctl_flow *flow)
{
	(void)arg, (void)flow;
	seen.rows++;
}

static void on_end(void *arg, int error)
{
	(void)arg;
	cr_assert(error == 0);
	seen.ends++;
}

static void until(const unsigned *value, unsigned wanted, const char *what)
{
	for (uint64_t deadline = uv_hrtime() + WAIT_MS * 1000000ull; *value < wanted; usleep(1000)) {
		cr_assert(uv_hrtime() < deadline, "no %s: %s", what, seen.text);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
}

static void start(void)
{
	char config[160], log[160];
	snprintf(config, sizeof(config), "%s/pop.yaml", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	daemon_pid = fork();
	if (!daemon_pid) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(DATAPLANE, "kuafu-dataplane", "--config", config, "--no-huge", (char *)NULL);
		_exit(127);
	}
}

static void stop(void)
{
	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, NULL, 0);
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/kuafu-test-abi-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pop.yaml", dir);
	FILE *file = fopen(path, "w");
	fprintf(file,
	    "pop: abi%d\nid: 1\nregion: lab\nrun-dir: %s\nstore: sqlite://%s/store.db\nsecret-file: %s/secret\n"
	    "dataplane: {workers: 1, idle: adaptive, hugepages: no, memory: 64MiB, flows: 1024, nat-flows: 1024}\n"
	    "ports: [{name: wan, driver: ring}]\nlinks: [{link: 0, address: 10.1.0.2, port: wan}]\n",
	    (int)getpid(), dir, dir, dir);
	cr_assert(fclose(file) == 0);
	snprintf(path, sizeof(path), "%s/dataplane.sock", dir);
	struct ctl_dataplane_events events = {.connected = on_connected,
	    .disconnected = on_disconnected,
	    .synchronised = on_synchronised,
	    .refused = on_refused};
	uv_loop_init(&loop);
	cr_assert(ctl_dataplane_new(&loop, path, &events, NULL, &client) == 0);
	start();
}

static void teardown(void)
{
	char command[128];
	ctl_dataplane_close(client);
	uv_run(&loop, UV_RUN_DEFAULT);
	stop();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert(system(command) == 0);
}

static struct wire_addr ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	uint8_t bytes[4] = {a, b, c, d};
	return wire_addr_from_v4(bytes);
}

static void want(enum wire_ctl_object object, const void *body)
{
	cr_assert(ctl_dataplane_upsert(client, object, body) == 0);
}

/* POPs 1 (ours), 2 and 3; a path to 3 by 2, with direct as backup. */
static void want_pops(void)
{
	struct wire_ctl_settings settings = {.pop = 1,
	    .keepalive_interval_us = 50000,
	    .keepalive_dead = 3,
	    .tcp_syn_ms = 5000,
	    .tcp_established_ms = 300000,
	    .tcp_closing_ms = 5000,
	    .udp_ms = 30000};
	want(WIRE_OBJ_SETTINGS, &settings);
	for (uint16_t pop = 1; pop <= 3; pop++) {
		struct wire_ctl_pop row = {.pop = pop};
		snprintf(row.name, sizeof(row.name), "pop%u", pop);
		want(WIRE_OBJ_POP, &row);
	}
	static const uint16_t ends[3][2] = {{1, 2}, {1, 3}, {2, 3}};
	for (uint8_t i = 0; i < 3; i++) {
		struct wire_ctl_link link = {.link = i + 1u,
		    .from_pop = ends[i][0],
		    .to_pop = ends[i][1],
		    .mtu = 1500,
		    .local = ip(10, (uint8_t)ends[i][0], 0, 2),
		    .remote = ip(10, (uint8_t)ends[i][1], 0, 2)};
		want(WIRE_OBJ_LINK, &link);
	}
	for (uint8_t direction = 0; direction < 4; direction++) {
		struct wire_ctl_key key = {
		    .pop = 2 + direction / 2, .direction = direction % 2, .key_id = 1, .secret = {direction}};
		want(WIRE_OBJ_KEY, &key);
	}
	struct wire_ctl_path far = {.to_pop = 3,
	    .n_primary = 2,
	    .n_backup = 1,
	    .primary = {1, 3},
	    .backup = {2},
	    .primary_mtu = 1500,
	    .backup_mtu = 1500};
	want(WIRE_OBJ_PATH, &far);
}

/* A VIP whose group is at 3. */
static void want_an_accelerator(void)
{
	struct wire_ctl_vip vip = {.address = ip(203, 0, 113, 10), .accelerator = 7};
	struct wire_ctl_listener listener = {.listener = 1,
	    .accelerator = 7,
	    .vip = vip.address,
	    .protocol = 6,
	    .port_lo = 443,
	    .port_hi = 443,
	    .n_shares = 1,
	    .share = {{.group = 5, .weight = 65536}}};
	struct wire_ctl_group group = {.group = 5, .egress_pop = 3};
	want(WIRE_OBJ_VIP, &vip);
	want(WIRE_OBJ_LISTENER, &listener);
	want(WIRE_OBJ_GROUP, &group);
	for (uint32_t i = 1; i <= 2; i++) {
		struct wire_ctl_endpoint endpoint = {
		    .endpoint = i, .group = 5, .address = ip(198, 51, 100, (uint8_t)i), .port = 8443, .weight = 128};
		want(WIRE_OBJ_ENDPOINT, &endpoint);
	}
}

static void want_routes(void)
{
	struct wire_ctl_adjacency adjacency = {
	    .adjacency = 1, .mtu = 1500, .src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, 2}};
	struct wire_ctl_route gateway = {.prefix = ip(0, 0, 0, 0), .length = 96, .adjacency = 1};
	struct wire_ctl_route host = {.prefix = ip(10, 1, 0, 1), .length = 128, .adjacency = 1};
	want(WIRE_OBJ_ADJACENCY, &adjacency);
	want(WIRE_OBJ_ROUTE, &gateway);
	want(WIRE_OBJ_ROUTE, &host);
}

static void want_a_world(void)
{
	want_pops();
	want_an_accelerator();
	want_routes();
}

TestSuite(control_abi, .init = setup, .fini = teardown);

Test(control_abi, carries_a_whole_world_its_changes_and_the_restarts_of_both_sides)
{
	struct ctl_dataplane_status status;
	want_a_world();
	ctl_dataplane_ready(client);
	until(&seen.connected, 1, "connection");
	until(&seen.synchronised, 1, "first transaction");
	cr_assert(seen.full && seen.refused == 0, "%s", seen.text);
	size_t size;
	const struct wire_stats *stats = ctl_dataplane_stats(client, &size);
	cr_assert(stats && size >= sizeof(*stats) && stats->pid == seen.pid);
	/* A change, and a deletion of one object of each kind that others can do without. */
	struct wire_ctl_endpoint drained = {.endpoint = 1,
	    .group = 5,
	    .address = ip(198, 51, 100, 1),
	    .port = 8443,
	    .weight = 128,
	    .state = WIRE_ENDPOINT_DRAINED};
	want(WIRE_OBJ_ENDPOINT, &drained);
	cr_assert(ctl_dataplane_delete(client, WIRE_OBJ_ENDPOINT, &(struct wire_ctl_endpoint){.endpoint = 2}) == 0);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_ROUTE, NULL, 0) == 0);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_ADJACENCY, NULL, 0) == 0);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_PATH, NULL, 0) == 0);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_KEY, NULL, 0) == 0);
	until(&seen.synchronised, 2, "second transaction");
	cr_assert(!seen.full && seen.refused == 0, "%s", seen.text);
	/* Rows on demand. */
	struct ctl_dataplane_query *query;
	struct wire_ctl_filter filter = {0};
	cr_assert(ctl_dataplane_flows(client, &filter, on_row, on_end, NULL, &query) == 0);
	until(&seen.ends, 1, "end of the flows");
	cr_assert(seen.rows == 0);
	/* The data plane dies and comes back empty. */
	stop();
	until(&seen.disconnected, 1, "end of the connection");
	start();
	until(&seen.synchronised, 3, "resynchronisation");
	cr_assert(seen.full);
	ctl_dataplane_status(client, &status);
	cr_assert(status.synchronised && status.commits == 3 && status.refusals == 0);
}

Test(control_abi, keeps_the_state_when_a_transaction_is_refused_and_says_what_was_wrong)
{
	want_a_world();
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1, "first transaction");
	struct wire_ctl_endpoint stray = {
	    .endpoint = 9, .group = 99, .address = ip(198, 51, 100, 9), .port = 1, .weight = 1};
	want(WIRE_OBJ_ENDPOINT, &stray);
	until(&seen.refused, 1, "refusal");
	cr_assert(strstr(seen.text, "9"), "%s", seen.text);
	cr_assert(ctl_dataplane_delete(client, WIRE_OBJ_ENDPOINT, &stray) == 0);
	struct wire_ctl_pop more = {.pop = 4, .name = "pop4"};
	want(WIRE_OBJ_POP, &more);
	until(&seen.synchronised, 2, "transaction after the refusal");
}
