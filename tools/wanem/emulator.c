/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/emulator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"

const char *const wanem_loss_name[WANEM_LOSSES] = {
    [WANEM_NO_MEMORY] = "no-memory",
    [WANEM_NO_NEIGHBOUR] = "no-neighbour",
    [WANEM_RING_FULL] = "ring-full",
    [WANEM_TRUNCATED] = "truncated",
    [WANEM_UNFINISHED] = "unfinished",
};

static uint32_t index_of(const struct wanem_emulator *e, const struct wanem_packet *packet)
{
	return (uint32_t)(packet - e->packets);
}

static struct wanem_packet *allocate(struct wanem_emulator *e)
{
	if (e->free == e->n_packets) {
		e->loss[WANEM_NO_MEMORY]++;
		return NULL;
	}
	struct wanem_packet *packet = &e->packets[e->free];
	e->free = packet->next_free;
	if (++e->in_use > e->in_use_max)
		e->in_use_max = e->in_use;
	return packet;
}

static void release(struct wanem_emulator *e, struct wanem_packet *packet)
{
	packet->next_free = e->free;
	e->free = index_of(e, packet);
	e->in_use--;
}

int wanem_emulator_init(struct wanem_emulator *e, uint32_t n_packets, uint32_t frame_size, uint64_t seed)
{
	struct wanem_packet *packets = calloc(n_packets, sizeof(*packets));
	struct wanem_item *items = calloc(n_packets, sizeof(*items));
	uint8_t *frames = calloc(n_packets, frame_size);
	if (!packets || !items || !frames) {
		free(packets);
		free(items);
		free(frames);
		return -ENOMEM;
	}
	e->packets = packets;
	e->frames = frames;
	e->n_packets = n_packets;
	e->frame_size = frame_size;
	for (uint32_t i = 0; i < n_packets; i++) {
		packets[i].frame = frames + (size_t)i * frame_size;
		packets[i].next_free = i + 1;
	}
	wanem_schedule_init(&e->schedule, items, n_packets);
	for (uint32_t from = 0; from < WANEM_MAX_PORTS; from++)
		for (uint32_t to = 0; to < WANEM_MAX_PORTS; to++)
			wanem_line_init(&e->line[from][to], seed * 1000003u + (uint64_t)from * WANEM_MAX_PORTS + to);
	return 0;
}

void wanem_emulator_free(struct wanem_emulator *e)
{
	free(e->packets);
	free(e->frames);
	free(e->schedule.items);
	e->packets = NULL;
	e->frames = NULL;
	e->schedule.items = NULL;
}

/* There is an item for every packet, so the schedule is never full. */
static void plan(struct wanem_emulator *e, struct wanem_packet *packet, uint64_t due)
{
	(void)wanem_schedule_push(&e->schedule, due, index_of(e, packet));
}

static void forward(
    struct wanem_emulator *e, struct wanem_packet *packet, const struct wanem_hop *hop, uint64_t arrived)
{
	uint64_t due[2];
	unsigned copies = wanem_line_offer(&e->line[packet->from][hop->port], arrived, hop->ip_length, due);
	if (copies == 0) {
		release(e, packet);
		return;
	}
	packet->to = hop->port;
	packet->next_hop = hop->address;
	packet->length = hop->ip_length + (uint32_t)sizeof(struct wire_ether);
	packet->tries = 0;
	packet->due = due[0];
	plan(e, packet, due[0]);
	struct wanem_packet *copy = copies > 1 ? allocate(e) : NULL;
	if (!copy)
		return;
	memcpy(copy->frame, packet->frame, packet->length);
	copy->from = packet->from;
	copy->to = packet->to;
	copy->next_hop = packet->next_hop;
	copy->length = packet->length;
	copy->tries = 0;
	copy->due = due[1];
	plan(e, copy, due[1]);
}

bool wanem_emulator_receive(struct wanem_emulator *e, uint8_t port, const uint8_t *frame, uint32_t length,
    uint64_t arrived, struct wanem_answer *ret_answer)
{
	if (length > e->frame_size) {
		e->loss[WANEM_TRUNCATED]++;
		return false;
	}
	struct wanem_packet *packet = allocate(e);
	if (!packet)
		return false;
	memcpy(packet->frame, frame, length);
	packet->from = port;
	struct wanem_hop hop;
	enum wanem_verdict verdict =
	    wanem_router_receive(&e->router, port, packet->frame, length, arrived, &hop, ret_answer);
	if (verdict == WANEM_FORWARD)
		forward(e, packet, &hop, arrived);
	else
		release(e, packet);
	return verdict == WANEM_ANSWER;
}

uint64_t wanem_emulator_next(const struct wanem_emulator *e)
{
	return wanem_schedule_next(&e->schedule);
}

/* Later, or never: packets that meet an obstacle for too long are lost for that reason. */
static void try_again(
    struct wanem_emulator *e, struct wanem_packet *packet, uint64_t now, uint32_t limit, enum wanem_loss loss)
{
	if (++packet->tries > limit) {
		e->loss[loss]++;
		release(e, packet);
		return;
	}
	plan(e, packet, now + WANEM_RETRY_NS);
}

struct wanem_packet *wanem_emulator_take(
    struct wanem_emulator *e, uint64_t now, uint8_t *ret_ask_port, struct wire_addr *ret_ask)
{
	struct wanem_item item;
	*ret_ask = (struct wire_addr){0};
	while (wanem_schedule_pop(&e->schedule, now, &item) == 0) {
		struct wanem_packet *packet = &e->packets[item.packet];
		bool ask;
		if (item.due < e->blocked_until[packet->to]) {
			plan(e, packet, e->blocked_until[packet->to]);
			continue;
		}
		int error =
		    wanem_router_address_frame(&e->router, packet->to, &packet->next_hop, now, packet->frame, &ask);
		if (ask) {
			*ret_ask_port = packet->to;
			*ret_ask = packet->next_hop;
		}
		if (error == 0)
			return packet;
		packet->due = now + WANEM_RETRY_NS; /* the neighbour is slow, not we */
		try_again(e, packet, now, WANEM_NEIGHBOUR_TRIES, WANEM_NO_NEIGHBOUR);
		if (ask)
			return NULL;
	}
	return NULL;
}

void wanem_emulator_done(struct wanem_emulator *e, struct wanem_packet *packet, uint64_t now)
{
	wanem_lateness_add(&e->lateness[packet->from][packet->to], now > packet->due ? now - packet->due : 0);
	release(e, packet);
}

void wanem_emulator_retry(struct wanem_emulator *e, struct wanem_packet *packet, uint64_t now)
{
	e->blocked_until[packet->to] = now + WANEM_RETRY_NS;
	e->traffic[packet->to].retried++;
	try_again(e, packet, now, WANEM_RING_FULL_TRIES, WANEM_RING_FULL);
}

void wanem_emulator_reset(struct wanem_emulator *e)
{
	memset(e->loss, 0, sizeof(e->loss));
	memset(e->router.drop, 0, sizeof(e->router.drop));
	for (uint32_t i = 0; i < WANEM_MAX_PORTS; i++)
		e->traffic[i] = (struct wanem_traffic){.xdp = e->traffic[i].xdp};
	memset(e->lateness, 0, sizeof(e->lateness));
	e->in_use_max = e->in_use;
	for (uint32_t from = 0; from < WANEM_MAX_PORTS; from++)
		for (uint32_t to = 0; to < WANEM_MAX_PORTS; to++)
			memset(e->line[from][to].count, 0, sizeof(e->line[from][to].count));
}
