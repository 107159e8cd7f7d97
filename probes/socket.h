/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP socket for both address families that says when, where and with which TTL a datagram came. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define PROBE_DATAGRAM_BYTES 2048u /* longer ones are cut, and so no longer what they say they are */

struct probe_socket {
	int fd;
	bool v4_only; /* a kernel without IPv6 */
};

struct probe_datagram {
	struct wire_addr local;
	struct wire_addr remote;
	uint16_t remote_port;
	uint8_t ttl;
	bool cut;
	uint64_t arrival_ns; /* CLOCK_MONOTONIC, from the kernel's stamp */
	size_t length;
	uint8_t data[PROBE_DATAGRAM_BYTES];
};

/* Non-blocking, bound to `port` of every address, sending with TTL 255. 0 or -errno; *ret then stays untouched. */
int probe_socket_open(uint16_t port, struct probe_socket *ret);
void probe_socket_close(struct probe_socket *s);

/* local: the source address. */
int probe_socket_send(const struct probe_socket *s, const struct wire_addr *local, const struct wire_addr *remote,
    uint16_t remote_port, const void *data, size_t length);

/* -EAGAIN: no datagram waits. */
int probe_socket_receive(const struct probe_socket *s, struct probe_datagram *ret);

/* CLOCK_MONOTONIC, ns. */
uint64_t probe_now(void);
