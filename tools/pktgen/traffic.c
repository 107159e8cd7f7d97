/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/traffic.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/packet.h"

int traffic_start(struct traffic *t)
{
	uint32_t *begun = calloc(t->flows, sizeof(*begun));
	if (!begun)
		return -ENOMEM;
	t->begun = begun;
	t->past = 0;
	t->datagrams = 0;
	t->next = (struct packet){0};
	t->connections = 0;
	return 0;
}

void traffic_free(struct traffic *t)
{
	free(t->begun);
	t->begun = NULL;
}

/* The largest frame without FCS: captures on a host also have segments that its card was yet to cut. */
enum { LARGEST = 1514, SMALLEST = 60 };

static uint16_t size_of(const struct traffic *t, uint64_t datagram, const struct flow *flow)
{
	uint16_t least = t->fragments ? fragment_min_size(flow) : flow_min_size(flow), size = t->size;
	if (size == SIZES_RECORDED) {
		size = t->set.pcap->packet[datagram % t->set.pcap->n_packets].size;
		size = size > LARGEST ? LARGEST : size < SMALLEST ? SMALLEST : size;
	}
	size = sizes_of(size, datagram, least);
	return t->fragments ? fragment_size(flow, size) : size;
}

double traffic_mean_size(const struct traffic *t)
{
	uint64_t n = t->size == SIZES_RECORDED ? t->set.pcap->n_packets : SIZES_IMIX_PERIOD;
	double sum = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct flow flow =
		    flow_set_get(&t->set, t->set.pcap ? t->set.pcap->packet[i % t->set.pcap->n_packets].flow : 0);
		sum += size_of(t, i, &flow);
	}
	return sum / (double)n;
}

static struct packet next_datagram(struct traffic *t, double elapsed)
{
	uint32_t place = t->recorded ? t->set.pcap->packet[t->datagrams % t->set.pcap->n_packets].flow
	                             : popularity_next(&t->popularity);
	uint64_t births = (uint64_t)((t->past + elapsed) * t->births);
	uint64_t connection = (births + t->flows - 1 - place) / t->flows;
	struct packet packet = {
	    .datagram = (uint32_t)t->datagrams,
	    .flow = flow_set_get(&t->set, place + connection * t->flows),
	    .place = place,
	    .begins = t->begun[place] <= connection,
	};
	packet.size = size_of(t, t->datagrams++, &packet.flow);
	if (packet.begins) {
		t->begun[place] = (uint32_t)connection + 1;
		t->connections++;
	}
	return packet;
}

struct packet traffic_next(struct traffic *t, double elapsed)
{
	struct packet packet = t->next.fragment ? t->next : next_datagram(t, elapsed);
	if (t->fragments) {
		t->next = packet;
		t->next.fragment = (uint8_t)((packet.fragment + 1) % t->fragments);
	}
	return packet;
}

void traffic_give_back(struct traffic *t, const struct packet *packet)
{
	t->next = *packet;
	if (packet->fragment)
		return;
	t->datagrams--;
	if (packet->begins) {
		t->begun[packet->place]--;
		t->connections--;
	}
}

void traffic_write(
    const struct traffic *t, const struct packet *packet, uint8_t *frame, const struct check_stamp *stamp)
{
	uint8_t flags = packet->begins ? WIRE_TCP_SYN : WIRE_TCP_ACK;
	struct fragment fragment = {packet->datagram, t->fragments, packet->fragment};
	if (t->fragments)
		fragment_write(&packet->flow, &fragment, t->macs, flags, frame, packet->size, stamp);
	else
		flow_write(&packet->flow, t->macs, flags, frame, packet->size, stamp);
}
