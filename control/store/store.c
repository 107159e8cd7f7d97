/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/store/impl.h"

static const struct ctl_store_kind *const kinds[] = {&ctl_store_etcd, &ctl_store_sqlite};

int ctl_store_open(uv_loop_t *loop, const char *url, struct ctl_store **ret_store)
{
	const struct ctl_store_kind *kind = NULL;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(url, kinds[i]->scheme, strlen(kinds[i]->scheme)) == 0)
			kind = kinds[i];
	if (!kind)
		return -EINVAL;
	struct ctl_store *store = calloc(1, sizeof(*store));
	if (!store || !(store->url = strdup(url))) {
		free(store);
		return -ENOMEM;
	}
	store->loop = loop;
	store->kind = kind;
	int error = kind->open(store, store->url + strlen(kind->scheme));
	if (error) {
		free(store->url);
		free(store);
		return error;
	}
	*ret_store = store;
	return 0;
}

void ctl_store_close(struct ctl_store *store)
{
	if (!store)
		return;
	store->closing = true;
	store->kind->close(store);
}

void ctl_store_freed(struct ctl_store *store)
{
	while (store->watches) {
		struct ctl_store_watch *watch = store->watches;
		store->watches = watch->next;
		ctl_mirror_free(&watch->mirror);
		free(watch->prefix);
		free(watch);
	}
	free(store->url);
	free(store);
}

/* ---- state of the connection ---- */

void ctl_store_contact(struct ctl_store *store)
{
	store->connected = true;
	store->last_contact_ns = ctl_monotonic_ns();
	store->error[0] = '\0';
}

void ctl_store_failed(struct ctl_store *store, bool lost, const char *text)
{
	store->failures++;
	if (lost)
		store->connected = false;
	snprintf(store->error, sizeof(store->error), "%s", text);
}

unsigned ctl_store_backoff(unsigned *ms)
{
	*ms = *ms == 0 ? CTL_STORE_RETRY_MIN_MS : *ms < CTL_STORE_RETRY_MAX_MS / 2 ? 2 * *ms : CTL_STORE_RETRY_MAX_MS;
	return *ms;
}

void ctl_store_status(const struct ctl_store *store, struct ctl_store_status *ret_status)
{
	*ret_status = (struct ctl_store_status){
	    .kind = store->kind->name,
	    .url = store->url,
	    .connected = store->connected,
	    .refuses = store->connected && store->refuses,
	    .last_contact_ns = store->last_contact_ns,
	    .last_commit_ns = store->last_commit_ns,
	    .commits = store->commits,
	    .failures = store->failures,
	};
	for (const struct ctl_store_watch *w = store->watches; w; w = w->next) {
		ret_status->lost += ctl_mirror_count_lost(&w->mirror);
		if (w->revision > ret_status->revision)
			ret_status->revision = w->revision;
	}
	snprintf(ret_status->error, sizeof(ret_status->error), "%s",
	    store->error[0] || !store->refuses ? store->error : store->refusal);
}

/* ---- commits ---- */

static void free_commit(struct ctl_store_commit *commit)
{
	for (size_t i = 0; i < commit->n; i++) {
		free((char *)commit->op[i].key);
		free((char *)commit->op[i].value);
	}
	free(commit);
}

void ctl_store_commit_done(struct ctl_store_commit *commit, int error, const char *text)
{
	struct ctl_store *store = commit->store;
	if (error == 0) {
		store->commits++;
		store->last_commit_ns = ctl_monotonic_ns();
		store->refuses = false;
	} else if (error != -ESTALE && error != -ENOTCONN && error != -ETIMEDOUT && error != -EINPROGRESS &&
	           error != -ECANCELED) {
		store->refuses = true;
		snprintf(store->refusal, sizeof(store->refusal), "%s", text);
	}
	if (commit->done)
		commit->done(commit->arg, error, text);
	free_commit(commit);
}

static int copy_ops(struct ctl_store_commit *commit, const struct ctl_store_op *ops, size_t n)
{
	for (; commit->n < n; commit->n++) {
		const struct ctl_store_op *op = &ops[commit->n];
		struct ctl_store_op *copy = &commit->op[commit->n];
		*copy = *op;
		copy->key = strdup(op->key);
		copy->value = op->value ? strdup(op->value) : NULL;
		if (!copy->key || (op->value && !copy->value)) {
			commit->n++;
			return -ENOMEM;
		}
	}
	return 0;
}

int ctl_store_commit(
    struct ctl_store *store, const struct ctl_store_op *ops, size_t n, ctl_store_done_fn done, void *arg)
{
	if (n == 0 || n > CTL_STORE_MAX_OPS)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		if (ops[i].value && strlen(ops[i].value) > CTL_STORE_MAX_VALUE)
			return -E2BIG;
	struct ctl_store_commit *commit = calloc(1, sizeof(*commit) + n * sizeof(commit->op[0]));
	if (!commit)
		return -ENOMEM;
	*commit = (struct ctl_store_commit){.store = store, .done = done, .arg = arg};
	int error = copy_ops(commit, ops, n);
	if (!error)
		error = store->kind->commit(store, commit);
	if (error)
		free_commit(commit);
	return error;
}

/* ---- watches ---- */

int ctl_store_watch(struct ctl_store *store, const char *prefix, ctl_store_watch_fn fn, void *arg)
{
	struct ctl_store_watch *watch = calloc(1, sizeof(*watch));
	if (!watch || !(watch->prefix = strdup(prefix))) {
		free(watch);
		return -ENOMEM;
	}
	watch->store = store;
	watch->fn = fn;
	watch->arg = arg;
	int error = store->kind->watch(store, watch);
	if (error) {
		free(watch->prefix);
		free(watch);
		return error;
	}
	watch->next = store->watches;
	store->watches = watch;
	return 0;
}

uint64_t ctl_store_known(const struct ctl_store *store, const char *key, bool *ret_lost)
{
	const struct ctl_mirror_entry *entry = NULL;
	for (const struct ctl_store_watch *w = store->watches; w && !entry; w = w->next)
		entry = ctl_mirror_find(&w->mirror, key);
	*ret_lost = entry && entry->lost;
	return entry && !entry->lost ? entry->revision : 0;
}

static void report(struct ctl_store_watch *watch, const struct ctl_store_event *event)
{
	if (!watch->store->closing)
		watch->fn(watch->arg, event);
}

void ctl_watch_change(
    struct ctl_store_watch *watch, const char *key, const char *value, size_t length, uint64_t revision)
{
	struct ctl_store_event event = {value ? CTL_STORE_PUT : CTL_STORE_DELETE, key, value, length, revision};
	/* Without memory for the mirror the event is reported all the same: once too often is harmless. */
	bool is_new =
	    value ? ctl_mirror_put(&watch->mirror, key, revision) != 0 : ctl_mirror_delete(&watch->mirror, key);
	if (is_new)
		report(watch, &event);
}

void ctl_watch_list_begin(struct ctl_store_watch *watch, bool lost_data)
{
	ctl_mirror_unsee(&watch->mirror);
	if (lost_data)
		ctl_mirror_forget_revisions(&watch->mirror);
}

void ctl_watch_list_end(struct ctl_store_watch *watch, bool lost_data, uint64_t revision)
{
	if (ctl_mirror_unseen(&watch->mirror) && (lost_data || !ctl_mirror_any_seen(&watch->mirror))) {
		ctl_mirror_lose_unseen(&watch->mirror);
		struct ctl_store_event event = {.type = CTL_STORE_LOST, .revision = revision};
		report(watch, &event);
	}
	for (const char *key; (key = ctl_mirror_unseen(&watch->mirror));) {
		char *gone = strdup(key);
		if (!gone)
			break; /* it is still unseen: the next list deletes it */
		ctl_watch_change(watch, gone, NULL, 0, revision);
		free(gone);
	}
	watch->revision = revision;
	if (watch->listed)
		return;
	watch->listed = true;
	struct ctl_store_event event = {.type = CTL_STORE_LISTED, .revision = revision};
	report(watch, &event);
}
