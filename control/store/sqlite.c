/* SPDX-License-Identifier: BSD-2-Clause */
/* The store of one machine: a SQLite file that all its POPs open. Every statement runs on a thread of the loop's pool,
 * one job at a time, so that a slow disk or another process's lock never holds up the loop.
 *
 * A commit gives all its keys the next revision. Deleted keys stay as rows without a value (as many as there ever were
 * names), so "what has changed since revision r" is one query, and PRAGMA data_version says whether to ask it. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/impl.h"

#define POLL_MS 50u
#define BUSY_MS 2000

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value BLOB, revision INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS item_revision ON item (revision);";

struct row {
	struct row *next;
	uint64_t revision;
	char *value; /* NULL: deleted */
	size_t length;
	char key[];
};

struct sqlite_store {
	struct ctl_store *store;
	uv_timer_t timer;
	unsigned handles; /* open: memory goes when none is */
	unsigned retry_ms;
	struct ctl_store_commit *queue, **queue_end;
	/* The thread's while `working`, the loop's otherwise: */
	uv_work_t work;
	bool working;
	sqlite3 *db;
	int64_t data_version; /* at the last read */
	uint64_t from;        /* read what is newer */
	bool must_read;
	struct ctl_store_commit *doing; /* commits of this job */
	int doing_error;                /* of the one that failed: the first not done */
	unsigned done_ok;               /* how many went through, or found that they are stale */
	struct row *rows, **rows_end;
	uint64_t seen; /* highest revision in the file at the last read */
	int error;
	char text[200];
};

/* ---- on the thread ---- */

static int errno_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -ETIMEDOUT;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_CANTOPEN:
		return -ENOTCONN;
	default:
		return -EIO;
	}
}

/* Turns rc into the job's error; 0 if there is none. */
static int failed(struct sqlite_store *s, int rc, const char *what)
{
	int error = errno_of(rc);
	if (error) {
		s->error = error;
		snprintf(s->text, sizeof(s->text), "%s: %s%s", what, sqlite3_errmsg(s->db),
		    error == -ENOSPC ? "; free some space on its disk" : "");
	}
	return error;
}

static int open_file(struct sqlite_store *s)
{
	if (s->db)
		return 0;
	const char *path = s->store->url + strlen(ctl_store_sqlite.scheme);
	int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(s->db, BUSY_MS);
		rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
	}
	int error = failed(s, rc, path);
	if (error) {
		sqlite3_close(s->db);
		s->db = NULL;
	}
	s->data_version = -1;
	return error;
}

static int64_t query_number(struct sqlite_store *s, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number = -1;
	if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* Whether every key that is compared has its revision. Returns SQLite's result. */
static int compare_ops(struct sqlite_store *s, const struct ctl_store_commit *commit, bool *ret_stale)
{
	sqlite3_stmt *statement;
	bool stale = false;
	int rc = sqlite3_prepare_v2(
	    s->db, "SELECT revision FROM item WHERE key = ? AND value IS NOT NULL", -1, &statement, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < commit->n; i++) {
		const struct ctl_store_op *op = &commit->op[i];
		if (!op->compare)
			continue;
		sqlite3_bind_text(statement, 1, op->key, -1, SQLITE_STATIC);
		rc = sqlite3_step(statement);
		uint64_t revision = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
		stale = stale || revision != op->revision;
		rc = errno_of(rc) ? rc : sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
	if (rc == SQLITE_OK)
		*ret_stale = stale;
	return rc;
}

static int write_ops(struct sqlite_store *s, const struct ctl_store_commit *commit)
{
	static const char sql[] =
	    "INSERT INTO item VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3";
	int64_t revision = query_number(s, "SELECT ifnull(max(revision), 0) + 1 FROM item");
	sqlite3_stmt *statement;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < commit->n; i++) {
		const struct ctl_store_op *op = &commit->op[i];
		if (op->keep)
			continue;
		sqlite3_bind_text(statement, 1, op->key, -1, SQLITE_STATIC);
		if (op->value)
			sqlite3_bind_blob(statement, 2, op->value, (int)strlen(op->value), SQLITE_STATIC);
		else
			sqlite3_bind_null(statement, 2);
		sqlite3_bind_int64(statement, 3, revision);
		rc = sqlite3_step(statement);
		rc = rc == SQLITE_DONE ? sqlite3_reset(statement) : rc;
	}
	sqlite3_finalize(statement);
	return rc;
}

static int write_commit(struct sqlite_store *s, struct ctl_store_commit *commit)
{
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = compare_ops(s, commit, &commit->stale);
	if (rc == SQLITE_OK && !commit->stale)
		rc = write_ops(s, commit);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	int error = failed(s, rc, "commit");
	if (error && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return error;
}

static int take_row(struct sqlite_store *s, sqlite3_stmt *statement)
{
	const char *key = (const char *)sqlite3_column_text(statement, 0);
	size_t key_size = (size_t)sqlite3_column_bytes(statement, 0) + 1;
	struct row *row = key ? calloc(1, sizeof(*row) + key_size) : NULL;
	if (!row)
		return SQLITE_NOMEM;
	memcpy(row->key, key, key_size);
	row->revision = (uint64_t)sqlite3_column_int64(statement, 2);
	if (sqlite3_column_type(statement, 1) != SQLITE_NULL) {
		row->length = (size_t)sqlite3_column_bytes(statement, 1);
		row->value = calloc(1, row->length + 1);
		if (!row->value) {
			free(row);
			return SQLITE_NOMEM;
		}
		if (row->length)
			memcpy(row->value, sqlite3_column_blob(statement, 1), row->length);
	}
	*s->rows_end = row;
	s->rows_end = &row->next;
	return SQLITE_OK;
}

static int read_changes(struct sqlite_store *s)
{
	int64_t version = query_number(s, "PRAGMA data_version");
	if (version == s->data_version && !s->must_read)
		return failed(s, version < 0 ? sqlite3_errcode(s->db) : SQLITE_OK, "read");
	sqlite3_stmt *statement;
	int rc = sqlite3_prepare_v2(s->db,
	    "SELECT key, value, revision FROM item WHERE revision > ? ORDER BY revision, key", -1, &statement, NULL);
	if (rc == SQLITE_OK)
		sqlite3_bind_int64(statement, 1, (int64_t)s->from);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		rc = take_row(s, statement);
	sqlite3_finalize(statement);
	int error = failed(s, rc, "read");
	if (!error)
		s->data_version = version;
	return error;
}

static void run_job(uv_work_t *work)
{
	struct sqlite_store *s = work->data;
	s->error = 0;
	s->done_ok = 0;
	s->doing_error = 0;
	if (open_file(s))
		return;
	for (struct ctl_store_commit *c = s->doing; c && !s->doing_error; c = c->next) {
		s->doing_error = write_commit(s, c);
		s->done_ok += s->doing_error == 0;
		s->must_read = true;
	}
	if (!s->doing_error)
		read_changes(s);
}

/* ---- on the loop ---- */

static void start_job(struct sqlite_store *s);

static void report_rows(struct sqlite_store *s)
{
	for (struct ctl_store_watch *w = s->store->watches; w; w = w->next) {
		if (w->revision < s->from)
			continue; /* began while the thread was reading */
		if (!w->listed)
			ctl_watch_list_begin(w, false);
		uint64_t last = w->revision;
		for (const struct row *row = s->rows; row; row = row->next) {
			if (row->revision <= w->revision || strncmp(row->key, w->prefix, strlen(w->prefix)) != 0)
				continue;
			ctl_watch_change(w, row->key, row->value, row->length, row->revision);
		}
		for (const struct row *row = s->rows; row; row = row->next)
			last = row->revision > last ? row->revision : last;
		if (w->listed)
			w->revision = last;
		else
			ctl_watch_list_end(w, false, last);
	}
}

static void free_rows(struct sqlite_store *s)
{
	while (s->rows) {
		struct row *row = s->rows;
		s->rows = row->next;
		free(row->value);
		free(row);
	}
	s->rows_end = &s->rows;
}

/* Commits in order: the done ones, the failed one, and the rest, which was not tried and would fail the same way. */
static void answer_commits(struct sqlite_store *s, bool unreachable)
{
	struct ctl_store_commit *c = s->doing;
	s->doing = NULL;
	for (unsigned i = 0; c; i++) {
		struct ctl_store_commit *next = c->next;
		if (i < s->done_ok && c->stale)
			ctl_store_commit_done(c, -ESTALE, CTL_STORE_STALE_TEXT);
		else if (i < s->done_ok)
			ctl_store_commit_done(c, 0, "");
		else
			ctl_store_commit_done(c,
			    s->store->closing ? -ECANCELED
			    : unreachable     ? -ENOTCONN
			                      : s->error,
			    s->text);
		c = next;
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct sqlite_store *s = handle->data;
	sqlite3_close(s->db);
	free_rows(s);
	struct ctl_store *store = s->store;
	free(s);
	ctl_store_freed(store);
}

static void finish(struct sqlite_store *s)
{
	s->error = -ECANCELED;
	snprintf(s->text, sizeof(s->text), "the daemon stops");
	s->done_ok = 0;
	s->doing = s->queue;
	s->queue = NULL;
	answer_commits(s, false);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
	start_job(timer->data);
}

static void wait_next(struct sqlite_store *s, unsigned ms)
{
	uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void after_job(uv_work_t *work, int status)
{
	(void)status;
	struct sqlite_store *s = work->data;
	if (s->error)
		ctl_store_failed(s->store, s->doing_error == 0, s->text); /* what cannot be written can be read */
	else
		ctl_store_contact(s->store);
	if (!s->error && s->data_version >= 0)
		report_rows(s);
	bool unreachable = s->error && !s->db;
	unsigned done = s->done_ok;
	answer_commits(s, unreachable);
	free_rows(s);
	s->must_read = done > 0 && s->error;
	s->working = false; /* not earlier: the callbacks above may commit or close */
	if (s->store->closing)
		finish(s);
	else if (s->error && !s->queue)
		wait_next(s, ctl_store_backoff(&s->retry_ms));
	else if (s->queue)
		start_job(s);
	else
		wait_next(s, POLL_MS);
	if (!s->error)
		s->retry_ms = 0;
}

static void start_job(struct sqlite_store *s)
{
	if (s->working || s->store->closing)
		return;
	uv_timer_stop(&s->timer);
	s->doing = s->queue;
	s->queue = NULL;
	s->queue_end = &s->queue;
	s->from = UINT64_MAX;
	for (const struct ctl_store_watch *w = s->store->watches; w; w = w->next) {
		s->from = w->revision < s->from ? w->revision : s->from;
		s->must_read = s->must_read || !w->listed;
	}
	if (s->from == UINT64_MAX)
		s->from = INT64_MAX;
	s->working = uv_queue_work(s->store->loop, &s->work, run_job, after_job) == 0;
}

static int sqlite_open(struct ctl_store *store, const char *rest)
{
	if (rest[0] != '/')
		return -EINVAL;
	struct sqlite_store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sqlite_store){.store = store, .queue_end = &s->queue, .rows_end = &s->rows, .data_version = -1};
	store->self = s;
	uv_timer_init(store->loop, &s->timer);
	s->timer.data = s;
	s->work.data = s;
	wait_next(s, 0);
	return 0;
}

static void sqlite_close(struct ctl_store *store)
{
	struct sqlite_store *s = store->self;
	if (!s->working)
		finish(s);
}

static int sqlite_commit(struct ctl_store *store, struct ctl_store_commit *commit)
{
	struct sqlite_store *s = store->self;
	commit->next = NULL;
	*s->queue_end = commit;
	s->queue_end = &commit->next;
	start_job(s);
	return 0;
}

static int sqlite_watch(struct ctl_store *store, struct ctl_store_watch *watch)
{
	(void)watch;
	wait_next(store->self, 0);
	return 0;
}

const struct ctl_store_kind ctl_store_sqlite = {
    "sqlite", "sqlite://", sqlite_open, sqlite_close, sqlite_commit, sqlite_watch};
