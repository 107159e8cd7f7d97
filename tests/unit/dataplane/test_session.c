/* SPDX-License-Identifier: BSD-2-Clause */
/* The control protocol from the first HELLO to a dead client. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "dataplane/session_impl.h"
#include "dataplane/worker_set.h"
#include "shell.h"

#define ROW(object_, row)                                                                                              \
	{                                                                                                              \
		.object = (object_), .body = &(row), .length = sizeof(row)                                             \
	}

/* Where a worker would send a packet for this address: the adjacency's last byte of `dst`, or -1: no route, or 0:
 * unresolved. */
static int next_hop(const struct shell *s, const char *to)
{
	struct wire_addr a = shell_address(to);
	const struct dp_state *state = dp_transaction_state(s->transactions);
	uint32_t index = dp_fib_find(&state->fib, &a);
	if (index == 0)
		return -1;
	cr_assert_lt(index, state->n_adjacencies);
	return state->adjacency[index].resolved ? state->adjacency[index].ether.dst[5] : 0;
}

static uint64_t acknowledged(struct shell *s)
{
	struct wire_ctl_header header;
	const void *body = NULL;
	for (enum wire_ctl_type type; (type = shell_take(s, &header, &body)) != 0;) {
		if (type == WIRE_CTL_ERROR)
			cr_assert_fail("%s", ((const struct wire_ctl_error *)body)->text);
		if (type == WIRE_CTL_ACK)
			return header.generation;
	}
	return 0;
}

Test(session, hello_tells_ports_workers_and_hands_over_the_counters)
{
	struct shell s;
	shell_start(&s, 2);
	cr_assert_eq(shell_hello(&s), 0);
	struct wire_ctl_header header;
	const void *body = NULL;
	cr_assert_eq(shell_take(&s, &header, &body), WIRE_CTL_HELLO);
	const struct wire_ctl_hello *hello = body;
	cr_assert_eq(hello->version, WIRE_CTL_VERSION);
	cr_assert_eq(hello->workers, 2);
	cr_assert_eq(hello->n_ports, 2);
	cr_assert_eq(hello->boot_id, 4711);
	cr_assert_eq(hello->generation, 0);
	int fd = dp_session_outbox(s.session)->fd;
	struct wire_stats *stats = mmap(NULL, sizeof(*stats), PROT_READ, MAP_SHARED, fd, 0);
	cr_assert_neq(stats, MAP_FAILED);
	cr_assert_eq(stats->magic, WIRE_STATS_MAGIC);
	cr_assert_eq(stats->workers, 2);
	cr_assert_eq(mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	munmap(stats, sizeof(*stats));
	shell_end(&s);
}

Test(session, another_version_ends_the_connection)
{
	struct shell s;
	shell_start(&s, 1);
	struct wire_ctl_hello hello = {.version = WIRE_CTL_VERSION + 1};
	cr_assert_eq(shell_send(&s, WIRE_CTL_HELLO, 0, 0, &hello, sizeof(hello)), -EPROTO);
	char theirs[32];
	snprintf(theirs, sizeof(theirs), "version %u", hello.version);
	cr_assert_not_null(strstr(shell_error(&s), theirs));
	shell_end(&s);
}

Test(session, nothing_is_taken_before_hello)
{
	struct shell s;
	shell_start(&s, 1);
	struct wire_ctl_begin begin = {.flags = WIRE_CTL_FULL};
	cr_assert_eq(shell_send(&s, WIRE_CTL_BEGIN, 0, 1, &begin, sizeof(begin)), -EPROTO);
	cr_assert_str_eq(shell_error(&s), "HELLO must come first");
	cr_assert_not(dp_transaction_open(s.transactions));
	shell_end(&s);
}

Test(session, a_committed_transaction_is_acknowledged_and_seen_whole)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_adjacency adjacency = shell_adjacency(7, 0);
	struct wire_ctl_route subnet = shell_route("10.1.0.0", 16, 0, 1), host = shell_route("10.1.2.3", 32, 7, 0);
	const struct shell_row rows[] = {
	    ROW(WIRE_OBJ_ROUTE, host), ROW(WIRE_OBJ_ROUTE, subnet), ROW(WIRE_OBJ_ADJACENCY, adjacency)};
	shell_commit(&s, 5, true, rows, 3);
	cr_assert_eq(acknowledged(&s), 5);
	cr_assert_eq(next_hop(&s, "10.1.2.3"), 7);
	cr_assert_eq(next_hop(&s, "10.1.2.4"), 0);
	cr_assert_eq(next_hop(&s, "10.2.2.4"), -1);
	cr_assert_eq(dp_transaction_generation(s.transactions), 5);
	shell_end(&s);
}

Test(session, full_sweeps_away_what_is_not_sent_again)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_adjacency a7 = shell_adjacency(7, 0), a8 = shell_adjacency(8, 1);
	struct wire_ctl_route r7 = shell_route("10.1.0.0", 16, 7, 0), r8 = shell_route("10.2.0.0", 16, 8, 0);
	const struct shell_row both[] = {
	    ROW(WIRE_OBJ_ADJACENCY, a7), ROW(WIRE_OBJ_ADJACENCY, a8), ROW(WIRE_OBJ_ROUTE, r7), ROW(WIRE_OBJ_ROUTE, r8)};
	const struct shell_row one[] = {ROW(WIRE_OBJ_ADJACENCY, a8), ROW(WIRE_OBJ_ROUTE, r8)};
	shell_commit(&s, 1, true, both, 4);
	cr_assert_eq(acknowledged(&s), 1);
	shell_commit(&s, 2, true, one, 2);
	cr_assert_eq(acknowledged(&s), 2);
	cr_assert_eq(next_hop(&s, "10.1.0.1"), -1);
	cr_assert_eq(next_hop(&s, "10.2.0.1"), 8);
	cr_assert_eq(dp_transaction_routes(s.transactions), 1);
	shell_commit(&s, 3, false, NULL, 0);
	cr_assert_eq(acknowledged(&s), 3);
	cr_assert_eq(next_hop(&s, "10.2.0.1"), 8);
	shell_end(&s);
}

Test(session, a_refused_row_changes_nothing_and_is_told_once)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_adjacency a7 = shell_adjacency(7, 0);
	struct wire_ctl_route good = shell_route("10.1.0.0", 16, 7, 0), bits = shell_route("10.1.0.1", 16, 7, 0),
	                      nowhere = shell_route("10.3.0.0", 16, 99, 0), port = shell_route("10.3.0.0", 16, 0, 2);
	const struct shell_row first[] = {ROW(WIRE_OBJ_ADJACENCY, a7), ROW(WIRE_OBJ_ROUTE, good)};
	shell_commit(&s, 1, true, first, 2);
	cr_assert_eq(acknowledged(&s), 1);
	const struct {
		const struct wire_ctl_route *row;
		const char *text;
	} wrong[] = {{&bits, "route 10.1.0.1/16: prefix has bits after its length"},
	    {&nowhere, "route 10.3.0.0/16: there is no adjacency 99"},
	    {&port, "route 10.3.0.0/16: port 2, but there are 2 ports"}};
	for (size_t i = 0; i < 3; i++) {
		const struct shell_row rows[] = {ROW(WIRE_OBJ_ADJACENCY, a7), ROW(WIRE_OBJ_ROUTE, *wrong[i].row)};
		shell_commit(&s, 2 + i, true, rows, 2);
		struct wire_ctl_header header;
		const void *body = NULL;
		cr_assert_eq(shell_take(&s, &header, &body), WIRE_CTL_ERROR);
		cr_assert_str_eq(((const struct wire_ctl_error *)body)->text, wrong[i].text);
		cr_assert_eq(header.generation, 2 + i);
		cr_assert_eq(shell_take(&s, &header, &body), 0);
		cr_assert_eq(next_hop(&s, "10.1.0.1"), 7);
		cr_assert_eq(dp_transaction_generation(s.transactions), 1);
	}
	shell_end(&s);
}

Test(session, an_adjacency_in_use_cannot_be_deleted)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_adjacency a7 = shell_adjacency(7, 0);
	struct wire_ctl_route route = shell_route("10.1.0.0", 16, 7, 0);
	const struct shell_row rows[] = {ROW(WIRE_OBJ_ADJACENCY, a7), ROW(WIRE_OBJ_ROUTE, route)};
	shell_commit(&s, 1, true, rows, 2);
	cr_assert_eq(acknowledged(&s), 1);
	struct wire_ctl_begin begin = {0};
	shell_send(&s, WIRE_CTL_BEGIN, 0, 2, &begin, sizeof(begin));
	shell_send(&s, WIRE_CTL_DELETE, WIRE_OBJ_ADJACENCY, 2, &a7, sizeof(a7));
	shell_send(&s, WIRE_CTL_COMMIT, 0, 2, NULL, 0);
	cr_assert_str_eq(shell_error(&s), "adjacency 7: deleted, but 1 routes lead to it");
	shell_send(&s, WIRE_CTL_BEGIN, 0, 3, &begin, sizeof(begin));
	shell_send(&s, WIRE_CTL_DELETE, WIRE_OBJ_ADJACENCY, 3, &a7, sizeof(a7));
	shell_send(&s, WIRE_CTL_DELETE, WIRE_OBJ_ROUTE, 3, &route, sizeof(route));
	shell_send(&s, WIRE_CTL_COMMIT, 0, 3, NULL, 0);
	dp_session_poll(s.session);
	cr_assert_eq(acknowledged(&s), 3);
	cr_assert_eq(next_hop(&s, "10.1.0.1"), -1);
	shell_end(&s);
}

Test(session, a_client_that_dies_within_a_transaction_leaves_the_state_as_it_was)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_route route = shell_route("10.1.0.0", 16, 0, 0);
	struct wire_ctl_begin begin = {.flags = WIRE_CTL_FULL};
	shell_send(&s, WIRE_CTL_BEGIN, 0, 1, &begin, sizeof(begin));
	shell_send(&s, WIRE_CTL_UPSERT, WIRE_OBJ_ROUTE, 1, &route, sizeof(route));
	dp_session_end(s.session);
	cr_assert_eq(next_hop(&s, "10.1.0.1"), -1);
	dp_session_start(s.session);
	shell_hello(&s);
	const struct shell_row rows[] = {ROW(WIRE_OBJ_ROUTE, route)};
	shell_commit(&s, 1, true, rows, 1);
	cr_assert_eq(acknowledged(&s), 1);
	cr_assert_eq(next_hop(&s, "10.1.0.1"), 0);
	shell_end(&s);
}

Test(session, generations_only_grow_and_belong_to_their_begin)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	shell_commit(&s, 5, true, NULL, 0);
	cr_assert_eq(acknowledged(&s), 5);
	shell_commit(&s, 5, true, NULL, 0);
	cr_assert_not_null(strstr(shell_error(&s), "generation 5, but 5 is committed"));
	struct wire_ctl_begin begin = {0};
	shell_send(&s, WIRE_CTL_BEGIN, 0, 6, &begin, sizeof(begin));
	shell_send(&s, WIRE_CTL_COMMIT, 0, 7, NULL, 0);
	cr_assert_str_eq(shell_error(&s), "generation is not that of BEGIN");
	cr_assert_eq(dp_transaction_generation(s.transactions), 5);
	shell_end(&s);
}

Test(session, an_acknowledgement_waits_for_every_awake_worker)
{
	struct shell s;
	shell_start(&s, 2);
	shell_hello(&s);
	(void)shell_error(&s);
	rte_rcu_qsbr_thread_register(s.set->qsbr, 0);
	rte_rcu_qsbr_thread_online(s.set->qsbr, 0);
	shell_commit(&s, 1, true, NULL, 0);
	cr_assert_eq(acknowledged(&s), 0);
	cr_assert_not(dp_session_ready(s.session) && !dp_session_busy(s.session));
	rte_rcu_qsbr_quiescent(s.set->qsbr, 0);
	dp_session_poll(s.session);
	cr_assert_eq(acknowledged(&s), 1);
	rte_rcu_qsbr_thread_offline(s.set->qsbr, 0); /* a sleeping worker holds nobody up */
	shell_commit(&s, 2, true, NULL, 0);
	cr_assert_eq(acknowledged(&s), 2);
	shell_end(&s);
}

Test(session, what_follows_an_unsettled_commit_is_held_and_not_lost)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	(void)shell_error(&s);
	rte_rcu_qsbr_thread_register(s.set->qsbr, 0);
	rte_rcu_qsbr_thread_online(s.set->qsbr, 0);
	shell_commit(&s, 1, true, NULL, 0);
	struct wire_ctl_filter filter = {0};
	shell_send(&s, WIRE_CTL_FLOWS_QUERY, 0, 0, &filter, sizeof(filter));
	cr_assert_not(dp_session_ready(s.session));
	cr_assert_eq(rte_ring_count(s.set->slot[0]->commands), 0);
	rte_rcu_qsbr_quiescent(s.set->qsbr, 0);
	dp_session_poll(s.session);
	cr_assert(dp_session_ready(s.session));
	cr_assert_eq(rte_ring_count(s.set->slot[0]->commands), 1);
	rte_rcu_qsbr_thread_offline(s.set->qsbr, 0);
	shell_end(&s);
}

Test(session, a_begin_waits_for_what_a_client_that_is_gone_had_committed)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	rte_rcu_qsbr_thread_register(s.set->qsbr, 0);
	rte_rcu_qsbr_thread_online(s.set->qsbr, 0);
	shell_commit(&s, 1, true, NULL, 0);
	dp_session_end(s.session); /* before the worker has taken it */
	dp_session_start(s.session);
	shell_hello(&s);
	(void)shell_error(&s);
	struct wire_ctl_begin begin = {0};
	shell_send(&s, WIRE_CTL_BEGIN, 0, 2, &begin, sizeof(begin));
	cr_assert_str_empty(shell_error(&s));
	cr_assert(dp_session_busy(s.session));
	cr_assert_not(dp_session_ready(s.session));
	rte_rcu_qsbr_quiescent(s.set->qsbr, 0);
	rte_rcu_qsbr_thread_offline(s.set->qsbr, 0);
	dp_session_poll(s.session);
	shell_send(&s, WIRE_CTL_COMMIT, 0, 2, NULL, 0);
	dp_session_poll(s.session);
	cr_assert_eq(acknowledged(&s), 2);
	shell_end(&s);
}

Test(session, a_client_that_connects_later_is_told_the_states_of_before)
{
	struct shell s;
	shell_start(&s, 1);
	struct wire_ctl_pop pop1 = {.pop = 1, .name = "a"}, pop2 = {.pop = 2, .name = "b"};
	struct wire_ctl_link link = {.link = 3,
	    .from_pop = 1,
	    .to_pop = 2,
	    .local_link = 4,
	    .remote_link = 5,
	    .mtu = 1500,
	    .local = shell_address("10.0.0.1"),
	    .remote = shell_address("10.0.0.2")};
	const struct shell_row rows[] = {ROW(WIRE_OBJ_POP, pop1), ROW(WIRE_OBJ_POP, pop2), ROW(WIRE_OBJ_LINK, link)};
	shell_hello(&s);
	shell_commit(&s, 1, true, rows, 3);
	cr_assert_eq(acknowledged(&s), 1);
	dp_session_end(s.session);
	struct dp_event known = {.type = DP_EVENT_LINK_STATE,
	    .link_state = {.from_pop = 1, .to_pop = 2, .local_link = 4, .remote_link = 5, .state = WIRE_LINK_DOWN}};
	struct dp_event unknown = known;
	unknown.link_state.to_pop = 9;
	cr_assert_eq(dp_post(dp_workers_get(s.set, 0), &known), 0);
	cr_assert_eq(dp_post(dp_workers_get(s.set, 0), &unknown), 0);
	dp_session_poll(s.session);
	dp_session_start(s.session);
	shell_hello(&s);
	struct wire_ctl_header header;
	const void *body = NULL;
	unsigned told = 0;
	for (enum wire_ctl_type type; (type = shell_take(&s, &header, &body)) != 0;)
		if (type == WIRE_CTL_LINK_STATE) {
			cr_assert_eq(((const struct wire_ctl_link_state *)body)->to_pop, 2);
			told++;
		}
	cr_assert_eq(told, 1);
	shell_end(&s);
}

Test(session, states_of_what_is_gone_are_not_kept)
{
	struct shell s;
	shell_start(&s, 1);
	struct wire_ctl_pop pop1 = {.pop = 1, .name = "a"}, pop2 = {.pop = 2, .name = "b"};
	shell_hello(&s);
	for (uint64_t generation = 1; generation <= 200; generation++) {
		struct wire_ctl_link link = {.link = (uint32_t)generation,
		    .from_pop = 1,
		    .to_pop = 2,
		    .local_link = (uint8_t)generation,
		    .remote_link = 1,
		    .mtu = 1500,
		    .local = shell_address("10.0.0.1"),
		    .remote = shell_address("10.0.0.2")};
		const struct shell_row rows[] = {
		    ROW(WIRE_OBJ_POP, pop1), ROW(WIRE_OBJ_POP, pop2), ROW(WIRE_OBJ_LINK, link)};
		shell_commit(&s, generation, true, rows, 3);
		cr_assert_eq(acknowledged(&s), generation);
		struct dp_event down = {.type = DP_EVENT_LINK_STATE,
		    .link_state = {.from_pop = 1, .to_pop = 2, .local_link = (uint8_t)generation, .remote_link = 1}};
		cr_assert_eq(dp_post(dp_workers_get(s.set, 0), &down), 0);
		dp_session_poll(s.session);
		cr_assert_eq(s.session->cache.n_links, 1);
		cr_assert_eq(s.session->told_links, 1);
		struct wire_ctl_header header;
		const void *body = NULL;
		unsigned told = 0;
		for (enum wire_ctl_type type; (type = shell_take(&s, &header, &body)) != 0;)
			told += type == WIRE_CTL_LINK_STATE;
		cr_assert_leq(told, 1);
	}
	shell_end(&s);
}

Test(session, a_flood_of_rows_leaves_room_for_answers)
{
	struct shell s;
	shell_start(&s, 1);
	shell_hello(&s);
	struct wire_ctl_filter filter = {0};
	shell_send(&s, WIRE_CTL_TRACE_START, 0, 0, &filter, sizeof(filter));
	struct dp_event event = {.type = DP_EVENT_TRACE};
	unsigned posted = 0;
	while (dp_post(dp_workers_get(s.set, 0), &event) == 0)
		posted++;
	for (int i = 0; i < 10; i++)
		dp_session_poll(s.session);
	cr_assert_geq(dp_outbox_room(dp_session_outbox(s.session)), DP_OUTBOX_RESERVE - 512);
	cr_assert_gt(posted, 300); /* more than fits */
	cr_assert(dp_session_outbox(s.session)->used > 50000);
	shell_end(&s);
}

Test(session, workers_beat_in_the_map_that_came_with_a_descriptor)
{
	struct shell s;
	shell_start(&s, 2);
	shell_hello(&s);
	(void)shell_error(&s);
	_Alignas(8) struct {
		struct wire_ctl_header header;
		struct wire_ctl_heartbeat_map map;
	} message = {.header = {.type = WIRE_CTL_HEARTBEAT_MAP, .length = sizeof(message)}, .map = {.entries = 1}};
	cr_assert_eq(dp_session_receive(s.session, &message, sizeof(message), -1), 0);
	cr_assert_not_null(strstr(shell_error(&s), "entries 1, but there are 2 workers"));
	message.map.entries = 2;
	cr_assert_eq(dp_session_receive(s.session, &message, sizeof(message), -1), 0);
	cr_assert_not_null(strstr(shell_error(&s), "no descriptor"));
	int fd = memfd_create("beats", 0);
	cr_assert_eq(ftruncate(fd, 15), 0);
	cr_assert_eq(dp_session_receive(s.session, &message, sizeof(message), dup(fd)), 0);
	cr_assert_not_null(strstr(shell_error(&s), "shorter than its entries"));
	cr_assert_eq(ftruncate(fd, 4096), 0);
	cr_assert_eq(dp_session_receive(s.session, &message, sizeof(message), dup(fd)), 0);
	cr_assert_str_empty(shell_error(&s));
	atomic_store(atomic_load(&s.set->slot[1]->heartbeat), 42);
	uint64_t beats[2] = {0};
	cr_assert_eq(pread(fd, beats, sizeof(beats), 0), sizeof(beats));
	cr_assert_eq(beats[1], 42);
	shell_end(&s);
}
