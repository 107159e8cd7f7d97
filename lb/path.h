/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths from this POP to another one, each with its backup, and which of the two is in use.
 *
 * Invariant: the choice is one byte per path, active[path->slot], written by one thread, the
 * owner of the link states (the data plane's worker 0), when a link changes or a new snapshot comes, and read by all
 * workers with one relaxed load; so a failure needs no new snapshot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lb/object.h"

#define LB_CLASSES   WIRE_CTL_MAX_CLASSES /* a path is one of (POP, class) */
#define LB_MAX_LINKS WIRE_CTL_MAX_LINKS
#define LB_MAX_PATHS 16384u

/* What the PATH option of packets along it holds, and where they start. */
struct lb_leg {
	uint8_t count; /* hops, 0: there is no such leg */
	uint8_t reserved;
	uint16_t mtu;                                 /* of the outer packet: the smallest on the way, bytes */
	struct wire_path_hop hop[WIRE_PATH_MAX_HOPS]; /* pop in network order */
	const struct lb_link *first;                  /* link that leaves this POP */
	uint32_t slot[WIRE_PATH_MAX_HOPS];            /* of its links, for link states */
};

enum lb_active { LB_ACTIVE_PRIMARY = 0, LB_ACTIVE_BACKUP = 1, LB_ACTIVE_NONE = 2 };

struct lb_path {
	struct lb_object object;
	uint32_t slot; /* stays while (to_pop, class) has a path, below LB_MAX_PATHS */
	uint32_t reserved;
	struct wire_ctl_path row;
	struct lb_leg leg[2]; /* enum lb_active */
};

/* Up or down of each link, by slot. One thread's own (the data plane's worker 0); id tells whose state it is, as
 * slots are reused. */
struct lb_link_states {
	uint32_t id[LB_MAX_LINKS];
	uint8_t up[LB_MAX_LINKS];
	bool known[LB_MAX_LINKS]; /* the slot has had a link */
};

struct lb_snapshot;

/* Gives links that are new in the snapshot, or new in their slot, a first state: own for links that leave this POP,
 * foreign for the others. Zero-initialise states before the first call. Before lb_paths_recompute() after a commit. */
void lb_link_states_adopt(struct lb_link_states *states, const struct lb_snapshot *s, bool own, bool foreign);

/* active[slot] of every path of the snapshot := primary if all its links are up, else backup if all of that are, else
 * none. active is the snapshot's own array or one of s->active_size bytes, so that the caller can compare. Stores are
 * atomic and relaxed. */
void lb_paths_recompute(const struct lb_snapshot *s, const struct lb_link_states *states, uint8_t active[]);
