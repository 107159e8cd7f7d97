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

#include "dataplane/loop.h"
#include "dataplane/worker_set.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/packet.h"
#include "shell.h"

static struct shell shell;
static struct dp_loop loop;
static char directory[] = "/tmp/kuafu-port-XXXXXX";
static char in[64], out[64];

static void begin(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(in, sizeof(in), "%s/in.pcap", directory);
	snprintf(out, sizeof(out), "%s/out.pcap", directory);
	shell_start(&shell, 1);
	shell_hello(&shell);
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

static void run(void)
{
	loop = (struct dp_loop){.set = shell.set};
	cr_assert_eq(rte_eal_remote_launch(dp_loop_run, &loop, 1), 0);
}

static struct dp_port_config described(enum dp_driver driver)
{
	struct dp_port_config config = {
	    .name = "p", .driver = driver, .interface = "", .device = "", .rx_file = "", .tx_file = "", .queues = 1};
	if (driver == DP_DRIVER_PCAP) {
		config.rx_file = in;
		config.tx_file = out;
	}
	cr_assert_eq(dp_port_describe(shell.set, 0, &config), 0);
	return config;
}

/* VIP 203.0.113.1; everybody else is behind port 0. */
static void commit_vip(void)
{
	struct wire_ctl_vip vip = {.address = shell_address("203.0.113.1"), .accelerator = 1};
	struct wire_ctl_adjacency adjacency = shell_adjacency(7, 0);
	struct wire_ctl_route route = shell_route("0.0.0.0", 0, 7, 0);
	const struct shell_row rows[] = {{WIRE_OBJ_VIP, &vip, sizeof(vip)},
	    {WIRE_OBJ_ADJACENCY, &adjacency, sizeof(adjacency)}, {WIRE_OBJ_ROUTE, &route, sizeof(route)}};
	shell_commit(&shell, 1, true, rows, 3);
	cr_assert_str_empty(shell_error(&shell));
}

struct echo {
	struct wire_ether ether;
	struct wire_ipv4 ip;
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t data[32];
} __attribute__((packed));

static struct echo echo_request(uint16_t sequence)
{
	struct echo e = {
	    .ip = {.version_ihl = 0x45, .ttl = 64, .protocol = 1, .src = {192, 0, 2, 1}, .dst = {203, 0, 113, 1}},
	    .type = 8};
	wire_put_be16(&e.ether.type, WIRE_ETHERTYPE_IPV4);
	wire_put_be16(&e.ip.total_length, sizeof(e) - sizeof(e.ether));
	wire_put_be16(&e.sequence, sequence);
	e.ip.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &e.ip, sizeof(e.ip)));
	e.checksum = (uint16_t)~wire_csum_fold(wire_csum_add(0, &e.type, sizeof(e) - offsetof(struct echo, type)));
	return e;
}

/* The file format of libpcap, in host order: magic, version 2.4, snap length, link type Ethernet; then records. */
static void write_capture(unsigned packets)
{
	const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	FILE *file = fopen(in, "wb");
	cr_assert_not_null(file);
	fwrite(head, sizeof(head), 1, file);
	for (unsigned i = 0; i < packets; i++) {
		struct echo e = echo_request((uint16_t)i);
		const uint32_t record[] = {i, 0, sizeof(e), sizeof(e)};
		fwrite(record, sizeof(record), 1, file);
		fwrite(&e, sizeof(e), 1, file);
	}
	cr_assert_eq(fclose(file), 0);
}

/* Whether the capture holds the answers to so many requests, in their order, and nothing else. */
static bool has_answers(unsigned packets)
{
	uint32_t head[6], record[4];
	struct echo e;
	unsigned n = 0;
	FILE *file = fopen(out, "rb");
	bool right = file != NULL && fread(head, sizeof(head), 1, file) == 1;
	for (; right && fread(record, sizeof(record), 1, file) == 1; n++)
		right = record[2] == sizeof(e) && fread(&e, sizeof(e), 1, file) == 1 && e.type == 0 &&
		        wire_be16(&e.sequence) == n && memcmp(e.ether.dst, "\2\0\0\0\0\7", 6) == 0 &&
		        memcmp(e.ip.src, "\xcb\0\x71\1", 4) == 0 && memcmp(e.ip.dst, "\xc0\0\2\1", 4) == 0;
	if (file != NULL)
		fclose(file);
	return right && n == packets;
}

static struct rte_eth_stats counted(void)
{
	struct rte_eth_stats stats = {0};
	cr_assert_eq(rte_eth_stats_get(shell.set->port[0].ethdev, &stats), 0);
	return stats;
}

/* Waits until the port has sent so many packets, for at most 5 s. Returns how many it has. */
static uint64_t sent_packets(uint64_t wanted)
{
	for (int i = 0; i < 5000 && counted().opackets < wanted; i++)
		usleep(1000);
	return counted().opackets;
}

Test(port, a_capture_is_read_when_there_is_a_state_and_the_answers_are_written)
{
	enum { PACKETS = 500 };
	char why[DP_PORT_WHY_SIZE] = "";
	write_capture(PACKETS);
	struct dp_port_config config = described(DP_DRIVER_PCAP);
	run();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), -EAGAIN);
	cr_assert_not_null(strstr(why, "is read when"), "%s", why);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	cr_assert_eq(sent_packets(PACKETS), PACKETS);
	dp_port_close(shell.set, 0);
	cr_assert(has_answers(PACKETS));
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

/* An answer to an echo request is no request, so on a loop it meets us once more and is dropped. */
Test(port, what_is_sent_on_a_ring_is_received_from_it)
{
	enum { PACKETS = 200 };
	char why[DP_PORT_WHY_SIZE] = "";
	struct dp_port_config config = described(DP_DRIVER_RING);
	commit_vip();
	cr_assert_eq(dp_port_open(shell.set, 0, &config, why), 0, "%s", why);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct echo e = echo_request((uint16_t)i);
		struct rte_mbuf *m = rte_pktmbuf_alloc(shell.set->pool);
		memcpy(rte_pktmbuf_append(m, sizeof(e)), &e, sizeof(e));
		cr_assert_eq(rte_eth_tx_burst(shell.set->port[0].ethdev, 0, &m, 1), 1);
	}
	run();
	const uint64_t *not_ours = &dp_workers_get(shell.set, 0)->stats->drop[WIRE_DROP_NOT_OURS];
	for (int i = 0; i < 5000 && __atomic_load_n(not_ours, __ATOMIC_RELAXED) < PACKETS; i++)
		usleep(1000);
	cr_assert_eq(*not_ours, PACKETS);
	cr_assert_eq(sent_packets(2 * PACKETS), 2 * PACKETS, "requests by the test, answers by the worker");
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
