/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/wire.h: one network interface, read and written through AF_PACKET.
 *
 * Frames are read from a TPACKET_V2 ring, whose slots are handed over frame by frame with the time of arrival.
 * (TPACKET_V3 hands over blocks when they are full or a timer of milliseconds ends: too late for us.) They are
 * written with sendmmsg past the queueing discipline. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/wanem/router.h"

#define WANEM_SEND_BATCH 64u

struct wanem_wire {
	int fd;
	int xdp_link; /* -1: none attached */
	uint8_t *ring;
	uint32_t slots;
	uint32_t slot_size;
	uint32_t at; /* the slot that is read next */
};

struct wanem_arrival {
	const uint8_t *frame; /* until wanem_wire_release */
	uint32_t length;      /* of the frame as it is in memory, bytes */
	uint32_t full_length; /* as it was on the wire */
	uint64_t realtime;    /* CLOCK_REALTIME of the arrival, ns */
	bool unfinished;      /* its checksum was left to hardware that does not exist here */
};

/* Opens port->name and fills in its MAC and MTU. Attaches an XDP program that passes everything, without which XDP_TX
 * at the other end of a veth pair fails; xdp_link is -1 where that is refused. Turns segmentation and checksum
 * offloads of the interface off. Returns 0 or -errno. */
int wanem_wire_open(struct wanem_port *port, struct wanem_wire *ret_wire);
void wanem_wire_close(struct wanem_wire *wire);

/* The next frame that has arrived: 0, or -EAGAIN. Release it before the next call. */
int wanem_wire_receive(struct wanem_wire *wire, struct wanem_arrival *ret_arrival);
void wanem_wire_release(struct wanem_wire *wire);

/* Sends n <= WANEM_SEND_BATCH frames. Returns how many from the first on were taken (the next one was not: its
 * receiver's ring is full, or the interface is down). */
uint32_t wanem_wire_send(struct wanem_wire *wire, uint8_t *const *frames, const uint32_t *lengths, uint32_t n);

/* How many frames have found the ring full since the last call. */
uint32_t wanem_wire_drops(const struct wanem_wire *wire);
