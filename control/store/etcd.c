/* SPDX-License-Identifier: BSD-2-Clause */
/* The store of many machines: etcd, by its v3 JSON gateway over HTTP.
 *
 * Each watch is a small machine: LIST everything below the prefix at revision r, then STREAM from r + 1. A stream that
 * breaks is opened again from the last revision reported; only when etcd has compacted that away, or knows fewer
 * revisions than we do, is the list read again. A count once a second, when nothing else is asked, tells whether etcd is
 * there.
 *
 * Lists and counts are linearizable: etcd answers them at a revision no older than any that it had told before. An answer
 * that goes back behind what was known when it was asked says that the data was lost.
 *
 * All requests go to one server. When it fails, the next takes its place, and the streams from it are opened again: one
 * that is cut off from the others keeps its streams open and silent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/store/etcd_message.h"
#include "control/store/http.h"
#include "control/store/impl.h"

#define PING_MS  1000u
#define URL_SIZE 320u

struct etcd_watch {
	struct ctl_store_watch *watch;
	struct etcd_store *etcd;
	struct etcd_watch *next;
	uv_timer_t retry;
	unsigned retry_ms;
	bool must_list;
	bool lost_data;                   /* the next list comes from a store that has lost its data */
	uint64_t asked_at;                /* what the store's revision was when the list was asked for */
	unsigned server;                  /* of the request */
	struct ctl_http_request *request; /* under way, or NULL */
};

struct etcd_commit {
	struct etcd_store *etcd;
	struct ctl_store_commit *commit;
	unsigned server;
	struct etcd_commit *next, **link;
};

struct etcd_store {
	struct ctl_store *store;
	struct ctl_http *http;
	unsigned n_servers;
	unsigned server;   /* in use */
	char *servers;     /* zero-separated */
	uint64_t revision; /* highest that it has told */
	uv_timer_t ping;
	struct ctl_http_request *ping_request;
	unsigned ping_server;
	uint64_t ping_asked_at;
	struct etcd_watch *watches;
	struct etcd_commit *commits; /* under way */
	unsigned handles;
};

static const char *server_name(const struct etcd_store *e, unsigned i)
{
	const char *server = e->servers;
	for (; i > 0; i--)
		server += strlen(server) + 1;
	return server;
}

static const char *url_of(const struct etcd_store *e, const char *call, char *url)
{
	snprintf(url, URL_SIZE, "http://%s/v3/%s", server_name(e, e->server), call);
	return url;
}

/* What to tell of a failed request, and whether the server was not reached, or is not fit to serve. */
static bool explain(const char *server, unsigned status, const char *body, size_t size, const char *text,
    char *ret_text, size_t ret_size)
{
	struct ctl_etcd_answer answer;
	if (status == CTL_HTTP_NOT_SENT || status == CTL_HTTP_NO_ANSWER) {
		snprintf(ret_text, ret_size, "%.64s: %.120s", server, text);
		return true;
	}
	if (ctl_etcd_parse(body, size, &answer)) {
		snprintf(ret_text, ret_size, "%.64s: HTTP %u", server, status);
		return status >= 500;
	}
	snprintf(ret_text, ret_size, "%.64s: %.120s", server, answer.error);
	ctl_etcd_answer_free(&answer);
	return status >= 500;
}

/* ---- watches ---- */

static void start_watch(struct etcd_watch *w);

static void on_retry(uv_timer_t *timer)
{
	start_watch(timer->data);
}

static void retry_watch(struct etcd_watch *w)
{
	uv_timer_start(&w->retry, on_retry, ctl_store_backoff(&w->retry_ms), 0);
}

/* Ends the request and begins again: from where the stream was, or by the list. */
static void restart(struct etcd_watch *w)
{
	if (w->request)
		ctl_http_cancel(w->request);
	w->request = NULL;
	retry_watch(w);
}

/* A request to this server has failed. Another that was sent to it before may fail later: that is no news. */
static bool failed(struct etcd_store *e, unsigned server, unsigned status, const char *body, size_t size,
    const char *text, char *ret_why, size_t ret_size)
{
	bool lost = explain(server_name(e, server), status, body, size, text, ret_why, ret_size);
	bool is_news = server == e->server;
	ctl_store_failed(e->store, lost && is_news, ret_why);
	if (!lost || !is_news)
		return lost;
	e->server = (e->server + 1) % e->n_servers;
	for (struct etcd_watch *w = e->watches; w; w = w->next)
		if (w->request && !w->must_list && w->server == server)
			restart(w);
	return true;
}

static void data_lost(struct etcd_store *e, uint64_t revision)
{
	e->revision = revision;
	e->ping_asked_at = 0;
	for (struct etcd_watch *w = e->watches; w; w = w->next) {
		w->lost_data = w->must_list = true;
		if (w->request)
			restart(w);
	}
}

static void heard_revision(struct etcd_store *e, uint64_t asked_at, uint64_t revision)
{
	if (revision < asked_at)
		data_lost(e, revision);
	else if (revision > e->revision)
		e->revision = revision;
}

static void report_changes(struct etcd_watch *w, const struct ctl_etcd_answer *answer)
{
	for (unsigned i = 0; i < answer->n; i++) {
		const struct ctl_etcd_change *c = &answer->change[i];
		ctl_watch_change(w->watch, c->key, c->value, c->length, c->revision);
	}
}

static void on_list(void *arg, unsigned status, const char *body, size_t size, const char *text)
{
	struct etcd_watch *w = arg;
	struct ctl_etcd_answer answer;
	char why[200];
	w->request = NULL;
	if (status != 200 || ctl_etcd_parse(body, size, &answer)) {
		failed(w->etcd, w->server, status, body, size, text, why, sizeof(why));
		retry_watch(w);
		return;
	}
	ctl_store_contact(w->etcd->store);
	heard_revision(w->etcd, w->asked_at, answer.revision);
	ctl_watch_list_begin(w->watch, w->lost_data);
	report_changes(w, &answer);
	ctl_watch_list_end(w->watch, w->lost_data, answer.revision);
	ctl_etcd_answer_free(&answer);
	w->must_list = w->lost_data = false;
	w->retry_ms = 0;
	if (!w->etcd->store->closing)
		start_watch(w);
}

/* Begins anew, by the list: the stream cannot tell what has happened. */
static void relist(struct etcd_watch *w)
{
	w->must_list = true;
	restart(w);
}

/* With changes the header's revision may be ahead of what has been sent; a progress notice has none. */
static void follow(struct etcd_watch *w, const struct ctl_etcd_answer *answer)
{
	uint64_t revision = answer->n || answer->created ? 0 : answer->revision;
	for (unsigned i = 0; i < answer->n; i++)
		revision = answer->change[i].revision > revision ? answer->change[i].revision : revision;
	report_changes(w, answer);
	if (revision > w->watch->revision)
		w->watch->revision = revision;
	heard_revision(w->etcd, 0, w->watch->revision);
}

static void on_stream_line(void *arg, char *line, size_t size)
{
	struct etcd_watch *w = arg;
	struct ctl_etcd_answer answer;
	if (size == 0)
		return;
	if (ctl_etcd_parse(line, size, &answer)) {
		relist(w);
		return;
	}
	ctl_store_contact(w->etcd->store);
	w->retry_ms = 0;
	bool is_behind = answer.created && answer.revision < w->watch->revision;
	if (answer.canceled || answer.compact_revision || answer.error[0] || is_behind)
		relist(w);
	else
		follow(w, &answer);
	ctl_etcd_answer_free(&answer);
}

static void on_stream_end(void *arg, unsigned status, const char *body, size_t size, const char *text)
{
	struct etcd_watch *w = arg;
	char why[200];
	w->request = NULL;
	failed(w->etcd, w->server, status == 200 ? CTL_HTTP_NO_ANSWER : status, body, size,
	    text[0] ? text : "the stream ended", why, sizeof(why));
	retry_watch(w);
}

static void start_watch(struct etcd_watch *w)
{
	struct etcd_store *e = w->etcd;
	char url[URL_SIZE];
	char *body =
	    w->must_list ? ctl_etcd_range(w->watch->prefix) : ctl_etcd_watch(w->watch->prefix, w->watch->revision + 1);
	int error = -ENOMEM;
	w->server = e->server;
	w->asked_at = e->revision;
	if (body && w->must_list)
		error = ctl_http_post(
		    e->http, url_of(e, "kv/range", url), body, CTL_STORE_TIMEOUT_MS, NULL, on_list, w, &w->request);
	else if (body)
		error = ctl_http_post(
		    e->http, url_of(e, "watch", url), body, 0, on_stream_line, on_stream_end, w, &w->request);
	free(body);
	if (error)
		retry_watch(w);
}

static int etcd_watch(struct ctl_store *store, struct ctl_store_watch *watch)
{
	struct etcd_store *e = store->self;
	struct etcd_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct etcd_watch){.watch = watch, .etcd = e, .must_list = true, .next = e->watches};
	e->watches = w;
	uv_timer_init(store->loop, &w->retry);
	w->retry.data = w;
	e->handles++;
	start_watch(w);
	return 0;
}

/* ---- commits ---- */

static void end_commit(struct etcd_commit *c, int error, const char *text)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	ctl_store_commit_done(c->commit, error, text);
	free(c);
}

/* etcd answers 4xx before it has proposed anything to its peers; what it says later, if at all, may come after the
 * commit. */
static int commit_error(unsigned status, const char *why)
{
	/* etcd raises this alarm when its quota, so as a rule its disk, is used up. */
	if (strstr(why, "database space exceeded"))
		return -ENOSPC;
	if (status == CTL_HTTP_NOT_SENT)
		return -ENOTCONN;
	return status >= 400 && status < 500 ? -EIO : -EINPROGRESS;
}

static void on_commit(void *arg, unsigned status, const char *body, size_t size, const char *text)
{
	struct etcd_commit *c = arg;
	char why[200];
	struct ctl_etcd_answer answer;
	if (status == 200 && ctl_etcd_parse(body, size, &answer) == 0) {
		bool done = answer.succeeded;
		ctl_etcd_answer_free(&answer);
		ctl_store_contact(c->etcd->store);
		end_commit(c, done ? 0 : -ESTALE, done ? "" : CTL_STORE_STALE_TEXT);
		return;
	}
	failed(c->etcd, c->server, status, body, size, text, why, sizeof(why));
	end_commit(c, commit_error(status, why), why);
}

static int etcd_commit(struct ctl_store *store, struct ctl_store_commit *commit)
{
	struct etcd_store *e = store->self;
	struct etcd_commit *c = calloc(1, sizeof(*c));
	struct ctl_http_request *request;
	char url[URL_SIZE], *body = ctl_etcd_txn(commit->op, commit->n);
	int error = -ENOMEM;
	if (c && body)
		error = ctl_http_post(
		    e->http, url_of(e, "kv/txn", url), body, CTL_STORE_TIMEOUT_MS, NULL, on_commit, c, &request);
	free(body);
	if (error) {
		free(c);
		return error;
	}
	*c = (struct etcd_commit){
	    .etcd = e, .commit = commit, .server = e->server, .next = e->commits, .link = &e->commits};
	if (c->next)
		c->next->link = &c->next;
	e->commits = c;
	return 0;
}

/* ---- is it there? ---- */

static void on_pong(void *arg, unsigned status, const char *body, size_t size, const char *text)
{
	struct etcd_store *e = arg;
	struct ctl_etcd_answer answer;
	char why[200];
	e->ping_request = NULL;
	if (status != 200 || ctl_etcd_parse(body, size, &answer)) {
		failed(e, e->ping_server, status, body, size, text, why, sizeof(why));
		return;
	}
	ctl_store_contact(e->store);
	heard_revision(e, e->ping_asked_at, answer.revision);
	ctl_etcd_answer_free(&answer);
}

static void on_ping(uv_timer_t *timer)
{
	struct etcd_store *e = timer->data;
	char url[URL_SIZE];
	if (e->ping_request || ctl_monotonic_ns() - e->store->last_contact_ns < PING_MS * CTL_NS_PER_MS)
		return;
	char *body = ctl_etcd_count();
	e->ping_server = e->server;
	e->ping_asked_at = e->revision;
	if (body && ctl_http_post(e->http, url_of(e, "kv/range", url), body, CTL_STORE_TIMEOUT_MS, NULL, on_pong, e,
	                &e->ping_request))
		e->ping_request = NULL;
	free(body);
}

/* ---- opening and closing ---- */

static int etcd_open(struct ctl_store *store, const char *rest)
{
	struct etcd_store *e = calloc(1, sizeof(*e));
	if (!e || !(e->servers = strdup(rest))) {
		free(e);
		return -ENOMEM;
	}
	struct wire_addr unused[CTL_MAX_SERVERS];
	int n = ctl_servers_parse(rest, unused);
	for (char *comma = e->servers; (comma = strchr(comma, ','));)
		*comma++ = '\0';
	int error = n < 0 ? n : ctl_http_new(store->loop, &e->http);
	if (error) {
		free(e->servers);
		free(e);
		return error;
	}
	e->n_servers = (unsigned)n;
	e->store = store;
	store->self = e;
	uv_timer_init(store->loop, &e->ping);
	e->ping.data = e;
	e->handles = 2; /* the timer and http */
	uv_timer_start(&e->ping, on_ping, 0, PING_MS);
	return 0;
}

static void one_closed(struct etcd_store *e)
{
	if (--e->handles)
		return;
	while (e->watches) {
		struct etcd_watch *w = e->watches;
		e->watches = w->next;
		free(w);
	}
	struct ctl_store *store = e->store;
	free(e->servers);
	free(e);
	ctl_store_freed(store);
}

static void on_ping_closed(uv_handle_t *handle)
{
	one_closed(handle->data);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct etcd_watch *w = handle->data;
	one_closed(w->etcd);
}

static void on_http_freed(void *arg)
{
	one_closed(arg);
}

static void etcd_close(struct ctl_store *store)
{
	struct etcd_store *e = store->self;
	ctl_http_close(e->http, on_http_freed, e);
	while (e->commits) /* each takes itself off the list: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		end_commit(e->commits, -ECANCELED, "the daemon stops");
	uv_close((uv_handle_t *)&e->ping, on_ping_closed);
	for (struct etcd_watch *w = e->watches; w; w = w->next)
		uv_close((uv_handle_t *)&w->retry, on_watch_closed);
}

const struct ctl_store_kind ctl_store_etcd = {"etcd", "etcd://", etcd_open, etcd_close, etcd_commit, etcd_watch};
