/* SPDX-License-Identifier: BSD-2-Clause */
/* This POP's STAMP sessions: a sender towards each link's far end and the reflector for theirs, on a libuv loop.
 *
 * With eBPF (`kbpf` given) the programs of ebpf/ stamp probes and replies and answer the far ends' plain probes; the
 * owner must have attached them and steered our addresses (kbpf_set_steer with WIRE_STEER_OVERLAY). Without it the
 * kernel's receive stamps serve. A socket on UDP 862 answers what XDP leaves to it: probes with extensions, of
 * authenticated links, and of strangers where they are answered.
 *
 * An authenticated link (RFC 8762, 4.2.2 and 4.3.2) sends, answers and believes nothing that is not signed. Its stamps
 * stand before the HMAC and are never written after it: what a probe's T1 should have been is kept here, and of an
 * answer's T3 the next answer tells it (RFC 8972, 4.7).
 *
 * Probes of a size find what each link takes (probes/mtu.h): two when it is new, then one in 10 s.
 *
 * The reflector answers only addresses that are a link's remote end, unless told otherwise, and only while every
 * worker's heartbeat is fresh; never with more bytes than it got. Probes of all links are spread evenly over the
 * interval. Not thread-safe. */
#pragma once

#include <uv.h>

#include "ebpf/kbpf.h"
#include "probes/accuracy.h"
#include "probes/estimator.h"
#include "probes/hmac.h"
#include "probes/mtu.h"
#include "wire/address.h"
#include "wire/stamp_tlv.h"

#define PROBE_SENDER_PORT  18862u     /* UDP source port of the senders, the same in every life; not ephemeral */
#define PROBE_SEALED_PORT  18863u     /* of authenticated ones: what tc and XDP stamp has the other */
#define PROBE_SIZED_PORT   18864u     /* of those that find what a link takes */
#define PROBE_HEARTBEAT_NS 100000000u /* an older heartbeat of a worker silences the reflector: DESIGN, section 6 */
#define PROBE_INTERVAL_NS  50000000u  /* 20 Hz */

struct probe_sessions;

struct probe_link {
	uint32_t link;     /* the owner's id, unique */
	uint16_t from_pop; /* ours */
	uint16_t to_pop;
	uint8_t local_link;
	uint8_t remote_link;
	struct wire_addr local;
	struct wire_addr remote;
	uint64_t interval_ns;         /* 0: that of the options */
	uint16_t mtu;                 /* as configured, bytes of the IP packet; 0: it is not looked for */
	bool authenticated;           /* in both directions: */
	struct probe_keys keys;       /* of our probes and the replies to them */
	struct probe_keys their_keys; /* of theirs and our answers */
};

/* Probes and replies of a link that were not what they should be: counted, and neither answered nor believed. */
#define PROBE_REFUSALS(X)                                                                                              \
	X(SHORT, "short")                     /* or it says another length than it has */                              \
	X(FORGED, "forged")                   /* a wrong HMAC */                                                       \
	X(UNAUTHENTICATED, "unauthenticated") /* on a link that is authenticated */                                    \
	X(REPLAYED, "replayed")               /* an authenticated probe that had come before */                        \
	X(CROWDED, "crowded")                 /* more senders at one address than are counted at a time */

#define PROBE_REFUSAL_ENUM(symbol, name) PROBE_REFUSED_##symbol,
enum probe_refusal { PROBE_REFUSALS(PROBE_REFUSAL_ENUM) PROBE_REFUSAL_COUNT };
#undef PROBE_REFUSAL_ENUM
const char *probe_refusal_name(enum probe_refusal refusal);

struct probe_strangers { /* probes of addresses that are no link's remote end */
	uint64_t answered, refused;
};

struct probe_events {
	void *owner;
	/* Every answered probe. May be NULL. */
	void (*on_sample)(void *owner, uint32_t link, const struct probe_sample *sample);
	/* A link went up or down; at_ns is CLOCK_MONOTONIC. A new link is down, without an event. May remove links. */
	void (*on_state)(void *owner, uint32_t link, bool up, enum probe_cause cause, uint64_t at_ns);
};

struct probe_options {
	struct kbpf *kbpf;                 /* NULL: user-space stamps. Outlives the sessions. */
	uint64_t interval_ns;              /* 0: PROBE_INTERVAL_NS */
	int64_t test_clock_offset_ns;      /* added to every stamp of this POP */
	enum wire_stamp_sync clock_source; /* what sets the wall clock while it is synchronised; 0: NTP */
	bool stateless;   /* the reflector counts nothing and gives the sender's sequence number back: RFC 8762, 4.3 */
	bool answer_any;  /* strangers are answered too, statelessly */
	uint32_t workers; /* of the data plane, whose heartbeats must be fresh; 0: the reflector stays silent */
};

/* Opens sockets and timers on `loop`. *ret is freed by probe_sessions_close(). -EADDRINUSE: another daemon probes from
 * here. `why`: NULL or KBPF_WHY_SIZE bytes for one line. */
int probe_sessions_open(uv_loop_t *loop, const struct probe_options *options, const struct probe_events *events,
    struct probe_sessions **ret, char *why);

/* Stops; its memory goes when the loop has closed the handles, so run the loop once more. With eBPF the peers stay in
 * the maps: the reflector answers while kuafud is away. NULL is allowed. */
void probe_sessions_close(struct probe_sessions *s);

/* The data plane said HELLO: this many workers beat from now on. */
int probe_sessions_set_workers(struct probe_sessions *s, uint32_t workers);

/* Memory of WIRE_BPF_MAX_WORKERS uint64_t for HEARTBEAT_MAP: the BPF array, or a memfd of the same layout without eBPF.
 * Belongs to s; sendmsg() duplicates it. */
int probe_sessions_heartbeat_fd(const struct probe_sessions *s);

/* -EEXIST: link id or address pair is probed already. -EINVAL: addresses of two families, or an authenticated link
 * without keys. */
int probe_sessions_add(struct probe_sessions *s, const struct probe_link *link);
/* -ENOENT. In eBPF mode the far end is no longer answered either. */
int probe_sessions_remove(struct probe_sessions *s, uint32_t link);
/* -ENOENT. */
int probe_sessions_get(const struct probe_sessions *s, uint32_t link, struct probe_estimate *ret);
/* What is known of the link's MTU. -ENOENT, also where it is not looked for. */
int probe_sessions_get_mtu(const struct probe_sessions *s, uint32_t link, struct probe_mtu *ret);
/* Another one is configured: if so, the search begins anew. -ENOENT. */
int probe_sessions_set_mtu(struct probe_sessions *s, uint32_t link, uint16_t mtu);
/* What was refused of a link's since it was added. -ENOENT. */
int probe_sessions_get_refused(const struct probe_sessions *s, uint32_t link, uint64_t ret[PROBE_REFUSAL_COUNT]);
/* Of the probes that were answered at from_ns (monotonic) or later; none without eBPF and on authenticated links.
 * -ENOENT. */
int probe_sessions_get_accuracy(
    const struct probe_sessions *s, uint32_t link, uint64_t from_ns, struct probe_accuracy_estimate *ret);
struct probe_strangers probe_sessions_strangers(const struct probe_sessions *s);
/* Other keys of an authenticated link, from the next packet on. -ENOENT, -EINVAL. */
int probe_sessions_set_keys(
    struct probe_sessions *s, uint32_t link, const struct probe_keys *keys, const struct probe_keys *their_keys);
/* After a restart, when all links have been added: stops answering pairs that are no longer links. */
int probe_sessions_forget_others(struct probe_sessions *s);
