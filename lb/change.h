/* SPDX-License-Identifier: BSD-2-Clause */
/* A transaction: from a snapshot and a list of changes to the next snapshot, or to one line that says what is wrong.
 *
 * Invariants:
 * - The snapshot that a transaction starts from is never touched; what both have alike they share.
 * - The first mistake decides: everything after it is refused with the same error.
 * - Work is in proportion to what changes, and to the parts that refer to it.
 *
 *   lb_change_begin -> lb_change_upsert, lb_change_delete ... -> lb_change_commit -> lb_change_free */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lb/snapshot.h"

#define LB_MAX_POPS        WIRE_CTL_MAX_POPS
#define LB_MAX_KEYS        16384u
#define LB_MAX_VIPS        65536u
#define LB_MAX_LISTENERS   262144u
#define LB_MAX_QUICS       65536u
#define LB_MAX_GROUPS      262144u
#define LB_MAX_ENDPOINTS   1048576u
#define LB_MAX_ADJACENCIES 65536u
#define LB_MIN_MTU         WIRE_CTL_MIN_MTU

/* Derives from a secret what the data plane needs per packet (key schedule); called once for each new key. */
typedef void lb_key_expand_fn(const uint8_t secret[16], uint8_t ret_annex[LB_KEY_ANNEX]);

struct lb_change;

/* A transaction on `previous` (NULL: empty), which it holds until lb_change_free(). full: what is not sent is gone at
 * the commit, but what is sent as it was stays shared. expand may be NULL. -ENOMEM. */
int lb_change_begin(struct lb_snapshot *previous, bool full, lb_key_expand_fn *expand, struct lb_change **ret_change);

/* What this transaction makes new has changed at now_ns: lb_listener and lb_group say so. Called before
 * the first upsert; without it, at 0. */
void lb_change_at(struct lb_change *change, uint64_t now_ns);

/* body: the struct wire_ctl_* of the object (not ROUTE), length bytes, any alignment. Checks the fields by themselves;
 * references are checked at the commit. 0, or -EINVAL, -ENOSPC (a limit), -ENOMEM with *ret_error filled in. */
int lb_change_upsert(struct lb_change *change, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error);

/* Only the key's fields of the body are read. -EINVAL if there is no such object. */
int lb_change_delete(struct lb_change *change, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error);

/* Checks the whole and makes the new snapshot, held by the caller. Its `active` takes over the state of paths that
 * were there before, and says primary for new ones: call lb_link_states_adopt() and lb_paths_recompute() before
 * workers see it. On failure nothing has changed and *ret_error says why. To be called once. */
int lb_change_commit(
    struct lb_change *change, uint64_t generation, struct lb_snapshot **ret_snapshot, struct wire_ctl_error *ret_error);

void lb_change_free(struct lb_change *change);
