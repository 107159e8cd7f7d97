/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane's side of wire/control.h with one client, without the socket: datagrams in, one outbox out.
 *
 * Invariants:
 * - Nothing but HELLO is taken before HELLO.
 * - A message that is refused is answered with one ERROR and changes nothing; the rest of its transaction is ignored up
 *   to the next BEGIN.
 * - What cannot go on at once (a commit that workers have not taken, a full command ring) is held, and nothing
 *   overtakes it.
 * - Rows of traces and queries never take the room that answers need. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/control_message.h"
#include "dataplane/transaction.h"

struct dp_session;

/* boot_id: random, of this process. The transactions must outlive the session. */
int dp_session_create(
    struct dp_workers *set, struct dp_transactions *transactions, uint64_t boot_id, struct dp_session **ret_session);
void dp_session_destroy(struct dp_session *s);

/* A client has connected. */
void dp_session_start(struct dp_session *s);

/* It is gone: what it had begun is forgotten, what it had committed stays. */
void dp_session_end(struct dp_session *s);

/* Whether a datagram may be given: nothing is held, and there is room for the answers. */
bool dp_session_ready(const struct dp_session *s);

/* A datagram of at most WIRE_CTL_MAX_DATAGRAM bytes, and the descriptor that came with it (-1: none), which becomes the
 * session's. Returns 0, or -EPROTO: the client speaks another version; send the outbox and end the connection. */
int dp_session_receive(struct dp_session *s, const void *datagram, size_t size, int fd);

/* Goes on with what is held, and passes the workers' events on. Call it often. Returns as dp_session_receive. */
int dp_session_poll(struct dp_session *s);

/* Whether dp_session_poll has something to wait for that no descriptor tells of. */
bool dp_session_busy(const struct dp_session *s);

/* Whether an event waits in a ring that dp_session_poll would take. */
bool dp_session_events_wait(const struct dp_session *s);

/* What is to be sent; the caller empties it. */
struct dp_outbox *dp_session_outbox(struct dp_session *s);
