/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafud's side of wire/control.h, on libuv. The caller says what the data plane should hold; this sees to it that it
 * does: after a reconnect, after a restart of either, and after a refused transaction.
 *
 * Whoever owns a kind of object calls upsert/delete or replace at any time, connected or not. Differences to what was
 * last acknowledged go out as one transaction, at most one in flight, the first at once and the next when the
 * acknowledgement is in. The memory of its flow tables is kept for a successor, who is given it first of all. A data
 * plane that starts with generation 0 or another boot id gets all of it (BEGIN FULL). */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "wire/control.h"
#include "wire/stats.h"

struct ctl_dataplane;

/* Called from the loop; any may be NULL. */
struct ctl_dataplane_events {
	void (*connected)(void *arg, const struct wire_ctl_hello *hello);
	void (*disconnected)(void *arg, const char *why);
	/* The data plane holds all that was desired up to now; `ns` passed since the connection or the change. */
	void (*synchronised)(void *arg, uint64_t generation, uint64_t ns, bool full);
	/* What became of the flow tables that we kept of the data plane before this one. */
	void (*tables)(void *arg, const struct wire_ctl_tables *tables);
	void (*refused)(void *arg, const struct wire_ctl_error *error); /* once for each different text */
	void (*link_state)(void *arg, const struct wire_ctl_link_state *state);
	void (*path_state)(void *arg, const struct wire_ctl_path_state *state);
	void (*neighbour_wanted)(void *arg, const struct wire_ctl_neighbour_wanted *wanted);
};

/* Connects to `socket_path` (copied) and goes on trying, with backoff from 20 ms to 500 ms. Returns 0 or -errno. */
int ctl_dataplane_new(uv_loop_t *loop, const char *socket_path, const struct ctl_dataplane_events *events, void *arg,
    struct ctl_dataplane **ret_client);

/* Ends the connection; the data plane keeps its state. The memory is freed from the loop: run it once more. */
void ctl_dataplane_close(struct ctl_dataplane *client);

/* Desired state. `body` is the object's struct in wire/control.h. Returns 0, -EINVAL (no such object) or -ENOMEM. */
int ctl_dataplane_upsert(struct ctl_dataplane *client, enum wire_ctl_object object, const void *body);
int ctl_dataplane_delete(struct ctl_dataplane *client, enum wire_ctl_object object, const void *key);
/* All objects of this kind: what is not among the n rows is deleted. */
int ctl_dataplane_replace(struct ctl_dataplane *client, enum wire_ctl_object object, const void *rows, size_t n);

/* Nothing is sent before this is called once: so that the first transaction of a new kuafud is whole. */
void ctl_dataplane_ready(struct ctl_dataplane *client);

/* What STAMP knows of one of our links; sent again by itself after a reconnect. */
int ctl_dataplane_link_state(struct ctl_dataplane *client, const struct wire_ctl_link_state *state);

/* The BPF heartbeat array; the descriptor is duplicated and sent at every connection. */
int ctl_dataplane_heartbeat_map(struct ctl_dataplane *client, int fd, uint32_t entries);

struct ctl_dataplane_status {
	bool connected;
	bool synchronised; /* connected, and it holds all that is desired */
	uint32_t pid;
	uint32_t workers;
	uint64_t boot_id;
	uint64_t generation; /* acknowledged */
	uint64_t commits;    /* acknowledged since kuafud started */
	uint64_t refusals;
	uint64_t last_sync_ns; /* how long the last full synchronisation took, from the connection */
	uint32_t objects;      /* desired */
	char error[240];       /* of the last refusal that still stands; empty: none */
};
void ctl_dataplane_status(const struct ctl_dataplane *client, struct ctl_dataplane_status *ret_status);

/* The counters of the connected data plane and the bytes that are there, for ctl_counters_open(); or NULL and 0. Valid
 * until the loop runs again. */
const struct wire_stats *ctl_dataplane_stats(const struct ctl_dataplane *client, size_t *ret_size);

/* Rows of the flow tables. on_end follows the last row: error 0, -ENOTCONN or -EPIPE. Queries are served in turn.
 * Returns 0 or -errno (then neither is called). *ret_query cancels: no callback comes after that. */
struct ctl_dataplane_query;
int ctl_dataplane_flows(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_flow *flow), void (*on_end)(void *arg, int error), void *arg,
    struct ctl_dataplane_query **ret_query);
void ctl_dataplane_flows_cancel(struct ctl_dataplane_query *query);

/* One trace at a time (-EBUSY). on_end comes when the data plane goes away; stop it otherwise. */
int ctl_dataplane_trace(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_trace *trace), void (*on_end)(void *arg, int error), void *arg);
void ctl_dataplane_trace_stop(struct ctl_dataplane *client);

/* One capture at a time (-EBUSY), as a trace. The frame's bytes follow the row. */
int ctl_dataplane_capture(struct ctl_dataplane *client, const struct wire_ctl_filter *filter,
    void (*on_row)(void *arg, const struct wire_ctl_captured *captured), void (*on_end)(void *arg, int error),
    void *arg);
void ctl_dataplane_capture_stop(struct ctl_dataplane *client);
