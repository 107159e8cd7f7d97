/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the data-plane client share. */
#pragma once

#include "control/dataplane/client.h"
#include "control/dataplane/frame.h"
#include "control/dataplane/wanted.h"

struct ctl_dataplane_query {
	struct ctl_dataplane *client;
	struct ctl_dataplane_query *next;
	struct wire_ctl_filter filter;
	void (*on_row)(void *arg, const struct wire_ctl_flow *flow);
	void (*on_end)(void *arg, int error);
	void *arg;
	bool cancelled; /* its rows are still to come, and to be thrown away */
};

struct ctl_capture {
	bool on;
	void (*on_row)(void *arg, const struct wire_ctl_captured *captured);
	void (*on_end)(void *arg, int error);
	void *arg;
};

struct ctl_trace {
	bool on;
	void (*on_row)(void *arg, const struct wire_ctl_trace *trace);
	void (*on_end)(void *arg, int error);
	void *arg;
};

struct ctl_dataplane {
	uv_loop_t *loop;
	struct ctl_dataplane_events events;
	void *arg;
	char path[108];
	uint64_t boot_id; /* ours */

	int fd;         /* -1: not connected */
	bool greeted;   /* its HELLO is in */
	uv_poll_t poll; /* while fd is open */
	bool polling;
	uv_timer_t reconnect;
	uint64_t backoff_ms;
	uv_timer_t flush; /* gathers the changes of one pass of the loop; also the retry after a refusal */
	unsigned handles; /* not yet closed */
	bool closing;

	struct ctl_frames out;
	struct ctl_wanted *wanted;
	bool ready;
	bool changed; /* since the last transaction was built */
	bool full;    /* the next transaction must be */
	bool in_flight_full;
	uint64_t generation; /* of the transaction in flight, else of the last */
	bool in_flight;
	uint64_t peer_boot_id;
	uint64_t connected_at; /* uv_hrtime */
	uint64_t changed_at;

	struct ctl_dataplane_status status;
	struct wire_ctl_link_state *link_state; /* the last of each of our links */
	size_t n_link_states;
	bool tell_links;           /* all of them, after the ACK of the next transaction */
	bool tell_links_in_flight; /* of that in flight */
	int tables_fd;             /* of the data plane's flow tables; -1: not told */
	int heartbeat_fd;
	uint32_t heartbeat_entries;

	void *stats;
	size_t stats_size;

	struct ctl_dataplane_query *query; /* the first is being answered */
	struct ctl_trace trace;
	struct ctl_capture capture;
};

/* query.c */
void ctl_dataplane_queries_lost(struct ctl_dataplane *client, int error);
void ctl_dataplane_on_flow(struct ctl_dataplane *client, const struct wire_ctl_flow *flow);
void ctl_dataplane_on_flows_end(struct ctl_dataplane *client);
void ctl_dataplane_on_trace(struct ctl_dataplane *client, const struct wire_ctl_trace *trace);
/* size: of the body, the frame's bytes included. */
void ctl_dataplane_on_captured(struct ctl_dataplane *client, const struct wire_ctl_captured *captured, size_t size);

/* link_states.c: tell all, after the transaction with their links. A data plane forgets a state of a link that it does
 * not have yet. */
void ctl_dataplane_tell_links(struct ctl_dataplane *client);
/* Those of links that are not among these are not told to the next data plane. */
void ctl_dataplane_keep_links(struct ctl_dataplane *client, const struct wire_ctl_link *links, size_t n);

/* socket.c: queue a message outside transactions and see that it goes out. */
int ctl_dataplane_send(struct ctl_dataplane *client, enum wire_ctl_type type, const void *body, size_t size, int fd);
void ctl_dataplane_pump(struct ctl_dataplane *client);
int ctl_dataplane_connect(struct ctl_dataplane *client);
void ctl_dataplane_disconnect(struct ctl_dataplane *client);

/* client.c: what socket.c calls. */
void ctl_dataplane_on_message(
    struct ctl_dataplane *client, const struct wire_ctl_header *header, const void *body, int *fd);
void ctl_dataplane_on_lost(struct ctl_dataplane *client, const char *why);
void ctl_dataplane_handle_closed(uv_handle_t *handle);
