/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file from anywhere: read it, and send what it holds once. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/expect.h"
#include "tools/pktgen/traffic.h"

static void send_all(const struct pcap *p, uint8_t fragments)
{
	uint8_t frame[1514];
	struct check_stamp stamp = {CHECK_MAGIC, 1, 2};
	struct traffic t = {
	    .set.pcap = p, .flows = p->n_flows, .size = SIZES_RECORDED, .recorded = true, .fragments = fragments};
	EXPECT(traffic_start(&t) == 0);
	for (uint32_t i = 0; i < p->n_packets; i++) {
		struct packet packet = traffic_next(&t, 0);
		EXPECT(packet.size >= 60 && packet.size <= sizeof(frame));
		traffic_write(&t, &packet, frame, &stamp);
		EXPECT(memcmp(frame + packet.size - sizeof(stamp), &stamp, sizeof(stamp)) == 0);
	}
	EXPECT(fragments || t.connections == p->n_flows);
	traffic_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1); /* of this length, so that a read beyond it is seen */
	struct pcap p;
	EXPECT(bytes);
	memcpy(bytes, data, size);
	if (pcap_read(bytes, size, &p) == 0) {
		EXPECT(p.n_flows && p.n_flows <= p.n_packets && (uint64_t)p.n_packets * 16 <= size);
		for (uint32_t i = 0; i < p.n_packets; i++)
			EXPECT(p.packet[i].flow < p.n_flows);
		send_all(&p, 0);
		send_all(&p, 2);
		pcap_free(&p);
	}
	free(bytes);
	return 0;
}
