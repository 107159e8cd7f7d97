/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/capture.h"

/* ---- queries and traces ---- */

void dp_session_flows_ask(struct dp_session *s)
{
	struct dp_command command = {.type = DP_COMMAND_FLOWS, .query = s->query, .filter = s->flows_filter};
	for (uint16_t id = 0; id < s->set->n; id++) {
		uint64_t bit = UINT64_C(1) << id;
		struct dp_slot *slot = s->set->slot[id];
		if ((s->to_ask & bit) == 0 || rte_ring_sp_enqueue_elem(slot->commands, &command, sizeof(command)) != 0)
			continue;
		s->to_ask &= ~bit;
		dp_wake(slot);
	}
}

void dp_session_flows_stop(struct dp_session *s)
{
	struct dp_command command = {.type = DP_COMMAND_FLOWS_STOP};
	s->query++; /* rows of the one before are not ours any more */
	s->to_ask = 0;
	if (s->answering == 0)
		return;
	s->answering = 0;
	for (uint16_t id = 0; id < s->set->n; id++)
		(void)rte_ring_sp_enqueue_elem(s->set->slot[id]->commands, &command, sizeof(command));
}

void dp_session_flows_query(struct dp_session *s, const struct dp_message *m)
{
	dp_session_flows_stop(s);
	memcpy(&s->flows_filter, m->body, sizeof(s->flows_filter));
	s->rows_left = s->flows_filter.limit == 0 ? UINT32_MAX : s->flows_filter.limit;
	s->answering = s->set->n;
	s->to_ask = s->set->n == 64 ? UINT64_MAX : (UINT64_C(1) << s->set->n) - 1;
	dp_session_flows_ask(s);
}

static void set_trace(struct dp_session *s, struct wire_ctl_filter *filter)
{
	atomic_store(&s->set->shared.trace, filter);
	dp_session_wait_for_workers(s);
	free(s->trace);
	s->trace = filter;
}

void dp_session_trace_stop(struct dp_session *s)
{
	if (s->trace != NULL)
		set_trace(s, NULL);
}

void dp_session_trace_start(struct dp_session *s, const struct dp_message *m)
{
	struct wire_ctl_filter *filter = malloc(sizeof(*filter));
	if (filter == NULL) {
		dp_session_answer_text(s, 0, -ENOMEM, "TRACE_START: out of memory");
		return;
	}
	memcpy(filter, m->body, sizeof(*filter));
	s->packets_left = filter->limit == 0 ? UINT32_MAX : filter->limit;
	s->traced_packet = 0;
	set_trace(s, filter);
}

/* ---- captures ---- */

static void set_capture(struct dp_session *s, struct dp_capture *capture)
{
	atomic_store(&s->set->shared.capture, capture);
	dp_session_wait_for_workers(s);
	dp_capture_destroy(s->capture);
	s->capture = capture;
}

void dp_session_capture_stop(struct dp_session *s)
{
	if (s->capture != NULL)
		set_capture(s, NULL);
}

void dp_session_capture_start(struct dp_session *s, const struct dp_message *m)
{
	struct wire_ctl_filter filter;
	struct dp_capture *capture = NULL;
	memcpy(&filter, m->body, sizeof(filter));
	dp_session_capture_stop(s);
	if (dp_capture_create(s->set->n, &filter, &capture) != 0)
		dp_session_answer_text(s, 0, -ENOMEM, "CAPTURE_START: no memory for the copies");
	else
		set_capture(s, capture);
}

/* The workers in turn, so that none is starved by another's ring. */
static void pass_captured(struct dp_session *s)
{
	struct dp_captured captured;
	for (bool any = s->capture != NULL; any;) {
		any = false;
		for (uint16_t id = 0; id < s->set->n && dp_outbox_room(&s->out) >= DP_OUTBOX_RESERVE; id++) {
			if (dp_capture_next(s->capture, id, &captured) != 0)
				continue;
			any = true;
			dp_session_answer(
			    s, WIRE_CTL_CAPTURED, 0, &captured, sizeof(captured.head) + captured.head.captured);
		}
	}
}

/* ---- events ---- */

static void pass_trace(struct dp_session *s, const struct wire_ctl_trace *trace)
{
	if (s->trace == NULL)
		return;
	if (trace->packet != s->traced_packet) {
		if (s->packets_left == 0) {
			dp_session_trace_stop(s);
			return;
		}
		s->packets_left--;
		s->traced_packet = trace->packet;
	}
	dp_session_answer(s, WIRE_CTL_TRACE, 0, trace, sizeof(*trace));
}

static void pass_flow(struct dp_session *s, const struct dp_event *event)
{
	if (event->query != s->query || s->answering == 0)
		return;
	if (event->type == DP_EVENT_FLOWS_END) {
		if (--s->answering == 0)
			dp_session_answer(s, WIRE_CTL_FLOWS_END, 0, NULL, 0);
	} else if (s->rows_left > 0) {
		s->rows_left--;
		dp_session_answer(s, WIRE_CTL_FLOW, 0, &event->flow, sizeof(event->flow));
	}
}

/* What is passed on as it comes need not be told from the cache, too. */
static void pass_link(struct dp_session *s, const struct wire_ctl_link_state *state)
{
	bool told = s->told_links == s->cache.n_links;
	dp_event_cache_link(&s->cache, state);
	if (!s->greeted)
		return;
	dp_session_answer(s, WIRE_CTL_LINK_STATE, 0, state, sizeof(*state));
	if (told)
		s->told_links = s->cache.n_links;
}

static void pass_path(struct dp_session *s, const struct wire_ctl_path_state *state)
{
	bool told = s->told_paths == s->cache.n_paths;
	dp_event_cache_path(&s->cache, state);
	if (!s->greeted)
		return;
	dp_session_answer(s, WIRE_CTL_PATH_STATE, 0, state, sizeof(*state));
	if (told)
		s->told_paths = s->cache.n_paths;
}

static void pass_event(struct dp_session *s, const struct dp_event *event)
{
	switch ((enum dp_event_type)event->type) {
	case DP_EVENT_LINK_STATE:
		pass_link(s, &event->link_state);
		break;
	case DP_EVENT_PATH_STATE:
		pass_path(s, &event->path_state);
		break;
	case DP_EVENT_NEIGHBOUR_WANTED:
		if (s->greeted)
			dp_session_answer(
			    s, WIRE_CTL_NEIGHBOUR_WANTED, 0, &event->neighbour_wanted, sizeof(event->neighbour_wanted));
		break;
	case DP_EVENT_TRACE:
		pass_trace(s, &event->trace);
		break;
	case DP_EVENT_FLOW:
	case DP_EVENT_FLOWS_END:
		pass_flow(s, event);
		break;
	}
}

/* A link that changes while this goes on is told twice, the second time as it is. */
static void pass_cache(struct dp_session *s)
{
	const struct dp_event_cache *c = &s->cache;
	for (; s->told_links < c->n_links && dp_outbox_room(&s->out) >= DP_OUTBOX_RESERVE; s->told_links++)
		dp_session_answer(s, WIRE_CTL_LINK_STATE, 0, &c->link[s->told_links], sizeof(c->link[0]));
	for (; s->told_paths < c->n_paths && dp_outbox_room(&s->out) >= DP_OUTBOX_RESERVE; s->told_paths++)
		dp_session_answer(s, WIRE_CTL_PATH_STATE, 0, &c->path[s->told_paths], sizeof(c->path[0]));
}

/* Links and paths come and go for as long as we run. */
static void trim_cache(struct dp_session *s)
{
	const struct lb_snapshot *snapshot = dp_transaction_state(s->transactions)->snapshot;
	if (!dp_event_cache_is_long(&s->cache, snapshot))
		return;
	bool told = s->told_links == s->cache.n_links && s->told_paths == s->cache.n_paths;
	dp_event_cache_trim(&s->cache, snapshot);
	s->told_links = told ? s->cache.n_links : 0;
	s->told_paths = told ? s->cache.n_paths : 0;
}

void dp_session_pass_events(struct dp_session *s)
{
	if (s->greeted)
		pass_cache(s);
	struct dp_event event;
	for (uint16_t id = 0; id < s->set->n; id++)
		while (dp_outbox_room(&s->out) >= DP_OUTBOX_RESERVE && dp_next_event(s->set->slot[id], &event) == 0)
			pass_event(s, &event);
	pass_captured(s);
	trim_cache(s);
}

bool dp_session_events_wait(const struct dp_session *s)
{
	if (dp_outbox_room(&s->out) < DP_OUTBOX_RESERVE)
		return false;
	for (uint16_t id = 0; id < s->set->n; id++)
		if (dp_event_waits(s->set->slot[id]))
			return true;
	return dp_capture_waits(s->capture);
}
