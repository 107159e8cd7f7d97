/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- answers ---- */

void dp_session_answer(
    struct dp_session *s, enum wire_ctl_type type, uint64_t generation, const void *body, size_t length)
{
	(void)dp_outbox_add(&s->out, type, generation, body, length);
}

static void answer_error(struct dp_session *s, uint64_t generation, const struct wire_ctl_error *error)
{
	dp_session_answer(s, WIRE_CTL_ERROR, generation, error, sizeof(*error));
}

void dp_session_answer_text(struct dp_session *s, uint64_t generation, int code, const char *text)
{
	struct wire_ctl_error error = {.code = code};
	snprintf(error.text, sizeof(error.text), "%s", text);
	answer_error(s, generation, &error);
}

/* ---- HELLO and the heartbeats ---- */

static int take_hello(struct dp_session *s, const struct dp_message *m)
{
	struct wire_ctl_hello theirs;
	memcpy(&theirs, m->body, sizeof(theirs));
	if (theirs.version != WIRE_CTL_VERSION) {
		char text[100];
		snprintf(text, sizeof(text), "HELLO: version %u, but this data plane speaks %u; update the older one",
		    theirs.version, WIRE_CTL_VERSION);
		dp_session_answer_text(s, 0, -EPROTO, text);
		return -EPROTO;
	}
	struct wire_ctl_hello ours = {
	    .version = WIRE_CTL_VERSION,
	    .pid = (uint32_t)getpid(),
	    .boot_id = s->boot_id,
	    .generation = dp_transaction_generation(s->transactions),
	    .workers = s->set->n,
	    .n_ports = s->set->n_ports,
	};
	for (uint16_t port = 0; port < s->set->n_ports; port++)
		snprintf(ours.port[port], sizeof(ours.port[port]), "%s", s->set->port[port].name);
	dp_session_answer(s, WIRE_CTL_HELLO, 0, &ours, sizeof(ours));
	s->out.fd = s->set->stats.fd;
	if (s->greeted)
		return 0;
	s->greeted = true;
	dp_event_cache_trim(&s->cache, dp_transaction_state(s->transactions)->snapshot);
	s->told_links = s->told_paths = 0;
	return 0;
}

void dp_session_wait_for_workers(struct dp_session *s)
{
	atomic_thread_fence(memory_order_seq_cst); /* as in dp_transaction_commit */
	rte_rcu_qsbr_synchronize(s->set->qsbr, RTE_QSBR_THRID_INVALID);
}

static void show_heartbeats(struct dp_session *s, void *at, size_t size)
{
	for (uint16_t id = 0; id < s->set->n; id++)
		atomic_store(&s->set->slot[id]->heartbeat, at == NULL ? NULL : (_Atomic uint64_t *)at + id);
	dp_session_wait_for_workers(s);
	if (s->heartbeats != NULL)
		munmap(s->heartbeats, s->heartbeats_size);
	s->heartbeats = at;
	s->heartbeats_size = size;
}

/* Of a file we would die at the first beat behind its end; of a BPF map the kernel checks the size. */
static bool is_short(int fd, size_t size)
{
	struct stat about;
	return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (size_t)about.st_size < size;
}

static void take_heartbeat_map(struct dp_session *s, const struct dp_message *m)
{
	struct wire_ctl_heartbeat_map map;
	char text[160];
	memcpy(&map, m->body, sizeof(map));
	size_t size = (size_t)map.entries * sizeof(uint64_t);
	void *at = MAP_FAILED;
	if (map.entries < s->set->n || map.entries > DP_MAX_WORKERS) {
		snprintf(text, sizeof(text), "HEARTBEAT_MAP: entries %u, but there are %u workers (at most %u)",
		    map.entries, s->set->n, DP_MAX_WORKERS);
		dp_session_answer_text(s, 0, -EINVAL, text);
		return;
	}
	if (s->in_fd >= 0 && is_short(s->in_fd, size)) {
		dp_session_answer_text(s, 0, -EINVAL, "HEARTBEAT_MAP: the file is shorter than its entries");
		return;
	}
	if (s->in_fd >= 0)
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->in_fd, 0);
	if (at == MAP_FAILED) {
		snprintf(text, sizeof(text), "HEARTBEAT_MAP: %s",
		    s->in_fd < 0 ? "no descriptor came with it" : strerror(errno));
		dp_session_answer_text(s, 0, s->in_fd < 0 ? -EBADF : -errno, text);
		return;
	}
	show_heartbeats(s, at, size);
}

/* ---- transactions ---- */

static void take_part(struct dp_session *s, const struct dp_message *m)
{
	struct dp_transactions *t = s->transactions;
	struct wire_ctl_error error = {0};
	struct wire_ctl_begin begin;
	int failed = 0;
	switch (m->type) {
	case WIRE_CTL_BEGIN:
		memcpy(&begin, m->body, sizeof(begin));
		s->ignoring = false;
		failed = dp_transaction_begin(t, m->generation, (begin.flags & WIRE_CTL_FULL) != 0, &error);
		if (failed != 0)
			dp_transaction_abort(t);
		break;
	case WIRE_CTL_UPSERT:
		failed = dp_transaction_upsert(t, m->object, m->body, m->length, &error);
		break;
	case WIRE_CTL_DELETE:
		failed = dp_transaction_delete(t, m->object, m->body, m->length, &error);
		break;
	default: /* COMMIT */
		failed = dp_transaction_commit(t, &error);
		if (failed == 0)
			s->unsettled = m->generation;
		break;
	}
	if (failed != 0) {
		s->ignoring = m->type != WIRE_CTL_COMMIT;
		answer_error(s, m->generation, &error);
	}
}

/* A message of a transaction carries its generation; another one means that somebody lost count. */
static void take_transaction(struct dp_session *s, const struct dp_message *m)
{
	bool begins = m->type == WIRE_CTL_BEGIN;
	if (s->ignoring && !begins) {
		s->ignoring = m->type != WIRE_CTL_COMMIT;
		return;
	}
	if (!begins && dp_transaction_open(s->transactions) &&
	    m->generation != dp_transaction_next_generation(s->transactions)) {
		dp_transaction_abort(s->transactions);
		s->ignoring = m->type != WIRE_CTL_COMMIT;
		dp_session_answer_text(s, m->generation, -EINVAL, "generation is not that of BEGIN");
		return;
	}
	take_part(s, m);
}

/* ---- one message ---- */

/* false: it must wait. */
static bool can_take(const struct dp_session *s, const struct dp_message *m)
{
	if (s->unsettled != 0 || s->retired != NULL)
		return false;
	if (m->type == WIRE_CTL_TABLES && s->out.fd >= 0)
		return false; /* a datagram carries one descriptor */
	if (m->type == WIRE_CTL_BEGIN && !dp_transaction_settle(s->transactions))
		return false; /* committed for a client that is gone */
	return m->type != WIRE_CTL_LINK_STATE || rte_ring_free_count(s->set->slot[0]->commands) > 0;
}

static void take_link_state(struct dp_session *s, const struct dp_message *m)
{
	struct dp_command command = {.type = DP_COMMAND_LINK_STATE};
	memcpy(&command.link_state, m->body, sizeof(command.link_state));
	if (command.link_state.state > WIRE_LINK_UP) {
		dp_session_answer_text(s, 0, -EINVAL, "LINK_STATE: state is neither 0 (down) nor 1 (up)");
		return;
	}
	(void)rte_ring_sp_enqueue_elem(s->set->slot[0]->commands, &command, sizeof(command)); /* can_take saw room */
	dp_wake(s->set->slot[0]);
}

static int take(struct dp_session *s, const struct dp_message *m)
{
	if (m->type == WIRE_CTL_HELLO)
		return take_hello(s, m);
	if (!s->greeted) {
		dp_session_answer_text(s, m->generation, -EPROTO, "HELLO must come first");
		return -EPROTO;
	}
	switch (m->type) {
	case WIRE_CTL_HEARTBEAT_MAP:
		take_heartbeat_map(s, m);
		break;
	case WIRE_CTL_TABLES:
		dp_session_take_tables(s, m);
		break;
	case WIRE_CTL_LINK_STATE:
		take_link_state(s, m);
		break;
	case WIRE_CTL_FLOWS_QUERY:
		dp_session_flows_query(s, m);
		break;
	case WIRE_CTL_TRACE_START:
		dp_session_trace_start(s, m);
		break;
	case WIRE_CTL_TRACE_STOP:
		dp_session_trace_stop(s);
		break;
	case WIRE_CTL_CAPTURE_START:
		dp_session_capture_start(s, m);
		break;
	case WIRE_CTL_CAPTURE_STOP:
		dp_session_capture_stop(s);
		break;
	default:
		take_transaction(s, m);
		break;
	}
	return 0;
}

static int work(struct dp_session *s)
{
	struct dp_message m;
	struct wire_ctl_error error = {0};
	int more = 0, ended = 0;
	while (s->in_offset < s->in_size && ended == 0) {
		size_t before = s->in_offset;
		if (dp_outbox_room(&s->out) < DP_OUTBOX_RESERVE / 2)
			return 0;
		more = dp_message_next(s->in, s->in_size, &s->in_offset, &m, &error);
		if (more < 0) {
			dp_transaction_abort(s->transactions);
			s->ignoring = true;
			answer_error(s, 0, &error);
			s->in_offset = s->in_size;
		} else if (!can_take(s, &m)) {
			s->in_offset = before;
			return 0;
		} else {
			ended = take(s, &m);
		}
	}
	if (s->in_fd >= 0)
		close(s->in_fd);
	s->in_fd = -1;
	return ended;
}

/* ---- the whole ---- */

int dp_session_poll(struct dp_session *s)
{
	bool settled = dp_transaction_settle(s->transactions);
	if (s->unsettled != 0 && settled) {
		dp_session_answer(s, WIRE_CTL_ACK, s->unsettled, NULL, 0);
		s->unsettled = 0;
	}
	(void)dp_session_tables_settle(s);
	int ended = work(s);
	if (s->to_ask != 0)
		dp_session_flows_ask(s);
	dp_session_pass_events(s);
	return ended;
}

int dp_session_receive(struct dp_session *s, const void *datagram, size_t size, int fd)
{
	memcpy(s->in, datagram, size);
	s->in_size = size;
	s->in_offset = 0;
	s->in_fd = fd;
	return dp_session_poll(s);
}

bool dp_session_ready(const struct dp_session *s)
{
	return s->in_offset == s->in_size && dp_outbox_room(&s->out) >= DP_OUTBOX_RESERVE;
}

bool dp_session_busy(const struct dp_session *s)
{
	return s->unsettled != 0 || s->in_offset < s->in_size || s->to_ask != 0 || s->retired != NULL;
}

struct dp_outbox *dp_session_outbox(struct dp_session *s)
{
	return &s->out;
}

void dp_session_start(struct dp_session *s)
{
	s->greeted = false;
	s->ignoring = false;
	s->in_size = s->in_offset = 0;
	s->out.used = 0;
	s->out.fd = -1;
}

void dp_session_end(struct dp_session *s)
{
	dp_transaction_abort(s->transactions);
	dp_session_flows_stop(s);
	dp_session_trace_stop(s);
	dp_session_capture_stop(s);
	if (s->in_fd >= 0)
		close(s->in_fd);
	s->in_fd = -1;
	s->in_size = s->in_offset = 0;
	s->greeted = false;
	s->unsettled = 0;
	s->out.used = 0;
}

int dp_session_create(
    struct dp_workers *set, struct dp_transactions *transactions, uint64_t boot_id, struct dp_session **ret_session)
{
	struct dp_session *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->set = set;
	s->transactions = transactions;
	s->boot_id = boot_id;
	s->in_fd = -1;
	s->out.fd = -1;
	*ret_session = s;
	return 0;
}

void dp_session_destroy(struct dp_session *s)
{
	if (s == NULL)
		return;
	dp_session_end(s);
	show_heartbeats(s, NULL, 0);
	dp_tables_destroy(s->retired);
	dp_event_cache_free(&s->cache);
	free(s);
}
