/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/pcap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pktgen/traffic.h"
#include "wire/packet.h"

static uint8_t file[100000];
static size_t length;
static bool big_endian;

static void put32(uint32_t v)
{
	for (int i = 0; i < 4; i++)
		file[length++] = (uint8_t)(v >> 8 * (big_endian ? 3 - i : i));
}

static void begin(uint32_t magic, uint32_t link)
{
	length = 0;
	put32(magic);
	put32(0);
	put32(0);
	put32(0);
	put32(65535);
	put32(link);
}

static void put(const uint8_t *frame, uint32_t captured, uint32_t size)
{
	put32(1);
	put32(2);
	put32(captured);
	put32(size);
	memcpy(file + length, frame, captured);
	length += captured;
}

static struct flow flow_of(unsigned i, bool v6)
{
	struct flow f = {.src_port = (uint16_t)(1000 + i), .dst_port = 443};
	f.protocol = i & 1 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
	f.src = v6 ? wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1") : wire_addr_from_v4("\xc0\0\2\1");
	f.dst = v6 ? wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2") : wire_addr_from_v4("\xc0\0\2\2");
	return f;
}

static void put_flow(const struct flow *f, uint16_t size, unsigned tags)
{
	static const uint8_t macs[12];
	uint8_t plain[1514], frame[1514 + 8];
	struct check_stamp stamp = {0};
	flow_write(f, macs, WIRE_TCP_ACK, plain, size, &stamp);
	memcpy(frame, plain, 12);
	for (unsigned i = 0; i < tags; i++)
		memcpy(frame + 12 + 4 * i, i + 1 < tags ? "\x88\xa8\0\1" : "\x81\0\0\2", 4);
	memcpy(frame + 12 + 4 * tags, plain + 12, size - 12u);
	put(frame, size + 4 * tags, size + 4 * tags);
}

Test(pcap, gives_back_the_flows_that_were_written_in_any_byte_order)
{
	for (int v = 0; v < 4; v++) {
		struct pcap p;
		big_endian = v & 1;
		begin(v & 2 ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		srand(5);
		for (unsigned i = 0; i < 300; i++) {
			unsigned k = i < 20 ? i : (unsigned)rand() % 20;
			struct flow f = flow_of(k, k % 3 == 0);
			put_flow(&f, (uint16_t)(100 + i), i % 3);
		}
		cr_assert(pcap_read(file, length, &p) == 0);
		cr_assert(p.n_flows == 20 && p.n_packets == 300 && p.skipped == 0);
		srand(5);
		for (unsigned i = 0; i < 300; i++) {
			unsigned k = i < 20 ? i : (unsigned)rand() % 20;
			struct flow f = flow_of(k, k % 3 == 0);
			cr_assert(p.packet[i].flow == k);
			cr_assert(p.packet[i].size == 100 + i + 4 * (i % 3));
			cr_assert(memcmp(&p.flow[k], &f, sizeof(f)) == 0);
		}
		pcap_free(&p);
	}
}

Test(pcap, skips_what_has_no_ports_and_reads_a_file_up_to_where_it_ends)
{
	static const uint8_t arp[60] = {[12] = 8, [13] = 6};
	struct flow f = flow_of(0, false);
	struct pcap p;
	big_endian = false;
	begin(0xa1b2c3d4, 1);
	put(arp, sizeof(arp), sizeof(arp));
	put_flow(&f, 100, 0);
	file[length - 100 + 21] = 1; /* a later fragment */
	size_t without = length;
	put_flow(&f, 100, 0);
	size_t whole = length;
	for (size_t end = 0; end <= whole; end++) {
		uint8_t *exact = malloc(end ? end : 1);
		memcpy(exact, file, end);
		int err = pcap_read(exact, end, &p);
		cr_assert(err == (end < 24 ? -EINVAL : end < whole ? -ENODATA : 0), "%zu bytes: %d", end, err);
		free(exact);
	}
	cr_assert(without < whole && p.n_packets == 1 && p.skipped == 2);
	pcap_free(&p);
}

Test(pcap, is_refused_when_it_is_not_of_ethernet_or_no_capture)
{
	struct pcap p;
	begin(0xa1b2c3d4, 101);
	cr_assert(pcap_read(file, length, &p) == -ENOTSUP);
	begin(0x0a0d0d0a, 1);
	cr_assert(pcap_read(file, length, &p) == -EINVAL);
}

Test(pcap, is_sent_in_its_order_and_sizes)
{
	struct pcap p;
	big_endian = false;
	begin(0xa1b2c3d4, 1);
	static const unsigned order[] = {0, 1, 0, 2, 2};
	for (unsigned i = 0; i < 5; i++) {
		struct flow f = flow_of(order[i], false);
		put_flow(&f, (uint16_t)(200 + i), 0);
	}
	cr_assert(pcap_read(file, length, &p) == 0);
	struct traffic t = {.set.pcap = &p, .flows = p.n_flows, .size = SIZES_RECORDED, .recorded = true};
	cr_assert(traffic_start(&t) == 0);
	for (unsigned i = 0; i < 15; i++) {
		struct packet packet = traffic_next(&t, i);
		cr_assert(packet.flow.src_port == 1000 + order[i % 5]);
		cr_assert(packet.size == 200 + i % 5);
		cr_assert(packet.begins == (i == 0 || i == 1 || i == 3));
	}
	cr_assert(traffic_mean_size(&t) > 201.99 && traffic_mean_size(&t) < 202.01);
	traffic_free(&t);
	pcap_free(&p);
}
