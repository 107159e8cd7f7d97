/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets of a capture file, read as flows and sizes: the classic format of libpcap (draft-ietf-opsawg-pcap), either
 * byte order, micro- or nanoseconds, link type Ethernet.
 *
 * UDP and TCP over IPv4 and IPv6 count, below up to two VLAN tags; the rest (ARP, later fragments, what the capture cut
 * off before its ports) is skipped and counted. Invariant: every packet's flow is below n_flows, all flows differ, and
 * they are numbered in the order in which they first appear. */
#pragma once

#include <stddef.h>

#include "tools/pktgen/flow.h"

struct pcap_packet {
	uint32_t flow;
	uint16_t size; /* of the frame as it was sent, without FCS; of more than 65535 bytes: 65535 */
};

struct pcap {
	struct flow *flow;
	struct pcap_packet *packet;
	uint32_t n_flows, n_packets, skipped;
};

/* bytes: the whole file. 0; -EINVAL: no such file; -ENOTSUP: not of Ethernet; -ENODATA: not one packet counts; -ENOMEM.
 * A file that ends within a packet is read up to there. End with pcap_free. */
int pcap_read(const uint8_t *bytes, size_t size, struct pcap *ret);

void pcap_free(struct pcap *p);
