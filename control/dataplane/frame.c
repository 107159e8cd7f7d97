/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dataplane/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a data plane may send us, and how long its body is. */
static const struct {
	bool ours;
	size_t size;
	size_t more; /* at most so much longer */
} received[] = {
    [WIRE_CTL_HELLO] = {true, sizeof(struct wire_ctl_hello), 0},
    [WIRE_CTL_TABLES] = {true, sizeof(struct wire_ctl_tables), 0},
    [WIRE_CTL_ACK] = {true, 0, 0},
    [WIRE_CTL_ERROR] = {true, sizeof(struct wire_ctl_error), 0},
    [WIRE_CTL_LINK_STATE] = {true, sizeof(struct wire_ctl_link_state), 0},
    [WIRE_CTL_NEIGHBOUR_WANTED] = {true, sizeof(struct wire_ctl_neighbour_wanted), 0},
    [WIRE_CTL_FLOW] = {true, sizeof(struct wire_ctl_flow), 0},
    [WIRE_CTL_FLOWS_END] = {true, 0, 0},
    [WIRE_CTL_TRACE] = {true, sizeof(struct wire_ctl_trace), 0},
    [WIRE_CTL_PATH_STATE] = {true, sizeof(struct wire_ctl_path_state), 0},
    [WIRE_CTL_CAPTURED] = {true, sizeof(struct wire_ctl_captured), WIRE_CTL_MAX_SNAP},
};

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static struct ctl_datagram *append_datagram(struct ctl_frames *frames, int fd)
{
	struct ctl_datagram *datagram = malloc(sizeof(*datagram) + WIRE_CTL_MAX_DATAGRAM);
	if (!datagram)
		return NULL;
	datagram->next = NULL;
	datagram->fd = fd;
	datagram->length = 0;
	if (frames->last)
		frames->last->next = datagram;
	else
		frames->first = datagram;
	frames->last = datagram;
	return datagram;
}

int ctl_frame_add(struct ctl_frames *frames, enum wire_ctl_type type, unsigned object, uint64_t generation,
    const void *body, size_t size, int fd)
{
	struct wire_ctl_header header = {.type = (uint16_t)type,
	    .object = (uint16_t)object,
	    .length = (uint32_t)(sizeof(header) + padded(size)),
	    .generation = generation};
	if (size > WIRE_CTL_MAX_DATAGRAM - sizeof(header) - 8)
		return -EMSGSIZE;
	struct ctl_datagram *datagram = frames->last;
	if (!datagram || fd >= 0 || datagram->fd >= 0 || datagram->length + header.length > WIRE_CTL_MAX_DATAGRAM)
		datagram = append_datagram(frames, fd);
	if (!datagram)
		return -ENOMEM;
	uint8_t *at = datagram->bytes + datagram->length;
	memcpy(at, &header, sizeof(header));
	memset(at + sizeof(header), 0, padded(size));
	if (size)
		memcpy(at + sizeof(header), body, size);
	datagram->length += header.length;
	return 0;
}

struct ctl_datagram *ctl_frames_pop(struct ctl_frames *frames)
{
	struct ctl_datagram *first = frames->first;
	if (first) {
		frames->first = first->next;
		if (!frames->first)
			frames->last = NULL;
	}
	return first;
}

void ctl_frames_append(struct ctl_frames *frames, struct ctl_frames *tail)
{
	if (!tail->first)
		return;
	if (frames->last)
		frames->last->next = tail->first;
	else
		frames->first = tail->first;
	frames->last = tail->last;
	*tail = (struct ctl_frames){0};
}

void ctl_frames_clear(struct ctl_frames *frames)
{
	for (struct ctl_datagram *datagram; (datagram = ctl_frames_pop(frames));) {
		if (datagram->fd >= 0)
			close(datagram->fd);
		free(datagram);
	}
}

int ctl_frame_next(const uint8_t *bytes, size_t length, size_t *offset, const struct wire_ctl_header **ret_header,
    const void **ret_body)
{
	if (*offset == length)
		return 0;
	if (length - *offset < sizeof(struct wire_ctl_header))
		return -EBADMSG;
	const struct wire_ctl_header *header = (const void *)(bytes + *offset);
	if (header->length < sizeof(*header) || header->length % 8 || header->length > length - *offset)
		return -EBADMSG;
	if (header->type >= sizeof(received) / sizeof(received[0]) || !received[header->type].ours)
		return -EBADMSG;
	size_t size = sizeof(*header) + padded(received[header->type].size);
	if (header->length < size || header->length > size + padded(received[header->type].more))
		return -EBADMSG;
	*ret_header = header;
	*ret_body = header + 1;
	*offset += header->length;
	return 1;
}
