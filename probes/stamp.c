/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/stamp.h"

#include <string.h>

#include "wire/bytes.h"

/* Where the fields of a mode are; the sequence number is first in all packets. */
struct form {
	size_t size, least, time, error, session; /* alike in both directions */
	size_t receive_time, sender_sequence, sender_time, sender_error, sender_ttl;
};

#define FORM(reflector, at_least)                                                                                      \
	{                                                                                                              \
		.size = sizeof(struct reflector), .least = at_least, .time = offsetof(struct reflector, time),         \
		.error = offsetof(struct reflector, error_estimate),                                                   \
		.session = offsetof(struct reflector, session_id),                                                     \
		.receive_time = offsetof(struct reflector, receive_time),                                              \
		.sender_sequence = offsetof(struct reflector, sender_sequence),                                        \
		.sender_time = offsetof(struct reflector, sender_time),                                                \
		.sender_error = offsetof(struct reflector, sender_error_estimate),                                     \
		.sender_ttl = offsetof(struct reflector, sender_ttl),                                                  \
	}
static const struct form open_form = FORM(wire_stamp_reflector, WIRE_TWAMP_SIZE);
static const struct form sealed_form = FORM(wire_stamp_auth_reflector, WIRE_STAMP_AUTH_SIZE);

_Static_assert(offsetof(struct wire_stamp_sender, session_id) == offsetof(struct wire_stamp_reflector, session_id),
    "alike in both directions");
_Static_assert(
    offsetof(struct wire_stamp_auth_sender, session_id) == offsetof(struct wire_stamp_auth_reflector, session_id),
    "alike in both directions");

static const struct form *form_of(const struct probe_keys *keys)
{
	return keys ? &sealed_form : &open_form;
}

/* *ret_key is the index of the key that it was signed by; of no meaning in unauthenticated mode. */
static enum probe_stamp_flaw check(const uint8_t *packet, size_t length, const struct probe_keys *keys, int *ret_key)
{
	*ret_key = 0;
	if (length < form_of(keys)->least)
		return PROBE_STAMP_SHORT;
	if (keys)
		*ret_key =
		    probe_hmac_key(keys, packet, WIRE_STAMP_AUTH_COVERED, NULL, 0, packet + WIRE_STAMP_AUTH_COVERED);
	return *ret_key < 0 ? PROBE_STAMP_FORGED : PROBE_STAMP_GOOD;
}

static bool sign(uint8_t *packet, const uint8_t key[PROBE_KEY_SIZE])
{
	return probe_hmac(key, packet, WIRE_STAMP_AUTH_COVERED, NULL, 0, packet + WIRE_STAMP_AUTH_COVERED);
}

/* ---- sender ---- */

static void write_question(uint8_t *packet, const struct form *form, const struct probe_stamp_probe *probe)
{
	memset(packet, 0, form->size);
	wire_put_be32(packet, probe->sequence);
	wire_stamp_time_put(packet + form->time, probe->t1);
	wire_put_be16(packet + form->error, probe->error_estimate);
	wire_put_be16(packet + form->session, probe->session_id);
}

/* The packet, and `bytes` bytes of extensions behind it, to which their HMAC is added. */
static bool sign_all(uint8_t *packet, size_t bytes, const struct probe_keys *keys)
{
	const uint8_t *key = keys->key[0];
	return sign(packet, key) && probe_tlv_sign(packet + WIRE_STAMP_AUTH_SIZE, bytes, key, packet);
}

size_t probe_stamp_build(
    uint8_t packet[PROBE_STAMP_MAX_BYTES], const struct probe_stamp_probe *probe, const struct probe_keys *keys)
{
	const struct form *form = form_of(keys);
	const size_t question = WIRE_STAMP_TLV_HEADER + sizeof(struct wire_stamp_follow_up);
	write_question(packet, form, probe);
	if (!keys)
		return form->size;
	wire_stamp_tlv_put(
	    packet + form->size, question, WIRE_STAMP_TLV_FOLLOW_UP, sizeof(struct wire_stamp_follow_up));
	return sign_all(packet, question, keys) ? PROBE_STAMP_AUTH_BYTES : 0;
}

size_t probe_stamp_build_sized(
    uint8_t *packet, size_t length, const struct probe_stamp_probe *probe, const struct probe_keys *keys)
{
	const struct form *form = form_of(keys);
	const size_t hmac = keys ? WIRE_STAMP_TLV_HEADER + WIRE_STAMP_TLV_HMAC_SIZE : 0;
	if (length < form->size + WIRE_STAMP_TLV_HEADER + hmac || length > UINT16_MAX)
		return 0;
	uint32_t padding = (uint32_t)(length - form->size - hmac);
	write_question(packet, form, probe);
	wire_stamp_tlv_put(
	    packet + form->size, padding, WIRE_STAMP_TLV_PADDING, (uint16_t)(padding - WIRE_STAMP_TLV_HEADER));
	return !keys || sign_all(packet, padding, keys) ? length : 0;
}

/* In authenticated mode only: there we ask. */
static void read_follow_up(
    const uint8_t *packet, size_t length, const struct probe_keys *keys, struct probe_stamp_reply *reply)
{
	const struct wire_stamp_follow_up *f = (const void *)probe_tlv_find(packet + WIRE_STAMP_AUTH_SIZE,
	    length - WIRE_STAMP_AUTH_SIZE, WIRE_STAMP_TLV_FOLLOW_UP, sizeof(*f), keys, packet);
	if (!f || f->method == 0)
		return;
	reply->followed = true;
	reply->followed_sequence = wire_be32(&f->sequence);
	reply->followed_t3 = wire_stamp_time_read(f->time, reply->error_estimate);
}

enum probe_stamp_flaw probe_stamp_read_reply(
    const uint8_t *packet, size_t length, const struct probe_keys *keys, struct probe_stamp_reply *ret)
{
	int key;
	const struct form *form = form_of(keys);
	enum probe_stamp_flaw flaw = check(packet, length, keys, &key);
	if (flaw)
		return flaw;
	uint16_t error = wire_be16(packet + form->error);
	*ret = (struct probe_stamp_reply){
	    .sequence = wire_be32(packet + form->sender_sequence),
	    .reflector_sequence = wire_be32(packet),
	    .session_id = wire_be16(packet + form->session),
	    .error_estimate = error,
	    .sender_ttl = packet[form->sender_ttl],
	    .t1 = wire_stamp_time_get(packet + form->sender_time),
	    .t2 = wire_stamp_time_read(packet + form->receive_time, error),
	    .t3 = wire_stamp_time_read(packet + form->time, error),
	};
	if (keys)
		read_follow_up(packet, length, keys, ret);
	return PROBE_STAMP_GOOD;
}

/* ---- reflector ---- */

enum probe_stamp_flaw probe_stamp_read_probe(
    const uint8_t *packet, size_t length, const struct probe_keys *keys, struct probe_stamp_probe *ret)
{
	int key;
	const struct form *form = form_of(keys);
	enum probe_stamp_flaw flaw = check(packet, length, keys, &key);
	if (flaw)
		return flaw;
	uint16_t error = wire_be16(packet + form->error);
	*ret = (struct probe_stamp_probe){.sequence = wire_be32(packet),
	    .session_id = wire_be16(packet + form->session),
	    .error_estimate = error,
	    .t1 = wire_stamp_time_read(packet + form->time, error)};
	return PROBE_STAMP_GOOD;
}

static void write_answer(
    uint8_t *packet, size_t length, const struct form *form, const struct probe_stamp_answer *answer)
{
	uint8_t reply[WIRE_STAMP_AUTH_SIZE] = {0};
	wire_put_be32(reply, answer->sequence);
	wire_stamp_time_put(reply + form->time, answer->t3);
	wire_put_be16(reply + form->error, answer->error_estimate);
	memcpy(reply + form->session, packet + form->session, 2);
	wire_stamp_time_put(reply + form->receive_time, answer->t2);
	memcpy(reply + form->sender_sequence, packet, 4);
	memcpy(reply + form->sender_time, packet + form->time, 8);
	memcpy(reply + form->sender_error, packet + form->error, 2);
	reply[form->sender_ttl] = answer->ttl;
	memcpy(packet, reply, length < form->size ? length : form->size);
}

/* The answer is signed by the key that the probe was: its sender has that one. */
enum probe_stamp_flaw probe_stamp_reflect(uint8_t *packet, size_t length, const struct probe_keys *keys,
    const struct probe_stamp_answer *answer, uint8_t *ret_tos, bool *ret_answerable)
{
	int key;
	const struct form *form = form_of(keys);
	struct probe_tlv_proof proof = {.keys = keys, .required = keys};
	enum probe_stamp_flaw flaw = check(packet, length, keys, &key);
	*ret_answerable = flaw == PROBE_STAMP_GOOD;
	if (flaw)
		return flaw;
	memcpy(proof.asked, packet, sizeof(proof.asked));
	wire_put_be32(proof.answer, answer->sequence);
	write_answer(packet, length, form, answer);
	if (keys)
		*ret_answerable = sign(packet, keys->key[key]);
	if (length <= form->size)
		return PROBE_STAMP_GOOD;
	bool right = probe_tlv_answer(packet + form->size, length - form->size, &answer->facts, &proof, ret_tos);
	return right ? PROBE_STAMP_GOOD : PROBE_STAMP_FORGED;
}
