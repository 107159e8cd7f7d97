/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/emulator.h: the Internet without its wires: frames go in with their arrival time, frames come out when
 * they are due. No I/O, no clock; memory is fixed after wanem_emulator_init.
 *
 *   receive --> router --> line [from][to] --> schedule --> take --> (the caller sends) --> done
 *
 * Invariants: every packet buffer is on the free list, in the schedule, or with the caller between take and done. A
 * receiver whose ring is full holds up everything for it, so that its packets keep their order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/wanem/impair.h"
#include "tools/wanem/lateness.h"
#include "tools/wanem/router.h"
#include "tools/wanem/schedule.h"

#define WANEM_RETRY_NS        500000ull /* a packet that cannot leave yet is tried again after this */
#define WANEM_NEIGHBOUR_TRIES 2000u     /* about a second for an answer of a neighbour */
#define WANEM_RING_FULL_TRIES 40u       /* a receiver whose ring stays full for 20 ms has lost the packet */

struct wanem_packet {
	uint8_t from, to; /* ports */
	uint32_t length;  /* of the frame, bytes */
	struct wire_addr next_hop;
	uint64_t due;   /* by the line's settings, ns; a full ring at the receiver does not change it */
	uint32_t tries; /* so far */
	uint32_t next_free;
	uint8_t *frame;
};

enum wanem_loss {
	WANEM_NO_MEMORY,
	WANEM_NO_NEIGHBOUR,
	WANEM_RING_FULL,
	WANEM_TRUNCATED,
	WANEM_UNFINISHED,
	WANEM_LOSSES
};

/* no-memory: the pool was empty; no-neighbour: ARP or Neighbour Discovery was not answered; ring-full: the receiver took nothing for 20 ms;
 * truncated: longer than a buffer; unfinished: a checksum left to hardware that does not exist. */
extern const char *const wanem_loss_name[WANEM_LOSSES];

struct wanem_traffic { /* of one interface, frames; counted by the caller */
	uint64_t received;
	uint64_t sent;
	uint64_t retried;    /* times that the receiver's ring was full */
	uint64_t ring_drops; /* arrived while we were too slow to read */
	bool xdp;            /* XDP_TX of the other end works */
};

struct wanem_emulator {
	struct wanem_router router;
	struct wanem_line line[WANEM_MAX_PORTS][WANEM_MAX_PORTS];         /* [from][to] */
	struct wanem_lateness lateness[WANEM_MAX_PORTS][WANEM_MAX_PORTS]; /* [from][to] */
	struct wanem_traffic traffic[WANEM_MAX_PORTS];
	uint64_t loss[WANEM_LOSSES];
	uint64_t blocked_until[WANEM_MAX_PORTS]; /* the receiver's ring was full: nothing for it leaves before, ns */
	struct wanem_schedule schedule;
	struct wanem_packet *packets;
	uint8_t *frames;
	uint32_t n_packets;
	uint32_t frame_size;
	uint32_t free;   /* index, n_packets: none */
	uint32_t in_use; /* packets */
	uint32_t in_use_max;
};

/* The router's ports and routes must be set. n_packets buffers of frame_size bytes each are allocated.
 * Returns 0 or -ENOMEM; end with wanem_emulator_free. */
int wanem_emulator_init(struct wanem_emulator *e, uint32_t n_packets, uint32_t frame_size, uint64_t seed);
void wanem_emulator_free(struct wanem_emulator *e);

/* A frame arrived. Returns whether ret_answer is to be sent back by the same port. */
bool wanem_emulator_receive(struct wanem_emulator *e, uint8_t port, const uint8_t *frame, uint32_t length,
    uint64_t arrived, struct wanem_answer *ret_answer);

/* When wanem_emulator_take has something to give; UINT64_MAX: never. */
uint64_t wanem_emulator_next(const struct wanem_emulator *e);

/* A packet that is due, addressed and ready to send, or NULL. When ret_ask is not unset, the caller sends
 * wanem_router_ask for that neighbour (at ret_ask_port) and calls again. */
struct wanem_packet *wanem_emulator_take(
    struct wanem_emulator *e, uint64_t now, uint8_t *ret_ask_port, struct wire_addr *ret_ask);

/* The packet left at `now`. */
void wanem_emulator_done(struct wanem_emulator *e, struct wanem_packet *packet, uint64_t now);

/* The packet could not be sent, its receiver's ring is full: it is tried again soon, or lost at last. Call it for the
 * packets for this receiver that were taken after it, too, in the order in which they were taken. */
void wanem_emulator_retry(struct wanem_emulator *e, struct wanem_packet *packet, uint64_t now);

/* Counters and histograms start again from zero; packets on their way stay. */
void wanem_emulator_reset(struct wanem_emulator *e);
