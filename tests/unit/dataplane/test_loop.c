/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker on a thread of its own. */
#include "dataplane/loop.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include "dataplane/port.h"
#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "shell.h"

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static struct dp_port_config described(const char *name, enum dp_driver driver, const char *interface)
{
	return (struct dp_port_config){.name = name,
	    .driver = driver,
	    .interface = interface,
	    .device = "",
	    .rx_file = "",
	    .tx_file = "",
	    .queues = 1};
}

/* In a network namespace of our own, which takes no privilege where user namespaces are allowed; with TAPs. */
static void be_alone(void)
{
	bool alone = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	if (!alone || access("/dev/net/tun", R_OK | W_OK) != 0)
		cr_skip_test("no network namespace or no /dev/net/tun");
}

/* Packets that interface "kf-r" got from us, from /proc: /sys shows the namespace it was mounted in. */
static unsigned long tap_count(void)
{
	char line[512];
	unsigned long packets = 0;
	FILE *file = fopen("/proc/thread-self/net/dev", "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, "kf-r:") != NULL)
			sscanf(strstr(line, "kf-r:") + 5, "%*u %lu", &packets);
	if (file != NULL)
		fclose(file);
	return packets;
}

Test(loop, an_idle_worker_sleeps_and_its_heart_beats, .timeout = 30)
{
	struct shell s;
	shell_start(&s, 1);
	shell_run(&s, 0);
	struct wire_stats_worker *stats = dp_workers_get(s.set, 0)->stats;
	uint64_t worst = 0, end = now_ns(CLOCK_MONOTONIC) + UINT64_C(1000000000);
	uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	unsigned late = 0, looks = 0;
	for (uint64_t now = 0; now < end; looks++) {
		usleep(2000);
		uint64_t beat = __atomic_load_n(&stats->heartbeat_ns, __ATOMIC_RELAXED);
		now = now_ns(CLOCK_MONOTONIC);
		uint64_t age = now > beat ? now - beat : 0;
		worst = age > worst ? age : worst;
		late += age > UINT64_C(20000000);
	}
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	cr_log_info("worst heartbeat age %lu us, %lu us of CPU in a second", worst / 1000, cpu / 1000);
	cr_assert_leq(late * 20, looks, "heartbeat older than 20 ms in %u of %u looks", late, looks);
	cr_assert_lt(cpu, UINT64_C(100000000)); /* the test's own 500 looks included */
	cr_assert_gt(stats->counter[WIRE_COUNTER_SLEEPS], 100);
	shell_stop(&s);
}

/* Ten flows of one client, from ports 5000 on; every second one established and to POP 3, the others new and to POP 2. */
static void make_flows(struct shell *s)
{
	struct lb_flow_key key = {.client = shell_address("192.0.2.1"),
	    .vip = shell_address("203.0.113.1"),
	    .vip_port = 443,
	    .protocol = WIRE_PROTO_TCP};
	for (uint16_t i = 0; i < 10; i++) {
		struct lb_flow *flow = NULL;
		bool made = false;
		key.client_port = (uint16_t)(5000 + i);
		cr_assert_eq(lb_flow_insert(dp_workers_get(s->set, 0)->flows, &key, lb_flow_hash(&key),
		                 now_ns(CLOCK_MONOTONIC), &flow, &made),
		    0);
		flow->state = i % 2 ? LB_FLOW_ESTABLISHED : LB_FLOW_NEW;
		flow->egress_pop = i % 2 ? 3 : 2;
	}
}

/* How many rows there are for a filter; the last one in *ret_row. */
static unsigned query(struct shell *s, const struct wire_ctl_filter *filter, struct wire_ctl_flow *ret_row)
{
	unsigned rows = 0;
	bool ended = false;
	shell_send(s, WIRE_CTL_FLOWS_QUERY, 0, 0, filter, sizeof(*filter));
	for (int i = 0; i < 5000 && !ended; i++) {
		struct wire_ctl_header header;
		const void *body = NULL;
		dp_session_poll(s->session);
		for (enum wire_ctl_type type; (type = shell_take(s, &header, &body)) != 0;) {
			if (type == WIRE_CTL_FLOW) {
				memcpy(ret_row, body, sizeof(*ret_row));
				rows++;
			}
			ended = ended || type == WIRE_CTL_FLOWS_END;
		}
		usleep(200);
	}
	cr_assert(ended);
	return rows;
}

Test(loop, a_sleeping_worker_answers_a_query_at_once, .timeout = 30)
{
	struct shell s;
	struct wire_ctl_flow row;
	shell_start(&s, 1);
	shell_hello(&s);
	(void)shell_error(&s);
	make_flows(&s);
	shell_run(&s, 0);
	usleep(20000);
	cr_assert_eq(query(&s, &(struct wire_ctl_filter){.l4_port = 5003}, &row), 1);
	cr_assert_eq(row.client_port, 5003);
	cr_assert_eq(row.role, WIRE_FLOW_INGRESS);
	shell_stop(&s);
}

Test(loop, a_query_finds_what_matches_every_field, .timeout = 30)
{
	struct shell s;
	struct wire_ctl_flow row;
	shell_start(&s, 1);
	shell_hello(&s);
	(void)shell_error(&s);
	make_flows(&s);
	shell_run(&s, 0);
	struct wire_addr client = shell_address("192.0.2.1"), vip = shell_address("203.0.113.1");
	const struct {
		struct wire_ctl_filter filter;
		unsigned rows;
	} cases[] = {
	    {{.state = LB_FLOW_ESTABLISHED}, 5},
	    {{.pop = 2}, 5},
	    {{.pop = 2, .state = LB_FLOW_ESTABLISHED}, 0},
	    {{.role = WIRE_FLOW_INGRESS}, 10},
	    {{.role = WIRE_FLOW_EGRESS}, 0},
	    {{.address = client}, 10},
	    {{.address = client, .end = WIRE_END_CLIENT, .address2 = vip, .end2 = WIRE_END_VIP}, 10},
	    {{.address = client, .end = WIRE_END_VIP}, 0},
	    {{.address = vip, .end = WIRE_END_ENDPOINT}, 0},
	    {{.limit = 3}, 3},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(query(&s, &cases[i].filter, &row), cases[i].rows, "case %zu", i);
	shell_stop(&s);
}

Test(loop, a_commit_settles_while_the_worker_runs, .timeout = 30)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	(void)shell_error(&s);
	shell_run(&s, 0);
	for (uint64_t generation = 1; generation <= 200; generation++) {
		struct wire_ctl_route route = shell_route("10.0.0.0", (unsigned)(8 + generation % 8), 0, 0);
		const struct shell_row row = {WIRE_OBJ_ROUTE, &route, sizeof(route)};
		shell_commit(&s, generation, generation % 3 == 0, &row, 1);
		while (!dp_transaction_settle(s.transactions))
			usleep(50);
		dp_session_poll(s.session);
		cr_assert_str_empty(shell_error(&s));
	}
	cr_assert_eq(dp_transaction_generation(s.transactions), 200);
	shell_stop(&s);
}

Test(loop, a_ring_port_opens_and_closes_under_a_running_worker, .timeout = 30)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_port_config config = described("r", DP_DRIVER_RING, "");
	char why[DP_PORT_WHY_SIZE] = "";
	cr_assert_eq(dp_port_describe(s.set, 0, &config), 0);
	shell_run(&s, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(dp_port_open(s.set, 0, &config, why), 0, "%s", why);
		cr_assert(dp_port_is_open(s.set, 0));
		usleep(5000);
		dp_port_close(s.set, 0);
		cr_assert_not(dp_port_is_open(s.set, 0));
	}
	shell_stop(&s);
}

Test(loop, an_af_xdp_port_waits_for_its_interface_in_one_line, .timeout = 30)
{
	struct shell s;
	shell_start(&s, 1);
	struct dp_port_config config = described("w", DP_DRIVER_AF_XDP, "no-such-if");
	char why[DP_PORT_WHY_SIZE] = "";
	cr_assert_eq(dp_port_describe(s.set, 0, &config), 0);
	cr_assert_eq(dp_port_open(s.set, 0, &config, why), -EAGAIN);
	cr_assert_str_eq(why, "there is no interface no-such-if");
	config.interface = "lo";
	cr_assert_eq(dp_port_open(s.set, 0, &config, why), -EAGAIN);
	cr_assert_not_null(strstr(why, "no XDP program on lo yet"));
	shell_end(&s);
}

Test(loop, punted_packets_reach_the_kernel_over_a_tap, .timeout = 30)
{
	be_alone();
	struct shell s;
	shell_start(&s, 1);
	struct dp_port_config config = described("r", DP_DRIVER_RING, "");
	char why[DP_PORT_WHY_SIZE] = "";
	cr_assert_eq(dp_port_describe(s.set, 0, &config), 0);
	cr_assert_eq(dp_port_open(s.set, 0, &config, why), 0, "%s", why);
	cr_assert_eq(dp_port_open_tap(s.set, 0, s.set->port[0].ethdev[0], why), 0, "%s", why);
	cr_assert_gt(if_nametoindex("kf-r"), 0);
	struct dp_worker *w = dp_workers_get(s.set, 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	memset(rte_pktmbuf_append(m, 60), 0xff, 60);
	dp_punt(w, 0, m);
	cr_assert_eq(w->stats->journey[WIRE_JOURNEY_PUNT].packets, 1);
	shell_run(&s, 0);
	unsigned long received = tap_count();
	for (int i = 0; i < 2000 && received == 0; i++, received = tap_count())
		usleep(1000);
	cr_assert_gt(received, 0);
	shell_stop(&s);
}

struct udp_frame {
	struct wire_ether ether;
	struct wire_ipv4 ip;
	struct wire_udp udp;
} __attribute__((packed));

/* To the VIP 203.0.113.1, where nobody listens. */
static struct udp_frame udp_to_vip(uint16_t client_port)
{
	struct udp_frame frame = {.ip = {.version_ihl = 0x45,
	                              .ttl = 64,
	                              .protocol = WIRE_PROTO_UDP,
	                              .src = {192, 0, 2, 1},
	                              .dst = {203, 0, 113, 1}}};
	wire_put_be16(&frame.ether.type, WIRE_ETHERTYPE_IPV4);
	wire_put_be16(&frame.ip.total_length, sizeof(frame.ip) + sizeof(frame.udp));
	wire_put_be16(&frame.udp.src, client_port);
	wire_put_be16(&frame.udp.dst, 53);
	wire_put_be16(&frame.udp.length, sizeof(frame.udp));
	frame.ip.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &frame.ip, sizeof(frame.ip)));
	return frame;
}

static _Atomic unsigned called_right, called_wrong; /* by the port, of the frames that came */

static uint16_t look(uint16_t id, uint16_t queue, struct rte_mbuf **pkts, uint16_t n, uint16_t most, void *arg)
{
	(void)id, (void)queue, (void)most, (void)arg;
	for (uint16_t i = 0; i < n; i++) {
		called_right += (pkts[i]->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
		called_wrong += (pkts[i]->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD;
	}
	return n;
}

/* The kernel sends a UDP packet on an interface, as it is. */
static void send_on(const char *interface, const void *frame, size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && sendto(fd, frame, size, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)size);
	close(fd);
}

/* DPDK's TAP is a port that can. */
Test(loop, a_port_that_can_check_headers_is_asked_to, .timeout = 30)
{
	be_alone();
	struct shell s;
	shell_start(&s, 1);
	struct dp_port_config config = described("t", DP_DRIVER_TAP, "tap0");
	char why[DP_PORT_WHY_SIZE] = "";
	cr_assert_eq(dp_port_describe(s.set, 0, &config), 0);
	cr_assert_eq(dp_port_open(s.set, 0, &config, why), 0, "%s", why);
	cr_assert_not_null(rte_eth_add_rx_callback(s.set->port[0].ethdev[0], 0, look, NULL));
	shell_run(&s, 0);
	struct udp_frame right = udp_to_vip(5000), wrong = right;
	wrong.ip.checksum ^= 1;
	const uint64_t *bad = &dp_workers_get(s.set, 0)->stats->drop[WIRE_DROP_BAD_IP_CHECKSUM];
	/* The driver is told of frames by a signal, and may leave the last one lying until the next comes. */
	for (int i = 0; i < 100 && !(called_right && __atomic_load_n(bad, __ATOMIC_RELAXED)); i++) {
		send_on("tap0", &right, sizeof(right));
		send_on("tap0", &wrong, sizeof(wrong));
		usleep(50000);
	}
	dp_loop_stop(s.set);
	rte_eal_mp_wait_lcore();
	cr_assert(called_right > 0 && called_wrong > 0, "%u, %u", called_right, called_wrong);
	cr_assert_eq(*bad, called_wrong);
	shell_stop(&s);
}

Test(loop, workers_without_packets_leave_the_processor_to_others, .timeout = 30)
{
	struct shell s;
	uint64_t cpu[2], sleeps[2];
	shell_start(&s, 2);
	for (uint16_t id = 0; id < 2; id++)
		shell_run(&s, id);
	for (uint16_t id = 0; id < 2; id++) {
		cpu[id] = now_ns(shell_cpu_clock(id));
		sleeps[id] = dp_workers_get(s.set, id)->stats->counter[WIRE_COUNTER_SLEEPS];
	}
	usleep(1000000);
	for (uint16_t id = 0; id < 2; id++) {
		cpu[id] = now_ns(shell_cpu_clock(id)) - cpu[id];
		sleeps[id] = dp_workers_get(s.set, id)->stats->counter[WIRE_COUNTER_SLEEPS] - sleeps[id];
		cr_assert_lt(cpu[id], UINT64_C(50000000), "worker %u: %lu us of a second", id, cpu[id] / 1000);
		cr_assert_gt(sleeps[id], 50, "worker %u slept %lu times", id, sleeps[id]);
	}
	shell_stop(&s);
}

static struct rte_mbuf *to_vip(struct dp_workers *set, uint16_t client_port)
{
	struct udp_frame frame = udp_to_vip(client_port);
	struct rte_mbuf *m = rte_pktmbuf_alloc(set->pool);
	cr_assert_not_null(m);
	memcpy(rte_pktmbuf_append(m, sizeof(frame)), &frame, sizeof(frame));
	return m;
}

static uint16_t owner_of(struct dp_worker *w, uint16_t client_port)
{
	struct lb_flow_key key = {.client = shell_address("192.0.2.1"),
	    .vip = shell_address("203.0.113.1"),
	    .client_port = client_port,
	    .vip_port = 53,
	    .protocol = WIRE_PROTO_UDP};
	return dp_owner(w, lb_hash14(lb_flow_hash(&key)));
}

static uint64_t no_listener(struct shell *s, uint16_t id)
{
	return __atomic_load_n(&dp_workers_get(s->set, id)->stats->drop[WIRE_DROP_NO_LISTENER], __ATOMIC_RELAXED);
}

/* Packets wait on a loop at each port, so that every worker receives what is the other one's; the first sleeps when the
 * second begins to hand over. */
Test(loop, two_threads_hand_each_other_what_they_own, .timeout = 30)
{
	enum { PACKETS = 400 }; /* per port: below half of a loop's and of the hand-over ring's size */
	struct shell s;
	shell_start(&s, 2);
	shell_hello(&s);
	struct wire_ctl_vip vip = {.address = shell_address("203.0.113.1"), .accelerator = 1};
	const struct shell_row row = {WIRE_OBJ_VIP, &vip, sizeof(vip)};
	shell_commit(&s, 1, true, &row, 1);
	cr_assert_str_empty(shell_error(&s));
	static const char *const names[] = {"a", "b"};
	uint64_t owned[2] = {0}, foreign[2] = {0};
	for (uint16_t port = 0; port < 2; port++) {
		struct dp_port_config config = described(names[port], DP_DRIVER_RING, "");
		char why[DP_PORT_WHY_SIZE] = "";
		cr_assert_eq(dp_port_describe(s.set, port, &config), 0);
		cr_assert_eq(dp_port_open(s.set, port, &config, why), 0, "%s", why);
		for (uint16_t i = 0; i < PACKETS; i++) {
			uint16_t client_port = (uint16_t)(1024 + port * PACKETS + i);
			uint16_t receiver = dp_queue_owner(s.set, port, 0),
			         owner = owner_of(dp_workers_get(s.set, 0), client_port);
			struct rte_mbuf *m = to_vip(s.set, client_port);
			cr_assert_eq(rte_eth_tx_burst(s.set->port[port].ethdev[0], 0, &m, 1), 1);
			owned[owner]++;
			foreign[receiver] += owner != receiver;
		}
	}
	cr_assert(foreign[0] > PACKETS / 4 && foreign[1] > PACKETS / 4);
	shell_run(&s, 1);
	for (int i = 0; i < 5000 && !atomic_load(&s.set->slot[1]->asleep); i++)
		usleep(200);
	shell_run(&s, 0);
	for (int i = 0; i < 5000 && no_listener(&s, 0) + no_listener(&s, 1) < 2 * PACKETS; i++)
		usleep(1000);
	for (uint16_t id = 0; id < 2; id++) {
		const struct wire_stats_worker *stats = dp_workers_get(s.set, id)->stats;
		cr_assert_eq(no_listener(&s, id), owned[id], "worker %u saw what is its own", id);
		cr_assert_eq(stats->counter[WIRE_COUNTER_HANDED_OVER], foreign[id]);
		cr_assert_eq(stats->drop[WIRE_DROP_RING_FULL], 0);
	}
	shell_stop(&s);
}
