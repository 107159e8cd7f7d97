/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/tlv.h"

#include <string.h>

/* What follows the base packet, walked through once. Offsets; that of something missing is `end`. */
struct layout {
	size_t end;      /* of the extensions that are whole; padding or a broken one follows */
	size_t hmac;     /* of the HMAC */
	bool broken;     /* what follows `end` is one that does not fit */
	bool stray_hmac; /* something but padding follows the HMAC: 4.8 takes that for a wrong HMAC */
	bool only_padding;
};

static bool all_zero(const uint8_t *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (at[i])
			return false;
	return true;
}

static bool length_fits(uint8_t type, uint32_t length)
{
	switch (type) {
	case WIRE_STAMP_TLV_LOCATION:
		return length >= sizeof(struct wire_stamp_location);
	case WIRE_STAMP_TLV_TIMESTAMP:
		return length == sizeof(struct wire_stamp_timestamp);
	case WIRE_STAMP_TLV_CLASS:
		return length == sizeof(struct wire_stamp_class);
	case WIRE_STAMP_TLV_DIRECT:
		return length == sizeof(struct wire_stamp_direct);
	case WIRE_STAMP_TLV_ACCESS:
		return length == sizeof(struct wire_stamp_access);
	case WIRE_STAMP_TLV_FOLLOW_UP:
		return length == sizeof(struct wire_stamp_follow_up);
	case WIRE_STAMP_TLV_HMAC:
		return length == WIRE_STAMP_TLV_HMAC_SIZE;
	default:
		return true;
	}
}

static bool known(uint8_t type)
{
	return type >= WIRE_STAMP_TLV_PADDING && type <= WIRE_STAMP_TLV_HMAC;
}

static struct layout walk(const uint8_t *tlvs, size_t length)
{
	struct layout l = {.hmac = SIZE_MAX, .only_padding = true};
	while (l.end < length && !all_zero(tlvs + l.end, length - l.end)) {
		uint32_t size = wire_stamp_tlv_size(tlvs + l.end, (uint32_t)(length - l.end));
		uint8_t type = length - l.end > 1 ? tlvs[l.end + 1] : 0;
		if (size == 0 || !length_fits(type, size - WIRE_STAMP_TLV_HEADER)) {
			l.broken = true;
			l.only_padding = false;
			break;
		}
		bool padding = type == WIRE_STAMP_TLV_PADDING;
		l.stray_hmac = l.stray_hmac || (l.hmac != SIZE_MAX && !padding);
		l.only_padding = l.only_padding && padding;
		if (type == WIRE_STAMP_TLV_HMAC && l.hmac == SIZE_MAX)
			l.hmac = l.end;
		l.end += size;
	}
	if (l.hmac == SIZE_MAX)
		l.hmac = l.end;
	return l;
}

static bool has_hmac(const struct layout *l)
{
	return l->hmac < l->end;
}

/* Index of the key under which the HMAC is right, -1: it is wrong, -2: there is none and none is needed. */
static int verify(const uint8_t *tlvs, const struct layout *l, const struct probe_keys *keys, bool required,
    const uint8_t sequence[4])
{
	if (!has_hmac(l))
		return required && !l->only_padding ? -1 : -2;
	if (!keys || l->stray_hmac)
		return -1;
	return probe_hmac_key(keys, sequence, 4, tlvs, l->hmac, tlvs + l->hmac + WIRE_STAMP_TLV_HEADER);
}

/* ---- answers, each to a value whose length fits ---- */

static void put_address(uint8_t *sub, const struct wire_addr *a, uint8_t v4, uint8_t v6)
{
	uint8_t *value = sub + WIRE_STAMP_TLV_HEADER;
	bool four = wire_addr_is_v4(a);
	sub[1] = four ? v4 : v6;
	memset(value, 0, WIRE_STAMP_LOCATION_ADDRESS_SIZE);
	memcpy(value, a->bytes + (four ? 12 : 0), four ? 4 : 16);
}

/* Where a probe came from in layer 2 is not known here: that question goes back as zeroes. False: a length is wrong. */
static bool answer_where(uint8_t *sub, uint32_t length, const struct probe_tlv_facts *f)
{
	bool mac = sub[1] >= WIRE_STAMP_LOCATION_MAC && sub[1] <= WIRE_STAMP_LOCATION_EUI64;
	bool address = sub[1] >= WIRE_STAMP_LOCATION_DESTINATION && sub[1] <= WIRE_STAMP_LOCATION_SOURCE_V6;
	if ((mac && length != WIRE_STAMP_LOCATION_MAC_SIZE) || (address && length != WIRE_STAMP_LOCATION_ADDRESS_SIZE))
		return false;
	sub[0] = 0;
	if (sub[1] == WIRE_STAMP_LOCATION_DESTINATION)
		put_address(
		    sub, &f->destination, WIRE_STAMP_LOCATION_DESTINATION_V4, WIRE_STAMP_LOCATION_DESTINATION_V6);
	else if (sub[1] == WIRE_STAMP_LOCATION_SOURCE)
		put_address(sub, &f->source, WIRE_STAMP_LOCATION_SOURCE_V4, WIRE_STAMP_LOCATION_SOURCE_V6);
	else if (sub[1] == WIRE_STAMP_LOCATION_MAC)
		memset(sub + WIRE_STAMP_TLV_HEADER, 0, length);
	else
		sub[0] = WIRE_STAMP_TLV_U; /* no question that we know */
	return true;
}

static bool answer_location(uint8_t *value, uint32_t length, const struct probe_tlv_facts *f)
{
	wire_put_be16(value, f->destination_port);
	wire_put_be16(value + 2, f->source_port);
	for (uint32_t at = sizeof(struct wire_stamp_location), size; at < length; at += size) {
		size = wire_stamp_tlv_size(value + at, length - at);
		if (size == 0 || !answer_where(value + at, size - WIRE_STAMP_TLV_HEADER, f)) {
			value[at] = WIRE_STAMP_TLV_M;
			return false;
		}
	}
	return true;
}

/* T2 is the kernel's and T3 our own: both are software's. */
static void answer_timestamp(uint8_t *value, const struct probe_tlv_facts *f)
{
	const struct wire_stamp_timestamp answer = {f->sync, WIRE_STAMP_SOFTWARE, f->sync, WIRE_STAMP_SOFTWARE};
	memcpy(value, &answer, sizeof(answer));
}

/* Any DSCP is permitted here, so RP stays 0. What congestion there was on the way here is told, not sent back. */
static void answer_class(uint8_t *value, const struct probe_tlv_facts *f, uint8_t *ret_tos)
{
	uint16_t wanted = wire_be16(value) >> WIRE_STAMP_CLASS_DSCP1;
	wire_put_be16(value, (uint16_t)(wanted << WIRE_STAMP_CLASS_DSCP1 | (f->tos >> 2) << WIRE_STAMP_CLASS_DSCP2 |
	                                (f->tos & 3) << WIRE_STAMP_CLASS_ECN));
	*ret_tos = (uint8_t)(wanted << 2);
}

static void answer_direct(uint8_t *value, const struct probe_tlv_facts *f)
{
	wire_put_be32(value + offsetof(struct wire_stamp_direct, reflector_received), f->received);
	wire_put_be32(value + offsetof(struct wire_stamp_direct, reflector_sent), f->sent);
}

static void answer_follow_up(uint8_t *value, const struct probe_tlv_facts *f)
{
	memset(value, 0, sizeof(struct wire_stamp_follow_up));
	if (!f->counted || !f->departed)
		return;
	wire_put_be32(value, f->departed_sequence);
	wire_stamp_time_put(value + offsetof(struct wire_stamp_follow_up, time), f->departed_ns);
	value[offsetof(struct wire_stamp_follow_up, method)] = WIRE_STAMP_SOFTWARE;
}

/* Returns the extension's flags. Padding, an access report (whose answer is that it comes back) and the HMAC, which is
 * written last, need nothing else. */
static uint8_t answer_one(uint8_t *tlv, uint32_t length, const struct probe_tlv_facts *f, uint8_t *ret_tos)
{
	uint8_t *value = tlv + WIRE_STAMP_TLV_HEADER;
	switch (tlv[1]) {
	case WIRE_STAMP_TLV_LOCATION:
		return answer_location(value, length, f) ? 0 : WIRE_STAMP_TLV_M;
	case WIRE_STAMP_TLV_TIMESTAMP:
		answer_timestamp(value, f);
		return 0;
	case WIRE_STAMP_TLV_CLASS:
		answer_class(value, f, ret_tos);
		return 0;
	case WIRE_STAMP_TLV_DIRECT:
		if (!f->counted)
			return WIRE_STAMP_TLV_U; /* 0 would be a lie */
		answer_direct(value, f);
		return 0;
	case WIRE_STAMP_TLV_FOLLOW_UP:
		answer_follow_up(value, f);
		return 0;
	default:
		return known(tlv[1]) ? 0 : WIRE_STAMP_TLV_U;
	}
}

/* Each extension's flags: U for those that we do not know, and `also`. */
static void flag_all(uint8_t *tlvs, const struct layout *l, uint8_t also)
{
	for (size_t at = 0; at < l->end; at += WIRE_STAMP_TLV_HEADER + wire_be16(tlvs + at + 2))
		tlvs[at] = (uint8_t)((known(tlvs[at + 1]) ? 0 : WIRE_STAMP_TLV_U) | also);
	if (l->broken)
		tlvs[l->end] = (uint8_t)(WIRE_STAMP_TLV_M | also);
}

bool probe_tlv_answer(uint8_t *tlvs, size_t length, const struct probe_tlv_facts *facts,
    const struct probe_tlv_proof *proof, uint8_t *ret_tos)
{
	struct layout l = walk(tlvs, length);
	int key = verify(tlvs, &l, proof->keys, proof->required, proof->asked);
	flag_all(tlvs, &l, key == -1 ? WIRE_STAMP_TLV_I : 0);
	if (key == -1)
		return false;
	for (size_t at = 0; at < l.end;) {
		uint32_t value = wire_be16(tlvs + at + 2);
		tlvs[at] = answer_one(tlvs + at, value, facts, ret_tos);
		if (tlvs[at] & WIRE_STAMP_TLV_M)
			break;
		at += WIRE_STAMP_TLV_HEADER + value;
	}
	if (key >= 0)
		return probe_hmac(
		    proof->keys->key[key], proof->answer, 4, tlvs, l.hmac, tlvs + l.hmac + WIRE_STAMP_TLV_HEADER);
	return true;
}

const uint8_t *probe_tlv_find(const uint8_t *tlvs, size_t length, uint8_t type, size_t size,
    const struct probe_keys *keys, const uint8_t sequence[4])
{
	struct layout l = walk(tlvs, length);
	if (keys && verify(tlvs, &l, keys, true, sequence) < 0)
		return NULL;
	for (size_t at = 0; at < l.hmac; at += WIRE_STAMP_TLV_HEADER + wire_be16(tlvs + at + 2)) {
		if (tlvs[at] & (WIRE_STAMP_TLV_M | WIRE_STAMP_TLV_I))
			return NULL;
		if (tlvs[at + 1] == type && wire_be16(tlvs + at + 2) == size)
			return tlvs[at] & WIRE_STAMP_TLV_U ? NULL : tlvs + at + WIRE_STAMP_TLV_HEADER;
	}
	return NULL;
}

bool probe_tlv_sign(uint8_t *tlvs, size_t length, const uint8_t key[PROBE_KEY_SIZE], const uint8_t sequence[4])
{
	uint8_t *tag = wire_stamp_tlv_put(tlvs + length, WIRE_STAMP_TLV_HEADER + WIRE_STAMP_TLV_HMAC_SIZE,
	    WIRE_STAMP_TLV_HMAC, WIRE_STAMP_TLV_HMAC_SIZE);
	return probe_hmac(key, sequence, 4, tlvs, length, tag);
}
