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
	t->packets = 0;
	t->connections = 0;
	return 0;
}

void traffic_free(struct traffic *t)
{
	free(t->begun);
	t->begun = NULL;
}

struct packet traffic_next(struct traffic *t, double elapsed)
{
	uint32_t place = popularity_next(&t->popularity);
	uint64_t births = (uint64_t)((t->past + elapsed) * t->births);
	uint64_t connection = (births + t->flows - 1 - place) / t->flows;
	struct packet packet = {
	    .flow = flow_set_get(&t->set, place + connection * t->flows),
	    .place = place,
	    .begins = t->begun[place] <= connection,
	};
	packet.size = sizes_of(t->size, t->packets++, flow_min_size(&packet.flow));
	if (packet.begins) {
		t->begun[place] = (uint32_t)connection + 1;
		t->connections++;
	}
	return packet;
}

void traffic_give_back(struct traffic *t, const struct packet *packet)
{
	t->packets--;
	if (packet->begins) {
		t->begun[packet->place]--;
		t->connections--;
	}
}

void traffic_write(
    const struct traffic *t, const struct packet *packet, uint8_t *frame, const struct check_stamp *stamp)
{
	uint8_t flags = packet->begins ? WIRE_TCP_SYN : WIRE_TCP_ACK;
	flow_write(&packet->flow, t->macs, flags, frame, packet->size, stamp);
}
