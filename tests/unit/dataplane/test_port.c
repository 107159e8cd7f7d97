/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports without privileges, hugepages or another process, under a worker that runs: files, a loop, and nothing. The others
 * are in tests/e2e/test_ports. */
#include "dataplane/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include "dataplane/frame.h"
#include "dataplane/loop.h"
#include "dataplane/worker_set.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"
#include "shell.h"

static struct shell shell;
static uint16_t port_mtu; /* 0: the usual */
static struct dp_loop loop;
static char directory[] = "/tmp/kuafu-port-XXXXXX";
static char in[64], out[64];

static void begin_of(uint16_t mtu)
{
	port_mtu = mtu;
	cr_assert_not_null(mkdtemp(directory));
	snprintf(in, sizeof(in), "%s/in.pcap", directory);
	snprintf(out, sizeof(out), "%s/out.pcap", directory);
	shell_start_wide(&shell, 1, port_mtu);
	shell_hello(&shell);
}

static void begin(void)
{
	begin_of(0);
}

static void begin_wide(void)
{
	begin_of(9000);
}

static void end(void)
{
	dp_loop_stop(shell.set);
	rte_eal_mp_wait_lcore();
	shell_end(&shell);
	unlink(in);
	unlink(out);
	rmdir(directory);
}

TestSuite(port, .init = begin, .fini = end, .timeout = 60);
TestSuite(wide_port, .init = begin_wide, .fini = end, .timeout = 60);

static void run(void)
{
	loop = (struct dp_loop){.set = shell.set};
	cr_assert_eq(rte_eal_remote_launch(dp_loop_run, &loop, 1), 0);
}

static struct dp_port_config config_of(enum dp_driver driver)
{
	struct dp_port_config config = {
	    .name = "p", .driver = driver, .interface = "", .device = "", .rx_file = "", .tx_file = "", .queues = 1};
	if (driver == DP_DRIVER_PCAP) {
		config.rx_file = in;
		config.tx_file = out;
	}
	return config;
}

static struct dp_port_config described(enum dp_driver driver)
{
	struct dp_port_config config = config_of(driver);
	cr_assert_eq(dp_port_describe(shell.set, 0, &config), 0);
	return config;
}

/* VIP 203.0.113.1; everybody else is behind port 0. */
static void commit_vip(void)
{
	struct wire_ctl_vip vip = {.address = shell_address("203.0.113.1"), .accelerator = 1};
	struct wire_ctl_adjacency adjacency = shell_adjacency(7, 0);
	adjacency.mtu = port_mtu ? port_mtu : adjacency.mtu;
	struct wire_ctl_route route = shell_route("0.0.0.0", 0, 7, 0);
	const struct shell_row rows[] = {{WIRE_OBJ_VIP, &vip, sizeof(vip)},
	    {WIRE_OBJ_ADJACENCY, &adjacency, sizeof(adjacency)}, {WIRE_OBJ_ROUTE, &route, sizeof(route)}};
	shell_commit(&shell, 1, true, rows, 3);
	cr_assert_str_empty(shell_error(&shell));
}

#define MOST_DATA (9000u - sizeof(struct wire_ipv4) - 8u)

struct echo {
	struct wire_ether ether;
	struct wire_ipv4 ip;
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t data[MOST_DATA];
} __attribute__((packed));

/* Of which so many bytes are a frame: */
static uint16_t echo_size(uint16_t data)
{
	return (uint16_t)(offsetof(struct echo, data) + data);
}

static struct echo echo_request(uint16_t sequence, uint16_t data)
{
	uint16_t size = echo_size(data);
	struct echo e = {
	    .ip = {.version_ihl = 0x45, .ttl = 64, .protocol = 1, .src = {192, 0, 2, 1}, .dst = {203, 0, 113, 1}},
	    .type = 8};
	wire_put_be16(&e.ether.type, WIRE_ETHERTYPE_IPV4);
	wire_put_be16(&e.ip.total_length, (uint16_t)(size - sizeof(e.ether)));
	wire_put_be16(&e.sequence, sequence);
	e.ip.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &e.ip, sizeof(e.ip)));
	e.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &e.type, size - offsetof(struct echo, type)));
	return e;
}

/* What stands between the addresses and the type of each frame of a capture, and the bytes of data in it. */
struct shape {
	uint8_t tags[8];
	unsigned n_tags; /* bytes */
	uint16_t data;
};

/* The file format of libpcap, in host order: magic, version 2.4, snap length, link type Ethernet; then records. */
static void write_capture(unsigned packets, const struct shape *shape)
{
	const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	FILE *file = fopen(in, "wb");
	cr_assert_not_null(file);
	fwrite(head, sizeof(head), 1, file);
	for (unsigned i = 0; i < packets; i++) {
		struct echo e = echo_request((uint16_t)i, shape->data);
		uint32_t size = echo_size(shape->data) + shape->n_tags;
		const uint32_t record[] = {i, 0, size, size};
		fwrite(record, sizeof(record), 1, file);
		fwrite(&e, 12, 1, file);
		fwrite(shape->tags, 1, shape->n_tags, file);
		fwrite((uint8_t *)&e + 12, echo_size(shape->data) - 12u, 1, file);
	}
	cr_assert_eq(fclose(file), 0);
}

/* Whether the next record is the answer to request n, in such a frame. */
static bool is_answer(FILE *file, unsigned n, const struct shape *shape)
{
	struct echo e, request = echo_request((uint16_t)n, shape->data);
	uint8_t tags[8];
	size_t rest = echo_size(shape->data) - 12u;
	return fread(&e, 12, 1, file) == 1 && fread(tags, 1, shape->n_tags, file) == shape->n_tags &&
	       fread((uint8_t *)&e + 12, rest, 1, file) == 1 && memcmp(tags, shape->tags, shape->n_tags) == 0 &&
	       memcmp(e.ether.dst, "\2\0\0\0\0\7", 6) == 0 && memcmp(e.ip.src, "\xcb\0\x71\1", 4) == 0 &&
	       memcmp(e.ip.dst, "\xc0\0\2\1", 4) == 0 && e.type == 0 && wire_be16(&e.sequence) == n &&
	       memcmp(e.data, request.data, shape->data) == 0;
}

/* Whether the capture holds the answers to so many requests, in their order, and nothing else. */
static bool has_answers(unsigned packets, const struct shape *shape)
{
	uint32_t head[6], record[4];
	unsigned n = 0;
	FILE *file = fopen(out, "rb");
	bool right = file != NULL && fread(head, sizeof(head), 1, file) == 1;
	for (; right && fread(record, sizeof(record), 1, file) == 1; n++)
		right = record[2] == echo_size(shape->data) + shape->n_tags && is_answer(file, n, shape);
	if (file != NULL)
		fclose(file);
	return right && n == packets;
}

static struct rte_eth_stats counted(void)
{
	struct rte_eth_stats stats = {0};
	cr_assert_eq(rte_eth_stats_get(shell.set->port[0].ethdev[0], &stats), 0);
	return stats;
}

/* Waits until the port has sent so many packets, for at most 5 s. Returns how many it has. */
static uint64_t sent_packets(uint64_t wanted)
{
	for (int i = 0; i < 5000 && counted().opackets < wanted; i++)
		usleep(1000);
	return counted().opackets;
}

#define DATA 32u

Test(port, a_capture_is_read_when_there_is_a_state_and_the_answers_are_written)
{
	enum { PACKETS = 500 };
	const struct shape plain = {.data = DATA};
	char why[DP_PORT_WHY_SIZE] = "";
	write_capture(PACKETS, &plain);
	struct dp_port_config config = described(DP_DRIVER_PCAP);
	run();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), -EAGAIN);
	cr_assert_not_null(strstr(why, "is read when"), "%s", why);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	cr_assert_eq(sent_packets(PACKETS), PACKETS);
	dp_port_close(shell.set, 0);
	cr_assert(has_answers(PACKETS, &plain));
}

/* Larger than DPDK's usual buffers, in the frames of a VLAN in a provider's. */
Test(wide_port, jumbo_frames_of_a_vlan_are_answered_as_such)
{
	enum { PACKETS = 40 };
	const struct shape wide = {{0x88, 0xa8, 0, 200, 0x81, 0, 0, 100}, 8, MOST_DATA};
	char why[DP_PORT_WHY_SIZE] = "";
	write_capture(PACKETS, &wide);
	struct dp_port_config config = config_of(DP_DRIVER_PCAP);
	config.mtu = 9000;
	config.vlan = (struct dp_vlan){2, {200, 100}};
	cr_assert_eq(dp_port_describe(shell.set, 0, &config), 0);
	run();
	commit_vip();
	for (int i = 0; i < 5000 && !dp_transaction_settle(shell.transactions); i++)
		usleep(1000);
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	cr_assert_eq(sent_packets(PACKETS), PACKETS);
	dp_port_close(shell.set, 0);
	cr_assert(has_answers(PACKETS, &wide));
}

Test(port, a_capture_that_is_not_there_is_refused_in_one_line)
{
	char why[DP_PORT_WHY_SIZE] = "";
	struct dp_port_config config = described(DP_DRIVER_PCAP);
	commit_vip();
	run();
	for (int i = 0; i < 5000 && !dp_transaction_settle(shell.transactions); i++)
		usleep(1000);
	int error = dp_port_open(shell.set, 0, &config, why);
	cr_assert(error != 0 && error != -EAGAIN && strstr(why, in) != NULL, "%d %s", error, why);
}

static uint64_t dropped(enum wire_drop reason)
{
	return __atomic_load_n(&dp_workers_get(shell.set, 0)->stats->drop[reason], __ATOMIC_RELAXED);
}

/* So many, for at most 5 s. */
static uint64_t dropped_in_time(enum wire_drop reason, uint64_t wanted)
{
	for (int i = 0; i < 5000 && dropped(reason) < wanted; i++)
		usleep(1000);
	return dropped(reason);
}

/* An answer to an echo request is no request, so on a loop it meets us once more and is dropped. */
static void answer_on_a_ring(struct dp_port_config config, unsigned packets, uint16_t data)
{
	char why[DP_PORT_WHY_SIZE] = "";
	cr_assert_eq(dp_port_describe(shell.set, 0, &config), 0);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	for (unsigned i = 0; i < packets; i++) {
		struct echo e = echo_request((uint16_t)i, data);
		struct rte_mbuf *m = rte_pktmbuf_alloc(shell.set->pool);
		char *at = rte_pktmbuf_append(m, echo_size(data));
		cr_assert_not_null(at);
		memcpy(at, &e, echo_size(data));
		cr_assert_eq(rte_eth_tx_burst(shell.set->port[0].ethdev[0], 0, &m, 1), 1);
	}
	run();
}

Test(port, what_is_sent_on_a_ring_is_received_from_it)
{
	enum { PACKETS = 200 };
	answer_on_a_ring(config_of(DP_DRIVER_RING), PACKETS, DATA);
	cr_assert_eq(dropped_in_time(WIRE_DROP_NOT_OURS, PACKETS), PACKETS);
	cr_assert_eq(sent_packets(2 * PACKETS), 2 * PACKETS, "requests by the test, answers by the worker");
}

Test(wide_port, jumbo_frames_go_over_a_ring)
{
	enum { PACKETS = 100 };
	struct dp_port_config config = config_of(DP_DRIVER_RING);
	config.mtu = 9000;
	answer_on_a_ring(config, PACKETS, MOST_DATA);
	cr_assert_eq(dropped_in_time(WIRE_DROP_NOT_OURS, PACKETS), PACKETS);
	cr_assert_eq(sent_packets(2 * PACKETS), 2 * PACKETS);
	cr_assert_eq(dropped(WIRE_DROP_OVERSIZED), 0);
}

/* Buffers would hold them; the port's MTU, that which the device says, is 1,500. */
Test(wide_port, frames_larger_than_the_ports_mtu_are_not_taken_from_a_ring)
{
	enum { PACKETS = 100 };
	answer_on_a_ring(config_of(DP_DRIVER_RING), PACKETS, 1500);
	cr_assert_eq(dropped_in_time(WIRE_DROP_OVERSIZED, PACKETS), PACKETS);
	cr_assert_eq(counted().opackets, PACKETS, "none is answered");
}

/* As libpcap gives them where an interface's GRO joins segments. */
Test(port, frames_larger_than_the_ports_mtu_are_not_taken_from_a_capture)
{
	enum { PACKETS = 50 };
	const struct shape joined = {.data = 2900};
	char why[DP_PORT_WHY_SIZE] = "";
	write_capture(PACKETS, &joined);
	struct dp_port_config config = described(DP_DRIVER_PCAP);
	run();
	commit_vip();
	for (int i = 0; i < 5000 && !dp_transaction_settle(shell.transactions); i++)
		usleep(1000);
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	cr_assert_eq(dropped_in_time(WIRE_DROP_OVERSIZED, PACKETS), PACKETS);
	dp_port_close(shell.set, 0);
	cr_assert(has_answers(0, &joined));
}

Test(port, a_null_port_brings_packets_without_end_and_takes_all)
{
	char why[DP_PORT_WHY_SIZE] = "";
	struct dp_port_config config = described(DP_DRIVER_NULL);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	run();
	for (int i = 0; i < 5000 && counted().ipackets < 100000; i++)
		usleep(1000);
	cr_assert_geq(counted().ipackets, 100000);
	dp_port_close(shell.set, 0);
	dp_loop_stop(shell.set);
	rte_eal_mp_wait_lcore();
	cr_assert_eq(rte_mempool_in_use_count(shell.set->pool), 0, "every packet was freed");
}

/* The loopback interface stands for one whose MTU was changed while its port was open. */
Test(port, an_interface_that_gets_another_mtu_is_followed)
{
	char why[DP_PORT_WHY_SIZE] = "";
	struct dp_port_config config = described(DP_DRIVER_NULL);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	uint32_t before = shell.set->port[0].max_frame;
	dp_port_follow_mtu(shell.set, 0, &config);
	cr_assert_eq(shell.set->port[0].max_frame, before, "without an interface there is nothing to follow");
	config.interface = "lo";
	dp_port_follow_mtu(shell.set, 0, &config);
	cr_assert_eq(shell.set->port[0].max_frame, dp_frame_max(65536));
	config.mtu = 1500;
	shell.set->port[0].max_frame = before;
	dp_port_follow_mtu(shell.set, 0, &config);
	cr_assert_eq(shell.set->port[0].max_frame, before, "what is configured is not the interface's to say");
	dp_port_close(shell.set, 0);
}
