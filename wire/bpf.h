/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the BPF programs and the user-space halves of ebpf/ and probes/ share: the layouts of map keys and values.
 * Addresses are struct wire_addr; L4 ports and the rest are in host order unless said otherwise. */
#pragma once

#include "wire/address.h"

#define WIRE_BPF_MAX_WORKERS     64u
#define WIRE_BPF_MAX_PEERS       1024u
#define WIRE_BPF_PEER_SESSIONS   8u /* of one pair of addresses */
#define WIRE_BPF_MAX_SESSIONS    (WIRE_BPF_MAX_PEERS * WIRE_BPF_PEER_SESSIONS)
#define WIRE_BPF_SESSION_IDLE_NS 1000000000u
#define WIRE_BPF_MAX_STEER       4096u

/* More replies of one peer in so long a time are forged: 1000 Hz at most, each of them twice. They cannot push those of
 * other peers out of the ring. */
#define WIRE_BPF_FLOOD_NS      100000000u
#define WIRE_BPF_FLOOD_SAMPLES 200u

/* Map `config`, one entry. */
struct wire_bpf_config {
	int64_t clock_offset_ns; /* added to CLOCK_MONOTONIC for the stamps: wall clock, plus the lab's test offset */
	uint64_t heartbeat_max_age_ns; /* an older heartbeat of any worker silences the reflector */
	uint32_t workers;        /* entries of the heartbeat array that must be fresh; 0: the reflector is silent */
	uint16_t error_estimate; /* host order, as in wire/stamp.h */
	uint16_t sender_port;    /* UDP source of our STAMP senders; 0: user space stamps, T1 and T4 are left alone */
	uint32_t stateless;      /* the reflector counts nothing and gives the sender's sequence number back */
	uint32_t reserved;
};

/* Map `heartbeat`, BPF_F_MMAPABLE: WIRE_BPF_MAX_WORKERS entries of uint64_t, CLOCK_MONOTONIC ns, one writer each. */

/* Map `steer`: struct wire_addr (a packet's destination) to uint32_t, one of these. */
enum wire_bpf_steer {
	WIRE_STEER_ALL = 1,     /* a VIP or NAT address: every packet */
	WIRE_STEER_OVERLAY = 2, /* an address of ours: UDP to port 6081 only, the kernel has the rest */
};

/* Map `peers`: the address pairs whose probes are answered and whose replies are sampled. No entry: the kernel's. */
struct wire_bpf_peer_key {
	struct wire_addr remote;
	struct wire_addr local;
};

struct wire_bpf_peer {
	uint64_t last_arrival_ns; /* CLOCK_MONOTONIC of the last good probe from remote, answered or not; 0: none yet */
	uint64_t packets;         /* probes that came */
	uint64_t refused;         /* probes and replies that were too short, or lied about length or checksum */
	uint64_t sampled_from_ns; /* replies are counted from here on, for WIRE_BPF_FLOOD_NS */
	uint32_t sampled;
	uint32_t authenticated; /* all its probes are for user space, which alone can verify them; the rest is 0 then */
};

/* Map `sessions`: the stateful reflector's counts. A probe's source can be forged, so no pair of addresses has more than
 * a few places, and no session takes the place of one that was heard within WIRE_BPF_SESSION_IDLE_NS. */
struct wire_bpf_session_key {
	struct wire_addr sender;
	struct wire_addr reflector;
	uint32_t place; /* below WIRE_BPF_PEER_SESSIONS; the first to be tried is that of sender's port ^ session id */
	uint32_t reserved; /* 0 */
};

#define WIRE_BPF_HANDED 8u /* probes of a session that are on their way to user space at a time */

struct wire_bpf_session {
	uint32_t next_sequence; /* RFC 8762, 4.3: counts the probes that arrived while the reflector answered */
	uint16_t sender_port;
	uint16_t session_id;
	uint64_t heard_ns; /* CLOCK_MONOTONIC of its last probe */
	uint32_t answered; /* by XDP */
	uint32_t reserved;
	struct {
		uint32_t asked; /* the sender's sequence number, at index asked % WIRE_BPF_HANDED */
		uint32_t count; /* what the answer's is to be */
	} handed[WIRE_BPF_HANDED];
};

/* One reply, in the ring buffer `samples`. Times are wall-clock ns of the respective POP. */
struct wire_bpf_sample {
	struct wire_addr reflector;
	struct wire_addr local;
	uint16_t session_id;
	uint16_t sender_port;        /* ours */
	uint32_t sequence;           /* ours */
	uint32_t reflector_sequence; /* its count */
	uint8_t ttl;
	uint8_t sender_ttl;
	uint16_t reserved;
	uint64_t t1, t2, t3, t4;
	uint64_t arrival_ns; /* T4 as CLOCK_MONOTONIC */
};

/* Map `counters`, per CPU: one row each, name for humans. */
#define WIRE_BPF_COUNTERS(X)                                                                                           \
	X(STEERED, "steered")                                                                                          \
	X(PASSED, "passed")                                                                                            \
	X(NO_SOCKET, "no-socket")                                                                                      \
	X(REFLECTED, "reflected")                                                                                      \
	X(REFLECT_SILENT, "reflect-silent")                                                                            \
	X(REFLECT_UNKNOWN, "reflect-unknown")                                                                          \
	X(REFLECT_BAD, "reflect-bad")                                                                                  \
	X(REFLECT_HANDED, "reflect-handed")                                                                            \
	X(SAMPLED, "sampled")                                                                                          \
	X(SAMPLE_LOST, "sample-lost")                                                                                  \
	X(SAMPLE_FLOOD, "sample-flood")                                                                                \
	X(STAMPED, "stamped")

#define WIRE_BPF_COUNTER_ENUM(symbol, name) WIRE_BPF_##symbol,
enum wire_bpf_counter { WIRE_BPF_COUNTERS(WIRE_BPF_COUNTER_ENUM) WIRE_BPF_COUNTER_COUNT };
#undef WIRE_BPF_COUNTER_ENUM

_Static_assert(sizeof(struct wire_bpf_config) == 32, "map value");
_Static_assert(sizeof(struct wire_bpf_session_key) == 40, "map key");
_Static_assert(sizeof(struct wire_bpf_session) == 88, "map value");
_Static_assert(sizeof(struct wire_bpf_peer_key) == 32, "map key");
_Static_assert(sizeof(struct wire_bpf_peer) == 40, "map value");
_Static_assert(sizeof(struct wire_bpf_sample) == 88, "ring record");
