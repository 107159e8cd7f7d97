/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* STAMP test packets: RFC 8762 sections 4.2.1 and 4.3.1, with the session id of RFC 8972 section 3 in the first of the
 * reserved bytes behind an error estimate. Extensions may follow: wire/stamp_tlv.h. Fields in network order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WIRE_STAMP_PORT 862u
#define WIRE_STAMP_SIZE 44u /* both directions: the reflector never answers with more than it got */

/* Authenticated mode: HMAC-SHA-256, cut to its first 16 bytes, of what stands before it (RFC 8762, 4.4). */
#define WIRE_STAMP_AUTH_SIZE    112u
#define WIRE_STAMP_AUTH_COVERED 96u
#define WIRE_STAMP_HMAC_SIZE    16u

/* A TWAMP reflector's packet, RFC 5357, 4.2.1: STAMP's without the reserved bytes at its end, so that whoever asks in at
 * least so many bytes can be answered in as many (RFC 8762, 4.6). */
#define WIRE_TWAMP_SIZE 41u

/* NTP (RFC 5905) by default: seconds since 1900 and their fraction in 1/2^32; with the Z bit of the error estimate set
 * PTPv2 (IEEE 1588): seconds since 1970 and nanoseconds. */
struct wire_stamp_time {
	uint32_t seconds;
	uint32_t fraction;
} __attribute__((packed));

struct wire_stamp_sender {
	uint32_t sequence;
	struct wire_stamp_time time; /* T1 */
	uint16_t error_estimate;
	uint16_t session_id; /* SSID, RFC 8972 */
	uint8_t reserved[28];
} __attribute__((packed));

struct wire_stamp_reflector {
	uint32_t sequence;           /* stateful: the reflector's own count for the session; stateless: the sender's */
	struct wire_stamp_time time; /* T3 */
	uint16_t error_estimate;
	uint16_t session_id;
	struct wire_stamp_time receive_time; /* T2 */
	uint32_t sender_sequence;
	struct wire_stamp_time sender_time; /* T1 */
	uint16_t sender_error_estimate;
	uint16_t reserved;
	uint8_t sender_ttl;
	uint8_t reserved2[3];
} __attribute__((packed));

struct wire_stamp_auth_sender {
	uint32_t sequence;
	uint8_t reserved[12];
	struct wire_stamp_time time; /* T1 */
	uint16_t error_estimate;
	uint16_t session_id;
	uint8_t reserved2[68];
	uint8_t hmac[WIRE_STAMP_HMAC_SIZE];
} __attribute__((packed));

struct wire_stamp_auth_reflector {
	uint32_t sequence;
	uint8_t reserved[12];
	struct wire_stamp_time time; /* T3 */
	uint16_t error_estimate;
	uint16_t session_id;
	uint8_t reserved2[4];
	struct wire_stamp_time receive_time; /* T2 */
	uint8_t reserved3[8];
	uint32_t sender_sequence;
	uint8_t reserved4[12];
	struct wire_stamp_time sender_time; /* T1 */
	uint16_t sender_error_estimate;
	uint8_t reserved5[6];
	uint8_t sender_ttl;
	uint8_t reserved6[15];
	uint8_t hmac[WIRE_STAMP_HMAC_SIZE];
} __attribute__((packed));

/* Error estimate: S synchronised, Z time format, scale 6 bits, multiplier 8 bits: multiplier * 2^(scale - 32) s. The
 * multiplier must not be zero (RFC 4656, 4.1.2). */
#define WIRE_STAMP_ERROR_S    0x8000u
#define WIRE_STAMP_ERROR_Z    0x4000u
#define WIRE_STAMP_ERROR_UNIT 0x0001u

/* The estimate of a clock that is wrong by at most error_ns, rounded up; Z is not set. */
static inline uint16_t wire_stamp_error(bool synchronised, uint64_t error_ns)
{
	uint64_t most = 1ull << 32, units; /* 2^-32 s each: up to 2^32 ns in one multiplication */
	uint32_t scale = 0;
	for (; error_ns >= most; scale++)
		error_ns = (error_ns + 1) / 2;
	units = ((error_ns << 32) + 999999999u) / 1000000000u;
	for (; units > 0xff; scale++)
		units = (units + 1) / 2;
	return (uint16_t)((synchronised ? WIRE_STAMP_ERROR_S : 0) | scale << 8 | (units ? units : 1));
}

#define WIRE_NTP_UNIX_OFFSET 2208988800ull /* seconds from 1900 to 1970 */

/* unix_ns: nanoseconds since 1970. NTP's 32 bits of seconds wrap in 2036; differences stay right across the wrap. */
static inline void wire_stamp_time_put(uint8_t out[8], uint64_t unix_ns)
{
	uint32_t s = (uint32_t)(unix_ns / 1000000000u + WIRE_NTP_UNIX_OFFSET);
	uint32_t f = (uint32_t)(((unix_ns % 1000000000u) << 32) / 1000000000u);
	uint8_t b[8] = {(uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s, (uint8_t)(f >> 24),
	    (uint8_t)(f >> 16), (uint8_t)(f >> 8), (uint8_t)f};
	__builtin_memcpy(out, b, 8);
}

/* The reverse, for stamps of NTP's era 0 up to 2036 and era 1 after it. */
static inline uint64_t wire_stamp_time_get(const uint8_t in[8])
{
	uint32_t s = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
	uint64_t f = (uint32_t)in[4] << 24 | (uint32_t)in[5] << 16 | (uint32_t)in[6] << 8 | in[7];
	uint64_t era = s < WIRE_NTP_UNIX_OFFSET ? 1ull << 32 : 0;
	return (s + era - WIRE_NTP_UNIX_OFFSET) * 1000000000u + ((f * 1000000000u + (1ull << 31)) >> 32);
}

/* A stamp in the format that the error estimate (host order) of the same packet names, as ns since 1970. */
static inline uint64_t wire_stamp_time_read(const uint8_t in[8], uint16_t error_estimate)
{
	if (!(error_estimate & WIRE_STAMP_ERROR_Z))
		return wire_stamp_time_get(in);
	uint32_t s = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
	uint32_t ns = (uint32_t)in[4] << 24 | (uint32_t)in[5] << 16 | (uint32_t)in[6] << 8 | in[7];
	return s * 1000000000ull + ns;
}

_Static_assert(sizeof(struct wire_stamp_sender) == WIRE_STAMP_SIZE, "RFC 8762, figure 2");
_Static_assert(sizeof(struct wire_stamp_reflector) == WIRE_STAMP_SIZE, "RFC 8762, figure 5");
_Static_assert(sizeof(struct wire_stamp_auth_sender) == WIRE_STAMP_AUTH_SIZE, "RFC 8762, figure 4");
_Static_assert(sizeof(struct wire_stamp_auth_reflector) == WIRE_STAMP_AUTH_SIZE, "RFC 8762, figure 6");
