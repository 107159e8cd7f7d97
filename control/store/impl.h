/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kinds of store share. Nobody outside this folder includes it. */
#pragma once

#include "control/store/mirror.h"
#include "control/store/store.h"

#define CTL_STORE_RETRY_MIN_MS 50u
#define CTL_STORE_RETRY_MAX_MS 2000u

#define CTL_STORE_STALE_TEXT "somebody else has changed the same at the same time"

struct ctl_store_watch {
	struct ctl_store_watch *next;
	struct ctl_store *store;
	char *prefix;
	ctl_store_watch_fn fn;
	void *arg;
	bool listed;
	uint64_t revision; /* all changes up to this one have been reported */
	struct ctl_mirror mirror;
	void *kind; /* the kind's own */
};

struct ctl_store_commit {
	struct ctl_store_commit *next;
	struct ctl_store *store;
	ctl_store_done_fn done;
	void *arg;
	bool stale; /* what was compared was not so */
	size_t n;
	struct ctl_store_op op[]; /* own their texts */
};

/* All run on the loop. */
struct ctl_store_kind {
	const char *name;
	const char *scheme; /* what its URLs begin with */
	int (*open)(struct ctl_store *store, const char *rest);
	void (*close)(struct ctl_store *store);                                  /* calls ctl_store_freed when done */
	int (*commit)(struct ctl_store *store, struct ctl_store_commit *commit); /* takes commit over unless it fails */
	int (*watch)(struct ctl_store *store, struct ctl_store_watch *watch);
};

extern const struct ctl_store_kind ctl_store_etcd;
extern const struct ctl_store_kind ctl_store_sqlite;

struct ctl_store {
	uv_loop_t *loop;
	const struct ctl_store_kind *kind;
	void *self; /* the kind's own */
	char *url;
	bool closing;
	bool connected;
	bool refuses; /* the last commit */
	uint64_t last_contact_ns;
	uint64_t last_commit_ns;
	uint64_t commits;
	uint64_t failures;
	char error[200];   /* the last failure that still stands */
	char refusal[200]; /* why, while it refuses */
	struct ctl_store_watch *watches;
};

/* The store has answered. */
void ctl_store_contact(struct ctl_store *store);
/* It has not, or it has refused. */
void ctl_store_failed(struct ctl_store *store, bool lost, const char *text);

/* Answers and frees a commit. */
void ctl_store_commit_done(struct ctl_store_commit *commit, int error, const char *text);

/* Reports through the mirror: only what is new to the watcher gets through. value NULL: deleted. */
void ctl_watch_change(
    struct ctl_store_watch *watch, const char *key, const char *value, size_t length, uint64_t revision);
/* Around a complete list: what was there before and is not in the list is reported as deleted. But a store that lost
 * its data, or of many keys has not one left, is not believed: then what is missing counts as lost, and is kept. */
void ctl_watch_list_begin(struct ctl_store_watch *watch, bool lost_data);
void ctl_watch_list_end(struct ctl_store_watch *watch, bool lost_data, uint64_t revision);

/* The next wait: doubles *ms within the limits. */
unsigned ctl_store_backoff(unsigned *ms);

/* The last thing that a kind does: frees what is common. */
void ctl_store_freed(struct ctl_store *store);
