/* SPDX-License-Identifier: BSD-2-Clause */
/* What sessions.c shares with its two ways of stamping, stamps_ebpf.c and stamps_user.c. */
#pragma once

#include "probes/sessions.h"
#include "probes/socket.h"

#define REFLECTED_SENDERS 4u /* user space: sender ports or session ids that one link's far end may use at a time */

/* The stateful reflector's count for one sender (user space only). */
struct reflected {
	uint16_t port, session_id;
	uint32_t next_sequence;
	uint64_t used_ns; /* 0: free */
};

struct session {
	struct probe_link link;
	uint16_t session_id; /* index in probe_sessions.slots, plus one */
	uint64_t next_send_ns;
	struct probe_estimator estimator;
	struct reflected reflected[REFLECTED_SENDERS];
};

struct probe_sessions {
	uv_loop_t *loop;
	struct kbpf *kbpf; /* NULL: user space */
	struct probe_events events;
	uint64_t interval_ns;
	int64_t test_offset_ns;
	int64_t clock_offset_ns; /* wall clock and test offset, from CLOCK_MONOTONIC: what all stamps of this POP use */
	uint64_t clock_checked_ns;
	uint32_t workers;
	struct session *slots[WIRE_BPF_MAX_PEERS];
	uint32_t n_slots; /* one past the highest in use */

	struct probe_socket sender;
	struct probe_socket reflector; /* user space only */
	int heartbeat_fd;              /* user space only: a memfd; its mapping follows */
	const uint64_t *heartbeat;

	uv_timer_t timer;
	uv_poll_t arrivals; /* eBPF: the ring buffer; user space: the sender's socket */
	uv_poll_t probes;   /* user space: the reflector's socket */
	unsigned open_handles;
};

/* A reply, its address pair and session id being known to be `session`'s. */
void probe_sessions_take(struct probe_sessions *s, struct session *session, const struct probe_reply *reply);

/* NULL: no such pair. */
struct session *probe_sessions_by_pair(
    struct probe_sessions *s, const struct wire_addr *local, const struct wire_addr *remote);

int stamps_ebpf_open(struct probe_sessions *s, char *why);
int stamps_ebpf_configure(struct probe_sessions *s);
/* Gives what waits to probe_sessions_take(). */
void stamps_ebpf_read(struct probe_sessions *s);
/* Tells the session's estimator when the other end's last probe came. */
void stamps_ebpf_hear(struct probe_sessions *s, struct session *session);
/* The offset that an earlier process left, if it is still right: then its stamps and ours are of one clock. */
int64_t stamps_ebpf_clock(const struct probe_sessions *s, int64_t measured_ns);

int stamps_user_open(struct probe_sessions *s, char *why);
void stamps_user_close(struct probe_sessions *s);
void stamps_user_read(struct probe_sessions *s);
