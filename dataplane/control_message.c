/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/control_message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What kuafud may send, and how long its body is. */
static const struct {
	uint16_t type;
	uint16_t object;
	uint16_t size;
	const char *name;
} shapes[] = {
    {WIRE_CTL_HELLO, 0, sizeof(struct wire_ctl_hello), "HELLO"},
    {WIRE_CTL_HEARTBEAT_MAP, 0, sizeof(struct wire_ctl_heartbeat_map), "HEARTBEAT_MAP"},
    {WIRE_CTL_TABLES, 0, sizeof(struct wire_ctl_tables), "TABLES"},
    {WIRE_CTL_BEGIN, 0, sizeof(struct wire_ctl_begin), "BEGIN"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_SETTINGS, sizeof(struct wire_ctl_settings), "settings"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_POP, sizeof(struct wire_ctl_pop), "pop"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_LINK, sizeof(struct wire_ctl_link), "link"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_KEY, sizeof(struct wire_ctl_key), "key"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_PATH, sizeof(struct wire_ctl_path), "path"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_VIP, sizeof(struct wire_ctl_vip), "vip"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_LISTENER, sizeof(struct wire_ctl_listener), "listener"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_GROUP, sizeof(struct wire_ctl_group), "group"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_ENDPOINT, sizeof(struct wire_ctl_endpoint), "endpoint"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_NAT, sizeof(struct wire_ctl_nat), "nat"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_QUIC, sizeof(struct wire_ctl_quic), "quic"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_ADJACENCY, sizeof(struct wire_ctl_adjacency), "adjacency"},
    {WIRE_CTL_UPSERT, WIRE_OBJ_ROUTE, sizeof(struct wire_ctl_route), "route"},
    {WIRE_CTL_COMMIT, 0, 0, "COMMIT"},
    {WIRE_CTL_LINK_STATE, 0, sizeof(struct wire_ctl_link_state), "LINK_STATE"},
    {WIRE_CTL_FLOWS_QUERY, 0, sizeof(struct wire_ctl_filter), "FLOWS_QUERY"},
    {WIRE_CTL_TRACE_START, 0, sizeof(struct wire_ctl_filter), "TRACE_START"},
    {WIRE_CTL_TRACE_STOP, 0, 0, "TRACE_STOP"},
    {WIRE_CTL_CAPTURE_START, 0, sizeof(struct wire_ctl_filter), "CAPTURE_START"},
    {WIRE_CTL_CAPTURE_STOP, 0, 0, "CAPTURE_STOP"},
};

static int refuse(struct wire_ctl_error *ret_error, uint16_t object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct wire_ctl_error *ret_error, uint16_t object, const char *format, ...)
{
	*ret_error = (struct wire_ctl_error){.code = -EINVAL, .object = object};
	va_list args;
	va_start(args, format);
	vsnprintf(ret_error->text, sizeof(ret_error->text), format, args);
	va_end(args);
	return -EINVAL;
}

static int check_header(const struct wire_ctl_header *header, size_t left, struct wire_ctl_error *ret_error)
{
	if (header->length < sizeof(*header) || header->length % 8 != 0 || header->length > left)
		return refuse(ret_error, header->object,
		    "message of type %u: length %u does not fit into the %zu bytes left of its datagram", header->type,
		    header->length, left);
	uint16_t type = header->type == WIRE_CTL_DELETE ? (uint16_t)WIRE_CTL_UPSERT : header->type;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].type != type || shapes[i].object != header->object)
			continue;
		if (header->length == sizeof(*header) + shapes[i].size)
			return 0;
		return refuse(ret_error, header->object, "%s: body of %zu bytes, not %u", shapes[i].name,
		    header->length - sizeof(*header), shapes[i].size);
	}
	return refuse(ret_error, header->object, "message of type %u with object %u: not known to version %u",
	    header->type, header->object, WIRE_CTL_VERSION);
}

/* Objects' reserved fields are checked where the objects are. */
static int check_reserved(const struct dp_message *m, struct wire_ctl_error *ret_error)
{
	if (m->type == WIRE_CTL_HEARTBEAT_MAP) {
		struct wire_ctl_heartbeat_map map;
		memcpy(&map, m->body, sizeof(map));
		if (map.reserved != 0)
			return refuse(ret_error, 0, "HEARTBEAT_MAP: reserved is not 0");
	} else if (m->type == WIRE_CTL_BEGIN) {
		struct wire_ctl_begin begin;
		memcpy(&begin, m->body, sizeof(begin));
		if (begin.reserved != 0 || (begin.flags & ~(uint32_t)WIRE_CTL_FULL) != 0)
			return refuse(ret_error, 0, "BEGIN: unknown flags or reserved is not 0");
	} else if (m->type == WIRE_CTL_FLOWS_QUERY || m->type == WIRE_CTL_TRACE_START ||
	           m->type == WIRE_CTL_CAPTURE_START) {
		struct wire_ctl_filter filter;
		memcpy(&filter, m->body, sizeof(filter));
		if (filter.reserved != 0)
			return refuse(ret_error, 0, "filter: reserved is not 0");
		if (filter.snap > WIRE_CTL_MAX_SNAP)
			return refuse(ret_error, 0, "filter: snap %u is over %u", filter.snap, WIRE_CTL_MAX_SNAP);
	}
	return 0;
}

int dp_message_next(
    const void *datagram, size_t size, size_t *offset, struct dp_message *ret_message, struct wire_ctl_error *ret_error)
{
	if (*offset == size)
		return 0;
	struct wire_ctl_header header;
	const uint8_t *at = (const uint8_t *)datagram + *offset;
	size_t left = size - *offset;
	if (left < sizeof(header))
		return refuse(ret_error, 0, "datagram ends within a header");
	memcpy(&header, at, sizeof(header));
	int error = check_header(&header, left, ret_error);
	if (error != 0)
		return error;
	struct dp_message m = {.type = header.type,
	    .object = header.object,
	    .generation = header.generation,
	    .body = at + sizeof(header),
	    .length = header.length - sizeof(header)};
	error = check_reserved(&m, ret_error);
	if (error != 0)
		return error;
	*ret_message = m;
	*offset += header.length;
	return 1;
}

int dp_outbox_add(struct dp_outbox *out, enum wire_ctl_type type, uint64_t generation, const void *body, size_t length)
{
	size_t padded = (length + 7) / 8 * 8;
	struct wire_ctl_header header = {
	    .type = (uint16_t)type, .length = (uint32_t)(sizeof(header) + padded), .generation = generation};
	if (header.length > dp_outbox_room(out))
		return -ENOSPC;
	uint8_t *at = out->bytes + out->used;
	memcpy(at, &header, sizeof(header));
	if (length > 0)
		memcpy(at + sizeof(header), body, length);
	memset(at + sizeof(header) + length, 0, padded - length);
	out->used += header.length;
	return 0;
}
