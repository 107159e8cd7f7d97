/* SPDX-License-Identifier: BSD-2-Clause */
/* The cluster's store: keys and values, watched by prefix. Two kinds behind one interface, chosen by the URL:
 *
 *	etcd://HOST:PORT[,HOST:PORT…]   many machines; etcd's v3 JSON gateway
 *	sqlite:///PATH                  one machine, any number of POPs on it
 *
 * Everything is asynchronous on the loop: a dead or slow store delays answers, never the loop. Lost connections are
 * tried again with backoff; a watch goes on from its last revision, and where the store has forgotten that, it lists
 * anew and reports what has changed meanwhile, deletions included. So a watcher that only follows its events always
 * ends up with what the store holds, with one exception: a store that lost its data (its disk was wiped, or a backup was
 * restored) deletes nothing. What it should still hold is kept, counted in the status, and asked for by LOST. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define CTL_STORE_MAX_OPS    128u       /* of one commit: etcd's default limit */
#define CTL_STORE_MAX_VALUE  (1u << 20) /* bytes; etcd takes 1.5 MiB a request */
#define CTL_STORE_TIMEOUT_MS 3000u      /* after which a silent store counts as lost */

struct ctl_store;

enum ctl_store_event_type {
	CTL_STORE_PUT,
	CTL_STORE_DELETE,
	CTL_STORE_LISTED, /* all keys there were at the start have been reported; once per watch, key NULL */
	CTL_STORE_LOST, /* the store lost keys that nobody deleted; key NULL. Whoever owns one should write it again */
};

struct ctl_store_event {
	enum ctl_store_event_type type;
	const char *key;
	const char *value; /* PUT: length bytes and a terminating zero; else NULL */
	size_t length;
	uint64_t revision; /* grows with every commit */
};

typedef void (*ctl_store_watch_fn)(void *arg, const struct ctl_store_event *event);

/* error: 0 or -errno. -ENOSPC: the disk is full. -ENOTCONN: the store is away, -ETIMEDOUT: it is busy. -ESTALE: a key has
 * another revision than was compared with. -EINPROGRESS: the store was asked and has not answered; -ECANCELED: the store
 * was closed meanwhile: after these two the commit may have happened, after any other error nothing has.
 * text: one line. Never called from within the function that was given it. */
typedef void (*ctl_store_done_fn)(void *arg, int error, const char *text);

struct ctl_store_op {
	const char *key;
	const char *value; /* zero-terminated; NULL: delete */
	bool compare;      /* only if the key has this revision, as a PUT of it told; 0: if it is not there */
	bool keep;         /* it is compared and stays as it is; value counts for nothing */
	uint64_t revision;
};

/* Opens and starts to connect; a store that is away is no error. Returns 0, -EINVAL (URL), or another -errno. */
int ctl_store_open(uv_loop_t *loop, const char *url, struct ctl_store **ret_store);

/* Ends all: watchers hear nothing more, commits under way are answered with -ECANCELED, memory is freed
 * from the loop. Not from within a callback of the store. */
void ctl_store_close(struct ctl_store *store);

/* All operations or none, in one revision. The ops are copied. done may be NULL. Returns 0 or -errno (then done is not
 * called): -E2BIG (too many operations or a value too large), -ENOMEM, -ENOTCONN (away, and nothing is queued). */
int ctl_store_commit(
    struct ctl_store *store, const struct ctl_store_op *ops, size_t n, ctl_store_done_fn done, void *arg);

/* Reports every key with this prefix as PUT, then LISTED, then every change, until the store is closed. prefix is
 * copied. Returns 0 or -ENOMEM. */
int ctl_store_watch(struct ctl_store *store, const char *prefix, ctl_store_watch_fn fn, void *arg);

/* The revision that a key below a watched prefix has, as far as the watch has told: for a compare. 0: it is not there.
 * *ret_lost: it should be, but the store has lost it. */
uint64_t ctl_store_known(const struct ctl_store *store, const char *key, bool *ret_lost);

struct ctl_store_status {
	const char *kind; /* "etcd" or "sqlite" */
	const char *url;
	bool connected;
	bool refuses; /* it answers, but did not take the last commit: a full disk, or one that may only be read */
	uint64_t last_contact_ns; /* CLOCK_MONOTONIC of the last answer; 0: never */
	uint64_t last_commit_ns;  /* of the last commit that it took; 0: none yet */
	uint64_t revision;        /* highest seen */
	uint64_t commits;         /* answered with success */
	uint64_t failures;        /* lost connections and failed commits */
	unsigned lost;            /* keys that the store forgot and nobody has put or deleted since */
	char error[200];          /* the last failure that still stands; empty: none */
};
void ctl_store_status(const struct ctl_store *store, struct ctl_store_status *ret_status);
