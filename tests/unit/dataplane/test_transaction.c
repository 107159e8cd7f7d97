/* SPDX-License-Identifier: BSD-2-Clause */
/* Transactions without a session: whole or not at all, one after the other. */
#include "dataplane/transaction.h"

#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "dataplane/worker_set.h"
#include "lb/snapshot.h"
#include "shell.h"

static struct shell s;
static struct wire_ctl_error why;

static void begin(void)
{
	shell_start(&s, 1);
}

static void end(void)
{
	shell_end(&s);
}

TestSuite(transaction, .init = begin, .fini = end, .timeout = 60);

#define PREFIXES 16u /* 10.k.0.0/16 */
#define ABSENT   UINT32_MAX

static struct wire_ctl_route route_of(unsigned k, uint32_t adjacency)
{
	struct wire_ctl_route row = shell_route("10.0.0.0", 16, adjacency, 0);
	row.prefix.bytes[13] = (uint8_t)k;
	return row;
}

/* The adjacency of 10.k.0.1 in what workers see now; 0: unresolved. */
static uint32_t seen(unsigned k)
{
	struct wire_addr a = shell_address("10.0.0.1");
	a.bytes[13] = (uint8_t)k;
	const struct dp_state *state = atomic_load(&s.set->state);
	uint32_t index = dp_fib_find(&state->fib, &a);
	if (index == 0)
		return ABSENT;
	return state->adjacency[index].resolved ? state->adjacency[index].ether.dst[5] : 0;
}

static int upsert(enum wire_ctl_object object, const void *row, size_t size)
{
	return dp_transaction_upsert(s.transactions, object, row, size, &why);
}

Test(transaction, only_one_is_open_and_the_second_does_it_no_harm)
{
	struct wire_ctl_route row = route_of(1, 0);
	cr_assert_eq(dp_transaction_begin(s.transactions, 1, true, &why), 0);
	cr_assert_eq(upsert(WIRE_OBJ_ROUTE, &row, sizeof(row)), 0);
	cr_assert_eq(dp_transaction_begin(s.transactions, 2, true, &why), -EBUSY);
	cr_assert_eq(seen(1), ABSENT, "nothing before COMMIT");
	cr_assert_eq(dp_transaction_commit(s.transactions, &why), 0);
	cr_assert_eq(seen(1), 0);
	cr_assert_eq(dp_transaction_generation(s.transactions), 1);
}

Test(transaction, parts_without_a_begin_are_refused)
{
	struct wire_ctl_route row = route_of(1, 0);
	cr_assert_eq(upsert(WIRE_OBJ_ROUTE, &row, sizeof(row)), -EINVAL);
	cr_assert_eq(dp_transaction_delete(s.transactions, WIRE_OBJ_ROUTE, &row, sizeof(row), &why), -EINVAL);
	cr_assert_eq(dp_transaction_commit(s.transactions, &why), -EINVAL);
	cr_assert_eq(dp_transaction_begin(s.transactions, 1, false, &why), 0);
	dp_transaction_abort(s.transactions);
	cr_assert_eq(dp_transaction_commit(s.transactions, &why), -EINVAL);
	cr_assert_eq(dp_transaction_generation(s.transactions), 0);
}

Test(transaction, the_next_one_waits_until_an_awake_worker_has_left_the_old_state)
{
	rte_rcu_qsbr_thread_register(s.set->qsbr, 0);
	rte_rcu_qsbr_thread_online(s.set->qsbr, 0);
	const struct dp_state *held = atomic_load(&s.set->state);
	for (uint64_t generation = 1; generation <= 3; generation++) {
		cr_assert_eq(dp_transaction_begin(s.transactions, generation, true, &why), 0, "%s", why.text);
		cr_assert_eq(dp_transaction_commit(s.transactions, &why), 0);
		cr_assert_not(dp_transaction_settle(s.transactions));
		cr_assert_eq(dp_transaction_begin(s.transactions, generation + 1, true, &why), -EBUSY);
		cr_assert_eq(held->generation, generation - 1, "still there to be read");
		cr_assert_eq(held->snapshot->generation, generation - 1);
		held = atomic_load(&s.set->state);
		rte_rcu_qsbr_quiescent(s.set->qsbr, 0);
		cr_assert(dp_transaction_settle(s.transactions));
	}
	rte_rcu_qsbr_thread_offline(s.set->qsbr, 0);
}

/* One step of a random transaction, at the workers' side and in the model. Returns whether it was refused. */
static bool step(uint32_t model[PREFIXES])
{
	unsigned k = (unsigned)rand() % PREFIXES, what = (unsigned)rand() % 12;
	uint32_t to = what == 0 ? 99 : (uint32_t)rand() % 3; /* 99: there is no such adjacency, as COMMIT will find */
	struct wire_ctl_route row = route_of(k, to);
	if (what >= 8) {
		model[k] = ABSENT;
		return dp_transaction_delete(s.transactions, WIRE_OBJ_ROUTE, &row, sizeof(row), &why) != 0;
	}
	if (what == 7)
		row.prefix.bytes[15] = 1; /* bits behind the prefix: refused at once */
	model[k] = to;
	return upsert(WIRE_OBJ_ROUTE, &row, sizeof(row)) != 0;
}

/* Or the packet that would have the next hop asked for is refused for its size before. */
Test(transaction, nothing_is_too_big_for_a_next_hop_that_is_not_resolved)
{
	struct wire_ctl_route route = shell_route("10.0.0.0", 8, 0, 1);
	struct wire_addr to = shell_address("10.0.0.1");
	const struct shell_row row = {WIRE_OBJ_ROUTE, &route, sizeof(route)};
	shell_hello(&s);
	shell_commit(&s, 1, true, &row, 1);
	cr_assert_str_empty(shell_error(&s));
	const struct dp_state *state = atomic_load(&s.set->state);
	const struct dp_adjacency *a = &state->adjacency[dp_fib_find(&state->fib, &to)];
	cr_assert(!a->resolved && a->port == 1 && a->mtu == UINT16_MAX);
}

Test(transaction, a_route_may_lead_nowhere)
{
	struct wire_ctl_route wide = shell_route("10.0.0.0", 8, 0, 1), hole = shell_route("10.1.0.0", 16, 0, 0);
	struct wire_addr within = shell_address("10.1.0.1"), beside = shell_address("10.2.0.1");
	hole.port = WIRE_CTL_NOWHERE;
	const struct shell_row rows[] = {{WIRE_OBJ_ROUTE, &wide, sizeof(wide)}, {WIRE_OBJ_ROUTE, &hole, sizeof(hole)}};
	shell_hello(&s);
	shell_commit(&s, 1, true, rows, 2);
	cr_assert_str_empty(shell_error(&s));
	const struct dp_state *state = atomic_load(&s.set->state);
	const struct dp_adjacency *a = &state->adjacency[dp_fib_find(&state->fib, &within)];
	cr_assert(a->nowhere && !a->resolved && a->mtu == UINT16_MAX, "nor is anything too big for it");
	cr_assert(!state->adjacency[dp_fib_find(&state->fib, &beside)].nowhere);
	shell_commit(&s, 2, true, rows, 1);
	cr_assert_str_empty(shell_error(&s));
	state = atomic_load(&s.set->state);
	cr_assert(!state->adjacency[dp_fib_find(&state->fib, &within)].nowhere, "gone, the covering one holds");
}

/* The oracle is an array: what was committed and nothing else. */
Test(transaction, random_ones_are_seen_whole_or_not_at_all)
{
	uint32_t committed[PREFIXES], next[PREFIXES];
	unsigned taken = 0, refused = 0;
	srand(7);
	for (unsigned k = 0; k < PREFIXES; k++)
		committed[k] = ABSENT;
	for (uint64_t generation = 1; generation <= 600; generation++) {
		bool full = rand() % 4 == 0 || generation == 1;
		cr_assert_eq(dp_transaction_begin(s.transactions, generation, full, &why), 0, "%s", why.text);
		for (unsigned k = 0; k < PREFIXES; k++)
			next[k] = full ? ABSENT : committed[k];
		bool bad = false;
		for (uint32_t id = 1; id <= 2 && full; id++) {
			struct wire_ctl_adjacency adjacency = shell_adjacency(id, 0);
			cr_assert_eq(upsert(WIRE_OBJ_ADJACENCY, &adjacency, sizeof(adjacency)), 0);
		}
		for (int n = rand() % 5; n > 0 && !bad; n--)
			bad = step(next);
		bad = bad || dp_transaction_commit(s.transactions, &why) != 0;
		cr_assert(dp_transaction_settle(s.transactions));
		cr_assert_not(dp_transaction_open(s.transactions), "it is over either way");
		for (unsigned k = 0; k < PREFIXES; k++) {
			committed[k] = bad ? committed[k] : next[k];
			cr_assert_eq(seen(k), committed[k], "generation %lu, prefix %u", generation, k);
		}
		taken += !bad;
		refused += bad;
		if (bad)
			continue;
		cr_assert_eq(dp_transaction_generation(s.transactions), generation);
	}
	cr_assert(taken > 100 && refused > 50);
}
