/* SPDX-License-Identifier: BSD-2-Clause */
/* The mirror against the real kernel, in a network namespace that dies with the test:
 *
 *   wan 10.0.0.1/24, 2001:db8::1/64  ---- veth ----  (far) peer 10.0.0.2/24, 2001:db8::2/64 */
#include "control/kernel/mirror.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static struct ctl_kernel *kernel;
static struct wire_ctl_adjacency adjacency[16];
static struct wire_ctl_route route[64];
static size_t n_adjacencies, n_routes;
static pid_t far;

static struct wire_addr ip(const char *text)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1)
		return wire_addr_from_v4(bytes);
	cr_assert(inet_pton(AF_INET6, text, bytes) == 1, "%s", text);
	return wire_addr_from_v6(bytes);
}

static void shell(const char *command)
{
	cr_assert(system(command) == 0, "%s", command);
}

static void on_changed(void *arg, const struct wire_ctl_adjacency *adjacencies, size_t n_adjacencies_now,
    const struct wire_ctl_route *routes, size_t n_routes_now)
{
	(void)arg;
	n_adjacencies = n_adjacencies_now;
	n_routes = n_routes_now;
	memcpy(adjacency, adjacencies, n_adjacencies * sizeof(*adjacency));
	memcpy(route, routes, n_routes * sizeof(*route));
}

static const struct wire_ctl_route *row_of(const char *prefix, unsigned length)
{
	struct wire_addr address = ip(prefix);
	length += wire_addr_is_v4(&address) ? 96 : 0;
	for (size_t i = 0; i < n_routes; i++)
		if (route[i].length == length && wire_addr_equal(&route[i].prefix, &address))
			return &route[i];
	return NULL;
}

static void turn(unsigned ms)
{
	for (uint64_t deadline = uv_hrtime() + ms * 1000000ull; uv_hrtime() < deadline; usleep(1000))
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* Wait for a row that is (or is not) resolved. */
static bool comes(const char *prefix, unsigned length, bool resolved)
{
	for (int i = 0; i < 200; i++, turn(10)) {
		const struct wire_ctl_route *row = row_of(prefix, length);
		if (row && (row->adjacency != 0) == resolved)
			return true;
	}
	return false;
}

static bool goes(const char *prefix, unsigned length)
{
	for (int i = 0; i < 200 && row_of(prefix, length); i++)
		turn(10);
	return !row_of(prefix, length);
}

/* A process in a namespace of its own, to hold the far end. It answers ARP as long as the test lives. */
static pid_t far_end(void)
{
	int ready[2], go[2];
	char byte = 0;
	cr_assert(pipe(ready) == 0 && pipe(go) == 0);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bool ok = unshare(CLONE_NEWNET) == 0 && write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1 &&
		          system("ip addr add 10.0.0.2/24 dev far && ip addr add 2001:db8::2/64 dev far nodad && "
		                 "ip link set far up") == 0 &&
		          write(ready[1], &byte, 1) == 1;
		if (ok)
			pause();
		_exit(1);
	}
	char command[64];
	cr_assert(read(ready[0], &byte, 1) == 1);
	snprintf(command, sizeof(command), "ip link set far netns %d", (int)pid);
	shell(command);
	cr_assert(write(go[1], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1);
	return pid;
}

static void setup(void)
{
	cr_assert(unshare(CLONE_NEWNET) == 0);
	/* The kernel asks nobody while the address it would ask from is looked for on the link (RFC 4862, 1 to 2 s). */
	shell("sysctl -qw net.ipv6.conf.default.accept_dad=0");
	shell("ip link set lo up && ip link add wan type veth peer name far && ip link set wan mtu 1400 up && "
	      "ip addr add 10.0.0.1/24 dev wan && ip addr add 2001:db8::1/64 dev wan nodad");
	far = far_end();
	uv_loop_init(&loop);
	struct ctl_kernel_port port[2] = {{.interface = "absent"}, {.interface = "wan"}};
	cr_assert(ctl_kernel_new(&loop, port, 2, on_changed, NULL, &kernel) == 0);
}

static void teardown(void)
{
	ctl_kernel_close(kernel);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0);
	kill(far, SIGKILL);
	waitpid(far, NULL, 0);
}

TestSuite(mirror, .init = setup, .fini = teardown);

Test(mirror, shows_connected_networks_and_resolves_a_wanted_neighbour)
{
	struct wire_addr peer = ip("10.0.0.2");
	cr_assert(comes("10.0.0.0", 24, false) && row_of("10.0.0.0", 24)->port == 1);
	cr_assert(n_adjacencies == 0);
	cr_assert(ctl_kernel_resolve(kernel, 1, &peer) == 0);
	cr_assert(comes("10.0.0.2", 32, true));
	cr_assert(adjacency[0].port == 1 && adjacency[0].mtu == 1400);
	cr_assert(memcmp(adjacency[0].src, adjacency[0].dst, 6) != 0);
}

Test(mirror, resolves_the_gateway_of_a_route_by_itself)
{
	turn(50);
	shell("ip route add 192.0.2.0/24 via 10.0.0.2");
	cr_assert(comes("192.0.2.0", 24, true));
	struct wire_addr beyond = ip("192.0.2.77");
	cr_assert(ctl_kernel_resolve(kernel, 1, &beyond) == 0);
	turn(100);
	cr_assert(row_of("192.0.2.77", 32) == NULL, "it is the gateway that is asked for");
	shell("ip route del 192.0.2.0/24");
	cr_assert(goes("192.0.2.0", 24));
}

Test(mirror, takes_the_next_hop_that_leads_out_of_a_port)
{
	shell("ip link add no-port type veth peer name far2 && ip addr add 10.8.0.1/24 dev no-port && ip link set "
	      "no-port up && ip link set far2 up");
	shell("ip route add 192.0.2.0/24 nexthop via 10.8.0.2 dev no-port nexthop via 10.0.0.2 dev wan");
	cr_assert(comes("192.0.2.0", 24, true));
	cr_assert(n_adjacencies == 1 && adjacency[0].port == 1);
}

Test(mirror, does_the_same_for_ipv6)
{
	struct wire_addr peer = ip("2001:db8::2"), beyond = ip("2001:db8:7::77");
	cr_assert(comes("2001:db8::", 64, false) && row_of("2001:db8::", 64)->port == 1);
	cr_assert(ctl_kernel_resolve(kernel, 1, &peer) == 0);
	cr_assert(comes("2001:db8::2", 128, true));
	shell("ip -6 route add 2001:db8:7::/48 via 2001:db8::2");
	cr_assert(comes("2001:db8:7::", 48, true));
	cr_assert(ctl_kernel_resolve(kernel, 1, &beyond) == 0);
	turn(100);
	cr_assert(row_of("2001:db8:7::77", 128) == NULL, "it is the gateway that is asked for");
	shell("ip -6 route del 2001:db8:7::/48");
	cr_assert(goes("2001:db8:7::", 48));
}

Test(mirror, takes_an_ipv6_gateway_of_an_ipv4_route)
{
	struct wire_addr beyond = ip("192.0.2.77");
	turn(50);
	shell("ip route add 192.0.2.0/24 via inet6 2001:db8::2");
	cr_assert(comes("192.0.2.0", 24, true));
	shell("ip route add 198.51.100.0/24 nexthop via inet6 2001:db8::2 dev wan nexthop via 10.0.0.2 dev wan");
	cr_assert(comes("198.51.100.0", 24, true));
	cr_assert(ctl_kernel_resolve(kernel, 1, &beyond) == 0);
	turn(100);
	cr_assert(n_adjacencies == 1 && row_of("192.0.2.77", 32) == NULL, "it is the gateway that is asked for");
}

Test(mirror, blackholes_ipv6_addresses_too)
{
	struct wire_addr address = ip("2001:db8:f::10");
	cr_assert(ctl_kernel_blackhole(kernel, &address, 1) == 0);
	cr_assert(ctl_kernel_blackhole(kernel, &address, 1) == 0);
	shell("[ \"$(ip -6 route show proto 75 | grep -c '^blackhole 2001:db8:f::10 ')\" = 1 ]");
	turn(100);
	cr_assert(row_of("2001:db8:f::10", 128) == NULL);
	cr_assert(ctl_kernel_blackhole(kernel, NULL, 0) == 0);
	shell("[ -z \"$(ip -6 route show proto 75)\" ]");
}

Test(mirror, forgets_the_routes_of_a_port_that_goes_down)
{
	cr_assert(comes("10.0.0.0", 24, false));
	shell("ip link set wan down");
	cr_assert(goes("10.0.0.0", 24) && n_adjacencies == 0);
	shell("ip link set wan up");
	cr_assert(comes("10.0.0.0", 24, false));
}

Test(mirror, shows_where_the_kernel_sends_nothing)
{
	static const struct {
		const char *add;
		const char *prefix;
		unsigned length;
	} routes[] = {
	    {"ip route add blackhole 192.0.2.0/25", "192.0.2.0", 25},
	    {"ip route add unreachable 192.0.2.128/25", "192.0.2.128", 25},
	    {"ip route add prohibit 198.51.100.0/24", "198.51.100.0", 24},
	    {"ip link set far2 up && ip route add 10.7.0.0/16 dev far2", "10.7.0.0", 16},
	    {"ip -6 route add blackhole 2001:db8:8::/48", "2001:db8:8::", 48},
	};
	shell("ip link add wan2 type veth peer name far2");
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		shell(routes[i].add);
		cr_assert(comes(routes[i].prefix, routes[i].length, false), "%s", routes[i].add);
		cr_assert(row_of(routes[i].prefix, routes[i].length)->port == WIRE_CTL_NOWHERE, "%s", routes[i].add);
	}
}

Test(mirror, blackholes_the_addresses_of_the_data_plane_and_sweeps_what_is_no_longer_wanted)
{
	struct wire_addr address[2] = {ip("203.0.113.10"), ip("203.0.113.11")};
	shell("ip route add blackhole 203.0.113.9/32 proto 75"); /* of a kuafud that was killed */
	shell("ip route add blackhole 203.0.113.8/32");          /* somebody else's */
	cr_assert(ctl_kernel_blackhole(kernel, address, 2) == 0);
	cr_assert(ctl_kernel_blackhole(kernel, address, 2) == 0);
	shell("[ \"$(ip route show proto 75 | grep -c blackhole)\" = 2 ]");
	cr_assert(ctl_kernel_blackhole(kernel, address + 1, 1) == 0);
	shell("[ \"$(ip route show proto 75)\" = 'blackhole 203.0.113.11 ' ]");
	turn(100);
	cr_assert(row_of("203.0.113.11", 32) == NULL);
	cr_assert(row_of("203.0.113.8", 32)->port == WIRE_CTL_NOWHERE);
	cr_assert(ctl_kernel_blackhole(kernel, NULL, 0) == 0);
	shell("[ \"$(ip route show type blackhole | wc -l)\" = 1 ]");
}

/* A program all of whose tests are skipped counts as skipped, not as passed. */
int main(int argc, char *argv[])
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) != 0);
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return 77;
	struct criterion_test_set *tests = criterion_initialize();
	int good = criterion_handle_args(argc, argv, true) ? criterion_run_all_tests(tests) : 0;
	criterion_finalize(tests);
	return !good;
}

/* The kernel breaks off a dump under which its tables changed. What is left of that must not be taken for the answer to
 * the next request. */
Test(mirror, sees_the_routes_after_a_time_in_which_links_came_and_went, .timeout = 60)
{
	shell("for i in $(seq 80); do echo link add c$i type veth peer name d$i; done | ip -batch -");
	pid_t churn = fork();
	if (!churn)
		_exit(system("for round in 1 2 3 4; do for to in up down; do "
		             "for i in $(seq 80); do echo link set c$i $to; done | ip -batch -; done; done") != 0);
	int status = -1;
	while (waitpid(churn, &status, WNOHANG) == 0)
		turn(5);
	cr_assert_eq(status, 0);
	shell("ip route add 192.0.2.0/24 via 10.0.0.2");
	cr_assert(comes("192.0.2.0", 24, true));
	struct wire_addr address = ip("203.0.113.10");
	cr_assert(ctl_kernel_blackhole(kernel, &address, 1) == 0, "the socket still takes requests");
}
