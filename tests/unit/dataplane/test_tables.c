/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow tables that go from one data plane to the next, through a session as kuafud would carry them. */
#include "dataplane/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "dataplane/worker_set.h"
#include "lb/flow.h"
#include "shell.h"

#define NOW UINT64_C(1000000000)

static struct lb_flow_key key_of(uint16_t n)
{
	return (struct lb_flow_key){.client = shell_address("192.0.2.1"),
	    .vip = shell_address("203.0.113.1"),
	    .client_port = (uint16_t)(1000 + n),
	    .vip_port = 443,
	    .protocol = WIRE_PROTO_TCP};
}

/* Flows 0..n of both kinds, each at its worker. */
static void given_flows(struct shell *s, uint16_t n)
{
	const struct lb_nat_range pool = {shell_address("10.3.1.1"), 1024, 2047};
	struct lb_nat_target target = {.address = shell_address("198.51.100.10"), .port = 80};
	struct lb_flow *flow = NULL;
	struct lb_nat_flow *nat = NULL;
	bool made = false;
	for (uint16_t id = 0; id < s->set->n; id++)
		cr_assert_eq(lb_nat_set_pool(dp_workers_get(s->set, id)->nat, &pool, 1, 0), 0);
	for (uint16_t i = 0; i < n; i++) {
		struct lb_flow_key key = key_of(i);
		uint64_t hash = lb_flow_hash(&key);
		struct dp_worker *w = dp_workers_get(s->set, dp_owner(dp_workers_get(s->set, 0), lb_hash14(hash)));
		cr_assert_eq(lb_flow_insert(w->flows, &key, hash, NOW, &flow, &made), 0);
		cr_assert_eq(lb_nat_insert(w->nat, &key, hash, &target, NOW, &nat, &made), 0);
	}
}

static unsigned flows_found(struct shell *s, uint16_t n)
{
	unsigned found = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct lb_flow_key key = key_of(i);
		uint64_t hash = lb_flow_hash(&key);
		struct dp_worker *w = dp_workers_get(s->set, dp_owner(dp_workers_get(s->set, 0), lb_hash14(hash)));
		found += lb_flow_lookup(w->flows, &key, hash) != NULL && lb_nat_lookup(w->nat, &key, hash) != NULL;
	}
	return found;
}

static void start(struct shell *s, uint16_t workers)
{
	shell_start(s, workers);
	shell_hello(s);
	cr_assert_str_empty(shell_error(s));
	dp_session_outbox(s->session)->fd = -1; /* sent */
}

/* TABLES with this descriptor, which becomes the session's. The answer, and the descriptor that goes out with it. */
static struct wire_ctl_tables exchange(struct shell *s, int fd, int *ret_fd)
{
	struct {
		struct wire_ctl_header header;
		struct wire_ctl_tables tables;
	} message = {.header = {.type = WIRE_CTL_TABLES, .length = sizeof(message)}};
	struct wire_ctl_header header;
	struct wire_ctl_tables answer = {0};
	const void *body = NULL;
	cr_assert_eq(dp_session_receive(s->session, &message, sizeof(message), fd), 0);
	for (uint16_t id = 0; id < s->set->n; id++)
		dp_workers_tick(dp_workers_get(s->set, id), NOW, NOW);
	dp_session_poll(s->session);
	cr_assert_eq(shell_take(s, &header, &body), WIRE_CTL_TABLES);
	memcpy(&answer, body, sizeof(answer));
	*ret_fd = dup(dp_session_outbox(s->session)->fd);
	cr_assert_geq(*ret_fd, 0);
	dp_session_outbox(s->session)->fd = -1;
	return answer;
}

/* What a data plane with n flows leaves to kuafud when it ends. */
static int left_by_predecessor(uint16_t workers, uint16_t n)
{
	struct shell before;
	int fd = -1;
	start(&before, workers);
	given_flows(&before, n);
	cr_assert_eq(exchange(&before, -1, &fd).code, -ENOENT);
	shell_end(&before);
	return fd;
}

Test(tables, a_successor_goes_on_with_every_flow)
{
	enum { N = 200 };
	struct shell after;
	int fd = left_by_predecessor(2, N), kept = -1;
	start(&after, 2);
	cr_assert_eq(flows_found(&after, N), 0);
	struct wire_ctl_tables answer = exchange(&after, fd, &kept);
	cr_assert_eq(answer.code, 0, "%s", answer.text);
	cr_assert(answer.flows == N && answer.nat_flows == N);
	cr_assert_eq(flows_found(&after, N), N);
	cr_assert_not(dp_session_busy(after.session), "what was used before is freed");
	shell_end(&after);
	start(&after, 2);
	cr_assert_eq(exchange(&after, kept, &fd).flows, N, "and leaves them to the next");
	close(fd);
	shell_end(&after);
}

Test(tables, of_another_number_of_workers_are_refused_and_fresh_ones_used)
{
	struct shell after;
	int fd = left_by_predecessor(2, 10), kept = -1;
	start(&after, 1);
	struct wire_ctl_tables answer = exchange(&after, fd, &kept);
	cr_assert_eq(answer.code, -EINVAL);
	cr_assert_str_eq(answer.text, "they are of 2 workers, and now there are 1");
	given_flows(&after, 10);
	cr_assert_eq(flows_found(&after, 10), 10);
	close(kept);
	shell_end(&after);
}

Test(tables, what_is_no_such_memory_is_refused)
{
	struct shell s;
	struct wire_ctl_tables answer;
	int kept = -1, null = open("/dev/null", O_RDWR), plain = memfd_create("x", 0),
	    sealed = memfd_create("x", MFD_ALLOW_SEALING), empty = memfd_create("x", MFD_ALLOW_SEALING);
	cr_assert_eq(ftruncate(plain, 1 << 20), 0);
	cr_assert_eq(ftruncate(sealed, 1 << 20), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(fcntl(i ? sealed : empty, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	const struct {
		int fd;
		const char *why;
	} wrong[] = {
	    {null, "not sealed"}, {plain, "not sealed"}, {empty, "too few"}, {sealed, "no memory of flow tables"}};
	start(&s, 1);
	for (unsigned i = 0; i < 4; i++) {
		answer = exchange(&s, wrong[i].fd, &kept);
		cr_assert(answer.code != 0 && strstr(answer.text, wrong[i].why) != NULL, "%u: %s", i, answer.text);
		close(kept);
	}
	shell_end(&s);
}

Test(tables, that_come_after_a_state_are_refused)
{
	struct shell s;
	int fd = left_by_predecessor(1, 10), kept = -1;
	start(&s, 1);
	shell_commit(&s, 1, true, NULL, 0);
	dp_workers_tick(dp_workers_get(s.set, 0), NOW, NOW);
	dp_session_poll(s.session);
	cr_assert_str_empty(shell_error(&s));
	given_flows(&s, 5);
	struct wire_ctl_tables answer = exchange(&s, fd, &kept);
	cr_assert_eq(answer.code, -EBUSY);
	cr_assert_eq(flows_found(&s, 5), 5);
	close(kept);
	shell_end(&s);
}

/* Whoever keeps the descriptor cannot take pages away from the workers. */
Test(tables, cannot_be_cut_short_by_who_keeps_them)
{
	int fd = left_by_predecessor(1, 1);
	cr_assert(ftruncate(fd, 4096) != 0 && errno == EPERM);
	close(fd);
}
