/* SPDX-License-Identifier: BSD-2-Clause */
/* What sessions.c shares with the reflector on a socket (reflector.c), with the two ways in which replies come
 * (stamps_ebpf.c, stamps_user.c), and with the probes of a size (sized.c). */
#pragma once

#include "probes/accuracy.h"
#include "probes/clock.h"
#include "probes/mtu.h"
#include "probes/sessions.h"
#include "probes/socket.h"
#include "probes/stamp.h"

#define REFLECTED_SENDERS 4u   /* sender ports or session ids that one link's far end may use at a time */
#define KEPT_PROBES       128u /* of authenticated mode, 1.3 s at 100 Hz; a reply to an older one is ignored */
#define KEPT_SIZED        8u   /* probes of a size; a reply to an older one is ignored */
#define DEPARTURES        256u /* datagrams whose departure is awaited at a time */

/* What the reflector knows of one sender. */
struct reflected {
	uint16_t port, session_id;
	uint32_t next_sequence; /* our count; not used where XDP counts */
	uint32_t answered;
	uint64_t used_ns; /* 0: free */
	/* Authenticated mode: probes that came, as in a window of 64 up to the highest; no probe is answered twice. */
	bool any;
	uint32_t highest;
	uint64_t window;
	/* When the last answer whose departure is known left: follow-up telemetry. */
	bool departed;
	uint32_t departed_sequence;
	uint64_t departed_ns;
};

/* A probe of authenticated mode: what was written into it, and when it really left (0: not known). Wall-clock ns. */
struct kept {
	uint32_t sequence;
	uint64_t t1;
	uint64_t left_t1;
};

/* A probe of a size: what was written into it. size 0: none, or it was answered. */
struct sized {
	uint32_t sequence;
	uint16_t size;
	uint64_t t1;
};

struct session {
	struct probe_link link;
	uint16_t session_id; /* a random number: whoever does not see our probes cannot guess it */
	bool id_known;       /* a reply has had it: the reflector is none that gives back zeroes (RFC 8972, 3) */
	uint64_t next_send_ns;
	struct probe_estimator estimator;
	struct probe_accuracy accuracy; /* of plain probes, where XDP stamps */
	struct reflected reflected[REFLECTED_SENDERS];
	struct kept kept[KEPT_PROBES];
	struct {
		bool any;
		uint32_t sequence, reflector_sequence;
		uint64_t t3;
	} last_reply; /* of authenticated mode */
	uint64_t refused[PROBE_REFUSAL_COUNT];
	struct probe_mtu mtu;
	struct sized sized[KEPT_SIZED];
	uint32_t next_sized;
};

/* Datagrams of one socket that have not left yet, by the kernel's number. */
struct departures {
	struct departure {
		bool awaited;
		uint32_t id;
		uint16_t session_id; /* ours */
		uint8_t sender;      /* reflector: index of the session's struct reflected */
		uint16_t port;       /* and its port */
		uint32_t sequence;
	} row[DEPARTURES];
};

struct probe_sessions {
	uv_loop_t *loop;
	struct kbpf *kbpf; /* NULL: user space */
	struct probe_events events;
	uint64_t interval_ns;
	int64_t test_offset_ns;
	int64_t clock_offset_ns; /* wall clock and test offset, from CLOCK_MONOTONIC: what all stamps of this POP use */
	enum wire_stamp_sync clock_source;
	struct probe_clock clock;
	uint64_t clock_checked_ns;
	uint32_t workers;
	bool stateless, answer_any;
	struct session *slots[WIRE_BPF_MAX_PEERS];
	uint32_t n_slots;           /* one past the highest in use */
	uint16_t slot_of[1u << 16]; /* by session id: index in slots, plus one; 0: none */
	struct probe_strangers strangers;

	struct probe_socket sender;    /* unauthenticated probes; with eBPF their replies come by the ring */
	struct probe_socket sealed;    /* authenticated ones */
	struct probe_socket sized;     /* those of a size, with or without authentication */
	struct probe_socket reflector; /* all that XDP does not answer */
	struct departures sealed_departures, reflector_departures;
	int heartbeat_fd; /* user space only: a memfd */
	const uint64_t *heartbeat;

	uv_timer_t timer;
	uv_poll_t arrivals; /* eBPF: the ring buffer; user space: the sender's socket */
	uv_poll_t replies;  /* of authenticated mode */
	uv_poll_t sizes;    /* replies to probes of a size */
	uv_poll_t probes;   /* the reflector's socket */
	unsigned open_handles;
};

/* A reply, its address pair and session id being known to be `session`'s. */
void probe_sessions_take(struct probe_sessions *s, struct session *session, const struct probe_reply *reply);

/* NULL: no such pair. */
struct session *probe_sessions_by_pair(
    struct probe_sessions *s, const struct wire_addr *local, const struct wire_addr *remote);
/* By the id that our probes carry; NULL: none. */
struct session *probe_sessions_by_id(struct probe_sessions *s, uint16_t session_id);

/* Whether a reply with this id, from this session's pair of addresses, is this session's. */
bool probe_session_is(struct session *session, uint16_t session_id);

/* Awaits that datagram; one that was awaited for very long is forgotten. */
void departures_await(struct departures *d, struct departure departure);
/* The one that is awaited under this number, which it is then no longer; NULL: none. */
const struct departure *departures_take(struct departures *d, uint32_t id);

int stamps_ebpf_configure(struct probe_sessions *s);
/* Gives what waits to probe_sessions_take(). */
void stamps_ebpf_read(struct probe_sessions *s);
/* Tells the session's estimator when the other end's last probe came. */
void stamps_ebpf_hear(struct probe_sessions *s, struct session *session);
/* The offset that an earlier process left, if it is still right: then its stamps and ours are of one clock. */
int64_t stamps_ebpf_clock(const struct probe_sessions *s, int64_t measured_ns);

/* Unauthenticated replies, without eBPF. */
void stamps_user_read(struct probe_sessions *s);
/* Authenticated replies, and when our probes left. */
void stamps_sealed_read(struct probe_sessions *s);

/* Sends what the session's link is to be tried with now, if it is up and anything is. */
void sized_send(struct probe_sessions *s, struct session *session, uint64_t now);
void sized_read(struct probe_sessions *s);

int reflector_open(struct probe_sessions *s, char *why);
void reflector_close(struct probe_sessions *s);
void reflector_read(struct probe_sessions *s);
