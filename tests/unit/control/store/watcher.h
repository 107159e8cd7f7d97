/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of stores: a loop with a store whose events are written down, one word each, as
 * "+key=value -key listed". */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/store/store.h"

#define WATCHER_PATIENCE_MS 15000u

struct watcher {
	uv_loop_t loop;
	uv_timer_t clock;
	unsigned waited_ms;
	struct ctl_store *store;
	char heard[4096];
	uint64_t revision; /* of the last event */
	int commit_error;  /* 1: not answered yet */
	char commit_text[256];
};

static inline void watcher_hear(void *arg, const struct ctl_store_event *event)
{
	struct watcher *w = arg;
	size_t used = strlen(w->heard);
	const char *space = used ? " " : "";
	w->revision = event->revision;
	if (event->type == CTL_STORE_LISTED)
		snprintf(w->heard + used, sizeof(w->heard) - used, "%slisted", space);
	else if (event->type == CTL_STORE_LOST)
		snprintf(w->heard + used, sizeof(w->heard) - used, "%slost", space);
	else if (event->type == CTL_STORE_PUT)
		snprintf(w->heard + used, sizeof(w->heard) - used, "%s+%s=%.60s", space, event->key, event->value);
	else
		snprintf(w->heard + used, sizeof(w->heard) - used, "%s-%s", space, event->key);
}

static inline void watcher_tick(uv_timer_t *timer)
{
	struct watcher *w = timer->data;
	w->waited_ms += 10;
}

static inline void watcher_open(struct watcher *w, const char *url)
{
	memset(w, 0, sizeof(*w));
	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->clock);
	w->clock.data = w;
	uv_timer_start(&w->clock, watcher_tick, 10, 10);
	cr_assert(ctl_store_open(&w->loop, url, &w->store) == 0, "%s", url);
}

static inline void watcher_close(struct watcher *w)
{
	ctl_store_close(w->store);
	uv_close((uv_handle_t *)&w->clock, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&w->loop) == 0, "no handle is left open");
}

static inline void watcher_done(void *arg, int error, const char *text)
{
	struct watcher *w = arg;
	w->commit_error = error;
	snprintf(w->commit_text, sizeof(w->commit_text), "%s", text);
}

/* Runs the loop until the words are there; whatever else came fails the test. */
static inline void watcher_expect(struct watcher *w, const char *words)
{
	w->waited_ms = 0;
	while (strcmp(w->heard, words) != 0 && strlen(w->heard) <= strlen(words) && w->waited_ms < WATCHER_PATIENCE_MS)
		uv_run(&w->loop, UV_RUN_ONCE);
	struct ctl_store_status status;
	ctl_store_status(w->store, &status);
	cr_assert(strcmp(w->heard, words) == 0, "expected: %s\nheard: %s\n%s", words, w->heard, status.error);
	w->heard[0] = '\0';
}

/* Commits and waits for the answer. value NULL deletes. */
static inline int watcher_commit(struct watcher *w, const struct ctl_store_op *ops, size_t n)
{
	w->commit_error = 1;
	int error = ctl_store_commit(w->store, ops, n, watcher_done, w);
	if (error)
		return error;
	cr_assert(w->commit_error == 1, "the answer does not come before the function returns");
	w->waited_ms = 0;
	while (w->commit_error == 1 && w->waited_ms < WATCHER_PATIENCE_MS)
		uv_run(&w->loop, UV_RUN_ONCE);
	return w->commit_error;
}

static inline int watcher_put(struct watcher *w, const char *key, const char *value)
{
	return watcher_commit(w, &(struct ctl_store_op){key, value}, 1);
}

/* ---- what every kind of store does ---- */

static inline void a_watch_lists_what_is_there_and_follows(const char *url)
{
	struct watcher a, b;
	watcher_open(&a, url);
	cr_assert(watcher_put(&a, "/k/pop/x", "1") == 0, "%s", a.commit_text);
	cr_assert(watcher_put(&a, "/k/other", "2") == 0);
	watcher_open(&b, url);
	ctl_store_watch(b.store, "/k/pop/", watcher_hear, &b);
	watcher_expect(&b, "+/k/pop/x=1 listed");
	cr_assert(watcher_put(&a, "/k/pop/y", "{\"é\": 1}") == 0);
	watcher_expect(&b, "+/k/pop/y={\"é\": 1}");
	cr_assert(watcher_put(&a, "/k/other", "3") == 0);
	cr_assert(watcher_put(&a, "/k/pop/x", NULL) == 0);
	watcher_expect(&b, "-/k/pop/x");
	watcher_close(&a);
	watcher_close(&b);
}

static inline void a_commit_is_heard_by_its_maker_too(const char *url)
{
	struct watcher a;
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	struct ctl_store_op ops[] = {{"/k/a", "1"}, {"/k/b", "2"}};
	cr_assert(watcher_commit(&a, ops, 2) == 0);
	watcher_expect(&a, "+/k/a=1 +/k/b=2");
	struct ctl_store_op more[] = {{"/k/a", NULL}, {"/k/c", "3"}, {"/k/never", NULL}};
	cr_assert(watcher_commit(&a, more, 3) == 0);
	watcher_expect(&a, "-/k/a +/k/c=3");
	struct ctl_store_status status;
	ctl_store_status(a.store, &status);
	cr_assert(status.connected && status.commits == 2 && status.revision >= 2 && status.last_contact_ns);
	watcher_close(&a);
}

/* Of two who read the same only one gets to change it. */
static inline void a_commit_that_compares_is_taken_once(const char *url)
{
	struct watcher a;
	struct ctl_store_op put[] = {{"/k/a", "2", .compare = true}, {"/k/b", "2"}};
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	cr_assert(watcher_put(&a, "/k/a", "1") == 0);
	watcher_expect(&a, "+/k/a=1");
	cr_assert(watcher_commit(&a, put, 2) == -ESTALE, "it is there");
	put[0].revision = a.revision - 1;
	cr_assert(watcher_commit(&a, put, 2) == -ESTALE);
	put[0].revision = a.revision;
	cr_assert(watcher_commit(&a, put, 2) == 0);
	watcher_expect(&a, "+/k/a=2 +/k/b=2");
	cr_assert(watcher_commit(&a, put, 2) == -ESTALE, "%s", a.commit_text);
	cr_assert(watcher_put(&a, "/k/a", NULL) == 0);
	watcher_expect(&a, "-/k/a");
	cr_assert(watcher_commit(&a, put, 2) == -ESTALE, "it is gone");
	put[0].revision = 0;
	cr_assert(watcher_commit(&a, put, 1) == 0, "%s", a.commit_text);
	watcher_expect(&a, "+/k/a=2");
	struct ctl_store_status status;
	ctl_store_status(a.store, &status);
	cr_assert(
	    !status.refuses && !status.error[0] && status.failures == 0, "what is stale is no fault of the store");
	watcher_close(&a);
}

static inline void what_is_kept_is_compared_and_not_written(const char *url)
{
	struct watcher a;
	struct ctl_store_op ops[] = {{"/k/a", .compare = true, .keep = true}, {"/k/b", "2"}};
	bool lost = true;
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	cr_assert(ctl_store_known(a.store, "/k/a", &lost) == 0 && !lost);
	cr_assert(watcher_commit(&a, ops, 1) == 0, "it is not there, and stays so: %s", a.commit_text);
	cr_assert(watcher_put(&a, "/k/a", "1") == 0);
	watcher_expect(&a, "+/k/a=1");
	cr_assert(watcher_commit(&a, ops, 2) == -ESTALE);
	ops[0].revision = ctl_store_known(a.store, "/k/a", &lost);
	cr_assert(ops[0].revision == a.revision && !lost);
	cr_assert(watcher_commit(&a, ops, 1) == 0, "%s", a.commit_text);
	cr_assert(watcher_commit(&a, ops, 2) == 0, "%s", a.commit_text);
	watcher_expect(&a, "+/k/b=2");
	cr_assert(ctl_store_known(a.store, "/k/a", &lost) == ops[0].revision, "it is as it was");
	watcher_close(&a);
}

static inline void a_second_watch_lists_for_itself(const char *url)
{
	struct watcher a;
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/a", watcher_hear, &a);
	watcher_expect(&a, "listed");
	cr_assert(watcher_put(&a, "/k/a1", "1") == 0);
	watcher_expect(&a, "+/k/a1=1");
	cr_assert(watcher_put(&a, "/k/b1", "2") == 0);
	ctl_store_watch(a.store, "/k/b", watcher_hear, &a);
	watcher_expect(&a, "+/k/b1=2 listed");
	watcher_close(&a);
}

static inline void what_is_too_large_is_refused_at_once(const char *url)
{
	struct watcher a;
	struct ctl_store_op ops[CTL_STORE_MAX_OPS + 1];
	for (unsigned i = 0; i <= CTL_STORE_MAX_OPS; i++)
		ops[i] = (struct ctl_store_op){"/k", "v"};
	watcher_open(&a, url);
	cr_assert(watcher_commit(&a, ops, CTL_STORE_MAX_OPS + 1) == -E2BIG);
	watcher_close(&a);
}

static inline void closing_answers_what_is_under_way(const char *url)
{
	struct watcher a;
	watcher_open(&a, url);
	a.commit_error = 1;
	cr_assert(ctl_store_commit(a.store, &(struct ctl_store_op){"/k", "v"}, 1, watcher_done, &a) == 0);
	watcher_close(&a);
	cr_assert(a.commit_error == 0 || a.commit_error == -ECANCELED, "%d", a.commit_error);
}
