/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/stamp.h"

#include <string.h>

#include "wire/bytes.h"

void probe_stamp_build(uint8_t packet[WIRE_STAMP_SIZE], uint32_t sequence, uint16_t session_id, uint64_t t1)
{
	struct wire_stamp_sender probe = {0};
	wire_put_be32(&probe.sequence, sequence);
	wire_stamp_time_put((uint8_t *)&probe.time, t1);
	wire_put_be16(&probe.error_estimate, WIRE_STAMP_ERROR_UNIT);
	wire_put_be16(&probe.session_id, session_id);
	memcpy(packet, &probe, WIRE_STAMP_SIZE);
}

bool probe_stamp_read_reply(const uint8_t *packet, size_t length, struct probe_stamp_reply *ret)
{
	if (length < WIRE_STAMP_SIZE)
		return false;
	const struct wire_stamp_reflector *reply = (const void *)packet;
	*ret = (struct probe_stamp_reply){
	    .sequence = wire_be32(&reply->sender_sequence),
	    .reflector_sequence = wire_be32(&reply->sequence),
	    .session_id = wire_be16(&reply->session_id),
	    .sender_ttl = reply->sender_ttl,
	    .t1 = wire_stamp_time_get((const uint8_t *)&reply->sender_time),
	    .t2 = wire_stamp_time_get((const uint8_t *)&reply->receive_time),
	    .t3 = wire_stamp_time_get((const uint8_t *)&reply->time),
	};
	return true;
}

bool probe_stamp_read_session(const uint8_t *packet, size_t length, uint16_t *ret_session_id)
{
	if (length < WIRE_STAMP_SIZE)
		return false;
	*ret_session_id = wire_be16(&((const struct wire_stamp_sender *)packet)->session_id);
	return true;
}

bool probe_stamp_reflect(uint8_t *packet, size_t length, uint32_t sequence, uint8_t ttl, uint64_t t2, uint64_t t3)
{
	if (length < WIRE_STAMP_SIZE)
		return false;
	struct wire_stamp_sender probe;
	memcpy(&probe, packet, sizeof(probe));
	struct wire_stamp_reflector reply = {
	    .session_id = probe.session_id,
	    .sender_sequence = probe.sequence,
	    .sender_time = probe.time,
	    .sender_error_estimate = probe.error_estimate,
	    .sender_ttl = ttl,
	};
	wire_put_be32(&reply.sequence, sequence);
	wire_put_be16(&reply.error_estimate, WIRE_STAMP_ERROR_UNIT);
	wire_stamp_time_put((uint8_t *)&reply.receive_time, t2);
	wire_stamp_time_put((uint8_t *)&reply.time, t3);
	memcpy(packet, &reply, sizeof(reply));
	return true;
}
