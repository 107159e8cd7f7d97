/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Extensions of STAMP test packets, behind the base packet: RFC 8972, section 4. Fields in network order.
 *
 * A sender sets U; a reflector that knows the type takes it off, fills in what it is asked for, and never makes an
 * extension longer or shorter than it came. */
#pragma once

#include <stdint.h>

#include "wire/bytes.h"

struct wire_stamp_tlv {
	uint8_t flags;
	uint8_t type;
	uint16_t length; /* of the value that follows */
} __attribute__((packed));

#define WIRE_STAMP_TLV_HEADER 4u

#define WIRE_STAMP_TLV_U 0x80u /* the reflector does not know the type */
#define WIRE_STAMP_TLV_M 0x40u /* malformed: it and all that follows goes back as it came */
#define WIRE_STAMP_TLV_I 0x20u /* the HMAC is wrong: nothing was acted upon */

enum wire_stamp_tlv_type {
	WIRE_STAMP_TLV_PADDING = 1,
	WIRE_STAMP_TLV_LOCATION = 2,
	WIRE_STAMP_TLV_TIMESTAMP = 3,
	WIRE_STAMP_TLV_CLASS = 4,
	WIRE_STAMP_TLV_DIRECT = 5,
	WIRE_STAMP_TLV_ACCESS = 6,
	WIRE_STAMP_TLV_FOLLOW_UP = 7,
	WIRE_STAMP_TLV_HMAC = 8,
};

/* 4.2: followed by extensions of its own, with the same header. */
struct wire_stamp_location {
	uint16_t destination_port; /* as the reflector saw them */
	uint16_t source_port;
} __attribute__((packed));

enum wire_stamp_location_type { /* a question, and the answers to it */
	WIRE_STAMP_LOCATION_MAC = 1,
	WIRE_STAMP_LOCATION_EUI48 = 2,
	WIRE_STAMP_LOCATION_EUI64 = 3,
	WIRE_STAMP_LOCATION_DESTINATION = 4,
	WIRE_STAMP_LOCATION_DESTINATION_V4 = 5,
	WIRE_STAMP_LOCATION_DESTINATION_V6 = 6,
	WIRE_STAMP_LOCATION_SOURCE = 7,
	WIRE_STAMP_LOCATION_SOURCE_V4 = 8,
	WIRE_STAMP_LOCATION_SOURCE_V6 = 9,
};
#define WIRE_STAMP_LOCATION_MAC_SIZE     8u  /* an EUI-48 is followed by two bytes of zero */
#define WIRE_STAMP_LOCATION_ADDRESS_SIZE 16u /* an IPv4 address by twelve */

enum wire_stamp_sync { /* 4.3: what sets the reflector's clock */
	WIRE_STAMP_SYNC_NTP = 1,
	WIRE_STAMP_SYNC_PTP = 2,
	WIRE_STAMP_SYNC_SSU = 3,
	WIRE_STAMP_SYNC_GNSS = 4,
	WIRE_STAMP_SYNC_NONE = 5, /* it runs free */
};

enum wire_stamp_method { WIRE_STAMP_HARDWARE = 1, WIRE_STAMP_SOFTWARE = 2, WIRE_STAMP_CONTROL_PLANE = 3 };

struct wire_stamp_timestamp {
	uint8_t sync_in; /* enum wire_stamp_sync of T2's clock, enum wire_stamp_method of T2; then T3's */
	uint8_t method_in;
	uint8_t sync_out;
	uint8_t method_out;
} __attribute__((packed));

/* 4.4, from the first bit on: DSCP1 (wanted for the reply) 6, DSCP2 (as it came) 6, ECN (as it came) 2, RP 2 bits. */
struct wire_stamp_class {
	uint16_t bits;
	uint16_t reserved;
} __attribute__((packed));
#define WIRE_STAMP_CLASS_DSCP1 10 /* shifts */
#define WIRE_STAMP_CLASS_DSCP2 4
#define WIRE_STAMP_CLASS_ECN   2
#define WIRE_STAMP_CLASS_RP    0x1u /* DSCP1 is not permitted here: the reply has DSCP2 */

struct wire_stamp_direct { /* 4.5: packets */
	uint32_t sender_sent;
	uint32_t reflector_received;
	uint32_t reflector_sent;
} __attribute__((packed));

struct wire_stamp_access { /* 4.6 */
	uint8_t access;    /* id in the upper four bits */
	uint8_t code;
	uint16_t reserved;
} __attribute__((packed));

struct wire_stamp_follow_up { /* 4.7: when the reply before this one really left */
	uint32_t sequence;    /* that reply's, as the reflector counts; all zero: not known */
	uint8_t time[8];      /* struct wire_stamp_time, in the format of the reply's T3 */
	uint8_t method;
	uint8_t reserved[3];
} __attribute__((packed));

#define WIRE_STAMP_TLV_HMAC_SIZE 16u /* 4.8 */

/* Bytes of the extension at `at`, header included; 0: it does not fit in the `left` bytes that are there. */
static inline uint32_t wire_stamp_tlv_size(const uint8_t *at, uint32_t left)
{
	if (left < WIRE_STAMP_TLV_HEADER)
		return 0;
	uint32_t size = WIRE_STAMP_TLV_HEADER + wire_be16(at + 2);
	return size <= left ? size : 0;
}

/* Writes one with a value of zeroes, as a sender does, and returns where its value begins; NULL: no room. */
static inline uint8_t *wire_stamp_tlv_put(uint8_t *at, uint32_t room, uint8_t type, uint16_t length)
{
	if (room < WIRE_STAMP_TLV_HEADER + length)
		return NULL;
	at[0] = WIRE_STAMP_TLV_U;
	at[1] = type;
	wire_put_be16(at + 2, length);
	__builtin_memset(at + WIRE_STAMP_TLV_HEADER, 0, length);
	return at + WIRE_STAMP_TLV_HEADER;
}

_Static_assert(sizeof(struct wire_stamp_tlv) == WIRE_STAMP_TLV_HEADER, "RFC 8972, figure 3");
_Static_assert(sizeof(struct wire_stamp_timestamp) == 4, "RFC 8972, 4.3");
_Static_assert(sizeof(struct wire_stamp_class) == 4, "RFC 8972, 4.4");
_Static_assert(sizeof(struct wire_stamp_direct) == 12, "RFC 8972, 4.5");
_Static_assert(sizeof(struct wire_stamp_access) == 4, "RFC 8972, 4.6");
_Static_assert(sizeof(struct wire_stamp_follow_up) == 16, "RFC 8972, 4.7");
