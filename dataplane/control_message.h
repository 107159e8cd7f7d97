/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking datagrams of wire/control.h apart, and putting them together. Pure. */
#pragma once

#include <stddef.h>

#include "wire/control.h"

struct dp_message {
	enum wire_ctl_type type;
	enum wire_ctl_object object;
	uint64_t generation;
	const void *body; /* after the header; 8-byte aligned if the datagram is */
	size_t length;    /* of the body, exactly that of its struct */
};

/* The next message of a datagram, at *offset, which moves on. 1; 0 at the end; or -EINVAL with *ret_error filled in: not
 * a message that kuafud may send, of the wrong size, or with a reserved field that is not 0. */
int dp_message_next(const void *datagram, size_t size, size_t *offset, struct dp_message *ret_message,
    struct wire_ctl_error *ret_error);

/* Messages that wait to be sent as one datagram. */
struct dp_outbox {
	_Alignas(8) uint8_t bytes[WIRE_CTL_MAX_DATAGRAM];
	size_t used;
	int fd; /* goes with the datagram; -1: none. Not the outbox's own */
};

/* Room that rows of traces and queries leave for answers. */
#define DP_OUTBOX_RESERVE 4096u

static inline size_t dp_outbox_room(const struct dp_outbox *out)
{
	return sizeof(out->bytes) - out->used;
}

/* Append a message. Returns 0, or -ENOSPC. */
int dp_outbox_add(struct dp_outbox *out, enum wire_ctl_type type, uint64_t generation, const void *body, size_t length);
