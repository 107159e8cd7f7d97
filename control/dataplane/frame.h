/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of wire/control.h into datagrams and out of them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

/* A datagram in the making or waiting to be sent. fd (or -1) goes along with it and is owned. */
struct ctl_datagram {
	struct ctl_datagram *next;
	int fd;
	size_t length;
	_Alignas(8) uint8_t bytes[];
};

/* Datagrams in order. Zero is empty. */
struct ctl_frames {
	struct ctl_datagram *first;
	struct ctl_datagram *last;
};

/* Append a message, to the last datagram if it has room and neither carries a descriptor. 0, -ENOMEM or -EMSGSIZE. */
int ctl_frame_add(struct ctl_frames *frames, enum wire_ctl_type type, unsigned object, uint64_t generation,
    const void *body, size_t size, int fd);

struct ctl_datagram *ctl_frames_pop(struct ctl_frames *frames);             /* NULL if empty; free() it, close its fd */
void ctl_frames_append(struct ctl_frames *frames, struct ctl_frames *tail); /* tail is empty then */
void ctl_frames_clear(struct ctl_frames *frames);

/* The message at *offset of a received datagram (8-byte aligned). Returns 1 and advances, 0 at the end, -EBADMSG if the
 * header, the length, or the size of the body for its type is wrong. */
int ctl_frame_next(const uint8_t *bytes, size_t length, size_t *offset, const struct wire_ctl_header **ret_header,
    const void **ret_body);
