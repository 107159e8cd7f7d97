/* SPDX-License-Identifier: BSD-2-Clause */
/* The POP's BPF programs and maps: one XDP and one tc egress program per interface, over maps that the POP's
 * interfaces share.
 *
 * Invariant: what kbpf_attach() attached stays attached, with the same maps, until kbpf_detach() or kbpf_remove():
 * the links and maps are pinned in a bpffs, so neither kbpf_close() nor SIGKILL nor a DPDK process that adopts the
 * program takes it off. The next kbpf_open() of the same directory finds everything again, values included.
 *
 * Functions that can fail for a reason outside the program take `why`, NULL or KBPF_WHY_SIZE bytes: on failure it holds
 * one line for the operator. All return 0 or -errno. Addresses as in wire/address.h; not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bpf.h"

#define KBPF_WHY_SIZE 256u

struct kbpf; /* the shared maps of one POP */

/* Opens or makes the maps pinned in `directory` (<run-dir>/bpf), mounting a bpffs there when there is none; in the
 * mount namespace of process 1 if ours is another one, since a namespace of `ip netns exec` ends with its last process
 * and would take the pins along. Pinned maps of another layout are replaced, with all that is attached to them.
 * *ret is freed by kbpf_close(). -EPERM, -EOPNOTSUPP: BPF cannot be used here, `why` says what is missing. */
int kbpf_open(const char *directory, struct kbpf **ret, char *why);

/* Frees memory and descriptors; the programs keep running. NULL is allowed. */
void kbpf_close(struct kbpf *k);

/* Takes every program of `directory` off its interface, unpins all, unmounts the bpffs and removes the
 * directory. Nothing there: 0. Data planes must have closed their ports. */
int kbpf_remove(const char *directory, char *why);

enum kbpf_mode { KBPF_NATIVE = 1, KBPF_GENERIC = 2 };

struct kbpf_attachment {
	enum kbpf_mode mode; /* generic where the driver refuses native XDP: an order slower */
	bool reused;         /* the program of an earlier process was found running and is the same */
	bool replaced;       /* one of another version was running and was exchanged without a gap */
};

/* Attaches (or finds attached) both programs on an interface of our namespace. A port opened by DPDK's net_af_xdp
 * afterwards, without xdp_prog=, adopts them. *ret may be NULL. -EBUSY: somebody else's XDP program is there. */
int kbpf_attach(struct kbpf *k, const char *interface, struct kbpf_attachment *ret, char *why);

int kbpf_detach(struct kbpf *k, const char *interface, char *why);

/* The whole configuration: offset of the stamps' clock, heartbeat limit, number of workers, STAMP source port. */
int kbpf_set_config(struct kbpf *k, const struct wire_bpf_config *config);
int kbpf_get_config(const struct kbpf *k, struct wire_bpf_config *ret);

/* CLOCK_REALTIME - CLOCK_MONOTONIC now, in ns, to a microsecond. */
int64_t kbpf_wall_clock_offset(void);

/* Packets to `address` go to the forwarder: all (a VIP, a NAT address) or the overlay's only (an address of ours; only
 * such addresses reflect STAMP). Setting again changes how. -E2BIG: WIRE_BPF_MAX_STEER reached. */
int kbpf_set_steer(struct kbpf *k, const struct wire_addr *address, enum wire_bpf_steer how);
/* -ENOENT: was not there. */
int kbpf_delete_steer(struct kbpf *k, const struct wire_addr *address);
/* After a restart: deletes every steered address that is not among keep[0..n). */
int kbpf_retain_steer(struct kbpf *k, const struct wire_addr *keep, size_t n);

/* STAMP between `local` (ours) and `remote` is answered and sampled; if it is authenticated, left to user space. Adding
 * twice keeps the state. */
int kbpf_add_peer(struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote, bool authenticated);
int kbpf_delete_peer(struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote);
int kbpf_get_peer(
    const struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote, struct wire_bpf_peer *ret);

/* What XDP counted of a probe that it left to user space. -ENOENT: nothing, or too long ago. */
struct kbpf_handed {
	uint32_t count;    /* of this probe in its session, from 0 */
	uint32_t answered; /* probes of the session that XDP has answered */
};
int kbpf_handed(const struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote,
    uint16_t sender_port, uint16_t session_id, uint32_t sequence, struct kbpf_handed *ret);

/* Walks the peers in no order: after == NULL gives one, -ENOENT none is left. Deleting `after` restarts the walk. */
int kbpf_next_peer(const struct kbpf *k, const struct wire_bpf_peer_key *after, struct wire_bpf_peer_key *ret);

/* The array that the data plane maps and beats in; belongs to k, duplicate it to keep it. */
int kbpf_heartbeat_fd(const struct kbpf *k);

/* Sums over CPUs, since the maps were made: ret[WIRE_BPF_COUNTER_COUNT]. */
int kbpf_read_counters(const struct kbpf *k, uint64_t *ret);
const char *kbpf_counter_name(unsigned counter);

/* Samples: poll kbpf_samples_fd() for reading, then kbpf_read_samples() gives each waiting one to on_sample, oldest
 * first and `most` at a time, and returns 0 or -errno. Those that waited since before kbpf_open() are dropped by it. One
 * reader. */
typedef void (*kbpf_on_sample)(void *context, const struct wire_bpf_sample *sample);
int kbpf_samples_fd(const struct kbpf *k);
int kbpf_read_samples(struct kbpf *k, unsigned most, kbpf_on_sample on_sample, void *context);
