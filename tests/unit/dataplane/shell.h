/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker set, its transactions and a session, without privileges, hugepages or sockets; and the messages that a kuafud
 * would send. */
#pragma once

#include <time.h>

#include "dataplane/session.h"

struct shell {
	struct dp_workers *set;
	struct dp_transactions *transactions;
	struct dp_session *session;
};

/* A set of `workers` workers and two ports, and a session with a client that has not said HELLO. */
void shell_start(struct shell *s, uint16_t workers);
/* With ports of that MTU. */
void shell_start_wide(struct shell *s, uint16_t workers, uint16_t mtu);
void shell_end(struct shell *s);

/* Worker `id` on a thread of its own; its heart beats. shell_stop() ends all of them, and the rest. */
void shell_run(struct shell *s, uint16_t id);
clockid_t shell_cpu_clock(uint16_t id); /* of its thread */
void shell_stop(struct shell *s);

/* One message to the session. Returns what dp_session_receive does. */
int shell_send(struct shell *s, enum wire_ctl_type type, enum wire_ctl_object object, uint64_t generation,
    const void *body, size_t length);
int shell_hello(struct shell *s);

/* BEGIN, SETTINGS if it is full, these objects, COMMIT, each in its own datagram. */
struct shell_row {
	enum wire_ctl_object object;
	const void *body;
	size_t length;
};
void shell_commit(struct shell *s, uint64_t generation, bool full, const struct shell_row *rows, size_t n);

/* The next message in the outbox; its type, or 0: none. The body is good until the next call of any of these. */
enum wire_ctl_type shell_take(struct shell *s, struct wire_ctl_header *ret_header, const void **ret_body);

/* Takes all messages; the text of the first ERROR, or "". */
const char *shell_error(struct shell *s);

struct wire_addr shell_address(const char *text);
struct wire_ctl_route shell_route(const char *prefix, unsigned v4_bits, uint32_t adjacency, uint32_t port);
struct wire_ctl_adjacency shell_adjacency(uint32_t id, uint16_t port);
