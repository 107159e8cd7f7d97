/* SPDX-License-Identifier: BSD-2-Clause */
/* What the API may see and ask of the daemon. The daemon fills a struct ctl_api_view once; the API knows nothing else
 * of it, so that handlers are tested without a daemon. */
#pragma once

#include "control/api/view_rows.h"
#include "wire/control.h"
#include "wire/stats.h"

#define CTL_API_ERROR_SIZE 256u

typedef void ctl_api_emit(void *to, const void *row);
typedef void ctl_api_list(void *daemon, ctl_api_emit *emit, void *to);

/* ---- changes: done is called exactly once, perhaps before the asking function returns ---- */

struct ctl_api_applied {
	const char *kind;
	const char *name;
	const char *change; /* created | changed | unchanged | deleted */
};

struct ctl_api_result {
	int error; /* 0; -EINVAL: the request is wrong; -ENOENT: no such object; -EAGAIN: the store is away; -EINPROGRESS: it
	              was asked and has not answered; else our failure */
	const char *const *message; /* one line each: what was wrong and what would be right */
	size_t n_message;
	const struct ctl_api_applied *applied;
	size_t n_applied;
};

typedef void ctl_api_done(void *to, const struct ctl_api_result *result);

struct ctl_api_documents {
	const char *text; /* YAML, one or more documents */
	size_t size;
	const char *kind; /* only documents of this kind are allowed; NULL: any */
	const char *name; /* and only with this name; NULL: any */
};

/* ---- queries to the data plane: rows as they come, then end once. Neither is called before the asking function has
 * returned, nor after stop or end. ---- */

struct ctl_api_query {
	void (*row)(void *to, const void *row);
	void (*end)(void *to, int error); /* 0: the limit or the last row; -EPIPE: the data plane went away */
	void *to;
};

struct ctl_api_view {
	void *daemon; /* first argument of every function below */

	void (*status)(void *daemon, struct ctl_api_status *ret_status);
	ctl_api_list *pops;         /* emits struct ctl_api_pop */
	ctl_api_list *links;        /* struct ctl_api_link: ours and what others measure */
	ctl_api_list *routes;       /* struct ctl_api_route: from this POP */
	ctl_api_list *accelerators; /* struct ctl_api_accelerator */
	ctl_api_list *listeners;    /* struct ctl_api_listener */
	ctl_api_list *endpoints;    /* struct ctl_api_endpoint */
	ctl_api_list *policies;     /* struct ctl_api_policy */
	ctl_api_list *stale;        /* struct ctl_api_stale: what is silent now */
	ctl_api_list *changes;      /* struct ctl_api_count: of routes from this POP, by reason, since kuafud started */
	ctl_api_list *bpf;          /* struct ctl_api_count: of the BPF programs, by event; nothing without them */

	/* Emits struct ctl_api_accuracy for each of our links, of the probes of the last `seconds`. */
	void (*accuracy)(void *daemon, uint64_t seconds, ctl_api_emit *emit, void *to);

	/* Emits one struct ctl_api_explanation. class NULL: the first one. Returns 0, or -errno with one line in
	 * ret_error[CTL_API_ERROR_SIZE]: -ENOENT names the unknown POP or class, -EINVAL that from is to. */
	int (*explain)(void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg,
	    char *ret_error);

	/* Emits one struct ctl_api_past for each change of a route from this POP that is remembered, the last one first.
	 * class NULL: of all. Returns as explain does; -EINVAL also if `from` is another POP. */
	int (*history)(void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg,
	    char *ret_error);

	void (*apply)(void *daemon, const struct ctl_api_documents *documents, ctl_api_done *done, void *to);
	/* kind: accelerator | policy | pop */
	void (*remove)(void *daemon, const char *kind, const char *name, ctl_api_done *done, void *to);
	/* kind: endpoint | pop. An endpoint's name is address:port, or accelerator/address:port. */
	void (*drain)(void *daemon, const char *kind, const char *name, bool drained, ctl_api_done *done, void *to);

	/* Rows are struct wire_ctl_flow. Returns 0 and an id for stop; -ENOTCONN without a data plane. */
	int (*flows)(
	    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
	/* Rows are struct wire_ctl_trace. Also -EBUSY: another trace runs. */
	int (*trace)(
	    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
	/* Rows are struct wire_ctl_captured, the frame's bytes behind. Also -EBUSY: another capture runs. */
	int (*capture)(
	    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);
	void (*stop)(void *daemon, uint64_t id);

	/* The data plane's counters as mapped (wire/stats.h), or NULL; they stay mapped during the handler's call. */
	const void *(*stats)(void *daemon, size_t *ret_size);

	/* Names for the numbers in flows; NULL: not known. */
	const char *(*pop_name)(void *daemon, uint16_t pop);
	const char *(*class_name)(void *daemon, uint8_t class);
	const char *(*flow_state_name)(void *daemon, uint8_t state);

	/* Of port number `port` in pop.yaml; NULL: there are no more. */
	const char *(*port_name)(void *daemon, uint16_t port);

	/* CLOCK_MONOTONIC in ns, as workers' heartbeats are. */
	uint64_t (*monotonic)(void *daemon);
};
