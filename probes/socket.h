/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP socket for both address families that says when, where, with which TTL and type of service a datagram came, and
 * when one that was sent has left. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define PROBE_DATAGRAM_BYTES 9216u /* of the largest MTU; longer ones are cut, and no longer what they say they are */

struct probe_socket {
	int fd;
	bool v4_only;     /* a kernel without IPv6 */
	bool departures;  /* it tells when datagrams leave */
	uint32_t next_id; /* the kernel's number of the next datagram, where it tells */
};

struct probe_datagram {
	struct wire_addr local;
	struct wire_addr remote;
	uint16_t remote_port;
	uint8_t ttl;
	uint8_t tos;
	bool cut;
	uint64_t arrival_ns; /* CLOCK_MONOTONIC, from the kernel's stamp */
	size_t length;
	uint8_t data[PROBE_DATAGRAM_BYTES];
};

/* Non-blocking, bound to `port` of every address, sending with TTL 255; nothing is fragmented, whatever the kernel
 * thinks of the path (RFC 8899, 3). 0 or -errno; *ret then stays untouched. */
int probe_socket_open(uint16_t port, struct probe_socket *ret);
void probe_socket_close(struct probe_socket *s);

/* From now on the kernel tells when a datagram leaves (SO_TIMESTAMPING, by software). Poll for reading and for priority
 * data. What a driver does not stamp is never told. 0 or -errno. */
int probe_socket_watch_departures(struct probe_socket *s);

struct probe_envelope {
	struct wire_addr local; /* the source address */
	struct wire_addr remote;
	uint16_t remote_port;
	uint8_t tos;
};

/* *ret_id, where departures are watched, is the number by which this one's will be told; may be NULL. */
int probe_socket_send(
    struct probe_socket *s, const struct probe_envelope *envelope, const void *data, size_t length, uint32_t *ret_id);

/* When datagram *ret_id left, CLOCK_MONOTONIC. -EAGAIN: nothing more is known. */
int probe_socket_departure(struct probe_socket *s, uint32_t *ret_id, uint64_t *ret_at_ns);

/* -EAGAIN: no datagram waits. */
int probe_socket_receive(const struct probe_socket *s, struct probe_datagram *ret);

/* CLOCK_MONOTONIC, ns. */
uint64_t probe_now(void);
