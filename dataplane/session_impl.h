/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a session: session.c takes messages and answers, session_rows.c passes on what workers send. */
#pragma once

#include "dataplane/event_cache.h"
#include "dataplane/session.h"
#include "dataplane/worker_set.h"

struct dp_session {
	struct dp_workers *set;
	struct dp_transactions *transactions;
	uint64_t boot_id;
	bool greeted;
	bool ignoring;      /* the rest of a refused transaction, up to the next BEGIN */
	uint64_t unsettled; /* generation whose ACK is owed; 0: none */

	/* the datagram that is worked on */
	_Alignas(8) uint8_t in[WIRE_CTL_MAX_DATAGRAM];
	size_t in_size;
	size_t in_offset;
	int in_fd;

	/* FLOWS */
	uint32_t query;     /* id of the last one */
	uint64_t to_ask;    /* bit per worker whose command ring had no room yet */
	uint16_t answering; /* workers that have not sent FLOWS_END */
	uint32_t rows_left;
	struct wire_ctl_filter flows_filter;

	/* TRACE */
	struct wire_ctl_filter *trace;
	uint32_t packets_left;
	uint64_t traced_packet;

	/* CAPTURE */
	struct dp_capture *capture;

	struct dp_tables *retired; /* of which workers have not all let go */
	void *heartbeats;
	size_t heartbeats_size;
	struct dp_event_cache cache;
	size_t told_links; /* of the cache, since HELLO */
	size_t told_paths;
	struct dp_outbox out;
};

/* ---- session.c ---- */

/* dp_session_ready and the events' reserve see to it that there is room. */
void dp_session_answer(
    struct dp_session *s, enum wire_ctl_type type, uint64_t generation, const void *body, size_t length);
void dp_session_answer_text(struct dp_session *s, uint64_t generation, int code, const char *text);

/* Workers use some of what is published to them without asking, so the old must wait until they have passed. For rare
 * things: the wait of one pass of each worker does no harm. */
void dp_session_wait_for_workers(struct dp_session *s);

/* ---- session_tables.c ---- */

void dp_session_take_tables(struct dp_session *s, const struct dp_message *m);
/* Whether workers use the tables that they were given; what they used before is freed. */
bool dp_session_tables_settle(struct dp_session *s);

/* ---- session_rows.c ---- */

void dp_session_flows_query(struct dp_session *s, const struct dp_message *m);
void dp_session_flows_stop(struct dp_session *s);
/* The workers whose command ring was full at first. */
void dp_session_flows_ask(struct dp_session *s);
void dp_session_trace_start(struct dp_session *s, const struct dp_message *m);
void dp_session_trace_stop(struct dp_session *s);
void dp_session_capture_start(struct dp_session *s, const struct dp_message *m);
void dp_session_capture_stop(struct dp_session *s);
/* Cached states after HELLO, then the workers' events, as far as there is room. */
void dp_session_pass_events(struct dp_session *s);
