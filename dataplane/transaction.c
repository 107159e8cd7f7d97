/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/auth.h"
#include "dataplane/clock.h"
#include "dataplane/routes.h"
#include "dataplane/worker_set.h"
#include "lb/change.h"

_Static_assert(sizeof(struct dp_auth_key) <= LB_KEY_ANNEX, "a key made ready fits beside its row");

struct dp_transactions {
	struct dp_workers *set;
	struct dp_routes *routes;
	struct dp_state *state; /* NULL: still the set's empty one */
	uint64_t generation;

	bool open;
	uint64_t next_generation;
	struct lb_change *change;
	struct dp_route_changes *route_changes;

	bool unsettled;
	uint64_t token; /* of QSBR */
	struct dp_state *old;
	struct dp_routes_garbage *garbage;
};

static int refuse(struct wire_ctl_error *ret_error, int code, uint16_t object, const char *text)
{
	*ret_error = (struct wire_ctl_error){.code = code, .object = object};
	snprintf(ret_error->text, sizeof(ret_error->text), "%s", text);
	return code;
}

static void expand_key(const uint8_t secret[16], uint8_t ret_annex[LB_KEY_ANNEX])
{
	struct dp_auth_key key;
	dp_auth_expand(&key, secret);
	memcpy(ret_annex, &key, sizeof(key));
}

void dp_transaction_abort(struct dp_transactions *t)
{
	lb_change_free(t->change);
	dp_route_changes_free(t->route_changes);
	t->change = NULL;
	t->route_changes = NULL;
	t->open = false;
}

int dp_transaction_begin(struct dp_transactions *t, uint64_t generation, bool full, struct wire_ctl_error *ret_error)
{
	if (t->open || t->unsettled)
		return refuse(ret_error, -EBUSY, 0, "BEGIN: another transaction is not finished");
	if (generation <= t->generation) {
		char text[sizeof(ret_error->text)];
		snprintf(text, sizeof(text), "BEGIN: generation %llu, but %llu is committed; go on from there",
		    (unsigned long long)generation, (unsigned long long)t->generation);
		return refuse(ret_error, -EINVAL, 0, text);
	}
	struct lb_snapshot *base = t->state != NULL ? (struct lb_snapshot *)t->state->snapshot : NULL;
	int error = lb_change_begin(base, full, expand_key, &t->change);
	if (error == 0)
		error = dp_route_changes_begin(t->routes, full, &t->route_changes);
	if (error != 0) {
		dp_transaction_abort(t);
		return refuse(ret_error, error, 0, "BEGIN: out of memory");
	}
	lb_change_at(t->change, dp_clock_ns(CLOCK_MONOTONIC));
	t->next_generation = generation;
	t->open = true;
	return 0;
}

static int route_row(const void *body, size_t length, struct wire_ctl_route *ret_row, struct wire_ctl_error *ret_error)
{
	if (length != sizeof(*ret_row))
		return refuse(ret_error, -EINVAL, WIRE_OBJ_ROUTE, "route: the row has another size");
	memcpy(ret_row, body, sizeof(*ret_row));
	return 0;
}

int dp_transaction_upsert(struct dp_transactions *t, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error)
{
	if (!t->open)
		return refuse(ret_error, -EINVAL, (uint16_t)object, "UPSERT outside a transaction");
	struct wire_ctl_route row;
	int error = 0;
	if (object != WIRE_OBJ_ROUTE) {
		error = lb_change_upsert(t->change, object, body, length, ret_error);
	} else {
		error = route_row(body, length, &row, ret_error);
		if (error == 0)
			error = dp_route_changes_upsert(t->route_changes, &row, ret_error);
	}
	if (error != 0)
		dp_transaction_abort(t);
	return error;
}

int dp_transaction_delete(struct dp_transactions *t, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error)
{
	if (!t->open)
		return refuse(ret_error, -EINVAL, (uint16_t)object, "DELETE outside a transaction");
	struct wire_ctl_route row;
	int error = 0;
	if (object != WIRE_OBJ_ROUTE) {
		error = lb_change_delete(t->change, object, body, length, ret_error);
	} else {
		error = route_row(body, length, &row, ret_error);
		if (error == 0)
			error = dp_route_changes_delete(t->route_changes, &row, ret_error);
	}
	if (error != 0)
		dp_transaction_abort(t);
	return error;
}

/* The next state, complete but not yet published. */
static int build(struct dp_transactions *t, struct dp_state **ret_state, struct wire_ctl_error *ret_error)
{
	struct lb_snapshot *snapshot = NULL;
	struct dp_state *state = calloc(1, sizeof(*state));
	if (state == NULL)
		return refuse(ret_error, -ENOMEM, 0, "COMMIT: out of memory");
	int error = lb_change_commit(t->change, t->next_generation, &snapshot, ret_error);
	if (error == 0)
		error = dp_routes_commit(t->routes, t->route_changes, snapshot, state, &t->garbage, ret_error);
	if (error != 0) {
		lb_snapshot_put(snapshot);
		free(state);
		return error;
	}
	state->snapshot = snapshot;
	state->generation = t->next_generation;
	*ret_state = state;
	return 0;
}

int dp_transaction_commit(struct dp_transactions *t, struct wire_ctl_error *ret_error)
{
	if (!t->open)
		return refuse(ret_error, -EINVAL, 0, "COMMIT outside a transaction");
	struct dp_state *state = NULL;
	int error = build(t, &state, ret_error);
	dp_transaction_abort(t); /* what it noted is used up, or void */
	if (error != 0)
		return error;
	t->old = t->state;
	t->state = state;
	t->generation = state->generation;
	dp_workers_set_state(t->set, state);
	/* A worker that comes online stores that and then loads the state; the full fences on both sides see to it that
	 * it finds this one, or that we find it online. */
	atomic_thread_fence(memory_order_seq_cst);
	t->token = rte_rcu_qsbr_start(t->set->qsbr);
	t->unsettled = true;
	return 0;
}

static void free_state(struct dp_state *state)
{
	if (state == NULL)
		return;
	lb_snapshot_put((struct lb_snapshot *)state->snapshot);
	free(state);
}

bool dp_transaction_settle(struct dp_transactions *t)
{
	if (!t->unsettled)
		return true;
	if (rte_rcu_qsbr_check(t->set->qsbr, t->token, false) != 1)
		return false;
	free_state(t->old);
	dp_routes_collect(t->routes, t->garbage);
	t->old = NULL;
	t->garbage = NULL;
	t->unsettled = false;
	return true;
}

bool dp_transaction_open(const struct dp_transactions *t)
{
	return t->open;
}

uint64_t dp_transaction_next_generation(const struct dp_transactions *t)
{
	return t->next_generation;
}

uint64_t dp_transaction_generation(const struct dp_transactions *t)
{
	return t->generation;
}

const struct dp_state *dp_transaction_state(const struct dp_transactions *t)
{
	return t->state != NULL ? t->state : &t->set->empty;
}

uint32_t dp_transaction_routes(const struct dp_transactions *t)
{
	return dp_routes_count(t->routes);
}

int dp_transactions_create(struct dp_workers *set, struct dp_transactions **ret_t)
{
	struct dp_transactions *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->set = set;
	int error = dp_routes_create(set->n_ports, &t->routes);
	if (error != 0) {
		free(t);
		return error;
	}
	*ret_t = t;
	return 0;
}

void dp_transactions_destroy(struct dp_transactions *t)
{
	if (t == NULL)
		return;
	dp_transaction_abort(t);
	dp_workers_set_state(t->set, &t->set->empty);
	free_state(t->old);
	dp_routes_collect(t->routes, t->garbage);
	free_state(t->state);
	dp_routes_destroy(t->routes);
	free(t);
}
