/* SPDX-License-Identifier: BSD-2-Clause */
/* From the objects of wire/control.h to the state that workers see: one transaction at a time, whole or not at all.
 *
 *   dp_transaction_begin -> upsert, delete ... -> commit -> settle until it is true
 *
 * Invariants:
 * - Until dp_transaction_commit returns 0 nothing has changed; after the first mistake nothing will.
 * - Between a commit and the settlement two states live, and no other transaction begins.
 *
 * Main thread only. Tests use it to say what the workers know. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/workers.h"

struct dp_transactions;

int dp_transactions_create(struct dp_workers *set, struct dp_transactions **ret_t);

/* Workers must have stopped. They are left with the set's empty state. */
void dp_transactions_destroy(struct dp_transactions *t);

/* generation must be above the last committed one. 0; -EBUSY while one is open or unsettled; -EINVAL, -ENOMEM. */
int dp_transaction_begin(struct dp_transactions *t, uint64_t generation, bool full, struct wire_ctl_error *ret_error);

/* body: the object's struct of wire/control.h, any alignment. 0, or -errno with *ret_error filled in: then the
 * transaction is over. */
int dp_transaction_upsert(struct dp_transactions *t, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error);
int dp_transaction_delete(struct dp_transactions *t, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error);

/* Publish to the workers. On failure the transaction is over, too. */
int dp_transaction_commit(struct dp_transactions *t, struct wire_ctl_error *ret_error);

/* Forget what was begun. */
void dp_transaction_abort(struct dp_transactions *t);

/* Whether every worker has taken the last committed state (then the one before is freed). Never waits. */
bool dp_transaction_settle(struct dp_transactions *t);

bool dp_transaction_open(const struct dp_transactions *t);
uint64_t dp_transaction_next_generation(const struct dp_transactions *t); /* of the open one */
uint64_t dp_transaction_generation(const struct dp_transactions *t);      /* the last one committed; 0: none */
const struct dp_state *dp_transaction_state(const struct dp_transactions *t);
uint32_t dp_transaction_routes(const struct dp_transactions *t);
